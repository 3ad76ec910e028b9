//! Runs of whole test suites, remembered.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use tracing::debug_span;

use crate::{
    BugArtifact, Command, Exit, Limits, Outcome, Output, Sandbox, SandboxError, TestId, TestReport,
    TestRun, Tree, Workspace, pytest_run,
};

/// How many runs [`Suites`] remembers.
const REMEMBERED: usize = 256;

/// Runs the test scripts of artifacts in a sandbox, and remembers the results: a sandbox is
/// deterministic, so the same script on the same tree is not run again.
///
/// Three runs tell how tests end on a tree, from the dearest to the cheapest:
/// [`Suites::run`] does what the artifact says, word for word; [`Suites::test_everything`] runs
/// every test; [`Suites::test`] runs the tests that can end differently. Where the sandbox reports
/// and the script is a [standard one](pytest_run), neither of the last two needs a shell or the
/// artifact's parser. [`Suites::with_affected_only`] makes the last two the same.
pub struct Suites<S> {
    sandbox: S,
    limits: Limits,
    affected_only: bool,
    runs: Mutex<Memory>,
    cycles: AtomicU64,
}

#[derive(Default)]
struct Memory {
    runs: HashMap<[u8; 32], Arc<SuiteRun>>,
    oldest: VecDeque<[u8; 32]>,
}

/// How much a run does to find the outcomes. One that does more tells all that one does that does
/// less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Effort {
    /// Every test that can end differently.
    Affected,
    /// Every test.
    Everything,
    /// The script in a shell, then the parser.
    Script,
}

impl Effort {
    const ALL: [Self; 3] = [Self::Affected, Self::Everything, Self::Script];
}

impl<S: Sandbox> Suites<S> {
    /// Suites that run in `sandbox`, each run within `limits`.
    pub fn new(sandbox: S, limits: Limits) -> Self {
        let (runs, cycles) = (Mutex::default(), AtomicU64::new(0));
        Self { sandbox, limits, affected_only: true, runs, cycles }
    }

    /// Sets whether [`Suites::test`] and [`Suites::require`] leave out tests that cannot end
    /// differently (default: they do). The outcomes are the same.
    #[must_use]
    pub fn with_affected_only(self, affected_only: bool) -> Self {
        Self { affected_only, ..self }
    }

    /// The sandbox.
    pub fn sandbox(&self) -> &S {
        &self.sandbox
    }

    /// How many runs have really been made so far.
    pub fn cycles(&self) -> u64 {
        self.cycles.load(Ordering::Relaxed)
    }

    /// Runs the artifact's test script on `tree` and its parser on the log. Script and parser are
    /// not part of the tree, so nothing in the tree can change them.
    ///
    /// # Errors
    /// Only when the sandbox itself fails.
    pub fn run(&self, artifact: &BugArtifact, tree: &Tree) -> Result<Arc<SuiteRun>, SandboxError> {
        self.remembered(artifact, tree, Effort::Script)
    }

    /// The outcomes of all tests of the artifact on `tree`. A sandbox that reports is believed
    /// without the artifact's parser: whether the two agree is a
    /// [check](crate::Check::ParserValidity) of its own.
    ///
    /// # Errors
    /// Only when the sandbox itself fails.
    pub fn test(&self, artifact: &BugArtifact, tree: &Tree) -> Result<Arc<SuiteRun>, SandboxError> {
        let effort = if self.affected_only { Effort::Affected } else { Effort::Everything };
        self.remembered(artifact, tree, effort)
    }

    /// [`Suites::test`], and every test really runs.
    ///
    /// # Errors
    /// Only when the sandbox itself fails.
    pub fn test_everything(
        &self,
        artifact: &BugArtifact,
        tree: &Tree,
    ) -> Result<Arc<SuiteRun>, SandboxError> {
        self.remembered(artifact, tree, Effort::Everything)
    }

