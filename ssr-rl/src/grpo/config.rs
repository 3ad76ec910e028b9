//! The settings of the policy update.

use serde::{Deserialize, Serialize};

use super::{Clip, RewardBaseline};
use crate::{Error, Result};

/// The settings of the policy update. Clip bounds, baseline and staleness follow CWM (§5) and the
/// paper (App. C).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GrpoConfig {
    /// What rewards are compared with. Default: `length-weighted`.
    pub baseline: RewardBaseline,
    /// Whether advantages are divided by the standard deviation of the group. Default: false.
    pub normalise_std: bool,
    /// ε below 1 at which ratios are clipped. Default: 0.20.
    pub clip_low: f64,
    /// ε above 1 at which ratios are clipped. Default: 0.25.
    pub clip_high: f64,
    /// C, by which the summed loss is divided: a constant, so that length is not rewarded. CWM uses
    /// its context length. Default: 1024.
    pub loss_constant: f64,
    /// Tokens drawn by weights more than this many versions ago are not trained on. Default: 8.
    pub max_staleness: u64,
    /// Tokens in one forward and backward pass, prompts included. Bounds the memory; the result
    /// does not depend on it. A longer single sequence is its own pass. Default: 4096.
    pub micro_batch_tokens: usize,
}

impl Default for GrpoConfig {
    fn default() -> Self {
        Self {
            baseline: RewardBaseline::default(),
            normalise_std: false,
            clip_low: 0.20,
            clip_high: 0.25,
            loss_constant: 1024.0,
            max_staleness: 8,
            micro_batch_tokens: 4096,
        }
    }
}

impl GrpoConfig {
    /// The two clip bounds.
    pub fn clip(&self) -> Clip {
        Clip { low: self.clip_low, high: self.clip_high }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Config`] for the first setting that is out of its range.
    pub fn validate(&self) -> Result<()> {
        let check = |key, ok: bool, expected: &str| {
            if ok { Ok(()) } else { Err(Error::Config { key, problem: expected.to_owned() }) }
        };
        check("grpo.clip_low", (0.0..=1.0).contains(&self.clip_low), "must be in 0..=1")?;
        let high = self.clip_high.is_finite() && self.clip_high >= 0.0;
        check("grpo.clip_high", high, "must be 0 or more")?;
        let constant = self.loss_constant.is_finite() && self.loss_constant > 0.0;
        check("grpo.loss_constant", constant, "must be more than 0")?;
        check("grpo.micro_batch_tokens", self.micro_batch_tokens > 0, "must be 1 or more")
    }
}

impl GrpoConfig {
    /// Sets [`GrpoConfig::baseline`].
    #[must_use]
    pub fn with_baseline(mut self, baseline: RewardBaseline) -> Self {
        self.baseline = baseline;
        self
    }

    /// Sets [`GrpoConfig::normalise_std`].
    #[must_use]
    pub fn with_normalise_std(mut self, normalise_std: bool) -> Self {
        self.normalise_std = normalise_std;
        self
    }

    /// Sets [`GrpoConfig::clip_low`].
    #[must_use]
    pub fn with_clip_low(mut self, clip_low: f64) -> Self {
        self.clip_low = clip_low;
        self
    }

    /// Sets [`GrpoConfig::clip_high`].
    #[must_use]
    pub fn with_clip_high(mut self, clip_high: f64) -> Self {
        self.clip_high = clip_high;
        self
    }

    /// Sets [`GrpoConfig::loss_constant`].
    #[must_use]
    pub fn with_loss_constant(mut self, loss_constant: f64) -> Self {
        self.loss_constant = loss_constant;
        self
    }

    /// Sets [`GrpoConfig::max_staleness`].
    #[must_use]
    pub fn with_max_staleness(mut self, max_staleness: u64) -> Self {
        self.max_staleness = max_staleness;
        self
    }

    /// Sets [`GrpoConfig::micro_batch_tokens`].
    #[must_use]
    pub fn with_micro_batch_tokens(mut self, micro_batch_tokens: usize) -> Self {
        self.micro_batch_tokens = micro_batch_tokens;
        self
    }
}
