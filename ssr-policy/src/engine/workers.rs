use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// Threads that generate, each on rows of its own.
///
/// A decoding step of a small model takes about a millisecond and has dozens of operations. Threads
/// that share each operation would wait for each other at every one of them; threads that share the
/// rows wait once, at the end. Each worker is a pool of one thread, so that the parallel loops
/// inside the operations stay on it.
pub(crate) struct Workers {
    pools: Vec<ThreadPool>,
}

impl Workers {
    /// As many workers as rayon has threads.
    pub(crate) fn new() -> Result<Self> {
        let pool = |index| {
            let name = move |_| format!("generate-{index}");
            let pool = ThreadPoolBuilder::new().num_threads(1).thread_name(name).build();
            pool.map_err(|e| Error::input(format!("no threads for generating: {e}")))
        };
        let pools = (0..rayon::current_num_threads().max(1)).map(pool).collect::<Result<_>>()?;
        Ok(Self { pools })
    }

    /// Cuts items into consecutive shares, one per worker, and runs a task on each.
    pub(super) fn share<T: Send, R: Send>(
        &self,
        mut items: Vec<T>,
        task: impl Fn(Vec<T>) -> R + Sync,
    ) -> Vec<R> {
        let share = items.len().div_ceil(self.pools.len()).max(1);
        let mut results: Vec<Option<R>> = Vec::new();
        let mut shares = Vec::new();
        while !items.is_empty() {
            let rest = items.split_off(share.min(items.len()));
            shares.push(std::mem::replace(&mut items, rest));
            results.push(None);
        }
        let task = &task;
        std::thread::scope(|scope| {
            for ((pool, share), result) in self.pools.iter().zip(shares).zip(&mut results) {
                scope.spawn(move || *result = Some(pool.install(|| task(share))));
            }
        });
        results.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_served_once_and_in_order() {
        let workers = Workers::new().unwrap();
        for count in [0, 1, 2, 3, 10, 101] {
            let shares = workers.share((0..count).collect(), |share| {
                assert_eq!(rayon::current_num_threads(), 1);
                share
            });
            assert_eq!(shares.concat(), (0..count).collect::<Vec<_>>());
        }
    }
}
