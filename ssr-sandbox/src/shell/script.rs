//! Runs one script in bash, with the commands of our own.

use std::borrow::Cow;
use std::future::{IntoFuture, ready};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bashkit::{
    Bash, ExecOptions, ExecutionBudgetExceeded, ExecutionLimits, LimitExceeded, MemoryLimits,
    SessionLimits, ShellState,
};
use ssr_core::{Command, Exit, Limits, Output, SandboxError};

use crate::harness::TESTBED;
use crate::interpreter::{Vfs, on_guest_stack};
use crate::runner::Interpreter;

use super::braces::expand_large;
use super::diff::Diff;
use super::files::{Cmp, Id, Mkdir, Mv, Realpath, Rm, Stat};
use super::fs::ShellFs;
use super::git::{Git, History};
use super::ls::Ls;
use super::output::{Listener, OutputStream, Sinks};
use super::patch::Patch;
use super::python::{Python, PythonCommand};
use super::session::{EPOCH, Session};
use super::timeout::Timeout;
use super::yes::Yes;

/// How long the shell may go on after the end of the machine's patience to deliver what a Python
/// program printed.
const DELIVERY: Duration = Duration::from_secs(10);

/// What a script works on and leaves.
pub(crate) struct World<'w> {
    pub(crate) vfs: &'w mut Vfs,
    pub(crate) history: &'w mut History,
}

/// Runs `script` as `bash -c` would and changes `world` and, when there is one, the state of the
/// shell. Programs run in `interpreter`; `listener` hears the output as it comes.
pub(crate) fn run(
    interpreter: Arc<dyn Interpreter>,
    world: World<'_>,
    shell: Option<&mut ShellState>,
    command: &Command,
    script: &str,
    listener: Listener<'_>,
) -> Result<Output, SandboxError> {
    let fs = ShellFs::new(world.vfs.clone());
    let history = world.history.clone();
    let session = Arc::new(Session::new(interpreter, fs, history, command.limits));
    // One large stack for the whole script: the shell recurses, too.
    let output = on_guest_stack(|| interpret(&session, shell, command, script, listener))
        .map_err(|error| SandboxError::infrastructure("starting the shell", error))??;
    *world.vfs = session.fs.snapshot();
    *world.history = session.history().clone();
    Ok(output)
}

/// The state of a shell that has just been started.
pub(crate) fn fresh_state(
    interpreter: Arc<dyn Interpreter>,
    vfs: &Vfs,
    history: &History,
) -> ShellState {
    let (fs, history) = (ShellFs::new(vfs.clone()), history.clone());
    let session = Arc::new(Session::new(interpreter, fs, history, Limits::default()));
    bash(&session, &Command::shell("")).shell_state()
}

fn interpret(
    session: &Arc<Session>,
    shell: Option<&mut ShellState>,
    command: &Command,
    script: &str,
    listener: Listener<'_>,
) -> Result<Output, SandboxError> {
    session.begin();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| SandboxError::infrastructure("starting the shell", error))?;
    let sinks = Sinks::new(command.limits.output, listener);
    let mut bash = bash(session, command);
    if let Some(state) = &shell {
        bash.restore_shell_state(state);
        // What the command brings wins over what the session has.
        command.env.iter().for_each(|(name, value)| bash.set_env(name, value));
    }
    let script = match expand_large(script) {
        Ok(script) => script,
        Err(problem) => {
            sinks.take(OutputStream::Stderr, format!("bash: {problem}\n").as_bytes());
            let (stdout, stderr, _) = sinks.finish();
            return Ok(Output::new(Exit::Code(2)).with_stdout(stdout).with_stderr(stderr));
        }
    };
    let script = with_status(&script, shell.as_ref().map_or(0, |state| state.last_exit_code));
    let cancelled = bash.cancellation_token();
    let watch = session
        .watch(Arc::clone(&cancelled))
        .map_err(|error| SandboxError::infrastructure("starting the shell", error))?;
    let result = runtime.block_on(async {
        // Bashkit starts $RANDOM anywhere; equal scripts shall see equal numbers.
        let _ = bash.exec(&format!("RANDOM={}", checksum(&script))).await;
        let options = ExecOptions::new().stdin(command.stdin.clone());
        let running = bash
            .execute(&script)
            .options(options)
            .stdout_fn(|bytes| {
                sinks.take(OutputStream::Stdout, &bytes);
                ready(Ok(()))
            })
            .stderr_fn(|bytes| {
                sinks.take(OutputStream::Stderr, &bytes);
                ready(Ok(()))
            })
            .into_future();
        session.in_time(running).await
    });
    drop(watch);
    if let Some(shell) = shell {
        *shell = bash.shell_state();
    }
    let mut state = std::mem::take(&mut *session.state());
    if let Some(error) = state.broken {
        return Err(SandboxError::infrastructure("running Python in the shell", error));
    }
    let exit = match result {
        Ok(result) => {
            state.truncated |= result.stdout_truncated || result.stderr_truncated;
            Exit::Code(result.exit_code)
        }
        Err(_) if state.timed_out || cancelled.load(Ordering::Relaxed) => Exit::Timeout,
        Err(bashkit::Error::ResourceLimit(
            LimitExceeded::Timeout(_)
            | LimitExceeded::ExecutionBudget(ExecutionBudgetExceeded::Deadline { .. }),
        )) => {
            return Err(SandboxError::infrastructure("running a script", session.stalled()));
        }
        Err(error) => {
            let (exit, message) = ended(&error, &script);
            sinks.take(OutputStream::Stderr, message.as_bytes());
            exit
        }
    };
    let (stdout, stderr, cut) = sinks.finish();
    Ok(Output::new(exit)
        .with_stdout(stdout)
        .with_stderr(stderr)
        .with_truncated(state.truncated || cut)
        .with_report(state.report)
        .with_cpu(session.elapsed()))
}

