//! Repositories that commands have run on before, with what later runs can start from.

use std::sync::{Arc, Mutex};

use ssr_core::{Output, SandboxError, Tree};

use crate::harness::TESTBED;
use crate::interpreter::{Vfs, VfsError};

use super::bytecode::{bytecode_of, cached_files};
use super::collected::{CollectedSession, Selection};
use super::layout::Layout;
use super::process::Process;
use super::started::{Recorder, StartedSession};
use super::{GuestRunner, RepositoryRunner, SITE_PACKAGES, failed, install};

/// Warm trees that a runner keeps; the oldest goes first.
const KEPT: usize = 8;

/// Where sources lie whose bytecode is kept.
const SOURCES: [&str; 3] = [TESTBED, SITE_PACKAGES, "/usr/lib"];

/// Sessions that are kept for one tree; each holds a memory image.
const SESSIONS: usize = 4;

/// Sessions that are kept for one tree with their tests collected.
const COLLECTED: usize = 4;

/// Selections whose uses are remembered for one tree.
const REMEMBERED: usize = 64;

/// A repository that commands have run on before.
#[derive(Clone)]
pub(super) struct Warm {
    pub(super) tree: Tree,
    pub(super) layout: Layout,
    /// With the repository, its metadata and bytecode.
    vfs: Vfs,
    /// The test runs that sessions were prepared for.
    runs: Vec<(Process, Layout)>,
    pub(super) sessions: Vec<Arc<StartedSession>>,
    /// The one that was used last comes last.
    collected: Vec<Arc<CollectedSession>>,
    /// Selections of tests that ran once, and whether they ran again.
    used: Vec<(Selection, bool)>,
    /// Locked while a session is made for the selection.
    gates: Vec<(Selection, Arc<Mutex<()>>)>,
}

impl GuestRunner {
    /// Has `run` run a command on `tree` and keeps what makes later runs shorter: the bytecode of its
    /// sources, the sessions that it started, and the signs of tampering that are none here. `run`
    /// gets a runner and a filesystem, and returns the output and the filesystem that it left.
    ///
    /// The command itself is the business of the floors above: it may be a shell script.
    pub(crate) fn warm(
        &self,
        tree: &Tree,
        run: impl FnOnce(RepositoryRunner, Vfs) -> Result<(Output, Vfs), SandboxError>,
    ) -> Result<Output, SandboxError> {
        let (warm, output) = Warm::new(self, tree, run)?;
        let mut kept = self.kept();
        kept.retain(|other| other.tree != *tree);
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push(warm);
        Ok(output)
    }
}

impl Warm {
    fn new(
        runner: &GuestRunner,
        tree: &Tree,
        run: impl FnOnce(RepositoryRunner, Vfs) -> Result<(Output, Vfs), SandboxError>,
    ) -> Result<(Self, Output), SandboxError> {
        let known = runner.kept().iter().find(|warm| warm.tree == *tree).cloned();
        let mut warm = match known {
            Some(known) => known,
            None => Self::cold(runner, tree)?,
        };
        let recorder = Arc::new(Recorder::default());
        let recording = GuestRunner { recorder: Some(Arc::clone(&recorder)), ..runner.clone() };
        let recording = RepositoryRunner { runner: recording, layout: warm.layout.clone() };
        let (output, left) = run(recording, warm.vfs.clone())?;
        let signs = output.report.iter().flat_map(|report| report.tampering());
        runner.waive(&warm.layout, signs.cloned());
        for root in SOURCES {
            warm.vfs
                .mount(root, &bytecode_of(&warm.vfs.tree(root), &left.tree(root)))
                .map_err(|error| failed("keeping bytecode", error))?;
        }
        warm.vfs.freeze();
        for run in recorder.take() {
            warm.runs.retain(|known| known.0 != run.0);
            warm.runs.push(run);
        }
        warm.prepare_sessions(runner).map_err(|error| failed("preparing sessions", error))?;
        Ok((warm, output))
    }

