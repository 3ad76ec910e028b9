//! The text runner of unittest, which Django uses too.

use std::collections::BTreeSet;

use crate::{Outcome, TestId, TestReport};

use super::text::start;

/// Positions that are tried on one line.
const MAX_SPLITS: usize = 64;

/// What ends a name and begins a status.
const DOTS: &str = " ... ";

/// Fixtures that report under a name of their own when they fail.
const FIXTURES: [&str; 4] = ["setUpClass", "tearDownClass", "setUpModule", "tearDownModule"];

/// Whether only unittest prints such a line.
pub(super) fn is_mark(line: &str) -> bool {
    ran(line).is_some()
}

pub(super) fn parse(log: &str) -> TestReport {
    let mut reader = Reader::default();
    let mut after_rule = false;
    for line in log.lines().map(start) {
        reader.line(line, after_rule);
        after_rule = is_rule(line);
    }
    reader.finish()
}

/// The same with Django's own names, `method (module.Class)`.
pub(super) fn parse_django(log: &str) -> TestReport {
    let report = parse(log);
    let named = |id: &TestId| match id.as_str().rsplit_once('.') {
        Some((class, method)) if !id.as_str().ends_with(')') => {
            TestId::from(format!("{method} ({class})"))
        }
        _ => id.clone(),
    };
    let mut django: TestReport = report.iter().map(|(id, outcome)| (named(id), outcome)).collect();
    for problem in report.problems() {
        django.add_problem(problem.as_str());
    }
    django
}

fn is_rule(line: &str) -> bool {
    line.len() == 70 && line.bytes().all(|byte| byte == b'=')
}

#[derive(Default)]
struct Reader {
    report: TestReport,
    /// The test whose status has not come yet.
    pending: Option<Pending>,
    /// Tests that were named last when a status without a name came.
    suspects: Vec<(TestId, Outcome)>,
    last: Option<Last>,
    headings: Headings,
    ran: Option<usize>,
    verdict: Option<String>,
}

/// The test that was named last.
struct Last {
    id: TestId,
    /// Its status was the end of something that it printed, or so it looked.
    unsure: bool,
}

struct Pending {
    id: TestId,
    /// Its name stood alone on a line: that of its docstring follows.
    documented: bool,
}

/// The list of failures at the end.
#[derive(Default)]
struct Headings {
    begun: bool,
    failures: usize,
    errors: usize,
}

impl Reader {
    fn line(&mut self, line: &str, after_rule: bool) {
        if let Some(number) = ran(line) {
            self.ran = Some(number);
            self.verdict = None;
        } else if self.ran.is_some()
            && (line == "OK" || line.starts_with("OK (") || line.starts_with("FAILED ("))
        {
            self.verdict = Some(line.to_owned());
        } else if after_rule && self.heading(line).is_some() {
            self.headings.begun = true;
        } else if !self.headings.begun {
            self.progress(line);
        }
    }

    fn heading(&mut self, line: &str) -> Option<()> {
        let (kind, name) = line.split_once(": ")?;
        let (outcome, counter) = match kind {
            "FAIL" => (Outcome::Failed, &mut self.headings.failures),
            "ERROR" => (Outcome::Error, &mut self.headings.errors),
            "UNEXPECTED SUCCESS" => (Outcome::XPassed, &mut 0),
            _ => return None,
        };
        let (id, _) = name_at_start(name)?;
        *counter += 1;
        self.report.record(id, outcome);
        Some(())
    }

    fn progress(&mut self, line: &str) {
        let documented = self.pending.take_if(|pending| pending.documented);
        if let Some(Pending { id, .. }) = documented {
            return self.tail(id, line);
        }
        if let Some(outcome) = status(line) {
            match (self.pending.take(), &self.last) {
                (Some(Pending { id, .. }), _) => self.report.record(id, outcome),
                (None, Some(last)) if last.unsure => self.report.record(last.id.clone(), outcome),
                (None, Some(last)) => self.suspects.push((last.id.clone(), outcome)),
                (None, None) => {}
            }
            return;
        }
        if let Some((id, rest)) = subtest(line) {
            // Others than failures say nothing of the test as a whole; failures are listed again.
            if let Some(outcome @ Outcome::Skipped) = status(rest) {
                self.report.record(id, outcome);
            }
            return;
        }
        match named(line) {
            Some((id, Some(rest))) => self.test(id, rest),
            Some((id, None)) => {
                self.report.expect(id.clone());
                self.last = Some(Last { id: id.clone(), unsure: false });
                self.pending = Some(Pending { id, documented: true });
            }
            None => self.unfinished(line),
        }
    }

