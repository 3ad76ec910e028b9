use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::{File, Patch, RepoPath, TestReport, Tree};

/// Opens isolated workspaces on trees.
///
/// Implementations are deterministic: equal trees and commands give equal outputs. They block the
/// calling thread; run them off an async runtime.
pub trait Sandbox: Send + Sync {
    /// What [`Sandbox::open`] gives.
    type Workspace: Workspace;

    /// Whether every run of tests fills [`Output::report`]. Where it does, a command without a
    /// report has run no tests, whatever it printed. Default: `false`.
    fn reports(&self) -> bool {
        false
    }

    /// Opens a workspace whose repository is `tree`.
    ///
    /// # Errors
    /// Only when the infrastructure fails, never because of what is in the tree.
    fn open(&self, tree: &Tree) -> Result<Self::Workspace, SandboxError>;
}

/// A repository in which commands can run. Dropping it leaves nothing behind.
pub trait Workspace: Send + Sized {
    /// The file at `path` as it is now, `None` when there is none.
    ///
    /// # Errors
    /// Only when the infrastructure fails.
    fn read(&self, path: &RepoPath) -> Result<Option<File>, SandboxError>;

    /// Writes the file at `path`, or removes it with `None`.
    ///
    /// # Errors
    /// [`SandboxError::Refused`] when the path is taken by a directory or a limit is reached.
    fn write(&mut self, path: &RepoPath, file: Option<File>) -> Result<(), SandboxError>;

    /// Runs a command to its end or its limits. What the command does to the repository stays.
    ///
    /// # Errors
    /// Only when the infrastructure fails: a command that fails, hangs or exhausts its limits is an
    /// [`Output`] with the [`Exit`] that says so.
    fn run(&mut self, command: &Command) -> Result<Output, SandboxError>;

    /// The tree on which this workspace was opened.
    fn base(&self) -> &Tree;

    /// The repository as it is now.
    ///
    /// # Errors
    /// Only when the infrastructure fails.
    fn tree(&self) -> Result<Tree, SandboxError>;

    /// An independent copy of this workspace.
    ///
    /// # Errors
    /// Only when the infrastructure fails.
    fn fork(&self) -> Result<Self, SandboxError>;

    /// What changed since the workspace was opened.
    ///
    /// # Errors
    /// Only when the infrastructure fails.
    fn diff(&self) -> Result<Patch, SandboxError> {
        Ok(self.base().diff(&self.tree()?))
    }
}

/// What to run in a [`Workspace`], always from the top of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program.
    pub program: Program,
    /// What the program reads on standard input.
    pub stdin: Vec<u8>,
    /// Environment variables beside the sandbox's own.
    pub env: BTreeMap<String, String>,
    /// What the program may use.
    pub limits: Limits,
}

impl Command {
    fn new(program: Program) -> Self {
        Self { program, stdin: Vec::new(), env: BTreeMap::new(), limits: Limits::default() }
    }

    /// A bash script, given by its text: it need not be a file of the repository.
    pub fn shell(script: impl Into<String>) -> Self {
        Self::new(Program::Shell { script: script.into() })
    }

    /// A Python program, given by its text.
    pub fn python(source: impl Into<String>) -> Self {
        Self::new(Program::Python { source: source.into(), args: Vec::new() })
    }

    /// The repository's tests: a [`TestRun`], or a [`TestSelection`] of pytest's tests.
    pub fn tests(run: impl Into<TestRun>) -> Self {
        Self::new(Program::Tests(run.into()))
    }

    /// Sets standard input.
    pub fn with_stdin(mut self, stdin: impl Into<Vec<u8>>) -> Self {
        self.stdin = stdin.into();
        self
    }

    /// Sets the limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// The programs that every sandbox has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Program {
    /// `bash -c script`.
    Shell {
        /// The text of the script.
        script: String,
    },
    /// `python -c source args…`.
    Python {
        /// The text of the program.
        source: String,
        /// What follows in `sys.argv`.
        args: Vec<String>,
    },
    /// A test runner, reporting through a channel beside the repository and its output.
    Tests(TestRun),
}

