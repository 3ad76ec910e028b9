//! Jobs a second, on one thread or several.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use ssr_examples::{Failure, Result};

/// Jobs a second of `threads` threads together, each of which takes the next job. `work` gets the
/// number of its thread and of its job.
pub fn rate(
    threads: usize,
    jobs: usize,
    work: impl Fn(usize, usize) -> Result<()> + Sync,
) -> Result<f64> {
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    let each = |thread: usize| -> Result<()> {
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            if job >= jobs {
                return Ok(());
            }
            work(thread, job)?;
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || each(thread))).collect();
        threads.into_iter().try_for_each(|thread| {
            let lost = |_| Failure::Infrastructure("a thread of the bench panicked".to_owned());
            thread.join().map_err(lost)?
        })
    })?;
    Ok(jobs as f64 / start.elapsed().as_secs_f64())
}
