//! The time of a script, which does not depend on what else the machine does.

use std::time::{Duration, Instant};

use crate::interpreter::processor_time;

/// Measures a script by what its thread computes and by what it sleeps.
///
/// Everything that a script does happens on one thread, Python included. What Python is not charged
/// for, such as a run that was repeated, is taken off again.
#[derive(Debug)]
pub(super) struct ScriptClock {
    begun: Duration,
    slept: Duration,
    free: Duration,
    /// When the script began to sleep, while it does.
    asleep: Option<Instant>,
}

impl ScriptClock {
    /// Starts now, on this thread.
    pub(super) fn start() -> Self {
        let (slept, free) = (Duration::ZERO, Duration::ZERO);
        Self { begun: processor_time(), slept, free, asleep: None }
    }

    /// The time of the script, asked on its thread.
    pub(super) fn elapsed(&self) -> Duration {
        let asleep = self.asleep.map_or(Duration::ZERO, |since| since.elapsed());
        let busy = processor_time().saturating_sub(self.begun);
        (busy + self.slept + asleep).saturating_sub(self.free)
    }

    /// The script waits for something.
    pub(super) fn sleep(&mut self) {
        self.asleep = Some(Instant::now());
    }

    /// The script goes on.
    pub(super) fn wake(&mut self) {
        self.slept += self.asleep.take().map_or(Duration::ZERO, |since| since.elapsed());
    }

    /// Of the time since the script was at `before`, only `charged` counts.
    pub(super) fn charge(&mut self, before: Duration, charged: Duration) {
        self.free += self.elapsed().saturating_sub(before + charged);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_counts_and_what_is_not_charged_does_not() {
        let mut clock = ScriptClock::start();
        clock.sleep();
        std::thread::sleep(Duration::from_millis(20));
        clock.wake();
        let slept = clock.elapsed();
        assert!(slept >= Duration::from_millis(20));
        let before = clock.elapsed();
        clock.slept += Duration::from_secs(50);
        clock.charge(before, Duration::from_secs(30));
        let elapsed = clock.elapsed().saturating_sub(before);
        assert!(elapsed >= Duration::from_secs(30) && elapsed < Duration::from_secs(50));
    }
}
