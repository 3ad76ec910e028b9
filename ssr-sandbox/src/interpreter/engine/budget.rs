//! The time that one run of a guest may take.

use std::time::{Duration, Instant};

use super::ticker;

/// What a thread has used of a processor.
///
/// Guests are judged by it: nothing in them can wait, and what else the machine does hardly changes
/// it.
#[cfg(unix)]
pub(crate) fn processor_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(used).unwrap_or_default()
}

/// Where that is not measured, the time that passed.
#[cfg(not(unix))]
pub(crate) fn processor_time() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// Why a run is ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
    #[error("the processor time is used up")]
    OutOfTime,
    #[error("the machine gave it too little time")]
    Stalled,
    #[error("interrupted")]
    Interrupted,
}

/// When a run has to end. It belongs to the thread that runs the guest.
#[derive(Debug)]
pub(super) struct Budget {
    start: Duration,
    cpu: Duration,
    /// `None` when that is beyond all clocks.
    end: Option<Instant>,
}

impl Budget {
    /// Starts now, on this thread.
    pub fn start(cpu: Duration, wall: Duration) -> Self {
        Self { start: processor_time(), cpu, end: Instant::now().checked_add(wall) }
    }

    /// The processor time since the start.
    pub fn used(&self) -> Duration {
        processor_time().saturating_sub(self.start)
    }

    /// Why the run has to end now.
    pub fn over(&self) -> Option<Stop> {
        if self.used() >= self.cpu {
            Some(Stop::OutOfTime)
        } else if self.end.is_some_and(|end| Instant::now() >= end) {
            Some(Stop::Stalled)
        } else {
            None
        }
    }

    /// Epochs before which it cannot be over: no thread uses more than the time that passes.
    pub fn ticks(&self) -> u64 {
        let cpu = self.cpu.saturating_sub(self.used());
        let wall =
            self.end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
        ticker::ticks(cpu.min(wall))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_comes_before_wall_clock() {
        let over = |cpu, wall| Budget::start(cpu, wall).over();
        assert_eq!(over(Duration::MAX, Duration::MAX), None);
        assert_eq!(over(Duration::ZERO, Duration::ZERO), Some(Stop::OutOfTime));
        assert_eq!(over(Duration::MAX, Duration::ZERO), Some(Stop::Stalled));
    }

    #[test]
    fn a_thread_that_sleeps_uses_no_processor() {
        let before = processor_time();
        std::thread::sleep(Duration::from_millis(200));
        assert!(!cfg!(unix) || processor_time() - before < Duration::from_millis(200));
    }
}
