//! The official `report.json` of one instance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Instance, Prediction, Resolution, Rules, Run, TestsStatus, to_json};
use crate::{Error, Result};

/// One instance in the official `report.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InstanceReport {
    /// The model gave no patch.
    #[serde(rename = "patch_is_None")]
    pub patch_is_none: bool,
    /// The model gave a patch.
    pub patch_exists: bool,
    /// The patch applied and the tests ran.
    pub patch_successfully_applied: bool,
    /// [`Resolution::Full`].
    pub resolved: bool,
    /// Harness 5: whether the environment probably failed. It is advisory and does not change
    /// `resolved`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infra_failure: Option<bool>,
    /// Harness 5: why the environment failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infra_failure_reason: Option<String>,
    /// Which tests had the required result; `None` if they did not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests_status: Option<TestsStatus>,
}

impl InstanceReport {
    /// Grades the run of the tests with the prediction's patch.
    ///
    /// `run` is `None` when the patch did not apply or the test run did not finish. An
    /// [invalid](Run::is_valid) run is graded as `None`.
    ///
    /// # Errors
    /// [`Error::OtherTask`] when the prediction answers another instance.
    pub fn grade(
        instance: &Instance,
        prediction: &Prediction,
        run: Option<&Run>,
        rules: Rules,
    ) -> Result<Self> {
        Error::check_task(&instance.instance_id, &prediction.instance_id)?;
        let infra_failure = (rules == Rules::V5).then_some(false);
        let mut report = Self { infra_failure, ..Self::default() };
        if prediction.model_patch.is_none() {
            report.patch_is_none = true;
            return Ok(report);
        }
        report.patch_exists = true;
        let Some(run) = run.filter(|run| run.is_valid(rules)) else { return Ok(report) };
        report.patch_successfully_applied = true;
        let tests = TestsStatus::new(
            &instance.fail_to_pass,
            &instance.pass_to_pass,
            &run.statuses,
            instance.graded_as(rules),
            rules,
        );
        report.resolved = tests.resolution() == Resolution::Full;
        report.tests_status = Some(tests);
        Ok(report)
    }

    /// Records why the tests did not run. A report with a run, or without a patch, is returned
    /// unchanged.
    #[must_use]
    pub fn with_failure(mut self, failure: &InfraFailure) -> Self {
        if self.patch_exists && !self.patch_successfully_applied {
            self.infra_failure = Some(failure.tier == Tier::Environment);
            self.infra_failure_reason = Some(failure.reason.clone());
        }
        self
    }

    /// The text of `report.json`: an object with this report under the instance's id.
    #[must_use]
    pub fn to_json(&self, instance_id: &str) -> String {
        to_json(&BTreeMap::from([(instance_id, self)]))
    }
}

/// Why tests did not run although the patch may be right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InfraFailure {
    /// A short name, such as `out_of_memory`.
    pub reason: String,
    /// How certain it is that the environment is the cause.
    pub tier: Tier,
}

impl InfraFailure {
    /// A failure with its reason, such as `out_of_memory`.
    #[must_use]
    pub fn new(reason: impl Into<String>, tier: Tier) -> Self {
        Self { reason: reason.into(), tier }
    }
}

/// How certain it is that the environment, not the patch, caused an [`InfraFailure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Tier {
    /// No patch can cause it.
    Environment,
    /// A wrong patch can cause it as well.
    Ambiguous,
}
