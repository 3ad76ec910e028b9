//! Policies that learn, and policies that do not.

use std::path::Path;

use ssr_core::{Episode, Policy, Sampling};

use crate::{Result, UpdateMetrics};

/// A policy that plays and learns from what came of it.
pub trait Learner: Send + Sync {
    /// The policy as it is now.
    fn policy(&self) -> &dyn Policy;

    /// The version of its weights; it grows by one with every update.
    fn weight_version(&self) -> u64;

    /// How many tokens `text` has; an estimate where the tokenizer is not known.
    fn count_tokens(&self, text: &str) -> usize {
        text.len().div_ceil(4)
    }

    /// Whether it can learn from what is drawn in this way.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for the first setting whose effect it would mistake for
    /// the policy's own.
    fn check_sampling(&self, _sampling: &Sampling) -> Result<()> {
        Ok(())
    }

    /// Learns from the episodes of a step.
    ///
    /// # Errors
    /// When episodes are malformed or the update fails; the weights are unchanged then.
    fn learn(&mut self, episodes: &[Episode]) -> Result<UpdateMetrics>;

    /// Writes all that [`Learner::restore`] needs into a new folder; equal learners write equal
    /// bytes.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    fn save(&self, folder: &Path) -> Result<()>;

    /// Restores the learner that [`Learner::save`] wrote, at `weight_version`.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) and [`Error::Io`](crate::Error::Io).
    fn restore(&mut self, folder: &Path, weight_version: u64) -> Result<()>;
}

/// A policy that plays and does not learn: for evaluation, and for policies behind a server.
pub struct Frozen<P>(
    /// The policy.
    pub P,
);

impl<P: Policy> Learner for Frozen<P> {
    fn policy(&self) -> &dyn Policy {
        &self.0
    }

    fn weight_version(&self) -> u64 {
        0
    }

    fn learn(&mut self, episodes: &[Episode]) -> Result<UpdateMetrics> {
        Ok(UpdateMetrics { skipped_episodes: episodes.len(), ..Default::default() })
    }

    fn save(&self, _folder: &Path) -> Result<()> {
        Ok(())
    }

    fn restore(&mut self, _folder: &Path, _weight_version: u64) -> Result<()> {
        Ok(())
    }
}
