//! The outcomes of tests.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of one test as its runner prints it, for example
/// `tests/test_a.py::TestA::test_b[x y]`. Any text is allowed: ids contain spaces and brackets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct TestId(Arc<str>);

impl TestId {
    /// Takes the id as it is.
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file of a pytest node id: what stands before the first `::`.
    pub fn file(&self) -> &str {
        self.0.split("::").next().unwrap_or(&self.0)
    }
}

impl From<String> for TestId {
    fn from(id: String) -> Self {
        Self::new(&id)
    }
}

impl From<&str> for TestId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl From<TestId> for String {
    fn from(id: TestId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for TestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// How one test ended. The order is from best to worst: when an id reports twice (subtests, a
/// failing teardown), the worst outcome wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It ran and held.
    Passed,
    /// It failed as it is marked to.
    XFailed,
    /// It was not run, by its own decision.
    Skipped,
    /// It is marked to fail and passed.
    XPassed,
    /// An assertion did not hold.
    Failed,
    /// Set-up, teardown or collection broke.
    Error,
    /// It ran past its time limit.
    Timeout,
    /// It was collected and never reported.
    Missing,
}

impl Outcome {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::XFailed => "xfailed",
            Self::Skipped => "skipped",
            Self::XPassed => "xpassed",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Missing => "missing",
        }
    }

    /// Whether the test says that the code works: [`Outcome::Passed`] alone.
    pub fn is_pass(self) -> bool {
        self == Self::Passed
    }

    /// Whether the test says that something is broken; skips and expected failures do not.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Error | Self::Timeout | Self::Missing)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How many tests of a run passed, failed, and did neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCounts {
    /// Those that [passed](Outcome::is_pass).
    pub passed: usize,
    /// Those that [failed](Outcome::is_failure): errors, timeouts and missing ones among them.
    pub failed: usize,
    /// The others: skips and expected failures.
    pub other: usize,
}

impl TestCounts {
    /// All of them.
    pub fn total(&self) -> usize {
        self.passed + self.failed + self.other
    }

    /// The share that passed, from 0 to 1; 0 when there are no tests.
    pub fn passed_share(&self) -> f64 {
        match self.total() {
            0 => 0.0,
            total => self.passed as f64 / total as f64,
        }
    }
}

impl FromIterator<Outcome> for TestCounts {
    fn from_iter<I: IntoIterator<Item = Outcome>>(outcomes: I) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            match outcome {
                outcome if outcome.is_pass() => counts.passed += 1,
                outcome if outcome.is_failure() => counts.failed += 1,
                _ => counts.other += 1,
            }
        }
        counts
    }
}

/// The outcome of every test of one run.
///
/// ```
/// use ssr_core::{Outcome, TestReport};
///
/// let mut report = TestReport::new();
/// report.expect("a.py::test_x".into());
/// report.expect("a.py::test_y".into());
/// report.record("a.py::test_x".into(), Outcome::Passed);
/// report.record("a.py::test_x".into(), Outcome::Error);
/// assert_eq!(report.outcome(&"a.py::test_x".into()), Outcome::Error);
/// assert_eq!(report.outcome(&"a.py::test_y".into()), Outcome::Missing);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestReport {
    outcomes: BTreeMap<TestId, Outcome>,
    /// Why the run as a whole did not end as it should: an aborted collection, a lost process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
    /// Why nothing that this run says can be believed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tampering: Vec<String>,
}

impl TestReport {
    /// A report without tests.
    pub fn new() -> Self {
        Self::default()
    }

    /// Announces a collected id: it is [`Outcome::Missing`] until it reports.
    pub fn expect(&mut self, id: TestId) {
        self.outcomes.entry(id).or_insert(Outcome::Missing);
    }

    /// Records an outcome. The first replaces [`Outcome::Missing`]; after that the worst wins.
    /// [`Outcome::Missing`] itself says no more than [`TestReport::expect`], so that the order of
    /// records never matters.
    pub fn record(&mut self, id: TestId, outcome: Outcome) {
        if outcome == Outcome::Missing || (outcome.is_pass() && !self.tampering.is_empty()) {
            return self.expect(id);
        }
        match self.outcomes.entry(id) {
            Entry::Vacant(entry) => {
                entry.insert(outcome);
            }
            Entry::Occupied(mut entry) => {
                let known = *entry.get();
                let worst = if known == Outcome::Missing { outcome } else { known.max(outcome) };
                entry.insert(worst);
            }
        }
    }

    /// Notes why the run as a whole is not to be trusted as complete.
    pub fn add_problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// What went wrong with the run as a whole, in the order it was noticed.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Records a sign that the tested code tampered with the test runner. From then on the report has no
    /// passes: earlier and later ones are [`Outcome::Missing`].
    pub fn add_tampering(&mut self, sign: impl Into<String>) {
        self.tampering.push(sign.into());
        for outcome in self.outcomes.values_mut().filter(|outcome| outcome.is_pass()) {
            *outcome = Outcome::Missing;
        }
    }

    /// Signs that the tested code tampered with the test runner, in the order in which they were seen.
    pub fn tampering(&self) -> &[String] {
        &self.tampering
    }