    /// [`Suites::test`] for a run that is over when one of `required` fails: what had no turn then is
    /// [`Outcome::Missing`]. Give those first that fail most likely.
    ///
    /// # Errors
    /// Only when the sandbox itself fails.
    pub fn require<'a>(
        &self,
        artifact: &BugArtifact,
        tree: &Tree,
        required: impl IntoIterator<Item = &'a TestId>,
    ) -> Result<Arc<SuiteRun>, SandboxError> {
        if let Some(run) = self.known(artifact, tree, Effort::Affected) {
            return Ok(run);
        }
        let Some(run) = self.standard(artifact) else { return self.test(artifact, tree) };
        let _span = debug_span!("test run", tree = %tree.hash(), required = true).entered();
        let run = run.with_required(required.into_iter().cloned());
        self.run_tests(run.with_affected_only(self.affected_only), tree).map(Arc::new)
    }

    fn remembered(
        &self,
        artifact: &BugArtifact,
        tree: &Tree,
        effort: Effort,
    ) -> Result<Arc<SuiteRun>, SandboxError> {
        let standard = self.standard(artifact);
        let effort = match (effort, &standard) {
            // Nobody else knows what a script of the artifact's own makes.
            (Effort::Everything | Effort::Affected, None) if self.sandbox.reports() => {
                Effort::Everything
            }
            (_, None) => Effort::Script,
            (effort, Some(_)) => effort,
        };
        if let Some(run) = self.known(artifact, tree, effort) {
            return Ok(run);
        }
        let _span = debug_span!("test run", tree = %tree.hash()).entered();
        let run = Arc::new(match (effort, standard) {
            (Effort::Script, _) => self.run_script(artifact, tree, true)?,
            (_, None) => self.run_script(artifact, tree, false)?,
            (effort, Some(run)) => {
                self.run_tests(run.with_affected_only(effort == Effort::Affected), tree)?
            }
        });
        let key = key(artifact, tree, effort);
        let mut memory = self.lock();
        if memory.runs.insert(key, Arc::clone(&run)).is_none() {
            memory.oldest.push_back(key);
        }
        if memory.oldest.len() > REMEMBERED
            && let Some(oldest) = memory.oldest.pop_front()
        {
            memory.runs.remove(&oldest);
        }
        Ok(run)
    }

    /// A remembered run that did at least so much. It is kept for longer then: the run of the original,
    /// say, is asked for again by every artifact, and those of poisoned tests never are.
    fn known(&self, artifact: &BugArtifact, tree: &Tree, least: Effort) -> Option<Arc<SuiteRun>> {
        let mut memory = self.lock();
        let efforts = Effort::ALL.into_iter().filter(|effort| *effort >= least);
        let mut keys = efforts.map(|effort| key(artifact, tree, effort));
        let found = keys.find(|key| memory.runs.contains_key(key))?;
        memory.oldest.retain(|key| *key != found);
        memory.oldest.push_back(found);
        memory.runs.get(&found).cloned()
    }

    /// The run of tests that the artifact's script stands for, where there is one that says as much.
    fn standard(&self, artifact: &BugArtifact) -> Option<TestRun> {
        self.sandbox.reports().then(|| pytest_run(&artifact.test_script))?
    }

    fn run_tests(&self, run: TestRun, tree: &Tree) -> Result<SuiteRun, SandboxError> {
        let command = Command::tests(run).with_limits(self.limits);
        let output = self.sandbox.open(tree)?.run(&command)?;
        self.cycles.fetch_add(1, Ordering::Relaxed);
        Ok(self.suite_run(output, None))
    }

    fn run_script(
        &self,
        artifact: &BugArtifact,
        tree: &Tree,
        parse: bool,
    ) -> Result<SuiteRun, SandboxError> {
        let script = Command::shell(artifact.test_script.as_str()).with_limits(self.limits);
        let output = self.sandbox.open(tree)?.run(&script)?;
        self.cycles.fetch_add(1, Ordering::Relaxed);
        let parsed = if parse { Some(self.parse(artifact, output.log())?) } else { None };
        Ok(self.suite_run(output, parsed))
    }

    fn parse(&self, artifact: &BugArtifact, log: Vec<u8>) -> Result<Parsed, SandboxError> {
        let parser =
            Command::python(artifact.test_parser.as_str()).with_limits(self.limits).with_stdin(log);
        let parsed = self.sandbox.open(&Tree::new())?.run(&parser)?;
        Ok(if parsed.success() {
            parse_map(&parsed.stdout)
        } else {
            Err(format!("it ended with {:?}: {}", parsed.exit, tail(&parsed.stderr_text(), 300)))
        })
    }

    fn suite_run(&self, output: Output, parsed: Option<Parsed>) -> SuiteRun {
        let log_tail = tail(&String::from_utf8_lossy(&output.log()), 2000);
        let report = output.report.or_else(|| self.sandbox.reports().then(TestReport::new));
        SuiteRun { exit: output.exit, report, parsed, log_tail }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the artifact's parser makes of a log: test id → passed; or what is wrong with it.
type Parsed = Result<BTreeMap<TestId, bool>, String>;

fn key(artifact: &BugArtifact, tree: &Tree, effort: Effort) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for text in [&artifact.test_script, &artifact.test_parser] {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.update(tree.hash().as_bytes());
    hasher.update([effort as u8]);
    hasher.finalize().into()
}

fn parse_map(stdout: &[u8]) -> Parsed {
    let map: BTreeMap<TestId, String> = serde_json::from_slice(stdout)
        .map_err(|error| format!("it did not print one JSON object of strings: {error}"))?;
    let status = |(id, status): (TestId, String)| match status.as_str() {
        "passed" => Ok((id, true)),
        "failed" => Ok((id, false)),
        other => Err(format!("{id}: status {other:?} is neither \"passed\" nor \"failed\"")),
    };
    map.into_iter().map(status).collect()
}

/// The last `most` bytes or fewer, cut at a character.
fn tail(text: &str, most: usize) -> String {
    let start = (text.len().saturating_sub(most)..=text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len());
    text[start..].trim_end().to_owned()
}

/// What one run of a suite showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuiteRun {
    /// How the script ended.
    pub exit: Exit,
    /// What the sandbox's own test runner reported, where it has a channel beside the output.
    pub report: Option<TestReport>,
    /// What the artifact's parser made of the log: test id → passed; or what is wrong with it. `None`
    /// when it did not run, because the runner's own report is believed.
    pub parsed: Option<Result<BTreeMap<TestId, bool>, String>>,
    /// The end of the log.
    pub log_tail: String,
}

