//! The official summary of a run over a whole data set.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{InfraFailure, InstanceReport, Prediction, Tier, to_json};

/// The official summary of a run, `schema_version` 2, as harness 5 writes it. Those of harness 4
/// can be read as well.
///
/// Every instance of the data set is in exactly one of `incomplete_ids` (no prediction),
/// `empty_patch_ids`, `error_ids` (no report), `resolved_ids` and `unresolved_ids`. The published
/// number is `resolved_instances / total_instances`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunSummary {
    /// The size of the data set.
    pub total_instances: usize,
    /// The size of `submitted_ids`.
    pub submitted_instances: usize,
    /// The size of `completed_ids`.
    pub completed_instances: usize,
    /// The size of `resolved_ids`.
    pub resolved_instances: usize,
    /// The size of `unresolved_ids`.
    pub unresolved_instances: usize,
    /// The size of `infra_failure_ids`.
    #[serde(default)]
    pub infra_failure_instances: usize,
    /// The size of `ambiguous_failure_ids`.
    #[serde(default)]
    pub ambiguous_failure_instances: usize,
    /// The size of `empty_patch_ids`.
    pub empty_patch_instances: usize,
    /// The size of `error_ids`.
    pub error_instances: usize,
    /// Instances with a report.
    pub completed_ids: BTreeSet<String>,
    /// Instances without a prediction.
    #[serde(default)]
    pub incomplete_ids: BTreeSet<String>,
    /// Instances with a prediction whose patch is empty or null.
    pub empty_patch_ids: BTreeSet<String>,
    /// Ids with a prediction, in the data set or not.
    pub submitted_ids: BTreeSet<String>,
    /// Instances that are resolved in full.
    pub resolved_ids: BTreeSet<String>,
    /// Instances that are completed and not resolved.
    pub unresolved_ids: BTreeSet<String>,
    /// Unresolved instances whose environment failed. Advisory.
    #[serde(default)]
    pub infra_failure_ids: BTreeSet<String>,
    /// Unresolved instances where either the environment or the patch is the cause. Advisory.
    #[serde(default)]
    pub ambiguous_failure_ids: BTreeSet<String>,
    /// The reason for each id in the two lists above.
    #[serde(default)]
    pub failure_reasons: BTreeMap<String, String>,
    /// Instances with a patch and without a report.
    pub error_ids: BTreeSet<String>,
    /// Always 2.
    pub schema_version: u32,
}

impl RunSummary {
    /// Summarises `reports`, by instance id, over a data set. Of several predictions for an
    /// instance the last counts. `failures`, by instance id, count where the instance is not
    /// resolved.
    #[must_use]
    pub fn new<'a>(
        instance_ids: impl IntoIterator<Item = &'a str>,
        predictions: &[Prediction],
        reports: &BTreeMap<String, InstanceReport>,
        failures: &BTreeMap<String, InfraFailure>,
    ) -> Self {
        let predictions: BTreeMap<&str, &Prediction> =
            predictions.iter().map(|p| (p.instance_id.as_str(), p)).collect();
        let mut summary = Self {
            submitted_ids: predictions.keys().map(|id| id.to_string()).collect(),
            schema_version: 2,
            ..Self::default()
        };
        for id in instance_ids {
            summary.total_instances += 1;
            let patch = predictions.get(id).map(|prediction| prediction.patch());
            let report = reports.get(id);
            let list = match (patch, report) {
                (None, _) => &mut summary.incomplete_ids,
                (Some(None), _) => &mut summary.empty_patch_ids,
                (Some(Some(_)), None) => &mut summary.error_ids,
                (Some(Some(_)), Some(report)) => {
                    summary.completed_ids.insert(id.to_owned());
                    match report.resolved {
                        true => &mut summary.resolved_ids,
                        false => &mut summary.unresolved_ids,
                    }
                }
            };
            list.insert(id.to_owned());
        }
        summary.explain(failures);
        summary.count();
        summary
    }

    fn explain(&mut self, failures: &BTreeMap<String, InfraFailure>) {
        let unresolved = |id: &str| self.unresolved_ids.contains(id) || self.error_ids.contains(id);
        for (id, failure) in failures.iter().filter(|(id, _)| unresolved(id)) {
            self.failure_reasons.insert(id.clone(), failure.reason.clone());
            let list = match failure.tier {
                Tier::Environment => &mut self.infra_failure_ids,
                Tier::Ambiguous => &mut self.ambiguous_failure_ids,
            };
            list.insert(id.clone());
        }
    }

    fn count(&mut self) {
        self.submitted_instances = self.submitted_ids.len();
        self.completed_instances = self.completed_ids.len();
        self.resolved_instances = self.resolved_ids.len();
        self.unresolved_instances = self.unresolved_ids.len();
        self.infra_failure_instances = self.infra_failure_ids.len();
        self.ambiguous_failure_instances = self.ambiguous_failure_ids.len();
        self.empty_patch_instances = self.empty_patch_ids.len();
        self.error_instances = self.error_ids.len();
    }

    /// The name of the file that the harness writes: `<model>.<run id>.json`.
    #[must_use]
    pub fn file_name(model_name_or_path: &str, run_id: &str) -> String {
        format!("{}.{run_id}.json", model_name_or_path.replace('/', "__"))
    }

    /// The text of that file.
    #[must_use]
    pub fn to_json(&self) -> String {
        to_json(self) + "\n"
    }
}
