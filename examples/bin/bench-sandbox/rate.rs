//! Throughput: cycles per second and core, with one thread and with two.

use std::thread;
use std::time::Instant;

use ssr_examples::bench::Row;
use ssr_examples::{Failure, Package, Result};

use crate::CYCLE;
use crate::case::Case;
use crate::ours::Ours;
use crate::peer::{Checkout, Peer};

/// The number of threads that run cycles at once.
pub const THREADS: usize = 2;

/// Cycles per second and core, and the speed-up of a second thread.
pub fn rows(
    case: &Case,
    ours: &Ours,
    package: &Package,
    checkout: &Checkout,
    rounds: usize,
) -> Result<Vec<Row>> {
    // Each thread of the peer patches files of its own.
    let other = Checkout::new(&checkout.root.with_extension("2"), case, package)?;
    let natives = [Peer::native(checkout)?, Peer::native(&other)?];
    natives[1].cycle(0, CYCLE)?;
    let ours = [1, THREADS].map(|n| rate(n, rounds, |_, round| ours.cycle(round, CYCLE).map(drop)));
    let theirs = [1, THREADS]
        .map(|n| rate(n, rounds, |thread, round| natives[thread].cycle(round, CYCLE).map(drop)));
    let ([one, two], [their_one, their_two]) = (both(ours)?, both(theirs)?);
    let (name, threads) = (case.name(), THREADS as f64);
    let native = natives[0].name;
    Ok(vec![
        Row::more(&format!("{name} cycles per core, 1 thread"), "1/s", one, native, their_one),
        Row::more(
            &format!("{name} cycles per core, {THREADS} threads"),
            "1/s",
            two / threads,
            native,
            their_two / threads,
        ),
        Row::more(
            &format!("speed-up by {THREADS} threads"),
            "×",
            two / one,
            native,
            their_two / their_one,
        )
        .with_limit(threads),
    ])
}

/// Cycles per second of several threads together.
fn rate(
    threads: usize,
    rounds: usize,
    cycle: impl Fn(usize, usize) -> Result<()> + Sync,
) -> Result<f64> {
    let start = Instant::now();
    let work = |thread: usize| (1..=rounds).try_for_each(|round| cycle(thread, round));
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().try_for_each(|thread| {
            let lost = |_| Failure::Infrastructure("a thread of the bench panicked".to_owned());
            thread.join().map_err(lost)?
        })
    })?;
    Ok((threads * rounds) as f64 / start.elapsed().as_secs_f64())
}

fn both([one, two]: [Result<f64>; 2]) -> Result<[f64; 2]> {
    Ok([one?, two?])
}