    /// Adds what another run reported: the worst outcome of each id, [`Outcome::Missing`] being the
    /// worst of all, and all problems and signs of tampering. A sign in either takes the passes of
    /// both.
    pub fn merge(&mut self, other: &Self) {
        for (id, outcome) in other.iter() {
            let known = self.outcomes.entry(id.clone()).or_insert(outcome);
            *known = outcome.max(*known);
        }
        for sign in self.tampering.split_off(0).iter().chain(&other.tampering) {
            self.add_tampering(sign);
        }
        self.problems.extend_from_slice(&other.problems);
    }

    /// The outcome of `id`; an id that the run does not know is [`Outcome::Missing`].
    pub fn outcome(&self, id: &TestId) -> Outcome {
        self.outcomes.get(id).copied().unwrap_or(Outcome::Missing)
    }

    /// All ids with their outcomes, in byte order of the ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&TestId, Outcome)> {
        self.outcomes.iter().map(|(id, outcome)| (id, *outcome))
    }

    /// The ids with an outcome that `wanted` accepts.
    pub fn ids(&self, wanted: impl Fn(Outcome) -> bool) -> impl Iterator<Item = &TestId> {
        self.outcomes.iter().filter(move |(_, outcome)| wanted(**outcome)).map(|(id, _)| id)
    }

    /// How many tests passed, failed and did neither.
    pub fn counts(&self) -> TestCounts {
        self.outcomes.values().copied().collect()
    }

    /// The same for the tests in `wanted` alone: the partial credit of a repair. One that is not in
    /// this report has failed, as [`Outcome::Missing`].
    ///
    /// ```
    /// use ssr_core::{Outcome, TestId, TestReport};
    ///
    /// let report: TestReport = [("a".into(), Outcome::Passed)].into_iter().collect();
    /// let wanted: [TestId; 2] = ["a".into(), "b".into()];
    /// assert_eq!(report.counts_of(&wanted).passed_share(), 0.5);
    /// ```
    pub fn counts_of<'a>(&self, wanted: impl IntoIterator<Item = &'a TestId>) -> TestCounts {
        wanted.into_iter().map(|id| self.outcome(id)).collect()
    }

    /// How many tests ended with `outcome`.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.outcomes.values().filter(|known| **known == outcome).count()
    }

    /// The number of ids.
    pub fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Whether no id is known.
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }
}

impl FromIterator<(TestId, Outcome)> for TestReport {
    fn from_iter<I: IntoIterator<Item = (TestId, Outcome)>>(outcomes: I) -> Self {
        let mut report = Self::new();
        for (id, outcome) in outcomes {
            report.record(id, outcome);
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explicitly_missing_test_stays_missing_until_it_reports() {
        let id = TestId::new("t");
        let mut report = TestReport::new();
        report.record(id.clone(), Outcome::Passed);
        report.expect(id.clone());
        assert_eq!(report.outcome(&id), Outcome::Passed);
        report.record(id.clone(), Outcome::Failed);
        report.record(id.clone(), Outcome::Passed);
        assert_eq!(report.outcome(&id), Outcome::Failed);
    }

    #[test]
    fn a_report_with_signs_of_tampering_has_no_passes() {
        let [early, failed, late] = ["early", "failed", "late"].map(TestId::new);
        let mut report = TestReport::new();
        report.record(early.clone(), Outcome::Passed);
        report.record(failed.clone(), Outcome::Failed);
        report.add_tampering("x");
        report.record(late.clone(), Outcome::Passed);
        report.record(failed.clone(), Outcome::Passed);
        let outcomes = |report: &TestReport| [&early, &failed, &late].map(|id| report.outcome(id));
        let expected = [Outcome::Missing, Outcome::Failed, Outcome::Missing];
        assert_eq!(outcomes(&report), expected);
        let mut honest: TestReport = [(late.clone(), Outcome::Passed)].into_iter().collect();
        let mut other_way = report.clone();
        other_way.merge(&honest);
        honest.merge(&report);
        assert_eq!((outcomes(&honest), outcomes(&other_way)), (expected, expected));
        assert_eq!(honest.tampering(), ["x"]);
    }

    #[test]
    fn every_test_counts_once() {
        let outcomes = [
            Outcome::Passed,
            Outcome::XFailed,
            Outcome::Skipped,
            Outcome::XPassed,
            Outcome::Failed,
            Outcome::Error,
            Outcome::Timeout,
            Outcome::Missing,
        ];
        let id = |at: usize| TestId::new(&at.to_string());
        let report: TestReport = outcomes.iter().enumerate().map(|(at, o)| (id(at), *o)).collect();
        assert_eq!(report.counts(), TestCounts { passed: 1, failed: 4, other: 3 });
        for outcome in outcomes {
            let name = format!("{:?}", outcome.to_string());
            assert_eq!(serde_json::to_string(&outcome).unwrap(), name);
        }
        assert_eq!(report.counts().total(), outcomes.len());
        let none: [TestId; 0] = [];
        assert_eq!(report.counts_of(&none).passed_share(), 0.0);
    }

    #[test]
    fn a_report_survives_json() {
        let report: TestReport =
            [(TestId::new("a b[c - d]"), Outcome::XFailed)].into_iter().collect();
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(json, r#"{"outcomes":{"a b[c - d]":"xfailed"}}"#);
        assert_eq!(serde_json::from_str::<TestReport>(&json).unwrap(), report);
    }
}
