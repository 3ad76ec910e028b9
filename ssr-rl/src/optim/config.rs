//! The settings of the optimiser.

use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::AdamW;
use crate::{Error, Result};

/// The settings of [`AdamW`]. The paper states the learning rate and the warm-up only (App. C: 3e-6
/// after 30 steps, for a pre-trained model of 32B parameters); the rest follows CWM's pre-training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OptimizerConfig {
    /// The learning rate after the warm-up. Default: 3e-4, for a small model from scratch.
    pub learning_rate: f64,
    /// Updates over which the learning rate grows linearly; it is constant afterwards. Default: 2.
    pub warmup_steps: u64,
    /// Decay of the first moment. Default: 0.9.
    pub beta1: f64,
    /// Decay of the second moment. Default: 0.95.
    pub beta2: f64,
    /// Added to the root of the second moment. Default: 1e-8.
    pub epsilon: f64,
    /// Decoupled weight decay, times the learning rate. Default: 0.1.
    pub weight_decay: f64,
    /// The largest norm of all gradients together; longer ones are shortened to it. 0 leaves them
    /// as they are. Default: 1.
    pub max_grad_norm: f64,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            learning_rate: 3e-4,
            warmup_steps: 2,
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            weight_decay: 0.1,
            max_grad_norm: 1.0,
        }
    }
}

impl OptimizerConfig {
    /// The learning rate of the `update`-th update, counted from 1.
    pub fn rate(&self, update: u64) -> f64 {
        if update >= self.warmup_steps {
            return self.learning_rate;
        }
        self.learning_rate * update as f64 / self.warmup_steps as f64
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Config`] for the first setting that is out of its range.
    pub fn validate(&self) -> Result<()> {
        let range = |key, ok: bool, expected: &str| {
            if ok { Ok(()) } else { Err(Error::Config { key, problem: expected.to_owned() }) }
        };
        let fraction = |x: f64| (0.0..1.0).contains(&x);
        let positive = |x: f64| x.is_finite() && x >= 0.0;
        range("optimizer.learning_rate", positive(self.learning_rate), "must be 0 or more")?;
        range("optimizer.beta1", fraction(self.beta1), "must be in 0..1")?;
        range("optimizer.beta2", fraction(self.beta2), "must be in 0..1")?;
        range("optimizer.epsilon", positive(self.epsilon), "must be 0 or more")?;
        range("optimizer.weight_decay", positive(self.weight_decay), "must be 0 or more")?;
        range("optimizer.max_grad_norm", positive(self.max_grad_norm), "must be 0 or more")
    }
}

impl OptimizerConfig {
    /// Sets [`OptimizerConfig::learning_rate`].
    #[must_use]
    pub fn with_learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = learning_rate;
        self
    }

    /// Sets [`OptimizerConfig::warmup_steps`].
    #[must_use]
    pub fn with_warmup_steps(mut self, warmup_steps: u64) -> Self {
        self.warmup_steps = warmup_steps;
        self
    }

    /// Sets [`OptimizerConfig::beta1`].
    #[must_use]
    pub fn with_beta1(mut self, beta1: f64) -> Self {
        self.beta1 = beta1;
        self
    }

    /// Sets [`OptimizerConfig::beta2`].
    #[must_use]
    pub fn with_beta2(mut self, beta2: f64) -> Self {
        self.beta2 = beta2;
        self
    }

    /// Sets [`OptimizerConfig::epsilon`].
    #[must_use]
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Sets [`OptimizerConfig::weight_decay`].
    #[must_use]
    pub fn with_weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = weight_decay;
        self
    }

    /// Sets [`OptimizerConfig::max_grad_norm`].
    #[must_use]
    pub fn with_max_grad_norm(mut self, max_grad_norm: f64) -> Self {
        self.max_grad_norm = max_grad_norm;
        self
    }
}
