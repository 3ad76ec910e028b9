//! pytest: the lines of progress, the short summary and the counts of the last line.

use std::collections::{HashMap, HashSet};

use crate::{Outcome, TestId, TestReport};

use super::text::{counts, start, title};

/// Separators that are tried on one line: ids with more of them than this are cut short.
const MAX_SPLITS: usize = 32;

/// Places that are tried for the start of a subtest's id.
const MAX_STARTS: usize = 8;

/// Reasons that go into a report.
const LISTED_INTERRUPTIONS: usize = 8;

/// The words that pytest prints before or after an id.
const STATUSES: [(&str, Outcome); 9] = [
    ("PASSED", Outcome::Passed),
    ("FAILED", Outcome::Failed),
    ("ERROR", Outcome::Error),
    ("SKIPPED", Outcome::Skipped),
    ("XFAIL", Outcome::XFailed),
    ("XPASS", Outcome::XPassed),
    ("SUBFAILED", Outcome::Failed),
    ("SUBFAIL", Outcome::Failed),
    ("SUBERROR", Outcome::Error),
];

/// Whether only pytest prints such a line.
pub(super) fn is_mark(line: &str) -> bool {
    matches!(title(line, '='), Some("test session starts" | "short test summary info"))
        || (line.starts_with('=') && tally(line).is_some())
}

pub(super) fn parse(log: &str) -> TestReport {
    let read = Reader::read(log);
    let mut report = TestReport::new();
    let none = Summary::default();
    let summary = read.summaries.last().unwrap_or(&none);
    let passes = summary.passes(read.counted("passed"));

    for (id, outcome) in &read.progress {
        // Where passes are listed at the end, what scrolled by before is only a hint.
        if *outcome != Outcome::Passed || passes.is_empty() {
            report.record(id.clone(), *outcome);
        }
    }
    for id in passes {
        report.record(id.clone(), Outcome::Passed);
    }
    for (id, outcome) in &summary.others {
        report.record(id.clone(), *outcome);
    }
    // An earlier summary is something that a test printed, or the last one is.
    let earlier = read.summaries.iter().rev().skip(1).flat_map(|summary| &summary.others);
    let remarks = read.remarks.iter().filter(|_| read.summaries.is_empty());
    for (id, outcome) in earlier.chain(remarks).filter(|(_, outcome)| outcome.is_failure()) {
        if report.outcome(id) == Outcome::Passed {
            report.record(id.clone(), *outcome);
        }
    }
    read.check(&mut report);
    report
}

/// What a short test summary lists.
#[derive(Default)]
struct Summary {
    /// Runs of `PASSED` lines with nothing between them. `-rA` gives one; another one is part of a
    /// message with line breaks.
    passes: Vec<Vec<TestId>>,
    others: Vec<(TestId, Outcome)>,
    /// Whether the last line was one of a pass.
    passing: bool,
}

impl Summary {
    fn add(&mut self, line: &str, known: &Known) {
        let read = summary_line(line, known);
        let passing = std::mem::replace(&mut self.passing, false);
        match read {
            Some((id, Outcome::Passed)) => {
                self.passing = true;
                match self.passes.last_mut().filter(|_| passing) {
                    Some(run) => run.push(id),
                    None => self.passes.push(vec![id]),
                }
            }
            Some(other) => self.others.push(other),
            None => {}
        }
    }

    /// The passes that count: the first run that has as many as pytest counted, else all.
    fn passes(&self, counted: usize) -> Vec<&TestId> {
        match self.passes.iter().find(|run| run.len() == counted) {
            Some(run) => run.iter().collect(),
            None => self.passes.iter().flatten().collect(),
        }
    }

    fn count(&self, outcome: Outcome) -> usize {
        match outcome {
            Outcome::Passed => self.passes.iter().map(Vec::len).sum(),
            _ => count(&self.others, outcome),
        }
    }

    fn is_empty(&self) -> bool {
        self.passes.is_empty() && self.others.is_empty()
    }
}

fn count(outcomes: &[(TestId, Outcome)], wanted: Outcome) -> usize {
    outcomes.iter().filter(|(_, outcome)| *outcome == wanted).count()
}

#[derive(Default)]
struct Reader {
    progress: Vec<(TestId, Outcome)>,
    /// What else looks like progress, for logs without a summary.
    remarks: Vec<(TestId, Outcome)>,
    summaries: Vec<Summary>,
    /// The last line, after the last summary.
    tally: Option<HashMap<String, usize>>,
    interruptions: Vec<String>,
    known: Known,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Before,
    Progress,
    Summary,
    Other,
}

