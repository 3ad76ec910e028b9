use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde::{Serialize, Serializer};
use ssr_core::{Exit, TestReport, TestRunner};

use crate::Result;
use crate::engine::{ExecOutcome, Limits, Snapshot, on_guest_stack};
use crate::runner::TestWatch;
use crate::tamper::Guard;
use crate::vfs::Vfs;
use crate::wasi::{Observer, Output, WasiBuilder, WasiCtx, WasiParts};

use super::WasiSandbox;
use super::layout::Layout;
use super::start::Start;

/// What to run in the guest.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Invocation {
    /// `python -c source`.
    Code { source: String },
    /// `python -`.
    Stdin,
    /// `python file`, the file being the first argument.
    File,
    /// `python -m module`.
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
}

impl Tests {
    /// All tests that `runner` finds by its command line.
    pub(crate) fn all(runner: TestRunner) -> Self {
        Self { runner, wanted: None }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.runner {
            TestRunner::Unittest => "unittest",
            TestRunner::Django => "django",
            _ => "pytest",
        }
    }
}

fn by_name<S: Serializer>(runner: &TestRunner, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(Tests::all(*runner).name())
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
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    pub(crate) vfs: Vfs,
    pub(crate) report: Option<TestReport>,
}

/// What `ssr_runtime.run` takes.
#[derive(Serialize)]
struct Request<'a> {
    #[serde(flatten)]
    invocation: &'a Invocation,
    argv: &'a [String],
    env: &'a BTreeMap<String, String>,
    cwd: &'a str,
    path: Vec<&'a str>,
    shadowed: Vec<&'a str>,
    dont_write_bytecode: bool,
    #[serde(flatten)]
    reporting: Option<Reporting<'a>>,
}

/// What a run of tests reports on, and what it need not report.
#[derive(Serialize)]
pub(super) struct Reporting<'a> {
    /// The file that holds the key of the run.
    pub(super) key: &'a str,
    /// The file to write events to.
    pub(super) channel: &'a str,
    /// Ids that are left out.
    pub(super) skip: &'a [String],
}

impl WasiSandbox {
    /// Runs `process` on `vfs` in a fresh clone of the interpreter; tests in as many as they need.
    pub(crate) fn execute(&self, vfs: Vfs, process: &Process, layout: &Layout) -> Result<Finished> {
        let _turn = self.shared.gate.enter();
        if let Invocation::Tests(tests) = &process.invocation {
            let Some(recorder) = &self.recorder else {
                return self.execute_tests(&vfs, process, tests, layout);
            };
            recorder.note(process, layout);
            let process = Process { write_bytecode: true, ..process.clone() };
            return self.execute_tests(&vfs, &process, tests, layout);
        }
        let source = call(process, layout, None);
        self.count(&Start::Fresh);
        let (outcome, parts) = clone_and_run(
            self.snapshot(),
            process.ctx(vfs).build(),
            process.limits(),
            &source,
            None,
            None,
        )?;
        let WasiParts { stdout, stderr, vfs, .. } = parts;
        Ok(Finished { exit: exit(outcome), stdout, stderr, vfs, report: None })
    }
}

/// Runs `source` in a fresh clone of `snapshot`, under the eyes of `watch` and `guard`.
pub(super) fn clone_and_run(
    snapshot: &Snapshot,
    ctx: WasiCtx,
    limits: Limits,
    source: &str,
    watch: Option<TestWatch>,
    guard: Option<Guard>,
) -> Result<(ExecOutcome, WasiParts)> {
    on_guest_stack(|| {
        let mut instance = snapshot.instantiate(ctx, &limits)?;
        if let Some(mut watch) = watch {
            instance.watch(move |ctx| watch.look(&ctx.events().bytes));
        }
        if let Some(guard) = guard {
            instance.ctx_mut().observe(Observer::Guard(guard));
        }
        let outcome = instance.exec(source)?;
        instance.observe_end();
        Ok((outcome, instance.into_ctx().into_parts()))
    })?
}

