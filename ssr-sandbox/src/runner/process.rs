//! What can be run in the interpreter, and the trait through which the shell runs it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};
use ssr_core::{Exit, TestId, TestReport, TestRunner};

use crate::Result;
use crate::harness::runner_name;
use crate::interpreter::{CapturedOutput, Vfs};

/// Runs Python programs and tests on a filesystem. The shell asks for nothing else.
pub(crate) trait Interpreter: Send + Sync {
    /// Runs `process` to its end or its limits on a copy of `vfs`.
    ///
    /// # Errors
    /// Only when the infrastructure fails.
    fn execute(&self, vfs: Vfs, process: &Process) -> Result<Finished>;
}

/// What to run in the guest.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Invocation {
    /// `python -c source`.
    Code { source: String },
    /// `python -`.
    #[cfg(feature = "shell")]
    Stdin,
    /// `python file`, the file being the first argument.
    #[cfg(feature = "shell")]
    File,
    /// `python -m module`.
    #[cfg(feature = "shell")]
    Module { module: String },
    /// A test runner, with events.
    Tests(Tests),
}

/// A run of tests.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub(crate) struct Tests {
    #[serde(serialize_with = "by_name")]
    pub(crate) runner: TestRunner,
    /// The only ids to run, all when `None`.
    pub(crate) wanted: Option<Vec<String>>,
    /// Tests that end the run by failing.
    #[serde(skip)]
    pub(crate) required: Vec<TestId>,
    /// Whether tests that a change cannot reach need not run.
    #[serde(skip)]
    pub(crate) affected_only: bool,
    /// Whether pytest's own cache is on, which the shell keeps outside of the repository. Otherwise
    /// its options mean what they mean without a cache.
    pub(crate) cache: bool,
}

impl Tests {
    /// All tests that `runner` finds by its command line.
    pub(crate) fn all(runner: TestRunner) -> Self {
        let (required, affected_only) = (Vec::new(), false);
        Self { runner, wanted: None, required, affected_only, cache: false }
    }

    pub(crate) fn name(&self) -> &'static str {
        runner_name(self.runner)
    }
}

fn by_name<S: Serializer>(runner: &TestRunner, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(runner_name(*runner))
}

/// One run of the interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) invocation: Invocation,
    /// `sys.argv`.
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: String,
    pub(crate) stdin: Vec<u8>,
    /// `Limits::cpu`.
    pub(crate) cpu: Duration,
    /// `Limits::wall`.
    pub(crate) wall: Duration,
    pub(crate) per_test: Option<Duration>,
    pub(crate) memory: u64,
    pub(crate) output: usize,
    /// Whether imports leave bytecode in the filesystem.
    pub(crate) write_bytecode: bool,
}

/// What a run of the interpreter left.
pub(crate) struct Finished {
    pub(crate) exit: Exit,
    pub(crate) stdout: CapturedOutput,
    pub(crate) stderr: CapturedOutput,
    pub(crate) vfs: Vfs,
    pub(crate) report: Option<TestReport>,
    /// What counts of its processor time.
    pub(crate) cpu: Duration,
    /// Whether it came closer to a limit of time than is certain beside other guests.
    pub(crate) close: bool,
}