impl Reader {
    fn read(log: &str) -> Self {
        let mut read = Self::default();
        let mut section = Section::Before;
        for line in log.lines().map(start) {
            if let Some(counts) = tally(line) {
                read.tally = Some(counts);
                section = Section::Other;
            } else if let Some(name) = title(line, '=') {
                section = match name {
                    "test session starts" if section == Section::Before => Section::Progress,
                    "short test summary info" => {
                        read.summaries.push(Summary::default());
                        read.tally = None;
                        Section::Summary
                    }
                    _ => Section::Other,
                };
            } else if let Some(reason) = title(line, '!').filter(|_| line.starts_with("!!!")) {
                read.interruptions.push(reason.to_owned());
            } else if line.starts_with("INTERNALERROR> ") {
                read.interruptions.push("an internal error of pytest".to_owned());
            } else {
                read.line(section, line);
            }
        }
        read
    }

    fn line(&mut self, section: Section, line: &str) {
        match section {
            Section::Progress => {
                if let Some((id, outcome)) = progress(line) {
                    self.known.ids.insert(id.to_owned());
                    self.progress.push((id.into(), outcome));
                }
            }
            Section::Summary => {
                if let Some(summary) = self.summaries.last_mut() {
                    summary.add(line, &self.known);
                }
            }
            Section::Other => {
                if let Some(name) = title(line, '_') {
                    self.known.headings.insert(heading(name).to_owned());
                } else if let Some((id, outcome)) = progress(line) {
                    self.remarks.push((id.into(), outcome));
                }
            }
            Section::Before => {}
        }
    }

    fn counted(&self, name: &str) -> usize {
        self.tally.as_ref().and_then(|tally| tally.get(name)).copied().unwrap_or(0)
    }

    fn check(&self, report: &mut TestReport) {
        for reason in self.interruptions.iter().take(LISTED_INTERRUPTIONS) {
            report.add_problem(format!("pytest was interrupted: {reason}"));
        }
        let Some(tally) = &self.tally else {
            return report.add_problem("the log does not have pytest's last line");
        };
        if tally.values().all(|number| *number == 0) {
            report.add_problem("no tests ran");
        }
        let listed = self.summaries.last().filter(|summary| !summary.is_empty());
        let named = |outcome| match listed {
            Some(summary) if outcome != Outcome::Passed || summary.count(outcome) > 0 => {
                summary.count(outcome)
            }
            _ => count(&self.progress, outcome),
        };
        for (what, named, counted) in [
            ("passed", named(Outcome::Passed), self.counted("passed")),
            ("failed", named(Outcome::Failed), self.counted("failed")),
            ("broken", named(Outcome::Error), self.counted("error") + self.counted("errors")),
        ] {
            if named != counted {
                report.add_problem(format!("the log names {named} {what} tests of {counted}"));
            }
        }
    }
}

/// Ids that the log has spelled out without anything after them.
#[derive(Default)]
struct Known {
    ids: HashSet<String>,
    /// What stands above a traceback: an id without its file, its parts joined by dots.
    headings: HashSet<String>,
}

impl Known {
    fn contains(&self, id: &str) -> bool {
        if self.ids.contains(id) {
            return true;
        }
        let Some((file, name)) = id.split_once("::") else { return self.headings.contains(id) };
        let (path, parameters) = name.split_at(name.find('[').unwrap_or(name.len()));
        !file.contains(' ')
            && self.headings.contains(&format!("{}{parameters}", path.replace("::", ".")))
    }
}

fn heading(title: &str) -> &str {
    ["ERROR at setup of ", "ERROR at teardown of ", "ERROR collecting "]
        .iter()
        .find_map(|prefix| title.strip_prefix(prefix))
        .unwrap_or(title)
}

/// A line of `-v`: `id STATUS [ 10%]`, or with pytest-xdist `[gw0] [ 10%] STATUS id`.
fn progress(line: &str) -> Option<(&str, Outcome)> {
    if let Some(rest) = line.strip_prefix("[gw") {
        let rest = rest.split_once("] [")?.1.split_once("] ")?.1;
        let (word, id) = rest.split_once(' ')?;
        return Some((id.trim_end(), status(word)?)).filter(|(id, _)| !id.is_empty());
    }
    let line = without_position(line.trim_end());
    if let Some((id, word)) = line.rsplit_once(' ')
        && let Some(outcome) = status(word)
    {
        let id = if word.starts_with("SUB") { without_parameters(id)? } else { id };
        return Some((id, outcome)).filter(|(id, _)| is_node(id));
    }
    // A reason or the parameters of a subtest follow the word.
    let splits = line.match_indices(' ').filter_map(|(at, _)| {
        let rest = &line[at + 1..];
        let end = rest.find(|c: char| !c.is_ascii_uppercase())?;
        let subtest = rest.starts_with("SUB") && rest[end..].starts_with(['(', '[']);
        let explained = rest.starts_with(['S', 'X']) && rest[end..].starts_with(" (");
        Some((&line[..at], status(&rest[..end]).filter(|_| subtest || explained)?))
    });
    splits.take(MAX_SPLITS).find(|(id, _)| is_node(id) && is_closed(id))
}