impl Process {
    pub(super) fn ctx(&self, vfs: Vfs) -> WasiBuilder {
        WasiCtx::builder().vfs(vfs).stdin(self.stdin.clone()).output_limit(self.output)
    }

    /// The folder of the script that is the first argument.
    fn script_directory(&self) -> &str {
        let directory = self.argv.first().and_then(|file| file.rsplit_once('/'));
        directory.map_or(&self.cwd, |(directory, _)| directory)
    }

    pub(super) fn limits(&self) -> Limits {
        Limits { wall: self.wall, memory: usize::try_from(self.memory).unwrap_or(usize::MAX) }
    }
}

pub(super) fn exit(outcome: ExecOutcome) -> Exit {
    match outcome {
        ExecOutcome::Exited { code } => Exit::Code(code),
        // The runtime only returns when it could not even leave in an orderly way.
        ExecOutcome::Finished { .. } | ExecOutcome::OutOfMemory => Exit::OutOfMemory,
        ExecOutcome::Timeout | ExecOutcome::Interrupted => Exit::Timeout,
        ExecOutcome::StackOverflow => Exit::Trapped("stack overflow".to_owned()),
        ExecOutcome::Trap { reason } => Exit::Trapped(reason),
    }
}

/// The Python source that starts `process`.
pub(super) fn call(process: &Process, layout: &Layout, reporting: Option<Reporting<'_>>) -> String {
    format!("__import__('ssr_runtime').run({})\n", request(process, layout, reporting))
}

/// The Python source that goes on with a prepared session.
pub(super) fn resume(
    wanted: Option<&[String]>,
    files: &[String],
    changed: &[String],
    reporting: Reporting<'_>,
) -> String {
    #[derive(Serialize)]
    struct Resumed<'a> {
        kind: &'static str,
        wanted: Option<&'a [String]>,
        files: &'a [String],
        changed: &'a [String],
        #[serde(flatten)]
        reporting: Reporting<'a>,
    }
    let resumed = Resumed { kind: "resumed", wanted, files, changed, reporting };
    format!("__import__('ssr_runtime').run({})\n", python_literal(&resumed))
}

/// What `ssr_runtime` takes, as a Python expression.
pub(super) fn request(
    process: &Process,
    layout: &Layout,
    reporting: Option<Reporting<'_>>,
) -> String {
    let first = match &process.invocation {
        Invocation::Code { .. } | Invocation::Stdin => "",
        Invocation::File => process.script_directory(),
        Invocation::Tests(tests) if tests.runner == TestRunner::Django => {
            process.script_directory()
        }
        Invocation::Module { .. } | Invocation::Tests(_) => &process.cwd,
    };
    let mut path = vec![first];
    path.extend(layout.roots.iter().map(String::as_str));
    python_literal(&Request {
        invocation: &process.invocation,
        argv: &process.argv,
        env: &process.env,
        cwd: &process.cwd,
        path,
        shadowed: layout.modules.iter().map(String::as_str).collect(),
        dont_write_bytecode: !process.write_bytecode,
        reporting,
    })
}

/// Strings, lists and maps with string keys always have a JSON form, and the JSON form of a string
/// is a string literal of Python, too.
fn python_literal(value: &impl Serialize) -> String {
    let value = serde_json::to_string(value).unwrap_or_default();
    let literal = serde_json::to_string(&value).unwrap_or_default();
    format!("__import__('json').loads({literal})")
}

/// Lets a number of guests run at once; the others wait.
pub(super) struct Gate {
    free: Mutex<usize>,
    left: Condvar,
}

impl Gate {
    pub(super) fn new(places: usize) -> Self {
        Self { free: Mutex::new(places.max(1)), left: Condvar::new() }
    }

    fn enter(&self) -> Turn<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free =
            self.left.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Turn(self)
    }
}

struct Turn<'g>(&'g Gate);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.left.notify_one();
    }
}
