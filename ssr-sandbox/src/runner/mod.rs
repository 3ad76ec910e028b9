//! The runner floor: runs Python programs and test runs of a repository in clones of one warm
//! interpreter, and learns the outcomes of tests from events.
//!
//! A run starts as late as it can: from the snapshot, from a pytest session that has started
//! (`started`), or from one that has collected its tests (`collected`). While it runs, `tamper`
//! compares the memory of the test runner with the snapshot.

mod boot;
mod bytecode;
mod collected;
mod execute;
mod layout;
mod metadata;
mod modules;
mod passes;
mod paused;
mod process;
mod reach;
mod request;
mod slots;
mod start;
mod started;
mod tamper;
mod test_watch;
mod timing;
mod warm;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ssr_core::{SandboxError, Tree};

use crate::harness::TESTBED;
use crate::interpreter::{GuestSnapshot, Vfs};

use slots::Slots;
use start::Start;
use started::Recorder;
use tamper::Reference;
use warm::Warm;

pub(crate) use boot::{BootSettings, ENVIRONMENT};
pub(crate) use bytecode::source_of;
pub(crate) use layout::Layout;
pub(crate) use modules::modules;
pub(crate) use process::{Finished, Interpreter, Invocation, Process, Tests};

/// Where installed packages are in the guest.
const SITE_PACKAGES: &str = "/site-packages";

/// Runs programs and tests in clones of a warm interpreter. Clones of the runner share everything.
#[derive(Clone)]
pub(crate) struct GuestRunner {
    shared: Arc<Shared>,
    /// Notes the test runs of a command that the runner is being warmed for.
    recorder: Option<Arc<Recorder>>,
}

struct Shared {
    /// Python with pytest imported and no repository mounted.
    snapshot: GuestSnapshot,
    /// The memory of the test runner in it.
    reference: Arc<Reference>,
    slots: Slots,
    /// Whether reports carry signs of tampering.
    signs: bool,
    warm: Mutex<Vec<Warm>>,
    /// Signs of tampering that are ignored, by the top-level modules of the repository.
    waivers: Mutex<BTreeMap<BTreeSet<String>, BTreeSet<String>>>,
    clones: AtomicU64,
    resumed: AtomicU64,
    collected: AtomicU64,
    recorded: AtomicU64,
    repeated: AtomicU64,
    /// In nanoseconds.
    processor: AtomicU64,
}

/// A runner for one repository: it knows where the modules of the repository are.
#[derive(Clone)]
pub(crate) struct RepositoryRunner {
    runner: GuestRunner,
    layout: Layout,
}

/// What a sandbox has done so far, all its clones together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SandboxCounters {
    /// Interpreters started.
    pub clones: u64,
    /// Those among them that went on with a pytest session prepared by
    /// [`WasiSandbox::warm`](crate::WasiSandbox::warm).
    pub resumed: u64,
    /// Those among these that had collected their tests already.
    pub collected: u64,
    /// Interpreters started beside these to record which code a test executes.
    pub recorded: u64,
    /// Commands that were run once more, alone, because they came close to a limit of time or the
    /// machine had no time for them.
    pub repeated: u64,
    /// Processor time of all interpreters that ran programs and tests.
    pub processor: Duration,
}

impl GuestRunner {
    /// What was done so far.
    pub(crate) fn counters(&self) -> SandboxCounters {
        SandboxCounters {
            clones: self.shared.clones.load(Ordering::Relaxed),
            resumed: self.shared.resumed.load(Ordering::Relaxed),
            collected: self.shared.collected.load(Ordering::Relaxed),
            recorded: self.shared.recorded.load(Ordering::Relaxed),
            repeated: self.shared.repeated.load(Ordering::Relaxed),
            processor: Duration::from_nanos(self.shared.processor.load(Ordering::Relaxed)),
        }
    }

    /// A runner for `tree`, and a filesystem in which the tree is mounted.
    pub(crate) fn open(&self, tree: &Tree) -> Result<(RepositoryRunner, Vfs), SandboxError> {
        let layout = Layout::of(tree);
        let vfs = self.mount(tree, &layout)?;
        Ok((RepositoryRunner { runner: self.clone(), layout }, vfs))
    }

    fn count(&self, start: &Start, cpu: Duration) {
        let nanoseconds = u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX);
        self.shared.processor.fetch_add(nanoseconds, Ordering::Relaxed);
        self.shared.clones.fetch_add(1, Ordering::Relaxed);
        self.shared.resumed.fetch_add(start.is_resumed().into(), Ordering::Relaxed);
        self.shared.collected.fetch_add(start.is_collected().into(), Ordering::Relaxed);
    }

    /// The filesystem that runs start from, without a repository.
    fn base(&self) -> Vfs {
        self.snapshot().vfs().clone()
    }

    /// Python with pytest imported and no repository mounted.
    fn snapshot(&self) -> &GuestSnapshot {
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

    /// Ignores `signs` in later reports of this repository.
    fn waive(&self, layout: &Layout, signs: impl IntoIterator<Item = String>) {
        let mut waivers = self.shared.waivers.lock().unwrap_or_else(PoisonError::into_inner);
        waivers.entry(layout.modules.clone()).or_default().extend(signs);
    }

    /// The signs of tampering that are ignored in a repository with this layout. It may have more
    /// modules than when it was warmed.
    fn waived(&self, layout: &Layout) -> BTreeSet<String> {
        let waivers = self.shared.waivers.lock().unwrap_or_else(PoisonError::into_inner);
        let is_this = |modules: &BTreeSet<String>| {
            *modules == layout.modules
                || (!modules.is_empty() && modules.is_subset(&layout.modules))
        };
        let of_this = waivers.iter().filter(|(modules, _)| is_this(modules));
        of_this.flat_map(|(_, signs)| signs.iter().cloned()).collect()
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Warm>> {
        self.shared.warm.lock().unwrap_or_else(PoisonError::into_inner)
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
