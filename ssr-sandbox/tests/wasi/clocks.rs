//! Clocks, timers and randomness.

use ssr_sandbox::{Errno, WasiCtx};

use crate::guest::{Guest, code};

const SECOND: u64 = 1_000_000_000;

fn now(guest: &mut Guest, clock: u64) -> u64 {
    assert_eq!(guest.call("clock_time_get", &[clock, 0, 0x200]), 0);
    guest.u64(0x200)
}

/// A subscription of 48 bytes.
fn subscription(userdata: u64, tag: u8, low: u32, timeout: u64, flags: u16) -> Vec<u8> {
    let mut record = vec![0; 48];
    record[..8].copy_from_slice(&userdata.to_le_bytes());
    record[8] = tag;
    record[16..20].copy_from_slice(&low.to_le_bytes());
    record[24..32].copy_from_slice(&timeout.to_le_bytes());
    record[40..42].copy_from_slice(&flags.to_le_bytes());
    record
}

/// Polls; gives userdata, error, type and bytes of each event.
fn poll(guest: &mut Guest, subscriptions: &[Vec<u8>]) -> Vec<(u64, u16, u8, u64)> {
    guest.put(0x1000, &subscriptions.concat());
    let count = subscriptions.len() as u64;
    assert_eq!(guest.call("poll_oneoff", &[0x1000, 0x3000, count, 0x200]), 0);
    (0..guest.u32(0x200))
        .map(|index| {
            let at = 0x3000 + index * 32;
            let error = u16::from_le_bytes(guest.get(at + 8, 2).try_into().unwrap());
            (guest.u64(at), error, guest.get(at + 10, 1)[0], guest.u64(at + 16))
        })
        .collect()
}

#[test]
fn clocks_are_virtual_and_never_stand_still() {
    let mut guest = Guest::new(WasiCtx::builder().epoch(1000 * SECOND).build());
    let first = now(&mut guest, 0);
    assert!((1000 * SECOND..1001 * SECOND).contains(&first));
    assert!(now(&mut guest, 0) > first);
    let start = now(&mut guest, 1);
    assert!(start < SECOND && now(&mut guest, 1) > start);
    assert_eq!(guest.call("clock_time_get", &[9, 0, 0x200]), code(Errno::Invalid));
    assert_eq!(guest.call("clock_res_get", &[1, 0x200]), 0);
    assert!(guest.u64(0x200) > 0);
}

#[test]
fn a_sleep_takes_virtual_time_only() {
    let mut guest = Guest::with_files(&[]);
    let (real, steady) = (now(&mut guest, 0), now(&mut guest, 1));
    let hour = 3600 * SECOND;
    assert_eq!(poll(&mut guest, &[subscription(42, 0, 1, hour, 0)]), [(42, 0, 0, 0)]);
    assert!(now(&mut guest, 1) >= steady + hour);
    assert!(now(&mut guest, 0) >= real + hour);
    let until = now(&mut guest, 1) + 5 * SECOND;
    let events = poll(
        &mut guest,
        &[
            subscription(1, 0, 1, until, 1),
            subscription(2, 0, 1, 7 * SECOND, 0),
            subscription(3, 0, 0, 0, 1),
        ],
    );
    assert_eq!(events, [(3, 0, 0, 0)], "a deadline in the past is due at once");
    assert!(now(&mut guest, 1) < until);
    let last = u64::MAX;
    assert_eq!(poll(&mut guest, &[subscription(4, 0, 1, last, 0)]).len(), 1);
    assert_eq!(guest.call("clock_time_get", &[0, 0, 0x200]), 0);
}

#[test]
fn descriptors_are_ready_before_any_timer() {
    let mut guest = Guest::new(WasiCtx::builder().stdin(*b"abc").build());
    let before = guest.store.data().elapsed();
    let events = poll(
        &mut guest,
        &[
            subscription(1, 0, 1, SECOND, 0),
            subscription(2, 1, 0, 0, 0),
            subscription(3, 2, 1, 0, 0),
            subscription(4, 1, 77, 0, 0),
            subscription(5, 1, 1, 0, 0),
        ],
    );
    let bad = Errno::BadFd.code();
    assert_eq!(events[0], (2, 0, 1, 3));
    assert_eq!(events[1].0, 3);
    assert_eq!(events[2..], [(4, bad, 1, 0), (5, bad, 1, 0)]);
    assert_eq!(guest.store.data().elapsed(), before);
}

#[test]
fn a_poll_of_nothing_or_too_much_is_invalid() {
    let mut guest = Guest::with_files(&[]);
    for count in [0, 4097, u64::from(u32::MAX)] {
        let result = guest.call("poll_oneoff", &[0, 0, count, 0]);
        assert_eq!(result, code(Errno::Invalid));
    }
    guest.put(0x1000, &subscription(1, 9, 0, 0, 0));
    assert_eq!(guest.call("poll_oneoff", &[0x1000, 0x3000, 1, 0x200]), code(Errno::Invalid));
}
