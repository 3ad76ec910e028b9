//! Runs a program or a run of tests in a fresh clone of the interpreter.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ssr_core::Exit;

use crate::interpreter::{
    ExecOutcome, GuestObserver, GuestSnapshot, InstanceLimits, Vfs, WasiBuilder, WasiCtx,
    WasiParts, on_guest_stack,
};
use crate::{Error, Result};

use super::layout::Layout;
use super::process::{Finished, Interpreter, Invocation, Process};
use super::request::call;
use super::start::Start;
use super::test_watch::TestWatch;
use super::timing::Timing;
use super::{GuestRunner, RepositoryRunner};

impl Interpreter for RepositoryRunner {
    fn execute(&self, vfs: Vfs, process: &Process) -> Result<Finished> {
        self.runner.execute(vfs, process, &self.layout)
    }
}

impl GuestRunner {
    /// Runs `process` on `vfs` in a fresh clone of the interpreter; tests in as many as they need.
    /// What comes close to a limit of time beside other guests, or has to wait for the machine, runs
    /// once more, alone.
    fn execute(&self, vfs: Vfs, process: &Process, layout: &Layout) -> Result<Finished> {
        let shared = {
            let _slot = self.shared.slots.take();
            self.attempt(&vfs, process, layout, Timing::Shared)
        };
        match shared {
            Ok(Finished { close: true, .. }) | Err(Error::Stalled { .. }) => {}
            certain => return certain,
        }
        let _slots = self.shared.slots.take_all();
        self.shared.repeated.fetch_add(1, Ordering::Relaxed);
        self.attempt(&vfs, process, layout, Timing::Alone)
    }

    fn attempt(
        &self,
        vfs: &Vfs,
        process: &Process,
        layout: &Layout,
        timing: Timing,
    ) -> Result<Finished> {
        if let Invocation::Tests(tests) = &process.invocation {
            let Some(recorder) = &self.recorder else {
                return self.execute_tests(vfs, process, tests, layout, timing);
            };
            recorder.note(process, layout);
            let process = Process { write_bytecode: true, ..process.clone() };
            return self.execute_tests(vfs, &process, tests, layout, timing);
        }
        let _span = tracing::debug_span!("python").entered();
        let source = call(process, layout, None);
        let limits = process.limits().with_cpu(timing.most(process.cpu));
        let ctx = process.ctx(vfs.clone()).build();
        let Ran { outcome, parts, cpu } =
            clone_and_run(self.snapshot(), ctx, &limits, &source, None, None)?;
        self.count(&Start::Fresh, cpu);
        let WasiParts { stdout, stderr, vfs, .. } = parts;
        let close = cpu > process.cpu && outcome != ExecOutcome::Timeout;
        Ok(Finished { exit: exit(outcome), stdout, stderr, vfs, report: None, cpu, close })
    }
}

/// What a clone did.
pub(super) struct Ran {
    pub(super) outcome: ExecOutcome,
    pub(super) parts: WasiParts,
    pub(super) cpu: Duration,
}

/// Runs `source` in a fresh clone of `snapshot`, under the eyes of `watch` and `observer`.
///
/// # Errors
/// Those of the engine, and [`Error::Stalled`].
pub(super) fn clone_and_run(
    snapshot: &GuestSnapshot,
    ctx: WasiCtx,
    limits: &InstanceLimits,
    source: &str,
    watch: Option<TestWatch>,
    observer: Option<Box<dyn GuestObserver>>,
) -> Result<Ran> {
    on_guest_stack(|| {
        let mut instance = snapshot.instantiate(ctx, limits)?;
        if let Some(mut watch) = watch {
            instance.watch(move |ctx| watch.look(&ctx.events().bytes));
        }
        instance.ctx_mut().observe(observer);
        let outcome = instance.exec(source)?;
        if outcome == ExecOutcome::Stalled {
            return Err(Error::Stalled { wall: limits.wall });
        }
        instance.observe_end();
        let cpu = instance.cpu_time();
        Ok(Ran { outcome, parts: instance.into_ctx().into_parts(), cpu })
    })?
}

impl Process {
    pub(super) fn ctx(&self, vfs: Vfs) -> WasiBuilder {
        WasiCtx::builder().vfs(vfs).stdin(self.stdin.clone()).output_limit(self.output)
    }

    pub(super) fn limits(&self) -> InstanceLimits {
        let memory = usize::try_from(self.memory).unwrap_or(usize::MAX);
        InstanceLimits::default().with_cpu(self.cpu).with_wall(self.wall).with_memory(memory)
    }
}

pub(super) fn exit(outcome: ExecOutcome) -> Exit {
    match outcome {
        ExecOutcome::Exited { code } => Exit::Code(code),
        // `ssr_runtime.run` ends the process with an exit status. It returns only when memory ran
        // out and the program did not handle that.
        ExecOutcome::Finished { .. } | ExecOutcome::OutOfMemory => Exit::OutOfMemory,
        ExecOutcome::Timeout | ExecOutcome::Interrupted | ExecOutcome::Stalled => Exit::Timeout,
        ExecOutcome::StackOverflow => Exit::Trapped("stack overflow".to_owned()),
        ExecOutcome::Trap { reason } => Exit::Trapped(reason),
    }
}
