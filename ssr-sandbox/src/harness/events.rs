//! Reads the event logs that test runners write beside their output.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ssr_core::{Outcome, TestId, TestReport};

use super::event::{Event, Line, Phase, PhaseOutcome};

/// Problems that a report lists one by one; after that they are only counted.
const LISTED_PROBLEMS: usize = 50;

/// Signs of tampering that a report keeps. The signs of a trusted run are ignored later, so all of
/// them have to fit.
const SIGNS: usize = 10_000;

/// Turns the event logs of a test run into a report. Total: whatever the bytes are, there is a
/// report, and what is wrong with them is among its problems.
///
/// A run has one log for each interpreter that it needed: a test that is cut off takes its
/// interpreter with it, and those that had not run get another one.
pub(crate) struct EventReader {
    /// Signs of tampering that are none in this repository.
    waived: BTreeSet<String>,
    /// Whether all signs are ignored.
    believing: bool,
    runner: &'static str,
    report: TestReport,
    /// The ids of the collection, `None` before it ended.
    collected: Option<BTreeSet<TestId>>,
    /// Tests whose body passed and whose teardown has not reported yet.
    tearing_down: BTreeMap<TestId, Outcome>,
    /// What was started and has not ended.
    running: Option<TestId>,
    last: u64,
    finished: bool,
    problems: usize,
    known: Option<Arc<Known>>,
    /// Whether something was started, so that tested code may have run.
    started: bool,
    reached: Vec<(String, String)>,
}

/// The tests of a session that has collected, in its order, and how they end when nothing changes.
pub(crate) struct Known {
    pub(crate) ids: Vec<TestId>,
    pub(crate) report: TestReport,
}

impl EventReader {
    /// `runner` names the test runner in problems; `wanted` are ids that have to report, collected
    /// or not.
    pub(crate) fn new(runner: &'static str, wanted: &[String]) -> Self {
        let mut report = TestReport::new();
        for id in wanted {
            report.expect(TestId::new(id));
        }
        Self {
            waived: BTreeSet::new(),
            believing: false,
            runner,
            report,
            collected: None,
            tearing_down: BTreeMap::new(),
            running: None,
            last: 0,
            finished: false,
            problems: 0,
            known: None,
            started: false,
            reached: Vec::new(),
        }
    }

