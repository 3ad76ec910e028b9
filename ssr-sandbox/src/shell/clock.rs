//! The time of a script, which does not depend on what else the machine does.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::interpreter::processor_time;

/// A thread that others can ask for its processor time, where the system tells it.
pub(super) struct ThreadTime(Option<PathBuf>);

impl ThreadTime {
    /// The calling thread.
    pub(super) fn current() -> Self {
        let task = std::fs::read_link("/proc/thread-self").ok();
        Self(task.map(|task| Path::new("/proc").join(task).join("stat")))
    }

    /// What the thread has used of a processor, to a hundredth of a second.
    pub(super) fn used(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(self.0.as_ref()?).ok()?;
        // The name of the thread is in parentheses and may hold any character.
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut fields = fields.split(' ').skip(11).map(|field| field.parse::<u64>().ok());
        let ticks = fields.next()?? + fields.next()??;
        Some(Duration::from_millis(ticks * 10))
    }
}

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
        self.elapsed_at(processor_time())
    }

    /// The time of the script, whose thread has used `processor` of a processor.
    pub(super) fn elapsed_at(&self, processor: Duration) -> Duration {
        let asleep = self.asleep.map_or(Duration::ZERO, |since| since.elapsed());
        let busy = processor.saturating_sub(self.begun);
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
    fn another_thread_is_asked_for_its_processor_time() {
        let (time, before) = (ThreadTime::current(), processor_time());
        while processor_time().saturating_sub(before) < Duration::from_millis(60) {}
        let used = std::thread::spawn(move || time.used()).join().unwrap();
        assert!(used.is_none_or(|used| used + Duration::from_millis(20) >= before));
        assert!(used.is_some() || !cfg!(target_os = "linux"));
    }

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
