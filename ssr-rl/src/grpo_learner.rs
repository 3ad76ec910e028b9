//! GRPO with a model in this process.

use std::path::Path;

use candle_core::Tensor;
use ssr_core::{Episode, Policy, Sampling};
use ssr_policy::{LocalPolicy, Model, RankedSequence, ScoredSequence, Target};

use crate::{
    AdamW, Batch, Error, GrpoConfig, Learner, OptimizerConfig, Result, TargetScores, TrainSequence,
    TrainTarget, UpdateMetrics, policy_gradient,
};

/// Learns by GRPO with a model in this process.
pub struct GrpoLearner {
    policy: LocalPolicy,
    /// Where [`GrpoConfig::kl_coefficient`] penalises the divergence from it.
    reference: Option<Model>,
    optimizer: AdamW,
    config: GrpoConfig,
}

/// The file of the optimiser beside those of the policy.
const OPTIMIZER: &str = "optimizer.safetensors";

impl GrpoLearner {
    /// A learner that has made no update yet. Where the loss has a KL penalty, its reference is the
    /// policy as it is now, also after [`Learner::restore`]: a run is resumed with the policy that it
    /// was started with.
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
        let mut reference = None;
        if config.needs_reference() {
            reference = Some(policy.with_model(Model::duplicate)?);
        }
        Ok(Self { policy, reference, optimizer, config })
    }

    /// Penalises the divergence from other weights than those that the policy started with.
    #[must_use]
    pub fn with_reference(mut self, reference: Model) -> Self {
        self.reference = Some(reference);
        self
    }

    /// The policy.
    pub fn local_policy(&self) -> &LocalPolicy {
        &self.policy
    }

    /// The policy, as it was trained so far.
    pub fn into_policy(self) -> LocalPolicy {
        self.policy
    }

    /// The optimiser.
    pub fn optimizer(&self) -> &AdamW {
        &self.optimizer
    }
}

impl GrpoLearner {
    /// Whether an adapter is trained, so that a checkpoint holds it alone: the frozen weights are what
    /// the learner was made of.
    fn adapted(&self) -> bool {
        self.policy.with_model(|model| model.adapter().is_some())
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
        self.policy.count_tokens(text)
    }

    fn check_sampling(&self, sampling: &Sampling) -> Result<()> {
        // Ratios are those of the model itself, at temperature 1 and without truncation.
        let plain = Sampling::default();
        let check = |key, ok: bool, value: &str| {
            let problem = format!(
                "must be {value} where a policy learns: the loss does not correct for another"
            );
            if ok { Ok(()) } else { Err(Error::Config { key, problem }) }
        };
        check("sampling.temperature", sampling.temperature == plain.temperature, "1")?;
        check("sampling.top_p", sampling.top_p == plain.top_p, "1")?;
        check("sampling.top_k", sampling.top_k == plain.top_k, "0")?;
        check("sampling.min_p", sampling.min_p == plain.min_p, "0")?;
        let unpenalised = sampling.repetition_penalty == plain.repetition_penalty;
        check("sampling.repetition_penalty", unpenalised, "1")
    }

    fn learn(&mut self, episodes: &[Episode]) -> Result<UpdateMetrics> {
        let batch = Batch::new(episodes, self.policy.weight_version(), &self.config)?;
        if batch.is_empty() {
            let Batch { skipped_episodes, flat_groups, stale_tokens, .. } = batch;
            let metrics = UpdateMetrics::default();
            return Ok(UpdateMetrics { skipped_episodes, flat_groups, stale_tokens, ..metrics });
        }
        let Self { policy, reference, optimizer, config } = self;
        let reference = reference.as_ref().filter(|_| config.needs_reference());
        let (gradients, mut metrics) = policy.with_model(|model| {
            policy_gradient(&batch, config, model.vars(), |some| {
                let scores = score(model, some)?;
                let Some(reference) = reference else { return Ok(scores) };
                let fixed = score(reference, some)?.logprobs.to_vec1()?;
                Ok(scores.with_reference(fixed))
            })
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
        match self.adapted() {
            true => self.policy.with_model(|model| model.save_adapter(folder))?,
            false => self.policy.save(folder)?,
        }
        self.optimizer.save(&folder.join(OPTIMIZER))
    }

    fn restore(&mut self, folder: &Path, weight_version: u64) -> Result<()> {
        let wrong = |error: ssr_policy::Error| Error::damaged(folder, error.to_string(), error);
        let mut optimizer = self.optimizer.clone();
        optimizer.load(&folder.join(OPTIMIZER))?;
        if self.adapted() {
            self.policy.update(|model| model.restore_adapter(folder)).map_err(wrong)?;
        } else {
            self.policy = LocalPolicy::load(folder).map_err(wrong)?;
        }
        self.policy.set_weight_version(weight_version);
        self.optimizer = optimizer;
        Ok(())
    }
}

/// Scores sequences with a model of `ssr-policy`, for [`policy_gradient`].
///
/// # Errors
/// Those of [`Model::score`] and [`Model::rank`].
pub fn score(model: &Model, sequences: &[TrainSequence]) -> Result<TargetScores> {
    let (mut texts, mut rankings) = (Vec::new(), Vec::new());
    for sequence in sequences {
        if sequence.edits.is_empty() {
            texts.push(scored(sequence));
        } else {
            let TrainSequence { tokens, edits, score, .. } = sequence;
            rankings.push(RankedSequence { tokens, edits, score: *score });
        }
    }
    let (mut logprobs, mut entropies, mut ranked_entropies) = (Vec::new(), Vec::new(), Vec::new());
    let mut tokens = 0;
    if !texts.is_empty() {
        let scores = model.score(&texts)?;
        tokens = scores.entropies.len();
        entropies = scores.entropies;
        logprobs.push(scores.logprobs);
    }
    if !rankings.is_empty() {
        let ranks = model.rank(&rankings)?;
        ranked_entropies = ranks.entropies;
        logprobs.push(ranks.logprobs);
    }
    // Where each target stands among all that was computed, and its entropy.
    let (mut token, mut edit, mut ranking) = (0, tokens, 0);
    let (mut order, mut of_targets) = (Vec::new(), Vec::new());
    for sequence in sequences {
        for target in &sequence.targets {
            match target {
                TrainTarget::Token { .. } => {
                    order.push(token as u32);
                    of_targets.push(entropies[token]);
                    token += 1;
                }
                TrainTarget::Edit(index) => {
                    order.push((edit + index) as u32);
                    of_targets.push(ranked_entropies[ranking]);
                }
            }
        }
        if !sequence.edits.is_empty() {
            edit += sequence.edits.len();
            ranking += 1;
        }
    }
    let logprobs = Tensor::cat(&logprobs, 0)?;
    let in_order =
        order.len() == logprobs.elem_count() && order.iter().zip(0..).all(|(a, b)| *a == b);
    let logprobs = if in_order {
        logprobs
    } else {
        let order = Tensor::new(order, logprobs.device())?;
        logprobs.index_select(&order, 0)?
    };
    Ok(TargetScores::new(logprobs, of_targets))
}

fn scored(sequence: &TrainSequence) -> ScoredSequence<'_> {
    fn target(target: &TrainTarget) -> Option<Target<'_>> {
        match target {
            TrainTarget::Token { position, allowed } => {
                Some(Target { position: *position, allowed: allowed.as_ref() })
            }
            TrainTarget::Edit(_) => None,
        }
    }
    ScoredSequence {
        tokens: &sequence.tokens,
        targets: sequence.targets.iter().filter_map(target).collect(),
    }
}
