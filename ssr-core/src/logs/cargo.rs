//! libtest, as `cargo test` shows it.

use std::collections::BTreeMap;

use crate::{Outcome, TestId, TestReport};

use super::text::{between, start};

/// What libtest adds to a name to say what is expected of the test.
const EXPECTATIONS: [&str; 4] =
    [" - should panic", " - compile fail", " - compile", " - should not panic"];

/// Results of a binary that are looked at in search of the one that fits.
const MAX_FOREIGN: usize = 32;

pub(super) fn parse(log: &str) -> TestReport {
    let mut reader = Reader::default();
    for line in log.lines().map(start) {
        reader.line(line);
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    report: TestReport,
    state: State,
    binary: Binary,
    binaries: usize,
}

#[derive(Default, PartialEq, Eq)]
enum State {
    #[default]
    Between,
    Running,
    /// From the first `failures:` on.
    Failures,
}

/// What one test binary has reported so far.
#[derive(Default)]
struct Binary {
    tests: usize,
    outcomes: BTreeMap<TestId, Outcome>,
    /// The test that was named and has no status yet.
    pending: Option<TestId>,
    /// What looks like results while a test is pending: it prints them, unless its own status is
    /// behind something that it printed.
    doubtful: Vec<(TestId, Outcome)>,
    /// The last test that was pending.
    last: Option<TestId>,
    /// The list of failures at the end, of which the last before the result is the real one.
    listed: Vec<TestId>,
    /// Results that do not fit.
    foreign: usize,
}

impl Reader {
    fn line(&mut self, line: &str) {
        if let Some(counted) = result(line) {
            return self.result(counted);
        }
        match self.state {
            State::Between => {
                if let Some(tests) = running(line) {
                    self.binary = Binary { tests, ..Binary::default() };
                    self.state = State::Running;
                } else if line.starts_with("error: could not compile")
                    || line.starts_with("error[E")
                {
                    self.report.add_problem(line);
                }
            }
            State::Running if line == "failures:" && self.binary.pending.is_none() => {
                self.binary.commit();
                self.state = State::Failures;
            }
            State::Running => self.binary.line(line),
            State::Failures if line == "failures:" => self.binary.listed.clear(),
            State::Failures => {
                let name = line.strip_prefix("    ").filter(|name| !name.starts_with(' '));
                self.binary.listed.extend(name.map(TestId::new));
            }
        }
    }

    fn result(&mut self, counted: Counts) {
        if self.state == State::Between {
            return self.report.add_problem("a test result belongs to no test binary");
        }
        if self.binary.foreign == MAX_FOREIGN {
            return;
        }
        let mut binary = std::mem::take(&mut self.binary);
        let unlisted = binary.outcomes.clone();
        binary.fail_listed();
        if binary.is_what(&counted) {
            self.state = State::Between;
            self.binaries += 1;
            binary.commit();
            binary.into_report(&mut self.report);
        } else {
            // A test printed it, or the list of results is not complete.
            binary.outcomes = unlisted;
            binary.foreign += 1;
            self.binary = binary;
        }
    }

    fn finish(mut self) -> TestReport {
        if self.state != State::Between {
            let tests = self.binary.tests;
            let reported = self.binary.outcomes.len();
            let mut problem = format!("a binary ended after {reported} of {tests} tests");
            if self.binary.foreign > 0 {
                problem += &format!(", with {} results that do not fit", self.binary.foreign);
            }
            self.report.add_problem(problem);
            self.binary.into_report(&mut self.report);
        } else if self.binaries == 0 {
            self.report.add_problem("the log has no test result");
        }
        self.report
    }
}

impl Binary {
    fn line(&mut self, line: &str) {
        if let Some((name, rest)) =
            line.strip_prefix("test ").and_then(|test| test.split_once(" ..."))
        {
            let name = EXPECTATIONS.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            let id = TestId::new(name);
            match status(rest.trim_start()) {
                Some(outcome) if self.pending.is_some() => self.doubtful.push((id, outcome)),
                Some(outcome) => self.record(id, outcome),
                None => {
                    self.commit();
                    self.pending = Some(id);
                }
            }
        } else if let Some(outcome) = status(line) {
            if let Some(id) = self.pending.take() {
                self.doubtful.clear();
                self.last = Some(id.clone());
                self.record(id, outcome);
            } else if let Some(id) = self.last.clone() {
                self.record(id, outcome);
            }
        }
    }

    /// A test that printed a pass of its own is in the list all the same.
    fn fail_listed(&mut self) {
        for id in std::mem::take(&mut self.listed) {
            if let Some(outcome) = self.outcomes.get_mut(&id) {
                *outcome = Outcome::Failed;
            }
        }
    }

    /// Takes what is doubtful as results after all.
    fn commit(&mut self) {
        for (id, outcome) in std::mem::take(&mut self.doubtful) {
            self.record(id, outcome);
        }
    }

    fn record(&mut self, id: TestId, outcome: Outcome) {
        let known = self.outcomes.entry(id).or_insert(outcome);
        *known = (*known).max(outcome);
    }

    /// Whether these are the numbers of this binary.
    fn is_what(&self, counted: &Counts) -> bool {
        let doubtful = |wanted| self.doubtful.iter().filter(|(_, o)| *o == wanted).count();
        let number =
            |wanted| self.outcomes.values().filter(|o| **o == wanted).count() + doubtful(wanted);
        let passed = number(Outcome::Passed);
        let missing = usize::from(self.pending.is_some());
        let named = passed + number(Outcome::Failed) + number(Outcome::Skipped) + missing;
        named == counted.all()
            && (passed..=passed + missing)
                .contains(&counted.passed.saturating_add(counted.measured))
            && number(Outcome::Failed) <= counted.failed
            && number(Outcome::Skipped) <= counted.ignored
    }

    fn into_report(self, report: &mut TestReport) {
        for (id, outcome) in self.outcomes {
            report.record(id, outcome);
        }
        if let Some(id) = self.pending {
            report.expect(id);
        }
    }
}

fn running(line: &str) -> Option<usize> {
    let (number, what) = line.strip_prefix("running ")?.split_once(' ')?;
    matches!(what, "test" | "tests").then(|| number.parse().ok())?
}

struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
    measured: usize,
}

