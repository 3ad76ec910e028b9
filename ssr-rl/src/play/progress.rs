//! What a run tells its observers.

use super::Rejected;
use crate::{StepMetrics, Summary};

/// Observes a run, for progress bars and logs. Closures over [`Event`] are observers, and `()` is
/// one that ignores them.
pub trait Progress: Sync {
    /// Something happened. May be called from several threads at once.
    fn event(&self, event: Event<'_>);
}

impl<F: Fn(Event<'_>) + Sync> Progress for F {
    fn event(&self, event: Event<'_>) {
        self(event);
    }
}

impl Progress for () {
    fn event(&self, _event: Event<'_>) {}
}

/// What a run is doing.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run starts, or goes on after `finished` steps of an earlier process.
    #[non_exhaustive]
    Started {
        /// Steps that are finished already.
        finished: u64,
        /// Steps of the whole run.
        steps: u64,
    },
    /// Something is not as it should be, and the run goes on.
    Warning(&'a str),
    /// A step starts.
    #[non_exhaustive]
    StepStarted {
        /// The step, from 1.
        step: u64,
    },
    /// The injector is asked for bugs.
    #[non_exhaustive]
    Proposing {
        /// How many proposals are drawn.
        proposals: usize,
    },
    /// The different proposals are being checked.
    #[non_exhaustive]
    Checking {
        /// How many there are.
        bugs: usize,
    },
    /// One of them was checked.
    #[non_exhaustive]
    Checked {
        /// What was proposed.
        proposal: &'a str,
        /// Why it is no bug; `None` for a valid one.
        rejection: Option<&'a Rejected>,
    },
    /// The solver is asked for repairs.
    #[non_exhaustive]
    Attempting {
        /// How many bugs.
        bugs: usize,
        /// How many attempts at all of them together.
        attempts: usize,
        /// The order of these bugs.
        order: u32,
    },
    /// The different repairs are being judged.
    #[non_exhaustive]
    Judging {
        /// How many there are.
        repairs: usize,
    },
    /// One of them was judged.
    #[non_exhaustive]
    Judged {
        /// Whether it holds.
        solved: bool,
        /// What was seen.
        reason: &'a str,
    },
    /// The policy learns.
    #[non_exhaustive]
    Learning {
        /// From how many episodes.
        episodes: usize,
    },
    /// A step is finished and safe on disk.
    StepFinished(&'a StepMetrics),
    /// The run is finished.
    Finished(&'a Summary),
}