    /// What follows `name ... `: a status, or whatever the test prints before it.
    fn test(&mut self, id: TestId, rest: &str) {
        self.report.expect(id.clone());
        self.last = Some(Last { id: id.clone(), unsure: false });
        match status(rest) {
            Some(outcome) => self.report.record(id, outcome),
            // Python 3.10 and older print nothing when only subtests fail.
            None if let Some((next, Some(rest))) = named(rest)
                && status(rest).is_some() =>
            {
                self.test(next, rest);
                self.pending = Some(Pending { id, documented: false });
            }
            None => {
                self.pending = Some(Pending { id, documented: false });
                self.unfinished(rest);
            }
        }
    }

    /// The line of a docstring, `text ... status`.
    fn tail(&mut self, id: TestId, line: &str) {
        let splits = line.match_indices(DOTS).map(|(at, _)| &line[at + DOTS.len()..]);
        for rest in splits.take(MAX_SPLITS) {
            if let Some(outcome) = status(rest) {
                return self.report.record(id, outcome);
            }
            if let Some((next, Some(status))) = named(rest) {
                self.test(next, status);
                break;
            }
        }
        self.pending = Some(Pending { id, documented: false });
    }

    /// `noise ok`: a test printed something and did not end its line.
    fn unfinished(&mut self, line: &str) {
        let ends = ["ok", "FAIL", "ERROR", "expected failure", "unexpected success"];
        let end =
            ends.iter().find(|end| line.strip_suffix(**end).is_some_and(|l| l.ends_with(' ')));
        if let Some(outcome) = end.and_then(|end| status(end))
            && let Some(Pending { id, .. }) = self.pending.take()
        {
            self.report.record(id.clone(), outcome);
            self.last = Some(Last { id, unsure: true });
        }
    }

    fn finish(mut self) -> TestReport {
        let Some(ran) = self.ran else {
            // Failures are listed at the end, which is not there.
            for (id, outcome) in
                self.suspects.into_iter().filter(|(_, outcome)| outcome.is_failure())
            {
                self.report.record(id, outcome);
            }
            self.report.add_problem("the log does not say how many tests ran");
            return self.report;
        };
        let own = |id: &&TestId| {
            !FIXTURES.iter().any(|name| id.as_str().starts_with(&format!("{name} (")))
        };
        let named = self.report.ids(|_| true).filter(own).count();
        // Python 3.12.1 does not count tests that decorators skip.
        let skipped = self.report.count(Outcome::Skipped);
        if named < ran || named > ran.saturating_add(skipped) {
            self.report.add_problem(format!("the log names {named} tests of {ran}"));
        }
        if ran == 0 {
            self.report.add_problem("no tests ran");
        }
        let Some(verdict) = self.verdict else {
            self.report.add_problem("the log does not have unittest's last line");
            return self.report;
        };
        let inside = verdict.split_once('(').map_or("", |(_, rest)| rest.trim_end_matches(')'));
        let counted: BTreeSet<_> =
            inside.split(", ").filter_map(|part| part.split_once('=')).collect();
        let number = |name| {
            counted.iter().find(|(n, _)| *n == name).and_then(|(_, n)| n.parse().ok()).unwrap_or(0)
        };
        for (what, listed) in
            [("failures", self.headings.failures), ("errors", self.headings.errors)]
        {
            if listed != number(what) {
                let counted = number(what);
                self.report.add_problem(format!("the log lists {listed} {what} of {counted}"));
            }
        }
        self.report
    }
}

/// `Ran 3 tests in 0.001s`.
fn ran(line: &str) -> Option<usize> {
    let (number, rest) = line.strip_prefix("Ran ")?.split_once(' ')?;
    let time = rest.strip_prefix("tests in ").or_else(|| rest.strip_prefix("test in "))?;
    time.ends_with('s').then(|| number.parse().ok())?
}

fn status(text: &str) -> Option<Outcome> {
    match text.trim_end() {
        "ok" => Some(Outcome::Passed),
        "FAIL" => Some(Outcome::Failed),
        "ERROR" => Some(Outcome::Error),
        "expected failure" => Some(Outcome::XFailed),
        "unexpected success" => Some(Outcome::XPassed),
        text => {
            let reason = text.strip_prefix("skipped ")?;
            let quoted =
                |quote| reason.starts_with(quote) && reason.ends_with(quote) && reason.len() > 1;
            (quoted('\'') || quoted('"')).then_some(Outcome::Skipped)
        }
    }
}

/// `  name (path) (i=1) ... rest`: a subtest.
fn subtest(line: &str) -> Option<(TestId, &str)> {
    let (id, rest) = name_at_start(line.strip_prefix("  ")?)?;
    let (_, status) = rest.rsplit_once(DOTS).or_else(|| rest.split_once(DOTS.trim_end()))?;
    Some((id, status))
}

