//! Chooses what a run of tests starts from.

use std::sync::Arc;

use crate::Result;
use crate::interpreter::Vfs;

use super::GuestRunner;
use super::collected::{CollectedSession, Selection};
use super::layout::Layout;
use super::paused::Paused;
use super::process::Process;
use super::started::StartedSession;

/// What a run of tests starts from.
pub(super) enum Start {
    /// An interpreter without a repository.
    Fresh,
    /// A session that has started; these files are given to it.
    Session { paused: Arc<Paused>, files: Vec<String> },
    /// A session that has collected its tests; the code of these files is exchanged.
    Collected { paused: Arc<Paused>, changed: Vec<String> },
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
        Some(Self::Collected { paused: Arc::clone(&collected.paused), changed })
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
            starts.extend(self.collected_for(&selection, vfs, process, layout)?);
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

    fn collected_for(
        &self,
        selection: &Selection,
        vfs: &Vfs,
        process: &Process,
        layout: &Layout,
    ) -> Result<Option<Start>> {
        let due = {
            let mut warm = self.kept();
            let mut collected = warm.iter_mut().filter_map(|warm| warm.collected(selection));
            if let Some(start) = collected.find_map(|collected| Start::collected(&collected, vfs)) {
                return Ok(Some(start));
            }
            let serves = |session: &Arc<StartedSession>| session.serves(process, layout);
            let warm = warm.iter_mut().find(|warm| warm.sessions.iter().any(serves));
            warm.filter(|warm| warm.layout.metadata == layout.metadata)
                .and_then(|warm| warm.is_due(selection).then(|| warm.original()))
        };
        let Some((tree, original)) = due else { return Ok(None) };
        let Some(collected) = CollectedSession::prepare(self, &original, process, layout)? else {
            return Ok(None);
        };
        let start = Start::collected(&collected, vfs);
        if let Some(warm) = self.kept().iter_mut().find(|warm| warm.tree == tree) {
            warm.keep(collected);
        }
        Ok(start)
    }
}
