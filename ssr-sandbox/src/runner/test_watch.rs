//! The limit of time for one test.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::harness::{Event, Line};
use crate::interpreter::processor_time;

use super::timing::Timing;

/// Notices, while the events of a run come in, that one test takes longer than it may. It measures
/// processor time: in the guest a test cannot wait for anything, and wall-clock time would cut off
/// tests on a busy machine.
pub(crate) struct TestWatch {
    key: String,
    limit: Duration,
    timing: Timing,
    /// How much of the event log was looked at.
    read: usize,
    running: Option<(String, Duration)>,
    /// Whether a test that had ended before took more than the limit.
    was_close: bool,
    close: Arc<AtomicBool>,
}

impl TestWatch {
    /// Watches the run with the given key. `close` becomes true when a test that was not cut off took
    /// more than the limit.
    pub(super) fn new(key: &str, limit: Duration, timing: Timing, close: &Arc<AtomicBool>) -> Self {
        Self {
            key: key.to_owned(),
            limit,
            timing,
            read: 0,
            running: None,
            was_close: false,
            close: Arc::clone(close),
        }
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
        let Some((_, since)) = &self.running else { return ControlFlow::Continue(()) };
        let took = now.saturating_sub(*since);
        if took > self.timing.most(self.limit) {
            self.close.store(self.was_close, Ordering::Relaxed);
            return ControlFlow::Break(());
        }
        if took > self.limit {
            self.close.store(true, Ordering::Relaxed);
        }
        ControlFlow::Continue(())
    }

    fn take(&mut self, event: Event, now: Duration) {
        if let Event::Started { id } = event {
            self.running = Some((id, now));
        } else if self.running.as_ref().is_some_and(|(id, _)| event.ends(id)) {
            self.running = None;
            self.was_close = self.close.load(Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_that_of_one_test() {
        let close = Arc::default();
        let mut watch = TestWatch::new("k", Duration::from_secs(2), Timing::Alone, &close);
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

    #[test]
    fn beside_others_a_test_may_take_twice_its_limit_and_is_close() {
        let close = Arc::<AtomicBool>::default();
        let mut watch = TestWatch::new("k", Duration::from_secs(2), Timing::Shared, &close);
        let mut log = Vec::new();
        let mut after = |seconds, line: &str| {
            log.extend_from_slice(line.as_bytes());
            let over = watch.look_at(&log, Duration::from_secs(seconds)).is_break();
            (over, close.load(Ordering::Relaxed))
        };
        let started = "{\"key\":\"k\",\"n\":1,\"event\":\"started\",\"id\":\"a\"}\n";
        let passed =
            "{\"key\":\"k\",\"n\":2,\"event\":\"outcome\",\"id\":\"a\",\"outcome\":\"passed\"}\n";
        assert_eq!(after(0, started), (false, false));
        assert_eq!(after(2, ""), (false, false));
        assert_eq!(after(3, ""), (false, true));
        // One that is cut off is not close: it is over.
        assert_eq!(after(5, ""), (true, false));
        assert_eq!(after(5, passed), (false, false));
        assert_eq!(after(10, started), (false, false));
        assert_eq!(after(13, ""), (false, true));
        assert_eq!(after(14, passed), (false, true));
        assert_eq!(after(14, started), (false, true));
        assert_eq!(after(19, ""), (true, true));
    }
}
