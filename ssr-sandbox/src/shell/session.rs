use std::future::{Future, IntoFuture, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use bashkit::{Bash, ExecOptions, ExecutionLimits, LimitExceeded, MemoryLimits, SessionLimits};
use ssr_core::{Command, Exit, Limits, Output, SandboxError, TestReport};

use crate::Error;
use crate::engine::on_guest_stack;
use crate::sandbox::{Layout, TESTBED, WasiSandbox};
use crate::vfs::Vfs;

use super::fs::ShellFs;
use super::python::{Interpreter, Python};
use super::timeout::Timeout;

/// 2025-01-01T00:00:00Z, where the clock of the guests starts, too.
const EPOCH: i64 = 1_735_689_600;

/// How long the shell may go on after the end of its time to deliver what a Python program printed.
const DELIVERY: Duration = Duration::from_secs(10);

/// One script and what its commands share.
pub(super) struct Session {
    pub(super) sandbox: WasiSandbox,
    pub(super) layout: Layout,
    pub(super) fs: ShellFs,
    pub(super) limits: Limits,
    start: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What all test runs of the script reported.
    report: Option<TestReport>,
    truncated: bool,
    timed_out: bool,
    broken: Option<Error>,
}

impl Session {
    /// What is left of the time of the script.
    pub(super) fn left(&self) -> Duration {
        self.limits.wall.saturating_sub(self.elapsed())
    }

    /// How long the script has been running.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn add_report(&self, report: &TestReport) {
        self.state().report.get_or_insert_default().merge(report);
    }

    /// Notes that a command lost output.
    pub(super) fn truncated(&self) {
        self.state().truncated = true;
    }

    /// Ends the script because its time is over.
    pub(super) fn time_out(&self) -> bashkit::Error {
        self.state().timed_out = true;
        bashkit::Error::Cancelled
    }

    /// Cuts `running` off when the time of the script is over, unless it is ending already because
    /// a Python program was cut off: that one has output to deliver.
    async fn in_time<T>(
        &self,
        running: impl Future<Output = bashkit::Result<T>>,
    ) -> bashkit::Result<T> {
        let mut running = pin!(running);
        let mut end = pin!(tokio::time::sleep(self.left()));
        poll_fn(|cx| match running.as_mut().poll(cx) {
            Poll::Pending if !self.state().timed_out => {
                end.as_mut().poll(cx).map(|()| Err(self.time_out()))
            }
            other => other,
        })
        .await
    }

    /// Ends the script because the sandbox itself failed.
    pub(super) fn break_off(&self, error: Error) -> bashkit::Error {
        self.state().broken = Some(error);
        bashkit::Error::Cancelled
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `script` as `bash -c` would and returns the filesystem that it left.
pub(crate) fn run(
    sandbox: &WasiSandbox,
    layout: &Layout,
    vfs: Vfs,
    command: &Command,
    script: &str,
) -> Result<(Output, Vfs), SandboxError> {
    let session = Arc::new(Session {
        sandbox: sandbox.clone(),
        layout: layout.clone(),
        fs: ShellFs::new(vfs),
        limits: command.limits,
        start: Instant::now(),
        state: Mutex::default(),
    });
    // One large stack for the whole script: the shell recurses, too.
    let output = on_guest_stack(|| interpret(&session, command, script))?;
    Ok((output, session.fs.snapshot()))
}

fn interpret(
    session: &Arc<Session>,
    command: &Command,
    script: &str,
) -> Result<Output, SandboxError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| SandboxError::infrastructure("starting the shell", error))?;
    let (stdout, stderr) = (Sink::default(), Sink::default());
    let mut bash = bash(session, command);
    let result = runtime.block_on(async {
        let options = ExecOptions::new().stdin(command.stdin.clone());
        let (stdout, stderr) = (stdout.clone(), stderr.clone());
        let running = bash
            .execute(script)
            .options(options)
            .stdout_fn(move |bytes| stdout.take(bytes))
            .stderr_fn(move |bytes| stderr.take(bytes))
            .into_future();
        session.in_time(running).await
    });
    let (stdout, mut stderr) = (stdout.bytes(), stderr.bytes());
    let mut state = std::mem::take(&mut *session.state());
    if let Some(error) = state.broken {
        return Err(SandboxError::infrastructure("running Python in the shell", error));
    }
    let limit = command.limits.output;
    state.truncated |= stdout.len() >= limit || stderr.len() >= limit;
    let exit = match result {
        Ok(result) => {
            state.truncated |= result.stdout_truncated || result.stderr_truncated;
            Exit::Code(result.exit_code)
        }
        Err(_) if state.timed_out => Exit::Timeout,
        Err(error) => {
            let (exit, message) = ended(&error, script);
            stderr.extend_from_slice(message.as_bytes());
            exit
        }
    };
    Ok(Output { exit, stdout, stderr, truncated: state.truncated, report: state.report })
}

