//! The WASI implementation of the traits `Sandbox` and `Workspace`.

mod builder;
mod bytecode;
mod layout;
mod passes;
mod process;
mod workspace;

use std::sync::{Arc, Mutex, PoisonError};

use ssr_core::{Command, Output, Sandbox, SandboxError, TestSelection, Tree};

use crate::engine::Snapshot;
use crate::tamper::Judge;
use crate::vfs::Vfs;

use bytecode::Warm;

use process::Gate;

pub use builder::WasiSandboxBuilder;
pub use workspace::WasiWorkspace;

pub(crate) use layout::Layout;
pub(crate) use process::{Invocation, Process, Tests};

/// Where the repository is in the guest, as in SWE-bench images.
pub(crate) const TESTBED: &str = "/testbed";

/// Where installed packages are in the guest.
pub(crate) const SITE_PACKAGES: &str = "/site-packages";

/// Warm trees that a sandbox keeps; the oldest goes first.
const KEPT_WARM: usize = 8;

/// CPython in WebAssembly as a sandbox: no process, no container, no daemon.
///
/// Every run starts from one snapshot of a warm interpreter, with its own copy-on-write memory and
/// its own copy-on-write filesystem, and leaves nothing behind. There is no network, no
/// subprocess, no thread and no native extension; clocks and randomness are virtual, so equal
/// inputs give equal outputs. Clones share everything.
#[derive(Clone)]
pub struct WasiSandbox(Arc<Shared>);

struct Shared {
    /// Python with pytest imported, no repository in sight.
    snapshot: Snapshot,
    /// What that interpreter looks like.
    judge: Arc<Judge>,
    gate: Gate,
    warm: Mutex<Vec<Warm>>,
}

impl WasiSandbox {
    /// Runs the tests of `tree` once in a throw-away clone and keeps the bytecode that this
    /// compiled: opening the same tree, or one that differs in some files, then skips compiling
    /// what did not change. Bytecode is only ever used for a source with the very bytes that it was
    /// compiled from. Returns the output of that run.
    ///
    /// Call it with trees that are trusted as much as their own tests are: what they compile is
    /// what later runs of unchanged files execute.
    ///
    /// # Errors
    /// Only when the infrastructure fails.
    pub fn warm(&self, tree: &Tree) -> Result<Output, SandboxError> {
        let (warm, output) = Warm::new(self, tree)?;
        let mut kept = self.kept();
        kept.retain(|other| other.tree != *tree);
        if kept.len() == KEPT_WARM {
            kept.remove(0);
        }
        kept.push(warm);
        Ok(output)
    }

    /// The filesystem that runs start from, without a repository.
    fn base(&self) -> Vfs {
        self.0.snapshot.vfs().clone()
    }

    /// The filesystem with `tree` at its place.
    fn mount(&self, tree: &Tree, layout: &Layout) -> Result<Vfs, SandboxError> {
        let closest = {
            let kept = self.kept();
            let distance = |warm: &Warm| warm.tree.changed_paths(tree).len();
            kept.iter()
                .map(|warm| (distance(warm), warm))
                .min_by_key(|(distance, _)| *distance)
                // Not a descendant: mounting afresh is cheaper than taking most files away.
                .filter(|(distance, _)| *distance <= tree.len() / 2)
                .map(|(_, warm)| warm.clone())
        };
        let mounted = match closest {
            Some(warm) => warm.update(tree),
            None => {
                let mut vfs = self.base();
                vfs.mount(TESTBED, tree).map(|()| vfs)
            }
        };
        install(mounted.map_err(|error| failed("mounting the repository", error))?, layout)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Warm>> {
        self.0.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sandbox for WasiSandbox {
    type Workspace = WasiWorkspace;

    fn reports(&self) -> bool {
        true
    }

    fn open(&self, tree: &Tree) -> Result<WasiWorkspace, SandboxError> {
        WasiWorkspace::open(self.clone(), tree)
    }
}

/// Adds what an installed repository has among the packages.
fn install(mut vfs: Vfs, layout: &Layout) -> Result<Vfs, SandboxError> {
    vfs.mount(SITE_PACKAGES, &layout.metadata)
        .map_err(|error| failed("mounting the metadata", error))?;
    Ok(vfs)
}

fn failed(
    doing: &'static str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> SandboxError {
    SandboxError::infrastructure(doing, error)
}

/// The command that warming runs.
fn whole_suite() -> Command {
    Command::tests(TestSelection::All)
}
