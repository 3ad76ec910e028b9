//! The limit of time for one test.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::harness::{Event, Line};

/// Notices, while the events of a run come in, that one test takes longer than it may. It measures
/// processor time: in the guest a test cannot wait for anything, and wall-clock time would cut off
/// tests on a busy machine.
pub(crate) struct TestWatch {
    key: String,
    limit: Duration,
    /// How much of the event log was looked at.
    read: usize,
    running: Option<(String, Duration)>,
}

impl TestWatch {
    /// Watches the run with the given key.
    pub(crate) fn new(key: &str, limit: Duration) -> Self {
        Self { key: key.to_owned(), limit, read: 0, running: None }
    }

    /// Looks at all events so far, on the thread that runs the tests.
    pub(crate) fn look(&mut self, log: &[u8]) -> ControlFlow<()> {
        self.look_at(log, processor_time())
    }

    fn look_at(&mut self, log: &[u8], now: Duration) -> ControlFlow<()> {
        let new = log.get(self.read..).unwrap_or_default();
        let lines = new.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        for line in new[..lines].split(|byte| *byte == b'\n') {
            if let Ok(line) = serde_json::from_slice::<Line>(line)
                && line.key == self.key
            {
                self.take(line.event, now);
            }
        }
        self.read += lines;
        match &self.running {
            Some((_, since)) if now.saturating_sub(*since) > self.limit => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn take(&mut self, event: Event, now: Duration) {
        if let Event::Started { id } = event {
            self.running = Some((id, now));
        } else if self.running.as_ref().is_some_and(|(id, _)| event.ends(id)) {
            self.running = None;
        }
    }
}

/// What this thread has used of a processor.
#[cfg(unix)]
fn processor_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(used).unwrap_or_default()
}

/// Where that is not measured, the time that passed.
#[cfg(not(unix))]
fn processor_time() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_that_of_one_test() {
        let mut watch = TestWatch::new("k", Duration::from_secs(2));
        let mut log = Vec::new();
        let mut after = |seconds, line: &str| {
            log.extend_from_slice(line.as_bytes());
            watch.look_at(&log, Duration::from_secs(seconds)).is_break()
        };
        assert!(!after(0, "{\"key\":\"k\",\"n\":1,\"event\":\"started\",\"id\":\"a\"}\n"));
        assert!(!after(2, "{\"key\":\"k\",\"n\":2,\"event\":\"outcome\","));
        assert!(after(3, ""));
        assert!(!after(4, "\"id\":\"a\",\"outcome\":\"passed\"}\n"));
        assert!(!after(9, "{\"key\":\"k\",\"n\":3,\"event\":\"started\",\"id\":\"b\"}\n"));
        // Neither another key nor the end of another test gives it more time.
        assert!(!after(9, "{\"key\":\"j\",\"n\":4,\"event\":\"started\",\"id\":\"c\"}\nx\n"));
        assert!(!after(
            9,
            "{\"key\":\"k\",\"n\":4,\"event\":\"outcome\",\"id\":\"a\",\"outcome\":\"passed\"}\n"
        ));
        assert!(after(12, ""));
        assert!(!after(12, "{\"key\":\"k\",\"n\":5,\"event\":\"finished\",\"status\":0}\n"));
    }
}
