use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use ssr_core::{Exit, TestId, TestReport};

use crate::engine::{ExecOutcome, Limits, on_guest_stack};
use crate::runner::read_events;
use crate::vfs::Vfs;
use crate::wasi::{Output, WasiCtx};
use crate::{Error, Result};

use super::WasiSandbox;
use super::layout::Layout;

/// Bytes of events that one test run may report: enough for some hundred thousand tests.
const EVENTS_LIMIT: usize = 64 << 20;

/// Where the key of a test run lies until the plugin has read it.
const KEY_FILE: &str = "/run/ssr/key";

/// What to run in the guest.
#[derive(Debug, Clone, Serialize)]
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
    /// `pytest`, with events.
    Tests { wanted: Option<Vec<String>> },
}

/// One run of the interpreter.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) invocation: Invocation,
    /// `sys.argv`.
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: String,
    pub(crate) stdin: Vec<u8>,
    pub(crate) wall: Duration,
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
    key: &'a str,
    channel: &'a str,
}

impl WasiSandbox {
    /// Runs `process` on `vfs` in a fresh clone of the interpreter.
    pub(crate) fn execute(
        &self,
        mut vfs: Vfs,
        process: &Process,
        layout: &Layout,
    ) -> Result<Finished> {
        let _turn = self.0.gate.enter();
        let wanted = match &process.invocation {
            Invocation::Tests { wanted } => Some(wanted.as_deref().unwrap_or_default()),
            _ => None,
        };
        let (key, channel) = (secret(), format!("/run/ssr/{}", secret()));
        if wanted.is_some() {
            vfs.mount("/", &key_tree(&key)).map_err(|error| Error::Engine(error.to_string()))?;
        }
        let ctx = WasiCtx::builder()
            .vfs(vfs)
            .stdin(process.stdin.clone())
            .output_limit(process.output)
            .events(&channel, if wanted.is_some() { EVENTS_LIMIT } else { 0 })
            .build();
        let memory = usize::try_from(process.memory).unwrap_or(usize::MAX);
        let limits = Limits { wall: process.wall, memory };
        let source = call(process, layout, &channel);
        let (outcome, ctx) = on_guest_stack(|| {
            let mut instance = self.0.snapshot.instantiate(ctx, &limits)?;
            let outcome = instance.exec(&source)?;
            Ok::<_, Error>((outcome, instance.into_ctx()))
        })?;
        let parts = ctx.into_parts();
        let report = wanted.map(|wanted| {
            let wanted: Vec<TestId> = wanted.iter().map(|id| TestId::new(id)).collect();
            read_events(&parts.events.bytes, &key, &wanted)
        });
        let mut vfs = parts.vfs;
        if wanted.is_some() {
            // The run may have ended before the plugin took it away, or have put something else
            // there; nothing that a guest leaves is a failure of ours.
            let _ = vfs.remove_file(KEY_FILE).or_else(|_| vfs.remove_dir_all(KEY_FILE));
        }
        Ok(Finished {
            exit: exit(outcome),
            stdout: parts.stdout,
            stderr: parts.stderr,
            vfs,
            report,
        })
    }
}

fn exit(outcome: ExecOutcome) -> Exit {
    match outcome {
        ExecOutcome::Exited { code } => Exit::Code(code),
        // The runtime only returns when it could not even leave in an orderly way.
        ExecOutcome::Finished { .. } | ExecOutcome::OutOfMemory => Exit::OutOfMemory,
        ExecOutcome::Timeout => Exit::Timeout,
        ExecOutcome::StackOverflow => Exit::Trapped("stack overflow".to_owned()),
        ExecOutcome::Trap { reason } => Exit::Trapped(reason),
    }
}

/// The Python source that starts `process`.
fn call(process: &Process, layout: &Layout, channel: &str) -> String {
    let first = match &process.invocation {
        Invocation::Code { .. } | Invocation::Stdin => "",
        Invocation::File => {
            let directory = process.argv.first().and_then(|file| file.rsplit_once('/'));
            directory.map_or(&*process.cwd, |(directory, _)| directory)
        }
        Invocation::Module { .. } | Invocation::Tests { .. } => &process.cwd,
    };
    let mut path = vec![first];
    path.extend(layout.roots.iter().map(String::as_str));
    let request = Request {
        invocation: &process.invocation,
        argv: &process.argv,
        env: &process.env,
        cwd: &process.cwd,
        path,
        shadowed: layout.modules.iter().map(String::as_str).collect(),
        dont_write_bytecode: !process.write_bytecode,
        key: KEY_FILE,
        channel,
    };
    // Strings, lists and maps with string keys always have a JSON form, and the JSON form of a
    // string is a string literal of Python, too.
    let request = serde_json::to_string(&request).unwrap_or_default();
    let literal = serde_json::to_string(&request).unwrap_or_default();
    format!("__import__('ssr_runtime').run(__import__('json').loads({literal}))\n")
}

fn key_tree(key: &str) -> ssr_core::Tree {
    let path = ssr_core::RepoPath::new(KEY_FILE.trim_start_matches('/'));
    let files = path.map(|path| (path, ssr_core::File::new(key.as_bytes())));
    ssr_core::Tree::from_files(files).unwrap_or_default()
}

/// A number that the guest cannot guess; what it prints depends on it only when the tested code
/// searches the interpreter for it.
fn secret() -> String {
    let [high, low] = [(); 2].map(|()| RandomState::new().hash_one("event channel"));
    format!("{high:016x}{low:016x}")
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