fn bash(session: &Arc<Session>, command: &Command) -> Bash {
    let python = |interpreter| Python::new(Arc::clone(session), interpreter);
    let mut builder = Bash::builder()
        .fs(Arc::new(session.fs.clone()))
        .cwd(TESTBED)
        .username("root")
        .hostname("sandbox")
        .fixed_epoch(EPOCH)
        .limits(limits(&command.limits))
        .session_limits(SessionLimits::unlimited())
        .memory_limits(memory_limits(&command.limits))
        .env("HOME", "/root")
        .env("LANG", "C.UTF-8")
        .env("PATH", "/usr/local/bin:/usr/bin:/bin");
    for (name, interpreter) in [
        ("python", Interpreter::Python),
        ("python3", Interpreter::Python),
        ("pytest", Interpreter::Pytest),
        ("py.test", Interpreter::Pytest),
    ] {
        builder = builder.command(name, python(interpreter));
    }
    builder = builder.builtin("timeout", Box::new(Timeout(Arc::clone(session))));
    for (name, value) in &command.env {
        builder = builder.env(name, value);
    }
    builder.build()
}

/// What variables hold counts as memory of the command.
fn memory_limits(limits: &Limits) -> MemoryLimits {
    let bytes = usize::try_from(limits.memory).unwrap_or(usize::MAX);
    MemoryLimits::unlimited().max_total_variable_bytes(bytes).max_array_entries(1_000_000)
}

/// Time, memory and output are what a command is limited by; the shell's own counters only have to
/// stay out of the way of ordinary scripts.
fn limits(limits: &Limits) -> ExecutionLimits {
    const MANY: usize = 100_000_000;
    ExecutionLimits::new()
        .timeout(limits.wall.saturating_add(DELIVERY))
        .max_stdout_bytes(limits.output)
        .max_stderr_bytes(limits.output)
        .max_live_intermediate_bytes(limits.memory)
        .max_aggregate_input_bytes(u64::MAX)
        .max_work_units(u64::MAX)
        .max_commands(MANY)
        .max_loop_iterations(MANY)
        .max_total_loop_iterations(MANY)
        .max_parser_operations(10_000_000)
}

/// How a script ended that the shell did not bring to its end, and what it says about that.
fn ended(error: &bashkit::Error, script: &str) -> (Exit, String) {
    match error {
        bashkit::Error::Cancelled => (Exit::Timeout, String::new()),
        bashkit::Error::ResourceLimit(LimitExceeded::Timeout(_)) => (Exit::Timeout, String::new()),
        bashkit::Error::ResourceLimit(limit) => {
            (Exit::Trapped(format!("shell: {limit}")), format!("bash: {limit}\n"))
        }
        bashkit::Error::Parse { .. } => {
            let report = error.syntax_report("bash: -c", script);
            (Exit::Code(2), report.unwrap_or_else(|| format!("bash: {error}\n")))
        }
        other => (Exit::Code(1), format!("bash: {other}\n")),
    }
}

/// Collects a stream as it comes, so that nothing is lost when the script is cut off.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn take(&self, bytes: Vec<u8>) -> std::future::Ready<bashkit::Result<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&bytes);
        std::future::ready(Ok(()))
    }

    fn bytes(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
