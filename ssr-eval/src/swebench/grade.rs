use serde::{Deserialize, Serialize};
use ssr_core::TestReport;

use super::{StatusMap, TestStatus};

/// Whose rules grade; the [module table](super) says how they differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Rules {
    /// Harness 4.1: most published numbers.
    V4,
    /// Harness 5.0.
    #[default]
    V5,
}

/// What a log says about a test that it does not list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvalType {
    /// The test failed.
    #[default]
    PassAndFail,
    /// The test passed: the log lists failures alone.
    FailOnly,
}

impl EvalType {
    /// The type that the harness gives to a repository.
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

/// What a run of the tests left, after the patch was applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// What each test reported.
    pub statuses: StatusMap,
    /// The exit code of the test command, where it is known.
    pub exit_code: Option<i32>,
    /// Whether something beside the statuses shows that tests ran, such as a runner's summary.
    pub suite_ran: bool,
}

impl Run {
    /// Whether the run says anything at all. Under [`Rules::V5`] it is void when no test reported
    /// and nothing else shows that the suite ran, or when the test command failed and no test did:
    /// then the output does not describe the run.
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

/// The ids of one list of the data set, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Those that did what they should.
    pub success: Vec<String>,
    /// Those that did not.
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
    /// Sorts the expected tests by what they reported. An id that is listed twice counts twice.
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

    /// Whether the instance is resolved. A list without a verdict counts as all right.
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

/// The verdict on one instance; only [`Resolution::Full`] counts.
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
