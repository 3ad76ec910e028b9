//! What the tests of the unchanged repository do, run after run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::{
    Command, Exit, Limits, Outcome, RepoPath, Sandbox, SandboxError, TestId, TestReport,
    TestSelection, Tree, Workspace,
};

/// What the tests of an unchanged repository do, seen over several runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Baseline {
    /// Tests that passed every time.
    pub passing: BTreeSet<TestId>,
    /// Tests that ended differently from run to run.
    pub flaky: BTreeSet<TestId>,
    /// All other tests with what became of them: skipped, failing as they are.
    pub other: BTreeMap<TestId, Outcome>,
    /// What the runner could not do: modules that it could not import, runs that were cut short.
    pub problems: Vec<String>,
    /// What the longest run used of [`Limits::cpu`], where the sandbox measures that.
    pub cpu: Option<Duration>,
}

impl Baseline {
    /// Runs the tests in `files` on `tree`, `runs` times, each within `limits`.
    ///
    /// # Errors
    /// When the sandbox itself fails, or has no test runner that reports beside its output.
    pub fn measure<S: Sandbox>(
        sandbox: &S,
        tree: &Tree,
        files: &[RepoPath],
        runs: usize,
        limits: Limits,
    ) -> Result<Self, SandboxError> {
        let command = Command::tests(TestSelection::Files(files.to_vec())).with_limits(limits);
        let mut reports = Vec::with_capacity(runs);
        let mut cpu = None;
        for _ in 0..runs.max(1) {
            let output = sandbox.open(tree)?.run(&command)?;
            cpu = cpu.max(output.cpu);
            let mut report = output.report.clone().ok_or_else(|| {
                SandboxError::Refused("it has no test runner that reports".to_owned())
            })?;
            // When nothing was collected, the reason is the last thing that was printed.
            let errors = output.stderr_text();
            if report.is_empty()
                && let Some(last) = errors.lines().rfind(|line| !line.trim().is_empty())
            {
                report.add_problem(last.trim());
            }
            match &output.exit {
                Exit::Code(_) => {}
                breach => report.add_problem(format!("the suite was cut short: {breach:?}")),
            }
            reports.push(report);
        }
        Ok(Self { cpu, ..Self::of(&reports) })
    }

    /// Compares the reports of several runs.
    pub fn of(reports: &[TestReport]) -> Self {
        let mut baseline = Self::default();
        let ids: BTreeSet<&TestId> =
            reports.iter().flat_map(|report| report.iter().map(|(id, _)| id)).collect();
        for id in ids {
            let outcomes: BTreeSet<Outcome> = reports.iter().map(|r| r.outcome(id)).collect();
            match outcomes.first() {
                Some(_) if outcomes.len() > 1 => {
                    baseline.flaky.insert(id.clone());
                }
                Some(Outcome::Passed) => {
                    baseline.passing.insert(id.clone());
                }
                Some(outcome) => {
                    baseline.other.insert(id.clone(), *outcome);
                }
                None => {}
            }
        }
        let problems: BTreeSet<&String> =
            reports.iter().flat_map(|report| report.problems()).collect();
        baseline.problems = problems.into_iter().cloned().collect();
        baseline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_change_from_run_to_run_are_flaky() {
        let report = |b: Outcome| -> TestReport {
            let outcomes = [("a", Outcome::Passed), ("b", b), ("c", Outcome::Failed)];
            outcomes.into_iter().map(|(id, outcome)| (TestId::new(id), outcome)).collect()
        };
        let mut vanished = report(Outcome::Passed);
        vanished.record(TestId::new("d"), Outcome::Passed);
        let baseline = Baseline::of(&[report(Outcome::Passed), report(Outcome::Failed), vanished]);
        assert_eq!(baseline.passing, BTreeSet::from([TestId::new("a")]));
        assert_eq!(baseline.flaky, BTreeSet::from([TestId::new("b"), TestId::new("d")]));
        assert_eq!(baseline.other, BTreeMap::from([(TestId::new("c"), Outcome::Failed)]));
    }
}
