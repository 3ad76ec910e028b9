//! `WasiSandbox`: opens workspaces in WebAssembly, and warms repositories.

use ssr_core::{Command, Output, Program, Sandbox, SandboxError, Tree, Workspace};

use crate::runner::{GuestRunner, SandboxCounters};

use super::WasiWorkspace;

/// CPython in WebAssembly as a sandbox: no process, no container, no daemon.
///
/// Every run starts from one snapshot of a warm interpreter, with its own copy-on-write memory and
/// its own copy-on-write filesystem, and leaves nothing behind. There is no network, no
/// subprocess, no thread and no native extension; clocks and randomness are virtual, so equal
/// inputs give equal outputs. Clones share everything.
///
/// Shell scripts need the feature `shell`; without it they are
/// [refused](ssr_core::SandboxError::Refused).
#[derive(Clone)]
pub struct WasiSandbox {
    runner: GuestRunner,
}

impl WasiSandbox {
    pub(super) fn new(runner: GuestRunner) -> Self {
        Self { runner }
    }

    /// Runs `command` once in a throw-away workspace on `tree`, so that running it again, on this
    /// tree or on one that differs in some files, skips what did not change:
    ///
    /// - Bytecode is kept, and used only for a source with the very bytes that it was compiled from.
    /// - Each pytest session that the command started is started once more and kept at the point
    ///   before it collects, with plugins, configuration and conftest files loaded. A run goes on
    ///   from there while everything that the session looked at is unchanged, and starts from the
    ///   beginning otherwise. A session of [`Program::Tests`] serves any selection of files and ids.
    /// - From the second run of a selection on, a session is also kept at the point at which its
    ///   tests are collected. A run goes on from there when trees differ only inside of functions
    ///   that were not called until then: their code is exchanged.
    /// - What would count as a sign of tampering in the report of that run is how this repository's
    ///   own tests work, and is passed over in later reports.
    ///
    /// Apart from that, results are the same either way, except for the addresses that objects have
    /// in memory. Of the trees warmed, the last eight are kept. Returns the output of that run.
    ///
    /// Call it with trees that are trusted as much as their own tests are: what they compile and
    /// load is what later runs of unchanged files execute.
    ///
    /// # Errors
    /// Only when the infrastructure fails.
    pub fn warm(&self, tree: &Tree, command: &Command) -> Result<Output, SandboxError> {
        self.runner.warm(tree, |runner, vfs| {
            let mut workspace = WasiWorkspace::on(runner, tree, vfs);
            match &command.program {
                Program::Tests(_) => workspace.run_tests(command),
                _ => Ok((workspace.run(command)?, workspace.into_vfs())),
            }
        })
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> SandboxCounters {
        self.runner.counters()
    }
}

impl Sandbox for WasiSandbox {
    type Workspace = WasiWorkspace;

    fn reports(&self) -> bool {
        true
    }

    fn open(&self, tree: &Tree) -> Result<WasiWorkspace, SandboxError> {
        let (runner, vfs) = self.runner.open(tree)?;
        Ok(WasiWorkspace::on(runner, tree, vfs))
    }
}