    /// Reads the log of one interpreter. `key` is its key; lines with another one are not counted
    /// as results.
    pub(crate) fn read(&mut self, log: &[u8], key: &str) {
        (self.collected, self.running, self.last, self.finished) = (None, None, 0, false);
        self.started = false;
        self.tearing_down.clear();
        for line in log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice::<Line>(line) {
                Ok(line) if line.key == key => self.take(line),
                Ok(_) => self.problem("an event carries the key of another run"),
                Err(_) => self.problem("a line of the event log is not an event"),
            }
        }
    }

    /// Lets the next logs choose among these tests.
    #[cfg(feature = "wasi")]
    pub(crate) fn know(&mut self, known: Arc<Known>) {
        self.known = Some(known);
    }

    /// The code that was reported as executed.
    #[cfg(feature = "wasi")]
    pub(crate) fn take_reached(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.reached)
    }

    /// What ran when the last log ended.
    pub(crate) fn running(&self) -> Option<&TestId> {
        self.running.as_ref()
    }

    /// Records how the test that was running when the last log ended was cut off.
    pub(crate) fn cut_off(&mut self, outcome: Outcome) {
        if let Some(id) = self.running.take() {
            self.report.record(id, outcome);
        }
    }

    /// Whether tests are left to run after the last log ended early: collected ones that have not
    /// reported, or all of them when not even the collection ended.
    pub(crate) fn is_incomplete(&self) -> bool {
        let missing = |id| self.report.outcome(id) == Outcome::Missing;
        self.collected.as_ref().is_none_or(|ids| ids.iter().any(missing))
    }

    /// The ids that have an outcome and need not run again.
    pub(crate) fn reported(&self) -> Vec<String> {
        let reported = self.report.ids(|outcome| outcome != Outcome::Missing);
        reported.map(|id| id.as_str().to_owned()).collect()
    }

    /// The report of all logs. `complete` says that nothing is left to run although the last
    /// interpreter did not come to its end.
    pub(crate) fn finish(mut self, complete: bool) -> TestReport {
        if !self.finished && !complete {
            let runner = self.runner;
            self.problem(format!(
                "{runner} did not end by itself: what had not reported is missing"
            ));
        }
        if let Some(more) = self.problems.checked_sub(LISTED_PROBLEMS).filter(|more| *more > 0) {
            self.report.add_problem(format!("and {more} more problems"));
        }
        self.report
    }

    /// The files of the tests that are known so far.
    #[cfg(feature = "wasi")]
    pub(crate) fn files(&self) -> BTreeSet<String> {
        self.report.iter().map(|(id, _)| id.file().to_owned()).collect()
    }

    /// Ignores `signs` from now on.
    #[cfg(feature = "wasi")]
    pub(crate) fn waive(&mut self, signs: impl IntoIterator<Item = String>) {
        self.waived.extend(signs);
    }

    /// Ignores all signs from now on.
    #[cfg(feature = "wasi")]
    pub(crate) fn believe(&mut self) {
        self.believing = true;
    }

    /// Notes signs that the tested code tampered with its test runner.
    pub(crate) fn tampering(&mut self, signs: impl IntoIterator<Item = String>) {
        for sign in signs.into_iter().filter(|_| !self.believing) {
            if !self.waived.contains(&sign) && self.report.tampering().len() < SIGNS {
                self.report.add_tampering(sign);
            }
        }
    }

    /// Notes what is wrong with the run as a whole.
    pub(crate) fn problem(&mut self, problem: impl Into<String>) {
        self.problems += 1;
        if self.problems <= LISTED_PROBLEMS {
            self.report.add_problem(problem);
        }
    }

    fn take(&mut self, line: Line) {
        if line.n != self.last.wrapping_add(1) {
            self.problem("the event log is out of order");
        }
        self.last = line.n;
        if self.finished {
            self.problem("the event log goes on after its end");
        }
        if self.running.as_ref().is_some_and(|running| line.event.ends(running.as_str())) {
            self.running = None;
        }
        match line.event {
            Event::Collected { ids } => {
                let ids: BTreeSet<TestId> = ids.into_iter().map(TestId::from).collect();
                for id in &ids {
                    self.report.expect(id.clone());
                }
                self.collected.get_or_insert_default().extend(ids);
            }
            Event::Collection { id, outcome, message } => self.collection(id, outcome, &message),
            Event::Selected { run, gone } => self.selected(&run, &gone),
            Event::Reached { codes } => self.reached.extend(codes),
            Event::Started { id } => {
                self.started = true;
                self.running = Some(TestId::from(id));
            }
            Event::Test { id, phase, outcome, expected } => {
                self.phase(TestId::from(id), phase, outcome, expected);
            }
            Event::Outcome { id, outcome } => {
                let id = TestId::from(id);
                self.check_collected(&id);
                self.report.record(id, outcome);
            }
            Event::Broken { message } => {
                let runner = self.runner;
                self.problem(format!("{runner} broke: {}", last_line(&message)));
            }
            Event::Sign { message } => self.tampering([message]),
            Event::Finished { status, canary } => {
                self.finished = true;
                if canary == Some(PhaseOutcome::Passed) {
                    self.tampering(["a test that must fail passed".to_owned()]);
                }
                if let Some(reason) = status_problem(status) {
                    let runner = self.runner;
                    self.problem(format!("{runner} ended with status {status}: {reason}"));
                }
            }
        }
    }

    /// Only the session itself selects, before anything that it tests has run.
    fn selected(&mut self, run: &str, gone: &str) {
        let known = self.known.clone().filter(|_| !self.started && self.collected.is_none());
        let Some(known) = known else {
            return self.problem("tests were selected where nothing is to be selected");
        };
        let members = |digits: &str| -> BTreeSet<TestId> {
            let places = known.ids.iter().enumerate();
            places.filter(|(at, _)| is_in(digits, *at)).map(|(_, id)| id.clone()).collect()
        };
        let (ids, gone) = (members(run), members(gone));
        let unchanged = |id: &TestId| !ids.contains(id) && !gone.contains(id);
        for (id, outcome) in known.report.iter().filter(|(id, _)| unchanged(id)) {
            self.report.record(id.clone(), outcome);
        }
        for id in &ids {
            self.report.expect(id.clone());
        }
        known.report.problems().iter().for_each(|problem| self.report.add_problem(problem));
        self.collected = Some(ids);
    }

    fn check_collected(&mut self, id: &TestId) {
        if !self.collected.as_ref().is_some_and(|collected| collected.contains(id)) {
            self.problem(format!("{id} reported and was not collected"));
        }
    }

    fn collection(&mut self, id: String, outcome: PhaseOutcome, message: &str) {
        let outcome = match outcome {
            PhaseOutcome::Passed => return,
            PhaseOutcome::Skipped => Outcome::Skipped,
            PhaseOutcome::Failed => {
                let name = if id.is_empty() { "the session" } else { &id };
                self.problem(format!("cannot collect {name}: {}", last_line(message)));
                Outcome::Error
            }
        };
        if !id.is_empty() {
            self.report.record(TestId::from(id), outcome);
        }
    }

    fn phase(&mut self, id: TestId, phase: Phase, outcome: PhaseOutcome, expected: bool) {
        self.check_collected(&id);
        let outcome = match (phase, outcome) {
            (Phase::Call, PhaseOutcome::Failed) => Outcome::Failed,
            (_, PhaseOutcome::Failed) => Outcome::Error,
            (_, PhaseOutcome::Skipped) if expected => Outcome::XFailed,
            (_, PhaseOutcome::Skipped) => Outcome::Skipped,
            (Phase::Setup, PhaseOutcome::Passed) => return,
            (Phase::Call, PhaseOutcome::Passed) => {
                // A process that dies in the teardown must not leave a pass behind.
                let outcome = if expected { Outcome::XPassed } else { Outcome::Passed };
                self.tearing_down.insert(id, outcome);
                return;
            }
            (Phase::Teardown, PhaseOutcome::Passed) => match self.tearing_down.remove(&id) {
                Some(outcome) => outcome,
                None => return,
            },
        };
        self.report.record(id, outcome);
    }
}

