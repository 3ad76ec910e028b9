//! The seven checks that make an artifact a bug.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use tracing::{debug, debug_span};

use crate::artifact::configures_tests;
use crate::{BugArtifact, RepoPath, Sandbox, SandboxError, SuiteRun, Suites, TestId, Tree};

/// The seven consistency checks, in the paper's order (§2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Every oracle test file exists originally, and the weakening touches no other file.
    TestFiles,
    /// The parser turns the log into a complete map of test id → status.
    ParserValidity,
    /// The script yields enough passing tests on the original code.
    ScriptValidity,
    /// The bug applies, changes enough files, and code files only.
    BugScope,
    /// Enough tests that passed originally fail with the bug.
    BugValidity,
    /// The weakening hides some of the failures.
    WeakeningValidity,
    /// Every file of the bug matters: restoring it alone makes some failing test pass.
    InverseMutation,
}

impl Check {
    /// All checks, in order.
    pub const ALL: [Self; 7] = [
        Self::TestFiles,
        Self::ParserValidity,
        Self::ScriptValidity,
        Self::BugScope,
        Self::BugValidity,
        Self::WeakeningValidity,
        Self::InverseMutation,
    ];

    /// The name in files and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::TestFiles => "test_files",
            Self::ParserValidity => "parser_validity",
            Self::ScriptValidity => "script_validity",
            Self::BugScope => "bug_scope",
            Self::BugValidity => "bug_validity",
            Self::WeakeningValidity => "weakening_validity",
            Self::InverseMutation => "inverse_mutation",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The check.
    pub check: Check,
    /// Whether it held; `None` when an earlier check failed, so that it was not reached.
    pub passed: Option<bool>,
    /// What was seen, in one line.
    pub evidence: String,
}

/// One verdict for each of the seven checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsistencyReport {
    /// The verdicts, in the order of [`Check::ALL`].
    pub verdicts: Vec<Verdict>,
    /// Tests that passed originally and fail with the bug, as far as the checks got.
    pub f2p: BTreeSet<TestId>,
    /// Tests that pass originally and with the bug.
    pub p2p: BTreeSet<TestId>,
}

impl ConsistencyReport {
    /// Whether all seven checks held: the artifact is a bug.
    pub fn is_valid(&self) -> bool {
        self.verdicts.len() == Check::ALL.len()
            && self.verdicts.iter().all(|verdict| verdict.passed == Some(true))
    }

    /// The check that failed.
    pub fn failure(&self) -> Option<&Verdict> {
        self.verdicts.iter().find(|verdict| verdict.passed == Some(false))
    }
}

/// The thresholds of the checks. The paper does not state its own; these follow public
/// re-implementations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Tests that must pass originally, at least. Default: 10.
    pub min_passing_tests: usize,
    /// Files that the bug must change, at least. Default: 1.
    pub min_changed_files: usize,
    /// Originally passing tests that must fail with the bug, at least. Default: 1.
    pub min_failing_tests: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { min_passing_tests: 10, min_changed_files: 1, min_failing_tests: 1 }
    }
}

impl Thresholds {
    /// Sets [`Thresholds::min_passing_tests`].
    #[must_use]
    pub fn with_min_passing_tests(self, min_passing_tests: usize) -> Self {
        Self { min_passing_tests, ..self }
    }

    /// Sets [`Thresholds::min_changed_files`].
    #[must_use]
    pub fn with_min_changed_files(self, min_changed_files: usize) -> Self {
        Self { min_changed_files, ..self }
    }

    /// Sets [`Thresholds::min_failing_tests`].
    #[must_use]
    pub fn with_min_failing_tests(self, min_failing_tests: usize) -> Self {
        Self { min_failing_tests, ..self }
    }
}

/// What [`check_consistency`] found, and the trees that it made to find it. They are handed on, so
/// that nobody applies the patches again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckedArtifact {
    /// The verdict of every check.
    pub report: ConsistencyReport,
    /// The original with the bug; `None` when the checks did not get so far or it does not apply.
    pub buggy: Option<Tree>,
    /// The buggy tree with the weakened tests; `None` likewise.
    pub weakened: Option<Tree>,
}

/// Runs the seven checks on an artifact, stopping at the first that fails. Suites run up to
/// 4 + the number of files in the bug times: the last run of an artifact that holds is one of every
/// test, whatever [`Suites::test`] left out.
///
/// # Errors
/// Only when the sandbox itself fails.
pub fn check_consistency<S: Sandbox>(
    suites: &Suites<S>,
    original: &Tree,
    artifact: &BugArtifact,
    thresholds: &Thresholds,
) -> Result<CheckedArtifact, SandboxError> {
    Checker::new(suites, original, artifact, thresholds, None).check_all()
}

/// [`check_consistency`] for a bug that is applied already: `buggy` has to be
/// `original.apply(&artifact.bug_inject)`, and is not computed again.
///
/// # Errors
/// Only when the sandbox itself fails.
pub fn check_applied<S: Sandbox>(
    suites: &Suites<S>,
    original: &Tree,
    artifact: &BugArtifact,
    buggy: &Tree,
    thresholds: &Thresholds,
) -> Result<CheckedArtifact, SandboxError> {
    Checker::new(suites, original, artifact, thresholds, Some(buggy.clone())).check_all()
}