impl SuiteRun {
    /// The tests that passed. The runner's own report decides where there is one, since text can be
    /// forged by what is tested; the parser's map otherwise.
    pub fn passed(&self) -> BTreeSet<TestId> {
        match (&self.report, &self.parsed) {
            (Some(report), _) => report.ids(Outcome::is_pass).cloned().collect(),
            (None, Some(Ok(map))) => {
                map.iter().filter(|(_, passed)| **passed).map(|(id, _)| id.clone()).collect()
            }
            (None, _) => BTreeSet::new(),
        }
    }

    /// The tests that failed, a module that could not be collected among them.
    pub fn failed(&self) -> BTreeSet<TestId> {
        match (&self.report, &self.parsed) {
            (Some(report), _) => report.ids(Outcome::is_failure).cloned().collect(),
            (None, Some(Ok(map))) => {
                map.iter().filter(|(_, passed)| !**passed).map(|(id, _)| id.clone()).collect()
            }
            (None, _) => BTreeSet::new(),
        }
    }

    /// Whether the test came to a verdict of its own, pass or failure: it was neither cut off nor
    /// broken before it began.
    pub(crate) fn has_run(&self, id: &TestId) -> bool {
        match (&self.report, &self.parsed) {
            (Some(report), _) => {
                matches!(report.outcome(id), Outcome::Passed | Outcome::Failed)
            }
            (None, Some(Ok(map))) => map.contains_key(id),
            (None, _) => false,
        }
    }

    /// Tests that the run names, whatever their outcome.
    pub fn known(&self) -> BTreeSet<TestId> {
        match (&self.report, &self.parsed) {
            (Some(report), _) => report.iter().map(|(id, _)| id.clone()).collect(),
            (None, Some(Ok(map))) => map.keys().cloned().collect(),
            (None, _) => BTreeSet::new(),
        }
    }

