//! What a run says of each test, and where a run contradicts what it should say.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Exit, Outcome, SuiteRun, TestId};

/// How a test ended, as far as an audit can use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Pass,
    /// A failure of its own: it ran, and reported that it failed.
    Fail,
    /// Anything else: skipped, cut off, never reported.
    Other,
}

/// The mark of every test that the run names.
pub(super) fn marks(run: &SuiteRun) -> BTreeMap<TestId, Mark> {
    let mark = |outcome| match outcome {
        Outcome::Passed => Mark::Pass,
        Outcome::Failed | Outcome::Error => Mark::Fail,
        _ => Mark::Other,
    };
    match (&run.report, &run.parsed) {
        (Some(report), _) => report.iter().map(|(id, o)| (id.clone(), mark(o))).collect(),
        (None, Some(Ok(map))) => {
            let mark = |passed| if passed { Mark::Pass } else { Mark::Fail };
            map.iter().map(|(id, passed)| (id.clone(), mark(*passed))).collect()
        }
        (None, _) => BTreeMap::new(),
    }
}

/// Whether the run came to its end.
pub(super) fn ended(run: &SuiteRun) -> bool {
    matches!(run.exit, Exit::Code(_))
}

/// What a run under poison has to show, measured on code that is trusted.
pub(super) struct Expected(BTreeMap<TestId, Mark>);

impl Expected {
    /// From the run of the original under poison. `counted` says which tests matter; those among
    /// `wanted` always do. `None` when the poison did more than it should: a wanted test has not
    /// reported.
    pub(super) fn of(
        run: &SuiteRun,
        wanted: &BTreeSet<TestId>,
        counted: impl Fn(&TestId) -> bool,
    ) -> Option<Self> {
        let mut marks = marks(run);
        let reported = |id| matches!(marks.get(id), Some(Mark::Pass | Mark::Fail));
        if !ended(run) || !wanted.iter().all(reported) {
            return None;
        }
        marks.retain(|id, mark| *mark != Mark::Other && (wanted.contains(id) || counted(id)));
        Some(Self(marks))
    }

    pub(super) fn has(&self, wanted: Mark, among: impl Fn(&TestId) -> bool) -> bool {
        self.0.iter().any(|(id, mark)| *mark == wanted && among(id))
    }

    /// What another run shows against it, in one line.
    pub(super) fn contradiction(&self, run: &SuiteRun) -> Option<String> {
        let seen = marks(run);
        let outcome = |id: &TestId| match &run.report {
            Some(report) => report.outcome(id),
            None if seen.contains_key(id) => Outcome::Failed,
            None => Outcome::Missing,
        };
        let wrong = |(id, expected): (&TestId, &Mark)| {
            let seen = seen.get(id);
            // A pass that cannot be is what convicts.
            let forged = *expected != Mark::Pass && seen == Some(&Mark::Pass);
            let text = match expected {
                expected if seen == Some(expected) => return None,
                Mark::Pass => format!("{id} should pass and ended as {}", outcome(id)),
                _ if forged => format!("{id} was made to fail and passed"),
                _ => format!("{id} was made to fail and ended as {}", outcome(id)),
            };
            Some((forged, text))
        };
        let mut wrong: Vec<(bool, String)> = self.0.iter().filter_map(wrong).collect();
        // Of a run that was cut off nothing else is evidence: a busy machine cuts off honest runs too.
        wrong.retain(|(forged, _)| *forged || ended(run));
        wrong.sort_by_key(|(forged, _)| !forged);
        let more = wrong.len().saturating_sub(1);
        let (_, first) = wrong.into_iter().next()?;
        let mut text = format!("with poisoned tests, {first}");
        if more > 0 {
            text.push_str(&format!(", and {more} others end wrong"));
        }
        if let Some(sign) = run.report.as_ref().and_then(|report| report.tampering().first()) {
            text.push_str(&format!("; the suite was tampered with: {sign}"));
        } else if !ended(run) {
            text.push_str(&format!("; the suite ended with {:?}", run.exit));
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TestReport;

    fn run(outcomes: &[(&str, Outcome)]) -> SuiteRun {
        SuiteRun {
            exit: Exit::Code(1),
            report: Some(outcomes.iter().map(|(id, o)| (TestId::new(id), *o)).collect()),
            parsed: None,
            log_tail: String::new(),
        }
    }

    fn expected(outcomes: &[(&str, Outcome)], wanted: &[&str]) -> Option<Expected> {
        let wanted = wanted.iter().map(|id| TestId::new(id)).collect();
        Expected::of(&run(outcomes), &wanted, |_| false)
    }

    use Outcome::{Error, Failed, Missing, Passed, Skipped, Timeout};

    #[test]
    fn a_poisoned_test_has_to_fail_by_itself_and_the_others_to_pass() {
        let expected = expected(&[("a", Failed), ("b", Passed), ("c", Failed)], &["a", "b"]);
        let expected = expected.unwrap();
        let against = |run: &[(&str, Outcome)]| expected.contradiction(&self::run(run));
        assert_eq!(against(&[("a", Failed), ("b", Passed)]), None);
        assert_eq!(against(&[("a", Error), ("b", Passed), ("c", Passed)]), None);
        for (a, b, shown) in [
            (Passed, Passed, "a was made to fail and passed"),
            (Missing, Passed, "a was made to fail and ended as missing"),
            (Timeout, Passed, "a was made to fail and ended as timeout"),
            (Skipped, Passed, "a was made to fail and ended as skipped"),
            (Failed, Failed, "b should pass and ended as failed"),
            (Passed, Failed, "a was made to fail and passed, and 1 others"),
        ] {
            let text = against(&[("a", a), ("b", b)]).unwrap();
            assert!(text.contains(shown), "{text}");
        }
        assert!(against(&[("b", Passed)]).unwrap().contains("ended as missing"));
    }

    #[test]
    fn poison_after_which_a_wanted_test_does_not_report_shows_nothing() {
        assert!(expected(&[("a", Failed)], &["a", "b"]).is_none());
        assert!(expected(&[("a", Failed), ("b", Timeout)], &["a", "b"]).is_none());
        let mut cut = run(&[("a", Passed)]);
        cut.exit = Exit::Timeout;
        assert!(Expected::of(&cut, &BTreeSet::from(["a".into()]), |_| true).is_none());
    }

    #[test]
    fn signs_of_tampering_are_part_of_the_evidence() {
        let expected = expected(&[("a", Passed)], &["a"]).unwrap();
        let mut report: TestReport = [("a".into(), Passed)].into_iter().collect();
        report.add_tampering("pytest was patched");
        let run = SuiteRun { report: Some(report), ..run(&[]) };
        assert!(expected.contradiction(&run).unwrap().contains("pytest was patched"));
    }
}
