//! What to run in a workspace.

use std::collections::BTreeMap;

use super::Limits;
use crate::{RepoPath, TestId, pytest_run};

/// What to run in a [`Workspace`](crate::Workspace), always from the top of the repository.
///
/// ```
/// use std::time::Duration;
///
/// use ssr_core::{Command, Limits};
///
/// let command = Command::shell("make test")
///     .with_env("CI", "1")
///     .with_limits(Limits::default().with_cpu(Duration::from_secs(5)));
/// assert_eq!(command.env["CI"], "1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
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
    /// A command that runs `program` without input, within the default limits.
    pub fn new(program: Program) -> Self {
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

    /// What runs the suite of a test script: pytest itself for a [standard script](pytest_run), a shell
    /// for every other one.
    pub fn suite(script: &str) -> Self {
        pytest_run(script).map_or_else(|| Self::shell(script), Self::tests)
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Sets standard input.
    #[must_use]
    pub fn with_stdin(mut self, stdin: impl Into<Vec<u8>>) -> Self {
        self.stdin = stdin.into();
        self
    }

    /// Sets the limits.
    #[must_use]
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
#[non_exhaustive]
pub struct TestRun {
    /// The runner.
    pub runner: TestRunner,
    /// The tests.
    pub selection: TestSelection,
    /// Further arguments for the runner, as its command line takes them.
    pub args: Vec<String>,
    /// Tests that all have to pass, for a run that is over as soon as one of them fails. A sandbox
    /// may run them first, in this order, and leave out what follows the failure: those tests are
    /// [`Outcome::Missing`](crate::Outcome::Missing). It may also run everything.
    pub required: Vec<TestId>,
    /// Whether tests that the difference from a known tree cannot reach need not run again. A sandbox
    /// that knows which code each test executes reports them as they ended on that tree; others
    /// run everything. The report is the same.
    pub affected_only: bool,
}

impl TestRun {
    /// The tests of `selection`, run by `runner`.
    pub fn new(runner: TestRunner, selection: TestSelection) -> Self {
        Self { runner, selection, ..Self::default() }
    }

    /// Sets [`TestRun::required`].
    #[must_use]
    pub fn with_required(mut self, tests: impl IntoIterator<Item = TestId>) -> Self {
        self.required = tests.into_iter().collect();
        self
    }

    /// Sets [`TestRun::affected_only`].
    #[must_use]
    pub fn with_affected_only(mut self, affected_only: bool) -> Self {
        self.affected_only = affected_only;
        self
    }

    /// Sets the tests.
    #[must_use]
    pub fn with_selection(mut self, selection: TestSelection) -> Self {
        self.selection = selection;
        self
    }

    /// Sets the further arguments for the runner.
    #[must_use]
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
    /// What the runner makes of these arguments, which are its whole command line: the sandbox adds
    /// no option that selects or stops.
    CommandLine(Vec<String>),
}