impl Counts {
    fn all(&self) -> usize {
        [self.passed, self.failed, self.ignored, self.measured]
            .into_iter()
            .fold(0, usize::saturating_add)
    }
}

/// `test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; …`.
fn result(line: &str) -> Option<Counts> {
    let (verdict, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    if !matches!(verdict, "ok" | "FAILED") {
        return None;
    }
    let number = |name: &str| {
        counts.split("; ").find_map(|part| part.strip_suffix(name)?.strip_suffix(' ')?.parse().ok())
    };
    Some(Counts {
        passed: number("passed")?,
        failed: number("failed")?,
        ignored: number("ignored")?,
        measured: number("measured").unwrap_or(0),
    })
}

fn status(text: &str) -> Option<Outcome> {
    let text = text.trim_end();
    let timed = between(text, "ok <", ">").or_else(|| between(text, "FAILED <", ">"));
    match text {
        "ok" => Some(Outcome::Passed),
        "FAILED" | "FAILED (time limit exceeded)" => Some(Outcome::Failed),
        "ignored" => Some(Outcome::Skipped),
        _ if timed.is_some() => status(text.split_once(" <")?.0),
        _ if text.starts_with("ignored, ") => Some(Outcome::Skipped),
        _ if text.starts_with("bench: ") => Some(Outcome::Passed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_cannot_be_printed_away() {
        let log = "\
running 2 tests
test a ... FAILED
test b ... ok

failures:

---- a stdout ----
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out

running 1 test
test a ... ok
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out

failures:
    a

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out
";
        let report = parse(log);
        assert_eq!(report.outcome(&"a".into()), Outcome::Failed);
        assert_eq!(report.len(), 2);
        assert!(report.problems().is_empty());
    }

    #[test]
    fn a_binary_that_dies_leaves_its_test_missing() {
        let report = parse("running 3 tests\ntest a ... ok\ntest b ... noise\n");
        assert_eq!(report.outcome(&"a".into()), Outcome::Passed);
        assert_eq!(report.outcome(&"b".into()), Outcome::Missing);
        assert_eq!(report.problems(), ["a binary ended after 1 of 3 tests"]);
    }

    #[test]
    fn code_that_does_not_compile_is_a_problem() {
        let report =
            parse("error[E0308]: mismatched types\nerror: could not compile `a` (lib test)\n");
        assert!(report.is_empty() && report.problems().len() == 3, "{report:?}");
    }
}
