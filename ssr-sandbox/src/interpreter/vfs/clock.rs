//! Logical time for modification stamps.

use std::sync::atomic::{AtomicBool, Ordering};

use super::node::Ino;

const SECOND: u64 = 1_000_000_000;

/// The modification time of every file of a base filesystem: 2024-12-31T00:00:00Z, in nanoseconds
/// since 1970. The clock that programs read starts a day later, so that what they write is young
/// and yet not of the future.
pub(crate) const BASE_TIME: u64 = 1_735_603_200 * SECOND;

/// Logical time for modification stamps. Python trusts a `.pyc` file when the source has the
/// second and the size that it recorded, so two states of the filesystem that a program could tell
/// apart must never share a second: the clock moves on by one when a stamp was looked at since it
/// was given, and whenever another inode is stamped. Long runs of writes to one file do not let it
/// drift away.
#[derive(Debug)]
pub(super) struct Clock {
    now: u64,
    last: Option<Ino>,
    observed: AtomicBool,
}

impl Default for Clock {
    fn default() -> Self {
        Self { now: BASE_TIME, last: None, observed: AtomicBool::new(true) }
    }
}

impl Clone for Clock {
    fn clone(&self) -> Self {
        let observed = AtomicBool::new(self.observed.load(Ordering::Relaxed));
        Self { now: self.now, last: self.last, observed }
    }
}

impl Clock {
    /// The stamp for a change of `ino`.
    pub(super) fn stamp(&mut self, ino: Ino) -> u64 {
        if *self.observed.get_mut() || self.last != Some(ino) {
            self.now += SECOND;
            self.last = Some(ino);
            *self.observed.get_mut() = false;
        }
        self.now
    }

    /// Says that somebody looked at a time.
    pub(super) fn observe(&self) {
        // A plain load first: the cache line stays shared on the hot path.
        if !self.observed.load(Ordering::Relaxed) {
            self.observed.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_moves_when_someone_looked_or_another_inode_changes() {
        let (a, b) = (Ino::new(10), Ino::new(11));
        let mut clock = Clock::default();
        let first = clock.stamp(a);
        assert!(first >= BASE_TIME + SECOND);
        assert_eq!(clock.stamp(a), first);
        clock.observe();
        let second = clock.stamp(a);
        assert_eq!(second, first + SECOND);
        assert_eq!(clock.stamp(b), second + SECOND);
    }
}
