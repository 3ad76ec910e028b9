//! Runs the suite on a change of the code, and puts it through the consistency checks.

use std::collections::BTreeSet;

use serde::Serialize;
use ssr_core::{
    BugArtifact, BugInstance, CheckedArtifact, Command, File, Limits, Outcome, Patch, Provenance,
    Sandbox, Seed, Suites, TestId, Thresholds, Tree, Workspace, check_applied,
};
use ssr_mutate::{Interaction, Style, weaken_least};
use ssr_rl::Repository;

use crate::operators::WEAKENING_RUNS;
use crate::{Failure, Result};

/// The effect of one change of the code on the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// CPython does not compile a changed file.
    Invalid,
    /// The only tests that break are in modules that can no longer be imported.
    ImportBreaking,
    /// At least one test that passed runs and fails.
    Breaking,
    /// No test that passed breaks.
    Equivalent,
}

/// The result of running the suite on a change of the code.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The effect on the suite.
    pub effect: Effect,
    /// Tests that passed before and do not pass with the change.
    pub broken: BTreeSet<TestId>,
    /// The changed code; `None` where it was not run.
    pub buggy: Option<Tree>,
    /// What the seven checks found, where they were asked for.
    pub checked: Option<(BugArtifact, CheckedArtifact)>,
}

/// Tries changes of one repository.
pub struct Trials<'a, S> {
    suites: &'a Suites<S>,
    repository: &'a Repository,
    passing: &'a BTreeSet<TestId>,
    thresholds: Thresholds,
}

impl<'a, S: Sandbox> Trials<'a, S> {
    /// `passing` are the tests that pass on the unchanged code.
    pub fn new(
        suites: &'a Suites<S>,
        repository: &'a Repository,
        passing: &'a BTreeSet<TestId>,
        thresholds: Thresholds,
    ) -> Self {
        Self { suites, repository, passing, thresholds }
    }

    /// Runs the suite on the changed code.
    ///
    /// # Errors
    /// [`Failure::Infrastructure`] when the sandbox fails.
    pub fn run(&self, change: &Patch) -> Result<Trial> {
        let artifact = self.repository.artifact(change.clone(), Patch::default());
        let buggy = self.repository.tree.apply(change)?;
        let run = self.suites.test(&artifact, &buggy)?;
        let passed = run.passed();
        let broken: BTreeSet<_> = self.passing.difference(&passed).cloned().collect();
        // A collected test that did not report because the run ended early is no failure by itself.
        let fails = |id: &TestId| match &run.report {
            Some(report) => {
                let outcome = report.outcome(id);
                outcome.is_failure() && outcome != Outcome::Missing
            }
            None => run.failed().contains(id),
        };
        let effect = match &broken {
            broken if broken.is_empty() => Effect::Equivalent,
            broken if broken.iter().any(fails) => Effect::Breaking,
            _ => Effect::ImportBreaking,
        };
        Ok(Trial { effect, broken, buggy: Some(buggy), checked: None })
    }

    /// Hides the bug by the least weakening, and puts both through the seven checks.
    ///
    /// # Errors
    /// [`Failure::Infrastructure`] when the sandbox fails.
    pub fn check(&self, change: &Patch, trial: &mut Trial, seed: Seed) -> Result<()> {
        let original = &self.repository.tree;
        let bare = self.repository.artifact(change.clone(), Patch::default());
        let buggy = match trial.buggy.take() {
            Some(buggy) => buggy,
            None => original.apply(change)?,
        };
        // The seed depends on the buggy tree, so that the same bug is always weakened in the same
        // way.
        let seed = seed.derive("weaken").derive(&buggy.hash().to_string());
        let failing = |weaken: &Patch| -> Result<BTreeSet<TestId>> {
            let tree = buggy.apply(weaken).unwrap_or_else(|_| buggy.clone());
            let run = self.suites.test(&bare, &tree)?;
            let whole = !run.passed().is_empty();
            Ok(if whole { run.failed() } else { trial.broken.clone() })
        };
        let weaken = match trial.effect {
            Effect::Breaking => {
                weaken_least(&buggy, &trial.broken, Style::Mixed, seed, WEAKENING_RUNS, failing)?
            }
            _ => None,
        };
        let artifact = self.repository.artifact(change.clone(), weaken.unwrap_or_default());
        let checked = check_applied(self.suites, original, &artifact, &buggy, &self.thresholds)?;
        (trial.buggy, trial.checked) = (Some(buggy), Some((artifact, checked)));
        Ok(())
    }

