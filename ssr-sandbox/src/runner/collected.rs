//! pytest sessions that have collected their tests; code of changed functions is exchanged in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use ssr_core::TestId;

use crate::Result;
use crate::interpreter::{ExecOutcome, Footprint, Ino, Place, Vfs, on_guest_stack};

use super::GuestRunner;
use super::bytecode::CACHE;
use super::layout::Layout;
use super::paused::Paused;
use super::process::{Invocation, Process};
use super::reach::Reach;
use super::request::request;
use super::started::SessionCommand;

/// The status with which a session says that it cannot stand for a changed repository
/// (`ssr_session.REFUSED`).
pub(super) const REFUSED: i32 = 113;

/// Where a session leaves the names of the files that may change, and its tests.
const CHANGEABLE: &str = "/run/ssr/changeable";

/// What a session that has collected was made for.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Selection {
    command: SessionCommand,
    wanted: Option<Vec<String>>,
}

impl Selection {
    pub(super) fn new(process: &Process, layout: &Layout) -> Option<Self> {
        let command = SessionCommand::new(process, layout)?;
        let Invocation::Tests(tests) = &process.invocation else { return None };
        Some(Self { command, wanted: tests.wanted.clone() })
    }
}

/// A pytest session that has collected its tests and not yet run one. That is all of a short run
/// but the tests themselves.
///
/// A run may go on from it when everything that was looked at so far is unchanged, but for modules of
/// the repository that differ inside of functions that were not called. The host decides by files
/// ([`CollectedSession::changes`]): it names the changed modules. The guest decides by code
/// (`ssr_swap.py`): it compiles the changed functions and exchanges their code objects, or refuses
/// with [`REFUSED`] when a changed statement has been executed already or cannot be exchanged. After
/// a refusal the run starts from an earlier point, so exchanging is never needed for correctness.
pub(super) struct CollectedSession {
    pub(super) selection: Selection,
    pub(super) paused: Arc<Paused>,
    footprint: Footprint,
    /// The files of modules that may differ.
    sources: BTreeMap<Ino, String>,
    /// Folders of bytecode.
    caches: BTreeSet<Ino>,
    /// Where the bytecode is that was looked at. A source without it is compiled instead.
    bytecode: BTreeMap<Ino, Place>,
    /// The tests, in the order of the collection.
    pub(super) ids: Vec<TestId>,
    /// The filesystem on which they were collected.
    pub(super) original: Vfs,
    /// `None` until it is asked for.
    reach: Mutex<Option<Option<Arc<Reach>>>>,
}

/// What `survey_collection` writes.
#[derive(Deserialize)]
struct Collected {
    /// The files of modules, with how often pytest opened each to import it.
    changeable: BTreeMap<String, u32>,
    ids: Vec<TestId>,
}

impl CollectedSession {
    /// Collects the tests of `process` on `vfs`; `None` when that fails, or does something that a
    /// snapshot cannot keep.
    pub(super) fn prepare(
        runner: &GuestRunner,
        vfs: &Vfs,
        process: &Process,
        layout: &Layout,
    ) -> Result<Option<Self>> {
        let Some(selection) = Selection::new(process, layout) else { return Ok(None) };
        let process = Process { write_bytecode: false, ..process.clone() };
        let original = vfs.clone();
        let mut vfs = vfs.clone();
        vfs.watch();
        let command = request(&process, layout, None);
        let source = format!("__import__('ssr_runtime').prepare_collection({command})\n");
        let survey = format!("__import__('ssr_runtime').survey_collection({CHANGEABLE:?})\n");
        let ctx = process.ctx(vfs).build();
        on_guest_stack(|| {
            let mut instance = runner.snapshot().instantiate(ctx, &process.limits())?;
            let done = ExecOutcome::Finished { status: 0 };
            if instance.exec(&source)? != done || !instance.ctx().is_untouched() {
                return Ok(None);
            }
            let footprint = instance.ctx_mut().vfs_mut().footprint();
            if instance.exec(&survey)? != done {
                return Ok(None);
            }
            let vfs = instance.ctx_mut().vfs_mut();
            let Ok(collected) = vfs.read(CHANGEABLE) else { return Ok(None) };
            let Ok(Collected { changeable, ids }) = serde_json::from_slice(&collected) else {
                return Ok(None);
            };
            let (sources, caches) = places(vfs, &footprint, &changeable);
            let looked_at = footprint.found().filter(|(place, _)| caches.contains(&place.0));
            let bytecode = looked_at.map(|(place, ino)| (ino, place.clone())).collect();
            // The snapshot's own filesystem is not used, so the list may stay in it.
            let reference = Arc::new(runner.shared.reference.of(instance.memory()));
            let paused = Arc::new(Paused::new(instance, reference)?);
            let reach = Mutex::default();
            Ok(Some(Self {
                selection,
                paused,
                footprint,
                sources,
                caches,
                bytecode,
                ids,
                original,
                reach,
            }))
        })?
    }

    /// Which tests a change can reach, recorded at the first call; `None` when that cannot be told.
    pub(super) fn reach(
        &self,
        runner: &GuestRunner,
        process: &Process,
        layout: &Layout,
    ) -> Result<Option<Arc<Reach>>> {
        let mut known = self.reach.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reach) = &*known {
            return Ok(reach.clone());
        }
        let reach = Reach::record(runner, self, process, layout)?.map(Arc::new);
        Ok(known.insert(reach).clone())
    }

    /// The files that have to be exchanged so that going on is the same as running the command on
    /// `vfs` from the start; `None` when that would not be enough.
    pub(super) fn changes(&self, vfs: &Vfs) -> Option<Vec<String>> {
        let difference = vfs.differences(&self.footprint);
        let is_gone = |(at, name): &Place| vfs.leads_to(*at, name).is_none();
        if !difference.names.iter().all(|place| self.caches.contains(&place.0) && is_gone(place)) {
            return None;
        }
        let mut changed = BTreeSet::new();
        for ino in difference.inodes {
            if self.caches.contains(&ino) || self.bytecode.get(&ino).is_some_and(is_gone) {
                continue;
            }
            changed.insert(self.sources.get(&ino)?);
        }
        Some(changed.into_iter().cloned().collect())
    }
}

type Places = (BTreeMap<Ino, String>, BTreeSet<Ino>);

/// Where the files are that may change, which nobody but an import has looked at, with their
/// folders of bytecode.
fn places(vfs: &Vfs, footprint: &Footprint, changeable: &BTreeMap<String, u32>) -> Places {
    let (mut sources, mut caches) = (BTreeMap::new(), BTreeSet::new());
    for (path, opened) in changeable {
        let Some((folder, _)) = path.rsplit_once('/') else { continue };
        if let Some(ino) = vfs.ino(path).filter(|ino| footprint.opened(*ino) == *opened) {
            caches.extend(vfs.ino(&format!("{folder}/{CACHE}")));
            sources.insert(ino, path.to_owned());
        }
    }
    (sources, caches)
}