/// `name (path) ... rest`, or `name (path)` alone.
fn named(line: &str) -> Option<(TestId, Option<&str>)> {
    let line = if line.ends_with(" ...") { line } else { line.trim_end_matches('\r') };
    for (at, _) in line.match_indices(" ...").take(MAX_SPLITS) {
        let rest = &line[at + DOTS.len() - 1..];
        let Some(rest) = rest.strip_prefix(' ').or(rest.is_empty().then_some(rest)) else {
            continue;
        };
        if let Some(id) = name(&line[..at]) {
            return Some((id, Some(rest)));
        }
    }
    name(line).map(|id| (id, None))
}

/// A name at the start of a line, with what follows it.
fn name_at_start(line: &str) -> Option<(TestId, &str)> {
    if let Some(id) = name(line.trim_end()) {
        return Some((id, ""));
    }
    let ends = line.match_indices(')').map(|(at, _)| line.split_at(at + 1)).take(MAX_SPLITS);
    let mut ends = ends.filter(|(_, rest)| {
        rest.trim_end().is_empty() || [" [", " (", " ..."].iter().any(|next| rest.starts_with(next))
    });
    ends.find_map(|(start, rest)| Some((name(start)?, rest)))
}

/// `method (module.Class.method)`, or up to Python 3.10 `method (module.Class)`.
fn name(text: &str) -> Option<TestId> {
    let inner = text.strip_suffix(')')?;
    for (at, _) in inner.match_indices(" (").take(MAX_SPLITS) {
        let (method, path) = (&inner[..at], &inner[at + 2..]);
        let class = path.strip_suffix(method).and_then(|class| class.strip_suffix('.'));
        if class.is_some_and(is_path) && !method.is_empty() {
            return Some(TestId::new(path));
        }
    }
    let (method, class) = inner.rsplit_once(" (")?;
    if FIXTURES.contains(&method) && is_path(class) {
        return Some(TestId::new(text));
    }
    let usual = !method.is_empty() && class.contains('.') && is_path(class);
    usual.then(|| TestId::from(format!("{class}.{method}")))
}

/// Whether `text` is a dotted path, possibly through functions.
fn is_path(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "_<>-".contains(c))
    };
    text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Option<String> {
        name(text).map(String::from)
    }

    #[test]
    fn names_of_all_versions_are_the_ids_of_unittest() {
        assert_eq!(id("test_a (m.T.test_a)").as_deref(), Some("m.T.test_a"));
        assert_eq!(id("test_a (m.T)").as_deref(), Some("m.T.test_a"));
        assert_eq!(id("test a (b) (m.T.test a (b))").as_deref(), Some("m.T.test a (b)"));
        assert_eq!(id("test a (b) (m.T)").as_deref(), Some("m.T.test a (b)"));
        assert_eq!(id("setUpClass (m.T)").as_deref(), Some("setUpClass (m.T)"));
        assert_eq!(id("test_a (m.<locals>.T.test_a)").as_deref(), Some("m.<locals>.T.test_a"));
        for text in ["", ")", "()", " ()", "a ()", "prose (with brackets)", "a (b c.d)"] {
            assert_eq!(id(text), None, "{text}");
        }
    }

    #[test]
    fn a_status_may_come_later_than_its_test() {
        let log = "test_a (m.T.test_a) ... noise\nmore\nok\ntest_b (m.T.test_b)\nSays ok ... ok\n\n\
                   ----\nRan 2 tests in 0.001s\n\nOK\n";
        let report = parse(log);
        assert_eq!(report.count(Outcome::Passed), 2);
        assert_eq!(report.problems(), [] as [&str; 0]);
    }

    #[test]
    fn a_printed_pass_does_not_outweigh_the_list_of_failures() {
        let rule = "=".repeat(70);
        let log = format!(
            "test_a (m.T.test_a) ... ok\nFAIL\n\n{rule}\nFAIL: test_a (m.T.test_a)\n----\n\
             test_b (m.T.test_b) ... ok\n\nRan 1 test in 0.0s\n\nFAILED (failures=1)\n"
        );
        let report = parse(&log);
        assert_eq!(report.outcome(&"m.T.test_a".into()), Outcome::Failed);
        assert_eq!((report.len(), report.problems().len()), (1, 0));
    }

    #[test]
    fn a_log_that_was_cut_off_leaves_the_running_test_missing() {
        let report = parse("test_a (m.T.test_a) ... ok\nERROR\ntest_b (m.T.test_b) ... ");
        assert_eq!(report.outcome(&"m.T.test_a".into()), Outcome::Error);
        assert_eq!(report.outcome(&"m.T.test_b".into()), Outcome::Missing);
        assert_eq!(report.len(), 2);
        assert_eq!(report.problems(), ["the log does not say how many tests ran"]);
    }
}