    /// Whether to keep a composition: each part alone is a bug, and together they break other tests
    /// or change several files. True for a change without parts.
    ///
    /// # Errors
    /// [`Failure::Infrastructure`] when the sandbox fails.
    pub fn belongs_together(&self, parts: &[Patch], whole: &Patch, trial: &Trial) -> Result<bool> {
        let mut alone = Vec::new();
        for part in parts {
            let part = self.run(part)?;
            if part.effect != Effect::Breaking {
                return Ok(false);
            }
            alone.push(part.broken);
        }
        let files = whole.touched_paths().len();
        Ok(parts.is_empty() || Interaction::new(&trial.broken, &alone, files).keep())
    }
}

impl Trial {
    /// A change that CPython does not compile, so that nothing was run.
    pub fn invalid() -> Self {
        let broken = BTreeSet::new();
        Self { effect: Effect::Invalid, broken, buggy: None, checked: None }
    }

    /// The bug, if all seven checks held.
    pub fn bug(&self, original: &Tree, provenance: Provenance) -> Option<BugInstance> {
        let (artifact, checked) = self.checked.as_ref()?;
        BugInstance::first_order(original, artifact.clone(), checked, provenance)
    }
}

/// For each change, whether CPython compiles every Python file that it changes.
///
/// # Errors
/// [`Failure::Infrastructure`] when the sandbox fails.
pub fn compile_all<S: Sandbox>(
    sandbox: &S,
    original: &Tree,
    changes: &[Patch],
    limits: Limits,
) -> Result<Vec<bool>> {
    // Compile in batches, so that a request neither takes long nor fills the guest's memory.
    const MOST_BYTES: usize = 4 << 20;
    let mut compiles = vec![true; changes.len()];
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for (index, change) in changes.iter().enumerate() {
        let changed = original.apply(change)?;
        for path in original.changed_paths(&changed) {
            let text = changed.get(path.as_str()).and_then(File::text);
            if let (Some("py"), Some(text)) = (path.extension(), text) {
                bytes += text.len();
                batch.push((index, text.to_owned()));
            }
        }
        if bytes > MOST_BYTES || index + 1 == changes.len() {
            for (index, ok) in compile_batch(sandbox, &batch, limits)? {
                compiles[index] &= ok;
            }
            (batch, bytes) = (Vec::new(), 0);
        }
    }
    Ok(compiles)
}

fn compile_batch<S: Sandbox>(
    sandbox: &S,
    batch: &[(usize, String)],
    limits: Limits,
) -> Result<Vec<(usize, bool)>> {
    let sources: Vec<_> = batch.iter().map(|(_, text)| text.as_str()).collect();
    let command = Command::python(include_str!("compiles.py"))
        .with_limits(limits)
        .with_stdin(serde_json::json!(sources).to_string());
    let output = sandbox.open(&Tree::new())?.run(&command)?;
    let answers: Option<Vec<bool>> = serde_json::from_slice(&output.stdout).ok();
    match answers {
        Some(answers) if answers.len() == batch.len() => {
            Ok(batch.iter().map(|(index, _)| *index).zip(answers).collect())
        }
        _ => Err(Failure::Infrastructure(format!(
            "compiling the changed files ended with {:?}: {}",
            output.exit,
            output.stderr_text().trim()
        ))),
    }
}
