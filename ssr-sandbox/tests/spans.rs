//! The spans that a subscriber sees while a repository is tested.

#[path = "sandbox/support.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod support;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use ssr_core::{Command, Sandbox, TestSelection, Workspace};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Notes the name of each span of this crate, with what it starts from.
struct Names;

struct Start(String);

impl Visit for Start {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "start" {
            self.0 = format!(" from {value:?}");
        }
    }
}

impl Subscriber for Names {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ssr_sandbox") && *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut start = Start(String::new());
        span.record(&mut start);
        let name = format!("{}{}", span.metadata().name(), start.0);
        SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn every_joint_has_a_span() {
    tracing::subscriber::set_global_default(Names).unwrap();
    let tree = support::tree(&[("test_a.py", "def test_a(): pass\n")]);
    let tests = Command::tests(TestSelection::All);
    let sandbox = support::sandbox();
    let mut cold = sandbox.open(&tree).unwrap();
    assert!(cold.run(&Command::python("pass")).unwrap().success());
    assert!(cold.run(&tests).unwrap().success());
    sandbox.warm(&tree, &tests).unwrap();
    let mut warm = sandbox.open(&tree).unwrap();
    // The selection that was warmed is collected at once; another one when it runs again.
    let files = Command::tests(TestSelection::Files(vec![support::path("test_a.py")]));
    for tests in [&tests, &files] {
        assert!(warm.run(tests).unwrap().success());
    }
    let expected = [
        "boot",
        "command",
        "pass from \"collected session\"",
        "pass from \"snapshot\"",
        "pass from \"started session\"",
        "prepare_guest",
        "python",
        "snapshot",
        "test_run",
    ];
    let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