    fn cold(runner: &GuestRunner, tree: &Tree) -> Result<Self, SandboxError> {
        let layout = Layout::of(tree);
        let mut vfs = runner.base();
        vfs.mount(TESTBED, tree).map_err(|error| failed("mounting the repository", error))?;
        let mut vfs = install(vfs, &layout)?;
        vfs.freeze();
        Ok(Self {
            tree: tree.clone(),
            layout,
            vfs,
            runs: Vec::new(),
            sessions: Vec::new(),
            collected: Vec::new(),
            used: Vec::new(),
            gates: Vec::new(),
        })
    }

    /// Bytecode is part of what sessions look at, so all of them are made anew.
    fn prepare_sessions(&mut self, runner: &GuestRunner) -> crate::Result<()> {
        let mut sessions: Vec<Arc<StartedSession>> = Vec::new();
        for (process, layout) in self.runs.iter().rev() {
            let known = |session: &Arc<StartedSession>| session.serves(process, layout);
            if sessions.len() == SESSIONS || sessions.iter().any(known) {
                continue;
            }
            let session = StartedSession::prepare(runner, &self.tree, &self.vfs, process, layout)?;
            sessions.extend(session.map(Arc::new));
        }
        let old = self.runs.len().saturating_sub(SESSIONS);
        self.runs.drain(..old);
        self.sessions = sessions;
        self.collected.clear();
        let selections = self.runs.iter().filter_map(|(run, layout)| Selection::new(run, layout));
        self.used = selections.map(|selection| (selection, false)).collect();
        Ok(())
    }

    /// The session with its tests collected for this selection.
    pub(super) fn collected(&mut self, selection: &Selection) -> Option<Arc<CollectedSession>> {
        let at = self.collected.iter().position(|other| other.selection == *selection)?;
        let found = self.collected.remove(at);
        self.collected.push(Arc::clone(&found));
        Some(found)
    }

    /// Notes that the selection runs; true the second time, or the first when it is due `at_once`.
    pub(super) fn is_due(&mut self, selection: &Selection, at_once: bool) -> bool {
        match self.used.iter_mut().find(|(used, _)| used == selection) {
            Some((_, again)) => !std::mem::replace(again, true),
            None => {
                if self.used.len() == REMEMBERED {
                    self.used.remove(0);
                }
                self.used.push((selection.clone(), at_once));
                at_once
            }
        }
    }

    /// What is locked while a session with its tests collected is made for this selection.
    pub(super) fn gate(&mut self, selection: &Selection) -> Arc<Mutex<()>> {
        if let Some((_, gate)) = self.gates.iter().find(|(other, _)| other == selection) {
            return Arc::clone(gate);
        }
        if self.gates.len() == REMEMBERED {
            self.gates.remove(0);
        }
        let gate = Arc::default();
        self.gates.push((selection.clone(), Arc::clone(&gate)));
        gate
    }

    /// The tree, and the filesystem that it is in.
    pub(super) fn original(&self) -> (Tree, Vfs) {
        (self.tree.clone(), self.vfs.clone())
    }

    /// Keeps the session, if need be instead of the one that was not used for longest.
    pub(super) fn keep(&mut self, collected: Arc<CollectedSession>) {
        if self.collected.len() == COLLECTED {
            self.collected.remove(0);
        }
        self.collected.push(collected);
    }

    /// The filesystem with `tree` instead, and only such bytecode as belongs to sources that both
    /// trees share.
    pub(super) fn update(&self, tree: &Tree) -> Result<Vfs, VfsError> {
        let mut vfs = self.vfs.clone();
        for path in self.tree.changed_paths(tree) {
            for cached in cached_files(&vfs, &path) {
                vfs.remove_file(&cached)?;
            }
        }
        vfs.update(TESTBED, &self.tree, tree)?;
        Ok(vfs)
    }
}
