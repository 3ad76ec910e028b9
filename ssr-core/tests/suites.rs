//! How suites run: which commands a sandbox sees, and that leaving out tests is confirmed.

mod toy;

use std::collections::BTreeSet;
use std::sync::Mutex;

use ssr_core::{
    BugArtifact, BugInstance, Command, File, Limits, Outcome, Output, PYTEST_PARSER, Program,
    Provenance, RepoPath, Sandbox, SandboxError, Strategy, Suites, TestId, TestReport, Thresholds,
    Tree, Workspace, check_consistency, judge, pytest_script,
};
use toy::{Toy, ToyWorkspace};

/// The toy, which notes what it runs.
#[derive(Default)]
struct Watched {
    seen: Mutex<Vec<String>>,
    /// A test that it believes to be out of reach of any change.
    overlooked: Option<&'static str>,
    /// Whether it ends a run at the first required test that fails.
    early: bool,
}

struct WatchedWorkspace<'a>(&'a Watched, ToyWorkspace);

impl<'a> Sandbox for &'a Watched {
    type Workspace = WatchedWorkspace<'a>;

    fn reports(&self) -> bool {
        true
    }

    fn open(&self, tree: &Tree) -> Result<WatchedWorkspace<'a>, SandboxError> {
        Ok(WatchedWorkspace(self, Toy { reports: true }.open(tree)?))
    }
}

impl Workspace for WatchedWorkspace<'_> {
    fn read(&self, path: &RepoPath) -> Result<Option<File>, SandboxError> {
        self.1.read(path)
    }

    fn write(&mut self, path: &RepoPath, file: Option<File>) -> Result<(), SandboxError> {
        self.1.write(path, file)
    }

    fn run(&mut self, command: &Command) -> Result<Output, SandboxError> {
        let mut output = self.1.run(command)?;
        let seen = match &command.program {
            Program::Shell { .. } => "script",
            Program::Python { .. } => "parser",
            Program::Tests(run) if run.affected_only => "affected",
            _ => "everything",
        };
        self.0.seen.lock().unwrap().push(seen.to_owned());
        let Program::Tests(run) = &command.program else { return Ok(output) };
        if let (true, Some(id)) = (run.affected_only, self.0.overlooked) {
            output.report = output.report.map(|report| {
                let outcome = |(known, outcome): (&TestId, Outcome)| {
                    (known.clone(), if known.as_str() == id { Outcome::Passed } else { outcome })
                };
                report.iter().map(outcome).collect()
            });
        }
        let report = output.report.clone().unwrap_or_default();
        let lost = run.required.iter().find(|id| !report.outcome(id).is_pass());
        if let (true, Some(lost)) = (self.0.early, lost) {
            let mut short = TestReport::new();
            run.required.iter().for_each(|id| short.expect(id.clone()));
            short.record(lost.clone(), report.outcome(lost));
            output.report = Some(short);
        }
        Ok(output)
    }

    fn base(&self) -> &Tree {
        self.1.base()
    }

    fn tree(&self) -> Result<Tree, SandboxError> {
        self.1.tree()
    }

    fn fork(&self) -> Result<Self, SandboxError> {
        Ok(WatchedWorkspace(self.0, self.1.fork()?))
    }
}

fn path(name: &str) -> RepoPath {
    RepoPath::new(name).unwrap()
}

fn original() -> Tree {
    let files =
        [("a.code", "x = 1\ny = 2\n"), ("t/a.t", "test_x: x 1\ntest_y: y 2\ntest_z: x 1\n")];
    Tree::from_files(files.map(|(name, text)| (path(name), File::new(text.as_bytes())))).unwrap()
}

fn set(tree: &Tree, name: &str, text: &str) -> Tree {
    tree.with_all([(path(name), Some(File::new(text.as_bytes())))]).unwrap()
}

/// Breaks two of the tests and hides one of them.
fn artifact() -> BugArtifact {
    let buggy = set(&original(), "a.code", "x = 7\ny = 2\n");
    let weakened = set(&buggy, "t/a.t", "test_x: x 7\ntest_y: y 2\ntest_z: x 1\n");
    BugArtifact {
        test_script: pytest_script(&[path("t/a.t")], &BTreeSet::new()),
        test_files: [path("t/a.t")].into(),
        test_parser: PYTEST_PARSER.to_owned(),
        bug_inject: original().diff(&buggy),
        test_weaken: buggy.diff(&weakened),
    }
}

fn bug(sandbox: &Watched) -> BugInstance {
    let suites = Suites::new(sandbox, Limits::default());
    let thresholds = Thresholds::default().with_min_passing_tests(3);
    let checked = check_consistency(&suites, &original(), &artifact(), &thresholds).unwrap();
    let provenance = Provenance { strategy: Strategy::Direct, detail: String::new() };
    let bug = BugInstance::first_order(&original(), artifact(), &checked, provenance);
    bug.unwrap_or_else(|| panic!("{:?}", checked.report.failure()))
}

#[test]
fn the_script_and_the_parser_run_once_and_every_test_once_more_at_the_end() {
    let sandbox = Watched::default();
    let bug = bug(&sandbox);
    assert_eq!(bug.f2p, ["t/a.t::test_x", "t/a.t::test_z"].map(TestId::new).into());
    let seen = sandbox.seen.into_inner().unwrap();
    // The original; the bug and its weakening; the bug once more. The restored file makes the original.
    assert_eq!(seen, ["script", "parser", "affected", "affected", "everything"]);
}

#[test]
fn a_bug_is_accepted_by_what_every_test_says() {
    let sandbox = Watched { overlooked: Some("t/a.t::test_z"), ..Watched::default() };
    assert_eq!(bug(&sandbox), bug(&Watched::default()));
}

#[test]
fn the_reference_runs_every_test() {
    let sandbox = Watched::default();
    let suites = Suites::new(&sandbox, Limits::default()).with_affected_only(false);
    let tree = original();
    let run = suites.test(&artifact(), &tree).unwrap();
    assert_eq!(suites.test_everything(&artifact(), &tree).unwrap(), run);
    assert_eq!(suites.cycles(), 1);
    assert_eq!(sandbox.seen.lock().unwrap().as_slice(), ["everything"]);
}

#[test]
fn a_repair_is_judged_by_the_broken_tests_first() {
    for early in [false, true] {
        let sandbox = Watched { early, ..Watched::default() };
        let bug = bug(&sandbox);
        let suites = Suites::new(&sandbox, Limits::default());
        let wrong = judge(&suites, &bug, &set(&bug.tree, "a.code", "x = 3\ny = 2\n")).unwrap();
        assert!(!wrong.solved && wrong.runs);
        assert_eq!(wrong.reason, "t/a.t::test_x does not pass");
        let right =
            judge(&suites, &bug, &set(&bug.tree, "a.code", "x = 1\ny = 2\nw = 0\n")).unwrap();
        assert!(right.solved, "{}", right.reason);
        assert_eq!(right.reason, "all 3 tests pass");
    }
}