/// Evidence for, or against.
type Finding = Result<String, String>;

struct Checker<'a, S> {
    suites: &'a Suites<S>,
    original: &'a Tree,
    artifact: &'a BugArtifact,
    thresholds: &'a Thresholds,
    /// Tests that pass on the original.
    passing: BTreeSet<TestId>,
    /// Those of them that do not pass with the bug.
    failing: BTreeSet<TestId>,
    /// Whether every test runs, though it may be out of the bug's reach.
    everything: bool,
    /// The buggy tree that the caller has made.
    applied: Option<Tree>,
    /// The original with the bug, from the check of its scope on.
    buggy: Option<Tree>,
    weakened: Option<Tree>,
}

impl<'a, S: Sandbox> Checker<'a, S> {
    fn new(
        suites: &'a Suites<S>,
        original: &'a Tree,
        artifact: &'a BugArtifact,
        thresholds: &'a Thresholds,
        applied: Option<Tree>,
    ) -> Self {
        Self {
            suites,
            original,
            artifact,
            thresholds,
            passing: BTreeSet::new(),
            failing: BTreeSet::new(),
            everything: false,
            applied,
            buggy: None,
            weakened: None,
        }
    }

    fn check_all(mut self) -> Result<CheckedArtifact, SandboxError> {
        let _span = debug_span!("artifact checked").entered();
        let mut verdicts = self.verdicts()?;
        if verdicts.iter().all(|verdict| verdict.passed == Some(true)) && !self.is_confirmed()? {
            // What each test was seen to execute was not all that it depends on.
            self.everything = true;
            self.applied = self.buggy.take();
            verdicts = self.verdicts()?;
        }
        let Self { passing, failing, buggy, weakened, .. } = self;
        let p2p = passing.difference(&failing).cloned().collect();
        let report = ConsistencyReport { verdicts, f2p: failing, p2p };
        Ok(CheckedArtifact { report, buggy, weakened })
    }

    fn verdicts(&mut self) -> Result<Vec<Verdict>, SandboxError> {
        let mut verdicts = Vec::with_capacity(Check::ALL.len());
        let mut failed = false;
        for check in Check::ALL {
            if failed {
                let evidence = "not reached".to_owned();
                verdicts.push(Verdict { check, passed: None, evidence });
                continue;
            }
            let (passed, evidence) = match self.run(check)? {
                Ok(evidence) => (true, evidence),
                Err(evidence) => (false, evidence),
            };
            debug!(%check, passed, evidence);
            failed = !passed;
            verdicts.push(Verdict { check, passed: Some(passed), evidence });
        }
        Ok(verdicts)
    }

    /// The outcomes on a tree that differs from the original.
    fn test(&self, tree: &Tree) -> Result<Arc<SuiteRun>, SandboxError> {
        if self.everything {
            self.suites.test_everything(self.artifact, tree)
        } else {
            self.suites.test(self.artifact, tree)
        }
    }

    /// Before an artifact is accepted, every test runs once with the bug: those that were left out
    /// have to end as they were said to.
    fn is_confirmed(&self) -> Result<bool, SandboxError> {
        let whole = self.suites.test_everything(self.artifact, self.buggy())?;
        let run = self.suites.test(self.artifact, self.buggy())?;
        Ok(whole.breach() == run.breach()
            && whole.passed() == run.passed()
            && whole.failed() == run.failed())
    }

    fn run(&mut self, check: Check) -> Result<Finding, SandboxError> {
        match check {
            Check::TestFiles => Ok(self.test_files()),
            Check::ParserValidity => self.parser_validity(),
            Check::ScriptValidity => self.script_validity(),
            Check::BugScope => Ok(self.bug_scope()),
            Check::BugValidity => self.bug_validity(),
            Check::WeakeningValidity => self.weakening_validity(),
            Check::InverseMutation => self.inverse_mutation(),
        }
    }

    fn test_files(&self) -> Finding {
        let files = &self.artifact.test_files;
        if let Some(path) = files.iter().find(|path| !self.original.contains(path.as_str())) {
            return Err(format!("{path} is listed and is not in the repository"));
        }
        let touched = self.artifact.test_weaken.touched_paths();
        match touched.iter().find(|path| !files.contains(*path)) {
            Some(path) => Err(format!("the weakening touches {path}, which is not listed")),
            None => Ok(format!("{} files listed, {} weakened", files.len(), touched.len())),
        }
    }

    fn parser_validity(&self) -> Result<Finding, SandboxError> {
        let run = self.suites.run(self.artifact, self.original)?;
        // A log that was cut off contradicts the runner, whatever the parser is worth.
        if let Some(problem) = run.breach().or_else(|| run.disagreement()) {
            return Ok(Err(problem));
        }
        let ids = run.parsed.iter().flatten().map(|map| map.len()).sum::<usize>();
        Ok(match (ids, &run.report) {
            (0, _) => Err("the parser found no test in the log".to_owned()),
            (ids, Some(_)) => Ok(format!("{ids} tests, as the runner reports them")),
            (ids, None) => Ok(format!("{ids} tests")),
        })
    }