/// The id of `id [message] (n=1)`, as pytest-subtests names a subtest.
fn without_parameters(text: &str) -> Option<&str> {
    let ends = [" [", " ("].into_iter().flat_map(|next| text.match_indices(next).take(MAX_SPLITS));
    let ids = ends.map(|(at, _)| &text[..at]).filter(|id| is_node(id) && is_closed(id));
    ids.min_by_key(|id| id.len())
}

/// Takes ` [ 10%]` or ` [ 1/10]` off the end.
fn without_position(line: &str) -> &str {
    let Some((before, inside)) = line.strip_suffix(']').and_then(|line| line.rsplit_once('['))
    else {
        return line;
    };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let inside = inside.trim_start();
    let is_position = inside.strip_suffix('%').is_some_and(number)
        || inside.split_once('/').is_some_and(|(n, of)| number(n) && number(of));
    if is_position && before.ends_with(' ') { before.trim_end() } else { line }
}

fn status(word: &str) -> Option<Outcome> {
    STATUSES.iter().find(|(name, _)| *name == word).map(|(_, outcome)| *outcome)
}

/// Whether `id` is shaped like the id of a test, not like prose.
fn is_node(id: &str) -> bool {
    !id.starts_with(char::is_whitespace) && id.contains("::")
}

/// Whether `id` can end where it does: brackets that open are closed.
fn is_closed(id: &str) -> bool {
    !id.contains('[') || id.ends_with(']')
}

fn summary_line(line: &str, known: &Known) -> Option<(TestId, Outcome)> {
    if line.starts_with(['[', '(']) {
        // pytest-subtests: `[message] (n=1) SUBFAIL id - message`.
        let (_, rest) = line.split_once(" SUBFAIL ")?;
        return Some((without_message(rest, known).into(), Outcome::Failed));
    }
    let end = line.find(|c: char| !c.is_ascii_uppercase())?;
    let outcome = status(&line[..end])?;
    let rest = &line[end..];
    let id = if line.starts_with("SUB") {
        subtest(rest, known)?
    } else {
        let rest = rest.strip_prefix(' ')?;
        match outcome {
            Outcome::Passed => rest,
            // `SKIPPED [2] file:line: reason` names no tests.
            Outcome::Skipped if rest.starts_with('[') => return None,
            _ => without_message(rest, known),
        }
    };
    (!id.is_empty()).then(|| (id.into(), outcome))
}

/// The id of `id - message`.
fn without_message<'t>(rest: &'t str, known: &Known) -> &'t str {
    let rest = rest.trim_end();
    let ends = rest.match_indices(" - ").map(|(at, _)| at).take(MAX_SPLITS).chain([rest.len()]);
    let ids: Vec<&str> = ends.map(|end| &rest[..end]).filter(|id| is_closed(id)).collect();
    let spelled = ids.iter().rev().find(|id| known.contains(id));
    spelled.or(ids.first()).copied().unwrap_or(rest)
}

/// The id of `[message] (n=1) id - message`.
fn subtest<'t>(rest: &'t str, known: &Known) -> Option<&'t str> {
    let starts = rest.match_indices(' ').map(|(at, _)| at);
    let ids = starts
        .filter(|at| *at == 0 || rest[..*at].ends_with([')', ']', '>']))
        .take(MAX_STARTS)
        .map(|at| without_message(&rest[at + 1..], known))
        .filter(|id| id.split_once("::").is_some_and(|(file, _)| file.ends_with(".py")));
    let ids: Vec<&str> = ids.collect();
    let spelled = ids.iter().find(|id| known.contains(id));
    let plain = || ids.iter().find(|id| id.find(' ').is_none_or(|at| id[..at].contains("::")));
    spelled.or_else(plain).or(ids.first()).copied()
}

