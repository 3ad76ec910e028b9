//! Standard streams and the event channel.

use ssr_sandbox::{Errno, ProcExit, WasiCtx};

use crate::guest::{ALL, CREAT, Guest, READ, WRITE, code};

#[test]
fn standard_input_ends() {
    let mut guest = Guest::new(WasiCtx::builder().stdin(*b"line\nrest").build());
    assert_eq!(guest.read(0, 5).unwrap(), b"line\n");
    assert_eq!(guest.read(0, 50).unwrap(), b"rest");
    assert_eq!(guest.read(0, 50).unwrap(), b"");
    assert_eq!(guest.write(0, b"x"), Err(code(Errno::BadFd)));
    assert_eq!(guest.read(1, 1), Err(code(Errno::BadFd)));
}

#[test]
fn output_is_cut_without_an_error() {
    let mut guest = Guest::new(WasiCtx::builder().output_limit(10).build());
    for _ in 0..3 {
        assert_eq!(guest.write(1, b"12345678"), Ok(8));
    }
    guest.write(2, b"short").unwrap();
    let parts = guest.finish();
    assert_eq!((parts.stdout.text(), parts.stdout.truncated), ("1234567812".into(), true));
    assert_eq!((parts.stderr.text(), parts.stderr.truncated), ("short".into(), false));
}

#[test]
fn the_event_channel_is_a_file_outside_the_filesystem() {
    let mut guest = Guest::new(WasiCtx::builder().events("/dev/events", 20).build());
    assert_eq!(guest.open("dev/events", 0, READ), Err(code(Errno::NotPermitted)));
    let fd = guest.open("dev/events", 0, WRITE).unwrap();
    let again = guest.open("/dev/events", CREAT | 8, WRITE).unwrap();
    assert_eq!(guest.stat(fd).unwrap().file_type, 2);
    assert_eq!(guest.stat_path("dev/events", true).unwrap().file_type, 2);
    guest.write(fd, b"{\"a\":1}\n").unwrap();
    guest.write(again, b"{\"b\":2}\n").unwrap();
    assert_eq!(guest.read(fd, 1), Err(code(Errno::BadFd)));
    assert_eq!(guest.seek(fd, 0, 0), Err(code(Errno::Seek)));
    let dev = guest.open("dev", 2, READ).unwrap();
    assert!(guest.list(dev, 4000).iter().all(|(name, _)| name != "events"));
    let unlink = guest.on_path("path_unlink_file", &[3], "dev/events", &[]);
    assert_eq!(unlink, Err(code(Errno::NotFound)));
    guest.write(fd, b"too much by far").unwrap();
    let parts = guest.finish();
    assert_eq!(parts.events.bytes, b"{\"a\":1}\n{\"b\":2}\ntoo ");
    assert!(parts.events.truncated);
    assert!(!parts.vfs.exists("/dev/events"));
}

#[test]
fn without_a_channel_its_path_is_a_path() {
    let mut guest = Guest::with_files(&[]);
    assert_eq!(guest.open("dev/events", 0, WRITE), Err(code(Errno::NotFound)));
}

#[test]
fn devices_behave() {
    let mut guest = Guest::with_files(&[]);
    let null = guest.open("dev/null", CREAT | 8, ALL).unwrap();
    assert_eq!(guest.write(null, b"gone"), Ok(4));
    assert_eq!(guest.read(null, 4).unwrap(), b"");
    assert_eq!(guest.seek(null, 5, 0), Ok(0));
    assert_eq!(guest.stat(null).unwrap().file_type, 2);
    let zero = guest.open("dev/zero", 0, READ).unwrap();
    assert_eq!(guest.read(zero, 4).unwrap(), [0; 4]);
    let random = guest.open("dev/urandom", 0, READ).unwrap();
    assert_ne!(guest.read(random, 16).unwrap(), guest.read(random, 16).unwrap());
}

#[test]
fn randomness_depends_on_the_seed_only() {
    let draw = |seed| {
        let mut guest = Guest::new(WasiCtx::builder().seed([seed; 32]).build());
        assert_eq!(guest.call("random_get", &[0x100, 40]), 0);
        let random = guest.open("dev/random", 0, READ).unwrap();
        [guest.get(0x100, 40), guest.read(random, 40).unwrap()].concat()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn arguments_and_environment_arrive() {
    let ctx = WasiCtx::builder().args(["python", "-c", "a\0b"]).env("HOME", "/tmp").env("X", "");
    let mut guest = Guest::new(ctx.build());
    assert_eq!(guest.call("args_sizes_get", &[0x100, 0x104]), 0);
    assert_eq!((guest.u32(0x100), guest.u32(0x104)), (3, 12));
    assert_eq!(guest.call("args_get", &[0x200, 0x300]), 0);
    assert_eq!(guest.get(0x300, 12), b"python\0-c\0a\0");
    assert_eq!(guest.u32(0x208), 0x30a);
    assert_eq!(guest.call("environ_sizes_get", &[0x100, 0x104]), 0);
    assert_eq!((guest.u32(0x100), guest.u32(0x104)), (2, 13));
    assert_eq!(guest.call("environ_get", &[0x200, 0x300]), 0);
    assert_eq!(guest.get(0x300, 13), b"HOME=/tmp\0X=\0");
}

#[test]
fn proc_exit_ends_the_guest_with_its_code() {
    let mut guest = Guest::with_files(&[]);
    guest.write(1, b"before").unwrap();
    let exit = guest.instance.get_typed_func::<i32, ()>(&mut guest.store, "proc_exit").unwrap();
    let error = exit.call(&mut guest.store, 7).unwrap_err();
    assert_eq!(error.downcast_ref::<ProcExit>(), Some(&ProcExit(7)));
    assert_eq!(guest.store.data().exit(), Some(7));
    let parts = guest.finish();
    assert_eq!((parts.exit, parts.stdout.text()), (Some(7), "before".into()));
}
