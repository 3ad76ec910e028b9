//! The spans that a subscriber of `tracing` sees of a run. The subscriber is global, which is why
//! this is a test binary of its own.

mod toy;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ssr_rl::Start;
use toy::{config, play};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static NAMES: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());

/// Keeps the names of all spans.
struct Names(AtomicU64);

impl Subscriber for Names {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        NAMES.lock().unwrap().insert(span.metadata().name());
        Id::from_u64(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn a_run_shows_its_steps_checks_tests_and_updates() {
    tracing::subscriber::set_global_default(Names(AtomicU64::new(1))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    play(config().with_steps(1)).run(&folder.path().join("run"), Start::Fresh, &()).unwrap();
    let names = NAMES.lock().unwrap();
    for name in ["step", "artifact checked", "test run", "judged", "update", "checkpoint"] {
        assert!(names.contains(name), "{name} is not in {names:?}");
    }
}
