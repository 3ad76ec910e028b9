//! The WASI implementation of the traits `Sandbox` and `Workspace`.

mod builder;
mod bytecode;
mod collected;
mod layout;
mod metadata;
mod passes;
mod paused;
mod process;
mod session;
mod start;
mod warm;
mod workspace;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ssr_core::{Command, Output, Sandbox, SandboxError, Tree};

use crate::engine::Snapshot;
use crate::tamper::Judge;
use crate::vfs::Vfs;

use process::Gate;
use session::Recorder;
use start::Start;
use warm::Warm;

pub(crate) use builder::ENVIRONMENT;
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
pub struct WasiSandbox {
    shared: Arc<Shared>,
    /// Notes the test runs of a command that the sandbox is being warmed for.
    recorder: Option<Arc<Recorder>>,
}

struct Shared {
    /// Python with pytest imported, no repository in sight.
    snapshot: Snapshot,
    /// What that interpreter looks like.
    judge: Arc<Judge>,
    gate: Gate,
    warm: Mutex<Vec<Warm>>,
    /// Top-level modules of repositories, with what is no sign of tampering in them.
    waivers: Mutex<BTreeMap<BTreeSet<String>, BTreeSet<String>>>,
    clones: AtomicU64,
    resumed: AtomicU64,
    collected: AtomicU64,
}

/// What a sandbox has done so far, all its clones together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SandboxCounters {
    /// Interpreters started.
    pub clones: u64,
    /// Those among them that went on with a pytest session prepared by [`WasiSandbox::warm`].
    pub resumed: u64,
    /// Those among these that had collected their tests already.
    pub collected: u64,
}

impl WasiSandbox {
    /// Runs `command` once in a throw-away workspace on `tree`, so that running it again, on this
    /// tree or on one that differs in some files, skips what did not change:
    ///
    /// - Bytecode is kept, and used only for a source with the very bytes that it was compiled from.
    /// - Each pytest session that the command started is started once more and kept at the point
    ///   before it collects, with plugins, configuration and conftest files loaded. A run goes on
    ///   from there while everything that the session looked at is unchanged, and starts from the
    ///   beginning otherwise. A session of [`Program::Tests`](ssr_core::Program::Tests) serves any
    ///   selection of files and ids.
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
        let (warm, output) = Warm::new(self, tree, command)?;
        let mut kept = self.kept();
        kept.retain(|other| other.tree != *tree);
        if kept.len() == KEPT_WARM {
            kept.remove(0);
        }
        kept.push(warm);
        Ok(output)
    }

    /// What was done so far.
    pub fn counters(&self) -> SandboxCounters {
        SandboxCounters {
            clones: self.shared.clones.load(Ordering::Relaxed),
            resumed: self.shared.resumed.load(Ordering::Relaxed),
            collected: self.shared.collected.load(Ordering::Relaxed),
        }
    }

    fn count(&self, start: &Start) {
        self.shared.clones.fetch_add(1, Ordering::Relaxed);
        self.shared.resumed.fetch_add(start.is_resumed().into(), Ordering::Relaxed);
        self.shared.collected.fetch_add(start.is_collected().into(), Ordering::Relaxed);
    }

    /// The filesystem that runs start from, without a repository.
    fn base(&self) -> Vfs {
        self.snapshot().vfs().clone()
    }

    /// Python with pytest imported, no repository in sight.
    fn snapshot(&self) -> &Snapshot {
        &self.shared.snapshot
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
                .filter(|(_, warm)| warm.layout.metadata == layout.metadata)
                .map(|(_, warm)| warm.clone())
        };
        let Some(warm) = closest else {
            let mut vfs = self.base();
            vfs.mount(TESTBED, tree).map_err(|error| failed("mounting the repository", error))?;
            return install(vfs, layout);
        };
        warm.update(tree).map_err(|error| failed("mounting the repository", error))
    }

    /// Passes over `signs` in later reports of this repository.
    fn waive(&self, layout: &Layout, signs: impl IntoIterator<Item = String>) {
        let mut waivers = self.shared.waivers.lock().unwrap_or_else(PoisonError::into_inner);
        waivers.entry(layout.modules.clone()).or_default().extend(signs);
    }

    /// The signs of tampering that are none in a repository with this layout. It may have got more
    /// modules since it was warmed.
    fn waived(&self, layout: &Layout) -> BTreeSet<String> {
        let waivers = self.shared.waivers.lock().unwrap_or_else(PoisonError::into_inner);
        let is_this = |modules: &BTreeSet<String>| {
            *modules == layout.modules
                || (!modules.is_empty() && modules.is_subset(&layout.modules))
        };
        let of_this = waivers.iter().filter(|(modules, _)| is_this(modules));
        of_this.flat_map(|(_, signs)| signs.iter().cloned()).collect()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Warm>> {
        self.shared.warm.lock().unwrap_or_else(PoisonError::into_inner)
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