fn bash(session: &Arc<Session>, command: &Command) -> Bash {
    let python = |command| Python::new(Arc::clone(session), command);
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
    for (name, python_command) in [
        ("python", PythonCommand::Python),
        ("python3", PythonCommand::Python),
        ("pytest", PythonCommand::Pytest),
        ("py.test", PythonCommand::Pytest),
    ] {
        builder = builder.command(name, python(python_command));
    }
    builder = builder
        .builtin("timeout", Box::new(Timeout(Arc::clone(session))))
        .builtin("git", Box::new(Git(Arc::clone(session))))
        .builtin("diff", Box::new(Diff))
        .builtin("cmp", Box::new(Cmp))
        .builtin("id", Box::new(Id))
        .builtin("ls", Box::new(Ls))
        .builtin("mkdir", Box::new(Mkdir))
        .builtin("mv", Box::new(Mv))
        .builtin("realpath", Box::new(Realpath))
        .builtin("rm", Box::new(Rm))
        .builtin("stat", Box::new(Stat))
        .builtin("patch", Box::new(Patch))
        .command("yes", Yes);
    for (name, value) in &command.env {
        builder = builder.env(name, value);
    }
    let mut bash = builder.build();
    // Bashkit takes its user for number 1000 and lets no script say otherwise.
    let mut state = bash.shell_state();
    for name in ["UID", "EUID"] {
        state.variables.insert(name.to_owned(), "0".to_owned());
    }
    bash.restore_shell_state(&state);
    bash
}

/// Bashkit forgets `$?` between two scripts.
fn with_status(script: &str, status: i32) -> Cow<'_, str> {
    let asks = status != 0 && (script.contains("$?") || script.contains("${?"));
    if asks { format!("(exit {status}); {script}").into() } else { script.into() }
}

/// A number that depends on all of `text`.
fn checksum(text: &str) -> u16 {
    text.bytes().fold(1, |sum, byte| sum.wrapping_mul(31).wrapping_add(u16::from(byte)))
}

/// What the variables of a script may hold: the memory of a command is for its programs.
const VARIABLES: u64 = 64 << 20;
/// What stands in pipes, substitutions and words while a script runs.
const IN_FLIGHT: u64 = 256 << 20;
/// Words that one substitution may be split into.
const SPLIT_WORDS: usize = 1_000_000;

/// What variables hold counts as memory of the command.
fn memory_limits(limits: &Limits) -> MemoryLimits {
    let bytes = usize::try_from(limits.memory.min(VARIABLES)).unwrap_or(usize::MAX);
    MemoryLimits::unlimited().max_total_variable_bytes(bytes).max_array_entries(SPLIT_WORDS)
}

/// Time, memory and output are what a command is limited by; the shell's own counters only have to
/// stay out of the way of ordinary scripts.
fn limits(limits: &Limits) -> ExecutionLimits {
    const MANY: usize = 100_000_000;
    // What is printed is cut by the sink, which counts what it drops.
    let in_flight = limits.memory.min(IN_FLIGHT);
    let memory = usize::try_from(in_flight).unwrap_or(usize::MAX);
    ExecutionLimits::new()
        .timeout(limits.wall_limit().saturating_add(DELIVERY))
        .max_stdout_bytes(memory)
        .max_stderr_bytes(memory)
        .max_live_intermediate_bytes(in_flight)
        .max_word_split_fields(SPLIT_WORDS)
        .max_word_split_bytes(memory)
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
        bashkit::Error::ResourceLimit(LimitExceeded::ExecutionBudget(
            ExecutionBudgetExceeded::Cancelled,
        )) => (Exit::Timeout, String::new()),
        bashkit::Error::ResourceLimit(LimitExceeded::MaxFunctionDepth(depth)) => {
            let problem = format!(
                "functions, `source`, `bash -c` and scripts nest at most {depth} deep in this \
                 sandbox; use a loop, or Python"
            );
            (Exit::Trapped(format!("shell: {problem}")), format!("bash: {problem}\n"))
        }
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
