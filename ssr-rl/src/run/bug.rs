//! What is kept of a bug.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use ssr_core::{BugArtifact, BugInstance, ConsistencyReport, Provenance, TestId};

/// A bug as it is kept in `bugs/<id>/`: the five files beside this record, `bug.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BugRecord {
    /// [`BugInstance::id`].
    pub id: String,
    /// 1 for an injected bug, 2 for a failed repair of it.
    pub order: u32,
    /// The bug whose failed repair this is.
    pub parent: Option<String>,
    /// The step that found it first.
    pub step: u64,
    /// The hash of the tree that the solver starts from.
    pub tree: String,
    /// Tests that must pass after the repair and fail before.
    pub f2p: BTreeSet<TestId>,
    /// Tests that must pass before and after.
    pub p2p: BTreeSet<TestId>,
    /// Where the first-order bug comes from.
    pub provenance: Provenance,
    /// What the seven checks found; `None` for a higher order, which inherits its ancestor's.
    pub verdict: Option<ConsistencyReport>,
    /// The failed repair as a diff on the parent's tree, for a higher order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_repair: Option<String>,
    /// The five files.
    #[serde(skip)]
    pub artifact: BugArtifact,
}

impl BugRecord {
    /// The record of a bug found in `step`.
    pub fn new(bug: &BugInstance, step: u64) -> Self {
        Self {
            id: bug.id(),
            order: bug.order,
            parent: bug.parent.clone(),
            step,
            tree: bug.tree.hash().to_string(),
            f2p: bug.f2p.clone(),
            p2p: bug.p2p.clone(),
            provenance: bug.provenance.clone(),
            verdict: None,
            failed_repair: None,
            artifact: bug.artifact.clone(),
        }
    }

    /// The step noted in a `bug.json`; `None` when it cannot be read.
    pub(super) fn step_of(path: &Path) -> Option<u64> {
        #[derive(Deserialize)]
        struct Noted {
            step: u64,
        }
        let noted: Noted = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        Some(noted.step)
    }
}
