//! Grades the statuses of tests: success and failure by list, then the resolution.

use serde::{Deserialize, Serialize};
use ssr_core::TestReport;

use super::{StatusMap, TestStatus};

/// The version of the harness whose rules grade. The [module's table](super) shows the differences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rules {
    /// Harness 4.1: most published numbers.
    V4,
    /// Harness 5.0.
    #[default]
    V5,
}

/// What it means when a log does not list a test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EvalType {
    /// The test failed.
    #[default]
    PassAndFail,
    /// The test passed: the log lists failures alone.
    FailOnly,
}

impl EvalType {
    /// The type that the harness assigns to a repository.
    #[must_use]
    pub fn of_repo(repo: &str, rules: Rules) -> Self {
        match repo {
            "chartjs/Chart.js" | "processing/p5.js" | "markedjs/marked" => Self::FailOnly,
            "bpmn-io/bpmn-js" | "openlayers/openlayers" | "eslint/eslint" if rules == Rules::V5 => {
                Self::FailOnly
            }
            _ => Self::PassAndFail,
        }
    }
}

/// The result of running the tests after the patch was applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Run {
    /// The status that each test reported.
    pub statuses: StatusMap,
    /// The exit code of the test command; `None` if it is not known.
    pub exit_code: Option<i32>,
    /// Whether something else than the statuses shows that tests ran, such as the runner's summary.
    pub suite_ran: bool,
}

impl Run {
    /// A run with these statuses, an unknown exit code and no other sign that tests ran.
    #[must_use]
    pub fn new(statuses: StatusMap) -> Self {
        Self { statuses, ..Self::default() }
    }

    /// Sets the exit code of the test command.
    #[must_use]
    pub fn with_exit_code(mut self, exit_code: i32) -> Self {
        self.exit_code = Some(exit_code);
        self
    }

    /// Sets whether something else than the statuses shows that tests ran.
    #[must_use]
    pub fn with_suite_ran(mut self, suite_ran: bool) -> Self {
        self.suite_ran = suite_ran;
        self
    }

    /// Whether the run can be graded. Under [`Rules::V4`] every run can.
    ///
    /// Under [`Rules::V5`] a run is invalid when no test reported and nothing else shows that the
    /// suite ran. It is also invalid when the test command failed although no test did, because
    /// then the log is incomplete.
    #[must_use]
    pub fn is_valid(&self, rules: Rules) -> bool {
        if rules == Rules::V4 {
            return true;
        }
        if self.statuses.is_empty() {
            return self.suite_ran;
        }
        self.exit_code.unwrap_or(0) == 0 || self.statuses.iter().any(|(_, s)| s.is_failure())
    }
}

impl From<&TestReport> for Run {
    fn from(report: &TestReport) -> Self {
        Self { statuses: report.into(), exit_code: None, suite_ran: !report.is_empty() }
    }
}

/// The ids of one list of the data set by result, each in the order of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Tests with the required result.
    pub success: Vec<String>,
    /// The others.
    pub failure: Vec<String>,
}

impl Split {
    fn new(ids: &[String], verdict: impl Fn(&str) -> Option<bool>) -> Self {
        let mut split = Self::default();
        for id in ids {
            match verdict(id) {
                Some(true) => split.success.push(id.clone()),
                Some(false) => split.failure.push(id.clone()),
                None => {}
            }
        }
        split
    }
}

/// The `tests_status` of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub struct TestsStatus {
    /// Tests that the patch must make pass.
    pub fail_to_pass: Split,
    /// Tests that must go on passing.
    pub pass_to_pass: Split,
    /// Always empty: the data set has no such list.
    pub fail_to_fail: Split,
    /// Always empty: the data set has no such list.
    pub pass_to_fail: Split,
}

impl TestsStatus {
    /// Sorts the tests of both lists by the status that they reported. An id that is listed twice
    /// counts twice.
    #[must_use]
    pub fn new(
        fail_to_pass: &[String],
        pass_to_pass: &[String],
        statuses: &StatusMap,
        eval_type: EvalType,
        rules: Rules,
    ) -> Self {
        let verdict = |id: &str, skipped: Option<bool>| {
            if eval_type == EvalType::FailOnly {
                return Some(statuses.get(id) != Some(TestStatus::Failed));
            }
            let status = match rules {
                Rules::V4 => statuses.get(id),
                Rules::V5 => statuses.get_truncated(id),
            };
            match status {
                Some(TestStatus::Skipped) => skipped,
                status => Some(status.is_some_and(TestStatus::is_pass)),
            }
        };
        let (f2p_skipped, p2p_skipped) = match rules {
            Rules::V4 => (None, None),
            Rules::V5 => (Some(false), Some(true)),
        };
        Self {
            fail_to_pass: Split::new(fail_to_pass, |id| verdict(id, f2p_skipped)),
            pass_to_pass: Split::new(pass_to_pass, |id| verdict(id, p2p_skipped)),
            ..Self::default()
        }
    }

    /// Whether the instance is resolved. A list without a graded test counts as passed in full.
    #[must_use]
    pub fn resolution(&self) -> Resolution {
        let fixed_all = self.fail_to_pass.failure.is_empty();
        let kept_all = self.pass_to_pass.failure.is_empty();
        match (fixed_all, kept_all) {
            (true, true) => Resolution::Full,
            (false, true) if !self.fail_to_pass.success.is_empty() => Resolution::Partial,
            _ => Resolution::No,
        }
    }
}

/// The grade of one instance. Only [`Resolution::Full`] counts as resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Resolution {
    /// All of `FAIL_TO_PASS` and all of `PASS_TO_PASS`.
    #[serde(rename = "RESOLVED_FULL")]
    Full,
    /// Some of `FAIL_TO_PASS` and all of `PASS_TO_PASS`.
    #[serde(rename = "RESOLVED_PARTIAL")]
    Partial,
    /// Anything less.
    #[serde(rename = "RESOLVED_NO")]
    No,
}
