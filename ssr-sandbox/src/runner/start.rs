//! Chooses what a run of tests starts from.

use std::sync::{Arc, Mutex, PoisonError};

use crate::Result;
use crate::interpreter::Vfs;

use super::GuestRunner;
use super::collected::{CollectedSession, Selection};
use super::layout::Layout;
use super::paused::Paused;
use super::process::{Invocation, Process, Tests};
use super::reach::Reach;
use super::started::StartedSession;
use super::warm::Warm;

/// What a run of tests starts from.
pub(super) enum Start {
    /// An interpreter without a repository.
    Fresh,
    /// A session that has started; these files are given to it.
    Session { paused: Arc<Paused>, files: Vec<String> },
    /// A session that has collected its tests; the code of these files is exchanged, and those tests
    /// run that this can reach.
    Collected { paused: Arc<Paused>, changed: Vec<String>, reach: Option<Arc<Reach>> },
}

impl Start {
    pub(super) fn is_resumed(&self) -> bool {
        self.paused().is_some()
    }

    pub(super) fn is_collected(&self) -> bool {
        matches!(self, Self::Collected { .. })
    }

    pub(super) fn paused(&self) -> Option<&Arc<Paused>> {
        match self {
            Self::Fresh => None,
            Self::Session { paused, .. } | Self::Collected { paused, .. } => Some(paused),
        }
    }

    /// A word for traces.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Fresh => "snapshot",
            Self::Session { .. } => "started session",
            Self::Collected { .. } => "collected session",
        }
    }

    fn collected(collected: &CollectedSession, vfs: &Vfs) -> Option<Self> {
        let changed = collected.changes(vfs)?;
        Some(Self::Collected { paused: Arc::clone(&collected.paused), changed, reach: None })
    }
}

impl GuestRunner {
    /// What `process` can start from on `vfs`, the shortest way first. Only a session that has
    /// collected may turn out to be no start after all.
    pub(super) fn starts(
        &self,
        vfs: &Vfs,
        process: &Process,
        layout: &Layout,
    ) -> Result<Vec<Start>> {
        let mut starts = Vec::new();
        if let Some(selection) = Selection::new(process, layout) {
            let collected = self.collected_for(&selection, process, layout)?;
            starts.extend(self.collected_start(&collected, vfs, process, layout)?);
        }
        starts.push(self.session_for(vfs, process, layout).unwrap_or(Start::Fresh));
        Ok(starts)
    }

    /// A session to go on from that has started.
    pub(super) fn session_for(
        &self,
        vfs: &Vfs,
        process: &Process,
        layout: &Layout,
    ) -> Option<Start> {
        let warm = self.kept();
        let mut sessions = warm.iter().flat_map(|warm| &warm.sessions);
        sessions.find_map(|session| {
            let files = session.files_for(vfs, process, layout)?;
            Some(Start::Session { paused: Arc::clone(session.paused()), files })
        })
    }

    /// A start from one of the sessions that have collected.
    fn collected_start(
        &self,
        sessions: &[Arc<CollectedSession>],
        vfs: &Vfs,
        process: &Process,
        layout: &Layout,
    ) -> Result<Option<Start>> {
        let start = |session: &Arc<CollectedSession>| {
            Some((Arc::clone(session), Start::collected(session, vfs)?))
        };
        let Some((session, start)) = sessions.iter().find_map(start) else { return Ok(None) };
        let Invocation::Tests(Tests { affected_only: true, .. }) = &process.invocation else {
            return Ok(Some(start));
        };
        Ok(Some(match start {
            Start::Collected { paused, changed, .. } => {
                let reach = session.reach(self, process, layout)?;
                Start::Collected { paused, changed, reach }
            }
            other => other,
        }))
    }

    /// The sessions that have collected this selection. One is made when it runs for the second time,
    /// or at once for a run that is to leave out tests.
    fn collected_for(
        &self,
        selection: &Selection,
        process: &Process,
        layout: &Layout,
    ) -> Result<Vec<Arc<CollectedSession>>> {
        let at_once =
            matches!(&process.invocation, Invocation::Tests(tests) if tests.affected_only);
        let found = self.found(selection);
        if !found.is_empty() {
            return Ok(found);
        }
        // One run prepares the session, and the others that need it wait.
        let gate = at_once.then(|| self.gate(selection, process, layout)).flatten();
        let _gate = gate.as_ref().map(|gate| gate.lock().unwrap_or_else(PoisonError::into_inner));
        let found = self.found(selection);
        if !found.is_empty() {
            return Ok(found);
        }
        let due = self.with_session(process, layout, |warm| {
            let due = warm.layout.metadata == layout.metadata && warm.is_due(selection, at_once);
            due.then(|| warm.original())
        });
        let due = due.flatten();
        let Some((tree, original)) = due else { return Ok(Vec::new()) };
        let Some(collected) = CollectedSession::prepare(self, &original, process, layout)? else {
            return Ok(Vec::new());
        };
        let collected = Arc::new(collected);
        if let Some(warm) = self.kept().iter_mut().find(|warm| warm.tree == tree) {
            warm.keep(Arc::clone(&collected));
        }
        Ok(vec![collected])
    }

    fn found(&self, selection: &Selection) -> Vec<Arc<CollectedSession>> {
        self.kept().iter_mut().filter_map(|warm| warm.collected(selection)).collect()
    }

    fn gate(
        &self,
        selection: &Selection,
        process: &Process,
        layout: &Layout,
    ) -> Option<Arc<Mutex<()>>> {
        self.with_session(process, layout, |warm| warm.gate(selection))
    }

    /// Asks a repository that has a started session for `process`.
    fn with_session<T>(
        &self,
        process: &Process,
        layout: &Layout,
        ask: impl FnOnce(&mut Warm) -> T,
    ) -> Option<T> {
        let mut warm = self.kept();
        let serves = |session: &Arc<StartedSession>| session.serves(process, layout);
        warm.iter_mut().find(|warm| warm.sessions.iter().any(serves)).map(ask)
    }
}
