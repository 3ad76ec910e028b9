//! GRPO with a model in this process.

use std::path::Path;

use ssr_core::{Episode, Policy};
use ssr_policy::{LocalPolicy, Model, ScoredSequence, Target};

use crate::{
    AdamW, Batch, Error, GrpoConfig, Learner, OptimizerConfig, Result, TargetScores, TrainSequence,
    UpdateMetrics, policy_gradient,
};

/// Learns by GRPO with a model in this process.
pub struct GrpoLearner {
    policy: LocalPolicy,
    optimizer: AdamW,
    config: GrpoConfig,
}

/// The file of the optimiser beside those of the policy.
const OPTIMIZER: &str = "optimizer.safetensors";

impl GrpoLearner {
    /// A learner that has made no update yet.
    ///
    /// # Errors
    /// [`Error::Config`] when a setting is out of its range.
    pub fn new(
        policy: LocalPolicy,
        config: GrpoConfig,
        optimizer: OptimizerConfig,
    ) -> Result<Self> {
        config.validate()?;
        let optimizer = policy.with_model(|model| AdamW::new(model.vars(), optimizer))?;
        Ok(Self { policy, optimizer, config })
    }

    /// The policy.
    pub fn local_policy(&self) -> &LocalPolicy {
        &self.policy
    }

    /// The optimiser.
    pub fn optimizer(&self) -> &AdamW {
        &self.optimizer
    }
}

impl Learner for GrpoLearner {
    fn policy(&self) -> &dyn Policy {
        &self.policy
    }

    fn weight_version(&self) -> u64 {
        self.policy.weight_version()
    }

    fn count_tokens(&self, text: &str) -> usize {
        // No tokenisation is longer than one token a byte.
        self.policy.tokenizer().encode(text).map_or(text.len(), |tokens| tokens.len())
    }

    fn learn(&mut self, episodes: &[Episode]) -> Result<UpdateMetrics> {
        let batch = Batch::new(episodes, self.policy.weight_version(), &self.config)?;
        if batch.is_empty() {
            let Batch { skipped_episodes, stale_tokens, .. } = batch;
            return Ok(UpdateMetrics { skipped_episodes, stale_tokens, ..Default::default() });
        }
        let Self { policy, optimizer, config } = self;
        let (gradients, mut metrics) = policy.with_model(|model| {
            policy_gradient(&batch, config, model.vars(), |some| score(model, some))
        })?;
        if !gradients.norm().is_finite() {
            // The weights stay, and so does their version.
            metrics.grad_norm = f64::MAX;
            return Ok(metrics);
        }
        let outcome = policy.update(|model| optimizer.step(model.vars(), &gradients))?;
        metrics.grad_norm = outcome.grad_norm;
        metrics.learning_rate = outcome.learning_rate;
        metrics.updated = outcome.applied;
        Ok(metrics)
    }

    fn save(&self, folder: &Path) -> Result<()> {
        self.policy.save(folder)?;
        self.optimizer.save(&folder.join(OPTIMIZER))
    }

    fn restore(&mut self, folder: &Path, weight_version: u64) -> Result<()> {
        let wrong = |error: ssr_policy::Error| Error::damaged(folder, error.to_string(), error);
        let policy = LocalPolicy::load(folder).map_err(wrong)?;
        let mut optimizer = self.optimizer.clone();
        optimizer.load(&folder.join(OPTIMIZER))?;
        policy.set_weight_version(weight_version);
        (self.policy, self.optimizer) = (policy, optimizer);
        Ok(())
    }
}

/// Scores sequences with a model of `ssr-policy`, for [`policy_gradient`].
///
/// # Errors
/// Those of [`Model::score`].
pub fn score(model: &Model, sequences: &[TrainSequence]) -> Result<TargetScores> {
    let sequences: Vec<ScoredSequence<'_>> = sequences
        .iter()
        .map(|sequence| ScoredSequence {
            tokens: &sequence.tokens,
            targets: sequence
                .targets
                .iter()
                .map(|target| Target {
                    position: target.position,
                    allowed: target.allowed.as_ref(),
                })
                .collect(),
        })
        .collect();
    let scores = model.score(&sequences)?;
    Ok(TargetScores::new(scores.logprobs, scores.entropies))
}