/// Whether a number in hexadecimal digits has the bit `at`.
fn is_in(digits: &str, at: usize) -> bool {
    let place = digits.len().checked_sub(1 + at / 4);
    let digit = place.and_then(|place| digits.as_bytes().get(place));
    let digit = digit.and_then(|digit| (*digit as char).to_digit(16)).unwrap_or(0);
    digit >> (at % 4) & 1 == 1
}

/// Why a run with this exit status is not complete.
fn status_problem(status: i32) -> Option<&'static str> {
    let reason = match status {
        0 | 1 => return None,
        2 => "it was interrupted",
        3 => "an internal error",
        4 => "it refused its command line, configuration or a conftest.py",
        5 => "no tests were collected",
        _ => "an unknown status",
    };
    Some(reason)
}

/// The line of a traceback that says what happened, without pytest's margin.
fn last_line(text: &str) -> &str {
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    line.strip_prefix("E ").unwrap_or(line).trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: &str =
        r#"{"key":"k","n":1,"event":"collected","ids":["a.py::x","a.py::y [1 - 2]"]}"#;

    fn read_bytes(log: &[u8]) -> TestReport {
        let mut reader = EventReader::new("pytest", &[]);
        reader.read(log, "k");
        reader.finish(false)
    }

    fn read(lines: &[&str]) -> TestReport {
        read_bytes(lines.join("\n").as_bytes())
    }

    fn test(n: u64, id: &str, phase: &str, outcome: &str) -> String {
        format!(
            r#"{{"key":"k","n":{n},"event":"test","id":"{id}","phase":"{phase}","outcome":"{outcome}","expected":false}}"#
        )
    }

    fn end(n: u64, status: i32) -> String {
        format!(r#"{{"key":"k","n":{n},"event":"finished","status":{status}}}"#)
    }

    #[test]
    fn a_test_passes_when_its_teardown_has_reported() {
        let (call, teardown) =
            (test(2, "a.py::x", "call", "passed"), test(3, "a.py::x", "teardown", "passed"));
        let id = TestId::new("a.py::x");
        assert_eq!(read(&[START, &call]).outcome(&id), Outcome::Missing);
        let report = read(&[START, &call, &teardown, &end(4, 0)]);
        assert_eq!(report.outcome(&id), Outcome::Passed);
        assert_eq!(report.outcome(&"a.py::y [1 - 2]".into()), Outcome::Missing);
        assert_eq!(report.problems(), [] as [&str; 0]);
    }

    #[test]
    fn the_worst_phase_wins() {
        let report = read(&[
            START,
            &test(2, "a.py::x", "call", "passed"),
            &test(3, "a.py::x", "teardown", "failed"),
            &test(4, "a.py::y [1 - 2]", "call", "failed"),
            &test(5, "a.py::y [1 - 2]", "call", "passed"),
            &test(6, "a.py::y [1 - 2]", "teardown", "passed"),
            &end(7, 1),
        ]);
        assert_eq!(report.outcome(&"a.py::x".into()), Outcome::Error);
        assert_eq!(report.outcome(&"a.py::y [1 - 2]".into()), Outcome::Failed);
    }

    #[test]
    fn what_does_not_belong_is_a_problem_and_not_a_pass() {
        let stranger = test(2, "a.py::z", "call", "passed");
        let foreign = test(3, "a.py::x", "call", "passed").replace(r#""key":"k""#, r#""key":"j""#);
        let report = read(&[START, &stranger, &foreign, "not json", &end(9, 0), &end(10, 2)]);
        assert_eq!(report.outcome(&"a.py::x".into()), Outcome::Missing);
        let expected = [
            "a.py::z reported and was not collected",
            "an event carries the key of another run",
            "a line of the event log is not an event",
            "the event log is out of order",
            "the event log goes on after its end",
            "pytest ended with status 2: it was interrupted",
        ];
        assert_eq!(report.problems(), expected);
    }

    #[test]
    fn a_file_that_cannot_be_collected_is_an_error_with_a_reason() {
        let line = r#"{"key":"k","n":1,"event":"collection","id":"a.py","outcome":"failed","message":"x\nE   ImportError: no b"}"#;
        let report = read(&[line, &end(2, 2)]);
        assert_eq!(report.outcome(&"a.py".into()), Outcome::Error);
        assert_eq!(report.problems()[0], "cannot collect a.py: ImportError: no b");
    }

    #[test]
    fn wanted_ids_are_missing_when_nothing_reports() {
        let report = EventReader::new("pytest", &["a.py::gone".to_owned()]).finish(false);
        assert_eq!(report.len(), 1);
        assert_eq!(report.problems().len(), 1);
    }

    #[test]
    fn a_test_that_is_cut_off_leaves_the_rest_to_another_interpreter() {
        let started = r#"{"key":"k","n":2,"event":"started","id":"a.py::x"}"#;
        let mut reader = EventReader::new("pytest", &[]);
        reader.read([START, started].join("\n").as_bytes(), "k");
        assert_eq!(reader.running(), Some(&"a.py::x".into()));
        assert!(reader.is_incomplete());
        reader.cut_off(Outcome::Timeout);
        assert_eq!(reader.reported(), ["a.py::x"]);
        let rest = [
            START.replace("\"a.py::x\",", "").replace("k\"", "j\""),
            test(2, "a.py::y [1 - 2]", "call", "passed").replace("k\"", "j\""),
            test(3, "a.py::y [1 - 2]", "teardown", "passed").replace("k\"", "j\""),
            end(4, 0).replace("k\"", "j\""),
        ];
        reader.read(rest.join("\n").as_bytes(), "j");
        assert!(!reader.is_incomplete());
        let report = reader.finish(false);
        assert_eq!(report.outcome(&"a.py::x".into()), Outcome::Timeout);
        assert_eq!(report.outcome(&"a.py::y [1 - 2]".into()), Outcome::Passed);
        assert_eq!(report.problems(), [] as [&str; 0]);
    }

    #[test]
    fn problems_are_bounded() {
        let log = "x\n".repeat(1000);
        assert_eq!(read_bytes(log.as_bytes()).problems().len(), LISTED_PROBLEMS + 1);
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_report(log in proptest::collection::vec(any::<u8>(), 0..400)) {
            let report = read_bytes(&log);
            prop_assert!(!report.problems().is_empty());
        }

        #[test]
        fn no_damage_turns_a_failure_into_a_pass(at in 0usize..400, byte in any::<u8>()) {
            let mut log = [
                START.to_owned(),
                test(2, "a.py::x", "call", "failed"),
                test(3, "a.py::x", "teardown", "passed"),
                end(4, 1),
            ]
            .join("\n")
            .into_bytes();
            let at = at % log.len();
            log[at] = byte;
            let report = read_bytes(&log);
            prop_assert!(!report.outcome(&"a.py::x".into()).is_pass());
        }
    }
}
