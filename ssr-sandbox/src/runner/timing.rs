//! How strictly limits of time are kept, so that no verdict depends on what else runs.

use std::time::Duration;

/// How a run is timed.
///
/// Guests that run side by side share caches, memory and interrupts, so each needs more processor
/// time than alone. A run has time to spare then, and one that needed more than its limits, or that
/// the machine had no time for, is repeated alone. Only what takes twice its limit is over at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timing {
    /// Beside others.
    Shared,
    /// While no other guest of the sandbox runs: the limits are what they say.
    Alone,
}

impl Timing {
    /// Time after which a run is over whose limit is `limit`.
    pub(super) fn most(self, limit: Duration) -> Duration {
        match self {
            Self::Shared => limit.saturating_mul(2),
            Self::Alone => limit,
        }
    }

    /// What a run that was over took beyond its limit.
    pub(super) fn excess(self, limit: Duration) -> Duration {
        self.most(limit).saturating_sub(limit)
    }
}
