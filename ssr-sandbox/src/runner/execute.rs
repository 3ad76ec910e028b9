//! Runs a program or a run of tests in a fresh clone of the interpreter.

use ssr_core::Exit;

use crate::Result;
use crate::interpreter::{
    ExecOutcome, GuestObserver, GuestSnapshot, InstanceLimits, Vfs, WasiBuilder, WasiCtx,
    WasiParts, on_guest_stack,
};

use super::layout::Layout;
use super::process::{Finished, Interpreter, Invocation, Process};
use super::request::call;
use super::start::Start;
use super::test_watch::TestWatch;
use super::{GuestRunner, RepositoryRunner};

impl Interpreter for RepositoryRunner {
    fn execute(&self, vfs: Vfs, process: &Process) -> Result<Finished> {
        self.runner.execute(vfs, process, &self.layout)
    }
}

impl GuestRunner {
    /// Runs `process` on `vfs` in a fresh clone of the interpreter; tests in as many as they need.
    fn execute(&self, vfs: Vfs, process: &Process, layout: &Layout) -> Result<Finished> {
        let _slot = self.shared.slots.take();
        if let Invocation::Tests(tests) = &process.invocation {
            let Some(recorder) = &self.recorder else {
                return self.execute_tests(&vfs, process, tests, layout);
            };
            recorder.note(process, layout);
            let process = Process { write_bytecode: true, ..process.clone() };
            return self.execute_tests(&vfs, &process, tests, layout);
        }
        let _span = tracing::debug_span!("python").entered();
        let source = call(process, layout, None);
        self.count(&Start::Fresh);
        let (outcome, parts) = clone_and_run(
            self.snapshot(),
            process.ctx(vfs).build(),
            &process.limits(),
            &source,
            None,
            None,
        )?;
        let WasiParts { stdout, stderr, vfs, .. } = parts;
        Ok(Finished { exit: exit(outcome), stdout, stderr, vfs, report: None })
    }
}

/// Runs `source` in a fresh clone of `snapshot`, under the eyes of `watch` and `observer`.
pub(super) fn clone_and_run(
    snapshot: &GuestSnapshot,
    ctx: WasiCtx,
    limits: &InstanceLimits,
    source: &str,
    watch: Option<TestWatch>,
    observer: Option<Box<dyn GuestObserver>>,
) -> Result<(ExecOutcome, WasiParts)> {
    on_guest_stack(|| {
        let mut instance = snapshot.instantiate(ctx, limits)?;
        if let Some(mut watch) = watch {
            instance.watch(move |ctx| watch.look(&ctx.events().bytes));
        }
        instance.ctx_mut().observe(observer);
        let outcome = instance.exec(source)?;
        instance.observe_end();
        Ok((outcome, instance.into_ctx().into_parts()))
    })?
}

impl Process {
    pub(super) fn ctx(&self, vfs: Vfs) -> WasiBuilder {
        WasiCtx::builder().vfs(vfs).stdin(self.stdin.clone()).output_limit(self.output)
    }

    pub(super) fn limits(&self) -> InstanceLimits {
        let memory = usize::try_from(self.memory).unwrap_or(usize::MAX);
        InstanceLimits::default().with_wall(self.wall).with_memory(memory)
    }
}

pub(super) fn exit(outcome: ExecOutcome) -> Exit {
    match outcome {
        ExecOutcome::Exited { code } => Exit::Code(code),
        // `ssr_runtime.run` ends the process with an exit status. It returns only when memory ran
        // out and the program did not handle that.
        ExecOutcome::Finished { .. } | ExecOutcome::OutOfMemory => Exit::OutOfMemory,
        ExecOutcome::Timeout | ExecOutcome::Interrupted => Exit::Timeout,
        ExecOutcome::StackOverflow => Exit::Trapped("stack overflow".to_owned()),
        ExecOutcome::Trap { reason } => Exit::Trapped(reason),
    }
}
