//! `go test -v`, with subtests and packages that fail as a whole.

use std::collections::BTreeMap;

use crate::{Outcome, TestId, TestReport};

use super::text::start;

/// Whether only `go test` prints such a line.
pub(super) fn is_mark(line: &str) -> bool {
    line.starts_with("=== RUN   ") || line.starts_with("--- FAIL: ") || package(line).is_some()
}

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
    /// The tests of the package whose name comes after them.
    tests: BTreeMap<String, Outcome>,
    /// How many of them were announced and have not reported.
    running: usize,
    packages: usize,
}

impl Reader {
    fn line(&mut self, line: &str) {
        if let Some(name) = line.strip_prefix("=== RUN   ") {
            self.announce(name);
        } else if let Some((indent, name, outcome)) = result(line) {
            self.result(indent, name, outcome);
        } else if let Some((name, state)) = package(line) {
            self.package(name, state);
        } else if let Some((at, _)) = line.match_indices("--- ").last()
            && let Some((_, name, outcome)) = result(&line[at..])
            && self.tests.get(name) == Some(&Outcome::Missing)
        {
            // The test printed something and did not end its line.
            self.record(name, outcome);
        }
    }

    fn announce(&mut self, name: &str) {
        if !self.tests.contains_key(name) {
            self.tests.insert(name.to_owned(), Outcome::Missing);
            self.running += 1;
        }
    }

    fn result(&mut self, indent: usize, name: &str, outcome: Outcome) {
        let announced = self.tests.contains_key(name);
        // Deeper than its name it is part of what a test logged.
        if indent > name.matches('/').count() || (outcome == Outcome::Passed && !announced) {
            return;
        }
        self.record(name, outcome);
    }

    fn record(&mut self, name: &str, outcome: Outcome) {
        match self.tests.get_mut(name) {
            Some(known @ Outcome::Missing) => {
                *known = outcome;
                self.running -= 1;
            }
            Some(known) => *known = (*known).max(outcome),
            None => {
                self.tests.insert(name.to_owned(), outcome);
            }
        }
    }

    fn package(&mut self, name: &str, state: State) {
        // In the middle of a test it is something that the test printed.
        if state == State::Passed && self.running > 0 {
            return;
        }
        self.packages += 1;
        self.running = 0;
        let tests = std::mem::take(&mut self.tests);
        let explained = tests.values().any(|outcome| outcome.is_failure());
        match state {
            State::Failed if !explained => {
                self.report.add_problem(format!("package {name} failed without a failing test"));
                self.report.record(name.into(), Outcome::Error);
            }
            State::Passed if explained => {
                self.report.add_problem(format!("package {name} passed with a failing test"));
            }
            _ => {}
        }
        for (test, outcome) in tests {
            self.report.record(TestId::from(format!("{name}.{test}")), outcome);
        }
    }

    fn finish(mut self) -> TestReport {
        if !self.tests.is_empty() || self.packages == 0 {
            self.report.add_problem("the log does not end with the line of a package");
        }
        for (test, outcome) in self.tests {
            self.report.record(test.into(), outcome);
        }
        self.report
    }
}

/// `    --- PASS: Test/sub (0.00s)`, with the number of levels that it is indented by.
fn result(line: &str) -> Option<(usize, &str, Outcome)> {
    let text = line.trim_start_matches(' ');
    let indent = line.len() - text.len();
    let (word, rest) = text.strip_prefix("--- ")?.split_once(": ")?;
    let outcome = match word {
        "PASS" | "BENCH" => Outcome::Passed,
        "FAIL" => Outcome::Failed,
        "SKIP" => Outcome::Skipped,
        _ => return None,
    };
    let (name, seconds) = rest.trim_end().strip_suffix("s)")?.rsplit_once(" (")?;
    seconds.parse::<f64>().ok()?;
    (!name.is_empty() && !name.contains(' ')).then_some((indent / 4, name, outcome))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Passed,
    Failed,
    /// It has no tests.
    Empty,
}

/// `ok  \tname\t0.003s` and its siblings.
fn package(line: &str) -> Option<(&str, State)> {
    let (word, rest) = line.split_once('\t')?;
    let state = match word {
        "ok  " => State::Passed,
        "FAIL" => State::Failed,
        "?   " => State::Empty,
        _ => return None,
    };
    let (name, rest) = rest.split_once(['\t', ' '])?;
    let told =
        rest.starts_with(['(', '[']) || rest.trim_end().ends_with('s') || rest.contains("s\t");
    (told && !name.is_empty()).then_some((name, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_leaves_the_running_test_missing() {
        let log = "=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\npanic: no\nFAIL\tx/y\t0.01s\nFAIL\n";
        let report = parse(log);
        assert_eq!(report.outcome(&"x/y.TestA".into()), Outcome::Passed);
        assert_eq!(report.outcome(&"x/y.TestB".into()), Outcome::Missing);
        assert_eq!((report.len(), report.problems().len()), (2, 0));
    }

    #[test]
    fn a_package_that_does_not_build_is_an_error() {
        let report = parse(
            "# x/y\na.go:3: no\nFAIL\tx/y [build failed]\n?   \tx/z\t[no test files]\nFAIL\n",
        );
        assert_eq!(report.outcome(&"x/y".into()), Outcome::Error);
        assert_eq!((report.len(), report.problems().len()), (1, 1));
    }

    #[test]
    fn only_announced_tests_pass() {
        let log = "--- PASS: TestA (0.00s)\n        --- PASS: TestB/x (0.00s)\n--- FAIL: TestC (0.10s)\nFAIL\tx\t0.1s\n";
        let report = parse(log);
        assert_eq!((report.len(), report.outcome(&"x.TestC".into())), (1, Outcome::Failed));
    }
}