/// Which tests to run, and by which runner.
///
/// ```
/// use ssr_core::{Command, TestRun, TestRunner, TestSelection};
///
/// let label = TestSelection::Ids(vec!["test_add (basic.tests.Sums)".to_owned()]);
/// let run = TestRun::new(TestRunner::Django, label).with_args(["--settings=test_sqlite"]);
/// let command = Command::tests(run);
/// # let _ = command;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TestRun {
    /// The runner.
    pub runner: TestRunner,
    /// The tests.
    pub selection: TestSelection,
    /// Further arguments for the runner, as its command line takes them.
    pub args: Vec<String>,
}

impl TestRun {
    /// The tests of `selection`, run by `runner`.
    pub fn new(runner: TestRunner, selection: TestSelection) -> Self {
        Self { runner, selection, args: Vec::new() }
    }

    /// Sets the further arguments for the runner.
    pub fn with_args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }
}

impl From<TestSelection> for TestRun {
    fn from(selection: TestSelection) -> Self {
        Self::new(TestRunner::default(), selection)
    }
}

/// A test runner, which also decides how its tests are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum TestRunner {
    /// `python -m pytest`. Ids are node ids: `tests/test_a.py::Case::test_x[1]`.
    #[default]
    Pytest,
    /// `python -m unittest`. Ids are dotted: `tests.test_a.Case.test_x`.
    Unittest,
    /// Django's runner: `tests/runtests.py` in Django's own repository, `manage.py test` in a
    /// project. Ids are those of SWE-bench: `test_x (app.tests.Case)`.
    Django,
}

/// Which tests to run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TestSelection {
    /// All that the runner discovers.
    #[default]
    All,
    /// Those in the given files.
    Files(Vec<RepoPath>),
    /// The given ids, as the runner names them.
    Ids(Vec<String>),
}

/// What one command may use. A breach ends it with the [`Exit`] that names the limit; what it
/// printed until then is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time. Default: 90 s, the paper's bound for a suite.
    pub wall: Duration,
    /// Time of one test, its set-up and teardown included; processor time where the sandbox can
    /// measure it, so that a busy machine cuts nothing off. A test that takes longer ends
    /// as [`Outcome::Timeout`](crate::Outcome::Timeout), and the tests after it still run. `None`
    /// is no other bound than [`Limits::wall`]. Default: 30 s.
    ///
    /// It holds for what the sandbox knows to be a test: a run that reports beside its output.
    pub per_test: Option<Duration>,
    /// Memory in bytes. Default: 1 GiB.
    pub memory: u64,
    /// Bytes kept of each output stream; the rest is dropped and [`Output::truncated`] set.
    /// Default: 8 MiB.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(90),
            per_test: Some(Duration::from_secs(30)),
            memory: 1 << 30,
            output: 8 << 20,
        }
    }
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// With this exit code.
    Code(i32),
    /// It ran out of wall-clock time.
    Timeout,
    /// It ran out of memory.
    OutOfMemory,
    /// The machine that runs it stopped it: stack overflow, an illegal instruction.
    Trapped(String),
}

/// What a command left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Whether output was dropped because of [`Limits::output`].
    pub truncated: bool,
    /// What the test runner reported beside its output, when tests ran and the sandbox has such a
    /// channel. This, not the text, says which tests passed.
    pub report: Option<TestReport>,
}

impl Output {
    /// Whether the command ended with exit code 0.
    pub fn success(&self) -> bool {
        self.exit == Exit::Code(0)
    }

    /// Standard output followed by standard error: the log of a command.
    pub fn log(&self) -> Vec<u8> {
        [self.stdout.as_slice(), self.stderr.as_slice()].concat()
    }

    /// Standard output as text, with replacement characters where it is not UTF-8.
    pub fn stdout_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text, with replacement characters where it is not UTF-8.
    pub fn stderr_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }
}

/// A failure of the sandbox itself, never of what runs in it. An episode that meets one is dropped,
/// not scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The request cannot be carried out by this sandbox.
    #[error("sandbox refused: {0}")]
    Refused(String),
    /// The infrastructure broke.
    #[error("sandbox failed while {doing}: {source}")]
    Infrastructure {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl SandboxError {
    /// Wraps a cause with what was being done.
    pub fn infrastructure(
        doing: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Infrastructure { doing, source: source.into() }
    }
}
