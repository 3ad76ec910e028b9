//! From a checked artifact to a bug, and the judgement of its repairs.

use tracing::debug_span;

use crate::artifact::configures_tests;
use crate::{
    BugArtifact, BugInstance, CheckedArtifact, Patch, Provenance, Sandbox, SandboxError, Suites,
    TestId, Tree,
};

impl BugInstance {
    /// The bug that a checked artifact describes, ready to be solved, from the trees that the checks
    /// have made; `None` unless all seven held.
    pub fn first_order(
        original: &Tree,
        artifact: BugArtifact,
        checked: &CheckedArtifact,
        provenance: Provenance,
    ) -> Option<Self> {
        let CheckedArtifact { report, weakened, .. } = checked;
        let tree = weakened.clone().filter(|_| report.is_valid())?;
        let oracle = original
            .restricted_to(|path| artifact.test_files.contains(path) || configures_tests(path));
        let (f2p, p2p) = (report.f2p.clone(), report.p2p.clone());
        Some(Self { artifact, tree, oracle, f2p, p2p, order: 1, parent: None, provenance })
    }
}

/// Whether a repair holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Judgement {
    /// Every test that must pass reported and passed.
    pub solved: bool,
    /// What was seen, in one line.
    pub reason: String,
    /// The repaired tree under the oracle tests; `None` when there is none.
    pub tree: Option<Tree>,
    /// Whether any test ran to its end: a tree in which nothing runs makes a poor next bug.
    pub runs: bool,
}

impl Judgement {
    /// A repair that makes no tree to run the tests on.
    fn inapplicable(error: &crate::Error) -> Self {
        let reason = format!("the repair does not apply: {error}");
        Self { solved: false, reason, tree: None, runs: false }
    }
}

/// Judges a repair (paper Fig. 7): restore the oracle test files in the repaired tree and run the
/// suite. Every test of [`BugInstance::f2p`] and [`BugInstance::p2p`] must be reported and pass;
/// a test that is missing has failed.
///
/// Most repairs are wrong, so the run begins with the tests that the bug broke, and is over when
/// one of them all fails ([`Suites::require`]).
///
/// # Errors
/// Only when the sandbox itself fails.
pub fn judge<S: Sandbox>(
    suites: &Suites<S>,
    bug: &BugInstance,
    repaired: &Tree,
) -> Result<Judgement, SandboxError> {
    let _span = debug_span!("judged", bug = bug.id(), order = bug.order).entered();
    let tree = match bug.restore_oracle(repaired) {
        Ok(tree) => tree,
        Err(error) => return Ok(Judgement::inapplicable(&error)),
    };
    let wanted = || bug.f2p.iter().chain(&bug.p2p);
    let run = suites.require(&bug.artifact, &tree, wanted())?;
    let passed = run.passed();
    let lost: Vec<&TestId> = wanted().filter(|id| !passed.contains(*id)).collect();
    let breach = run.breach();
    let solved = lost.is_empty() && breach.is_none();
    let reason = match (breach, lost.first()) {
        (Some(breach), _) => breach,
        (None, None) => format!("all {} tests pass", wanted().count()),
        (None, Some(first)) => {
            // The test that ended the run, rather than one that had no turn.
            let lost = lost.iter().find(|id| run.has_run(id)).unwrap_or(first);
            format!("{lost} does not pass")
        }
    };
    let runs = wanted().any(|id| run.has_run(id));
    Ok(Judgement { solved, reason, tree: Some(tree), runs })
}

/// [`judge`] for a repair that is a `pred_patch` on [`BugInstance::tree`]. One that does not apply
/// has failed.
///
/// # Errors
/// Only when the sandbox itself fails.
pub fn judge_patch<S: Sandbox>(
    suites: &Suites<S>,
    bug: &BugInstance,
    pred_patch: &Patch,
) -> Result<Judgement, SandboxError> {
    match bug.tree.apply(pred_patch) {
        Ok(repaired) => judge(suites, bug, &repaired),
        Err(error) => Ok(Judgement::inapplicable(&error)),
    }
}