    /// Where the parser contradicts the runner. They agree when the parser's map has every passed and
    /// failed test of the report with its status, and no test that the report does not have. A
    /// sandbox without a report cannot contradict, nor can a parser that did not run.
    pub fn disagreement(&self) -> Option<String> {
        let map = match self.parsed.as_ref()? {
            Err(problem) => return Some(problem.clone()),
            Ok(map) => map,
        };
        let report = self.report.as_ref()?;
        let wrong = report.iter().find_map(|(id, outcome)| {
            let expected = match outcome {
                Outcome::Passed => true,
                outcome if outcome.is_failure() => false,
                _ => return None,
            };
            match map.get(id) {
                Some(passed) if *passed == expected => None,
                Some(_) => Some(format!("{id}: the parser contradicts the runner's {outcome:?}")),
                // A test that never reported, or was cut off, cannot be in a log.
                None if matches!(outcome, Outcome::Missing | Outcome::Timeout) => None,
                None => Some(format!("{id}: the runner reports {outcome:?}, the parser nothing")),
            }
        });
        let known = |id: &TestId| report.iter().any(|(known, _)| known == id);
        wrong.or_else(|| {
            let invented =
                map.keys().find(|id| report.outcome(id) == Outcome::Missing && !known(id));
            invented.map(|id| format!("{id}: the parser reports a test that did not run"))
        })
    }

    /// Why the suite as a whole does not count: the limit at which it was stopped, or a sign that
    /// what it tests tampered with its judge.
    pub(crate) fn breach(&self) -> Option<String> {
        if let Some(sign) = self.report.as_ref().and_then(|report| report.tampering().first()) {
            return Some(format!("the suite was tampered with: {sign}"));
        }
        match &self.exit {
            Exit::Code(_) => None,
            Exit::Timeout => Some("the suite ran out of time".to_owned()),
            Exit::OutOfMemory => Some("the suite ran out of memory".to_owned()),
            Exit::Trapped(why) => Some(format!("the suite was stopped: {why}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(report: &[(&str, Outcome)], parsed: &[(&str, bool)]) -> SuiteRun {
        SuiteRun {
            exit: Exit::Code(0),
            report: Some(report.iter().map(|(id, o)| (TestId::new(id), *o)).collect()),
            parsed: Some(Ok(parsed.iter().map(|(id, p)| (TestId::new(id), *p)).collect())),
            log_tail: String::new(),
        }
    }

    #[test]
    fn a_parser_must_tell_what_the_runner_tells() {
        let report = [("a", Outcome::Passed), ("b", Outcome::Failed), ("c", Outcome::Skipped)];
        assert_eq!(run(&report, &[("a", true), ("b", false)]).disagreement(), None);
        for parsed in [
            &[("a", true)][..],
            &[("a", true), ("b", true)],
            &[("a", true), ("b", false), ("d", true)],
        ] {
            assert!(run(&report, parsed).disagreement().is_some(), "{parsed:?}");
        }
    }

    #[test]
    fn a_run_with_signs_of_tampering_does_not_count() {
        let run = |report| SuiteRun {
            exit: Exit::Code(0),
            report: Some(report),
            parsed: Some(Ok([(TestId::new("a"), true)].into_iter().collect())),
            log_tail: String::new(),
        };
        let mut report: TestReport = [("a".into(), Outcome::Passed)].into_iter().collect();
        assert_eq!(run(report.clone()).breach(), None);
        report.add_tampering("pytest was patched");
        let run = run(report);
        assert!(run.breach().is_some_and(|reason| reason.contains("pytest was patched")));
        assert!(run.passed().is_empty());
    }

    #[test]
    fn the_parsers_output_is_a_map_to_passed_or_failed() {
        assert!(parse_map(br#"{"a": "passed", "b": "failed"}"#).is_ok());
        for wrong in [&b""[..], b"[]", br#"{"a": 1}"#, br#"{"a": "ok"}"#, b"\xff"] {
            assert!(parse_map(wrong).is_err());
        }
    }

    #[test]
    fn a_tail_is_cut_at_a_character() {
        assert_eq!(tail("aüb\n", 3), "b");
        assert_eq!(tail("ab", 10), "ab");
    }
}