    fn script_validity(&mut self) -> Result<Finding, SandboxError> {
        let run = self.suites.run(self.artifact, self.original)?;
        if let Some(breach) = run.breach() {
            return Ok(Err(breach));
        }
        self.passing = run.passed();
        let (passing, wanted) = (self.passing.len(), self.thresholds.min_passing_tests);
        Ok(if passing >= wanted {
            Ok(format!("{passing} tests pass originally"))
        } else {
            Err(format!("{passing} tests pass originally, {wanted} are needed"))
        })
    }

    fn bug_scope(&mut self) -> Finding {
        let bug = &self.artifact.bug_inject;
        let touched = bug.touched_paths();
        if let Some(path) = touched.iter().find(|path| self.artifact.test_files.contains(*path)) {
            return Err(format!("the bug touches {path}, which is an oracle test file"));
        }
        if let Some(path) = touched.iter().find(|path| configures_tests(path)) {
            return Err(format!("the bug touches {path}, which configures the tests"));
        }
        let buggy = match self.applied.take() {
            Some(tree) => tree,
            None => self.original.apply(bug).map_err(|e| format!("the bug does not apply: {e}"))?,
        };
        let changed = self.original.changed_paths(&buggy).len();
        self.buggy = Some(buggy);
        if changed >= self.thresholds.min_changed_files {
            Ok(format!("{changed} files changed"))
        } else {
            let wanted = self.thresholds.min_changed_files;
            Err(format!("{changed} files changed, {wanted} are needed"))
        }
    }

    /// The original with the bug. The check of the scope has made it, and no later check runs where
    /// that one failed.
    fn buggy(&self) -> &Tree {
        self.buggy.as_ref().unwrap_or(self.original)
    }

    fn bug_validity(&mut self) -> Result<Finding, SandboxError> {
        let run = self.test(self.buggy())?;
        // Tests that did not get their turn say nothing about the bug. One that hangs has a limit
        // of its own and is a failing test like any other.
        if let Some(breach) = run.breach() {
            return Ok(Err(breach));
        }
        let passed = run.passed();
        let known = run.known();
        self.failing = self.passing.difference(&passed).cloned().collect();
        let silent = self.failing.iter().filter(|id| !known.contains(*id)).count();
        let (failing, wanted) = (self.failing.len(), self.thresholds.min_failing_tests);
        let how = match silent {
            0 => String::new(),
            silent => format!(" ({silent} no longer report)"),
        };
        Ok(if failing >= wanted {
            Ok(format!("{failing} tests fail{how}"))
        } else {
            Err(format!("{failing} tests fail{how}, {wanted} are needed"))
        })
    }

    /// A test that the weakening deletes counts as hidden: it no longer fails. Beyond the paper, the
    /// weakening may break nothing else and must leave something that passes.
    fn weakening_validity(&mut self) -> Result<Finding, SandboxError> {
        let weakened = match self.buggy().apply(&self.artifact.test_weaken) {
            Ok(tree) => tree,
            Err(error) => return Ok(Err(format!("the weakening does not apply: {error}"))),
        };
        let run = self.test(&weakened)?;
        self.weakened = Some(weakened);
        if let Some(breach) = run.breach() {
            return Ok(Err(breach));
        }
        let (passed, failed, known) = (run.passed(), run.failed(), run.known());
        let mut expected = self.suites.run(self.artifact, self.original)?.failed();
        expected.extend(self.test(self.buggy())?.failed());
        if let Some(id) = failed.difference(&expected).next() {
            return Ok(Err(format!("the weakening breaks {id}, which the bug did not")));
        }
        // Gone counts as hidden, unless its whole module can no longer be collected.
        let gone = |id: &TestId| !known.contains(id) && !failed.contains(&TestId::new(id.file()));
        let hidden = self.failing.iter().filter(|id| passed.contains(*id) || gone(id)).count();
        let failing = self.failing.len();
        Ok(if hidden > 0 && !passed.is_empty() {
            Ok(format!("{hidden} of {failing} failures are hidden"))
        } else if hidden > 0 {
            Err("nothing passes any more under the weakened tests".to_owned())
        } else {
            Err(format!("all {failing} failures still show"))
        })
    }

    fn inverse_mutation(&self) -> Result<Finding, SandboxError> {
        let files: BTreeSet<RepoPath> = self.original.changed_paths(self.buggy());
        for path in &files {
            let original = self.original.get(path.as_str()).cloned();
            let restored = match self.buggy().with_all([(path.clone(), original)]) {
                Ok(tree) => tree,
                Err(error) => return Ok(Err(format!("{path} cannot be restored alone: {error}"))),
            };
            let passed = self.test(&restored)?.passed();
            if self.failing.is_disjoint(&passed) {
                return Ok(Err(format!("restoring {path} alone repairs no failing test")));
            }
        }
        Ok(Ok(format!("each of {} files matters", files.len())))
    }
}