/// What pytest's last line counts: `= 1 failed, 2 passed in 0.01s =`, with `-q` unframed.
fn tally(line: &str) -> Option<HashMap<String, usize>> {
    let line = title(line, '=').unwrap_or(line.trim_end());
    if !line.starts_with(|c: char| c.is_ascii_digit() || c == 'n') {
        return None;
    }
    let (what, time) = line.rsplit_once(" in ")?;
    let seconds = time.split(' ').next()?.strip_suffix('s')?;
    seconds.parse::<f64>().ok()?;
    if what == "no tests ran" {
        return Some(HashMap::new());
    }
    let parts: Vec<_> = counts(what).collect();
    let complete = parts.len() == what.split(", ").count();
    complete.then(|| parts.into_iter().map(|(n, what)| (what.to_owned(), n)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &str =
        "=========================== short test summary info ============================";

    fn outcomes(report: &TestReport) -> Vec<(&str, Outcome)> {
        report.iter().map(|(id, outcome)| (id.as_str(), outcome)).collect()
    }

    #[test]
    fn a_message_ends_an_id_and_a_dash_inside_of_it_does_not() {
        let known = Known::default();
        let cases = [
            ("a.py::t - no", "a.py::t"),
            ("a.py::t", "a.py::t"),
            ("a.py::t[a - b] - c - d", "a.py::t[a - b]"),
            ("a.py::t[a - b]", "a.py::t[a - b]"),
            ("a.py - ImportError: [x]", "a.py"),
            ("a.py::t[a - b", "a.py::t[a - b"),
        ];
        for (line, id) in cases {
            assert_eq!(without_message(line, &known), id);
        }
        let mut known = Known::default();
        assert_eq!(without_message("a.py::t[] - x] - c", &known), "a.py::t[]");
        known.headings.insert("t[] - x]".to_owned());
        assert_eq!(without_message("a.py::t[] - x] - c", &known), "a.py::t[] - x]");
    }

    #[test]
    fn a_run_that_was_cut_off_says_so() {
        let log = "=== test session starts ===\na.py::x PASSED [ 50%]\na.py::y ";
        let report = parse(log);
        assert_eq!(outcomes(&report), [("a.py::x", Outcome::Passed)]);
        assert_eq!(report.problems(), ["the log does not have pytest's last line"]);
        let report =
            parse("!!!!! Interrupted: 1 error during collection !!!!!\n= 1 error in 0.1s =");
        assert!(report.problems()[0].contains("1 error during collection"));
    }

    #[test]
    fn a_pass_that_was_printed_does_not_count() {
        let log = format!(
            "=== PASSES ===\nPASSED a.py::y\n{SUMMARY}\nPASSED a.py::y\n=== 1 passed in 0.1s ===\n\
             {SUMMARY}\nPASSED a.py::x\n=== 1 passed in 0.1s ===\n"
        );
        let report = parse(&log);
        assert_eq!(outcomes(&report), [("a.py::x", Outcome::Passed)]);
        assert_eq!(report.problems(), [] as [&str; 0]);
    }

    #[test]
    fn a_forged_summary_after_the_real_one_cannot_turn_a_failure_into_a_pass() {
        let log = format!(
            "{SUMMARY}\nFAILED a.py::x - no\n=== 1 failed in 0.1s ===\n\
             {SUMMARY}\nPASSED a.py::x\n=== 1 passed in 0.1s ===\n"
        );
        assert_eq!(outcomes(&parse(&log)), [("a.py::x", Outcome::Failed)]);
    }

    #[test]
    fn lines_that_the_tally_does_not_count_are_a_problem() {
        let log = format!(
            "{SUMMARY}\nPASSED a.py::x\nSKIPPED [1] a.py:3: no\nPASSED a.py::y\n= 3 passed, 1 skipped in 0.1s =\n"
        );
        assert_eq!(parse(&log).problems(), ["the log names 2 passed tests of 3"]);
    }

    #[test]
    fn a_pass_inside_of_a_message_does_not_count() {
        let log = format!(
            "{SUMMARY}\nPASSED a.py::x\nPASSED a.py::y\nFAILED a.py::z - no\nPASSED a.py::z\n\
             PASSED a.py::w\nPASSED a.py::v\n= 1 failed, 2 passed in 0.1s =\n"
        );
        let report = parse(&log);
        assert_eq!((report.count(Outcome::Passed), report.len()), (2, 3));
        assert_eq!(report.problems(), ["the log names 5 passed tests of 2"]);
    }

    #[test]
    fn a_subtest_is_named_after_its_test() {
        let line = "SUBFAILED[a - message] (i=1) a.py::T::t[x - y] - assert 1 - 1";
        let read = |line| summary_line(line, &Known::default()).unwrap();
        assert_eq!(read(line), ("a.py::T::t[x - y]".into(), Outcome::Failed));
        for line in ["SUBFAIL a.py::T::t - assert 1", "[a - b] (i=1) SUBFAIL a.py::T::t - assert 1"]
        {
            assert_eq!(read(line).0.as_str(), "a.py::T::t");
        }
        let line = "a.py::T::t[x (y)] [message [x] - y] (i=1) SUBFAIL [100%]";
        assert_eq!(progress(line), Some(("a.py::T::t[x (y)]", Outcome::Failed)));
    }
}
