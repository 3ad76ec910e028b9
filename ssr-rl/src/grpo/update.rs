//! The gradient of the loss over a batch, and what is measured on the way.

use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize};

use super::{Batch, GrpoConfig, LossToken, PolicyLoss, TrainSequence, policy_loss};
use crate::{Gradients, Result};

/// What a model says about the targets of some sequences, in order (sequence, target).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TargetScores {
    /// Natural-log probabilities, `[N]` f32, differentiable by the weights.
    pub logprobs: Tensor,
    /// Entropies in nats of the distributions that the targets were drawn from, `[N]`.
    pub entropies: Vec<f32>,
    /// Natural-log probabilities under a reference, `[N]`, where the loss has a KL penalty.
    pub reference: Option<Vec<f32>>,
}

impl TargetScores {
    /// The scores of `N` targets: log-probabilities as an `[N]` tensor of f32, and entropies.
    pub fn new(logprobs: Tensor, entropies: Vec<f32>) -> Self {
        Self { logprobs, entropies, reference: None }
    }

    /// Adds the log-probabilities of the `N` targets under a reference.
    #[must_use]
    pub fn with_reference(self, reference: Vec<f32>) -> Self {
        Self { reference: Some(reference), ..self }
    }
}

/// What one update saw. Means are over the trained tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UpdateMetrics {
    /// The policy loss with its penalties.
    pub policy_loss: f64,
    /// Mean of ρ.
    pub mean_ratio: f64,
    /// Share of tokens that the clipping holds back.
    pub clip_fraction: f64,
    /// Share of tokens that only the dual clip bounds; it is a part of `clip_fraction`.
    #[serde(default)]
    pub dual_clip_fraction: f64,
    /// Share of tokens that the covariance guard chose.
    #[serde(default)]
    pub guarded_fraction: f64,
    /// Share of tokens that the off-policy correction left out.
    #[serde(default)]
    pub masked_fraction: f64,
    /// Estimate of KL(behaviour ‖ trainer) a token, nats.
    pub approx_kl: f64,
    /// Estimate of KL(trainer ‖ reference) a token, nats; 0 without a KL penalty.
    #[serde(default)]
    pub reference_kl: f64,
    /// Mean entropy, nats.
    pub entropy: f64,
    /// Mean |log π_trainer − log π_sampler| over tokens of the current weights; 0 when both compute
    /// alike.
    pub logprob_gap_mean: f64,
    /// The largest such difference.
    pub logprob_gap_max: f64,
    /// Norm of the gradient before it was shortened.
    pub grad_norm: f64,
    /// The learning rate of this update.
    pub learning_rate: f64,
    /// Episodes trained on.
    pub train_episodes: usize,
    /// Episodes without an advantage or without tokens.
    pub skipped_episodes: usize,
    /// Groups in which all rewards are equal.
    #[serde(default)]
    pub flat_groups: usize,
    /// Tokens trained on.
    pub train_tokens: usize,
    /// Tokens left out because they were drawn too long ago.
    pub stale_tokens: usize,
    /// Whether the weights changed.
    pub updated: bool,
}

/// The gradient of the loss over `batch` by `vars`, and what was seen on the way. `score` evaluates
/// some sequences; it is called for one micro-batch at a time, whose graph is freed before the next.
/// A loss that [needs the whole batch](super::LossRule::needs_whole_batch) has it called twice for
/// each.
///
/// # Errors
/// Those of `score`; [`Error::Optimiser`](crate::Error::Optimiser) when its answer has the wrong
/// length; [`Error::Config`](crate::Error::Config) when there is a KL penalty and no reference.
pub fn policy_gradient(
    batch: &Batch,
    config: &GrpoConfig,
    vars: &[(String, Var)],
    mut score: impl FnMut(&[TrainSequence]) -> Result<TargetScores>,
) -> Result<(Gradients, UpdateMetrics)> {
    let mut gradients = Gradients::zeros(vars);
    let mut sums = Sums::default();
    let runs = batch.micro_batches(config.micro_batch_tokens);
    let mut ahead = None;
    if config.loss_rule().needs_whole_batch() {
        let mut whole = Numbers::default();
        for sequences in &runs {
            whole.extend(Numbers::of(&score(sequences)?, sequences)?);
        }
        ahead = Some(sums.add(batch, &batch.sequences, &whole, config)?.into_iter());
    }
    for sequences in runs {
        let scores = score(sequences)?;
        let numbers = Numbers::of(&scores, sequences)?;
        let targets = numbers.logprobs.len();
        let slopes = match &mut ahead {
            Some(slopes) => slopes.by_ref().take(targets).collect(),
            None => sums.add(batch, sequences, &numbers, config)?,
        };
        let slopes = Tensor::from_vec(slopes, targets, scores.logprobs.device())?;
        // A scalar with the gradient of the loss: see `policy_loss`.
        let surrogate = (scores.logprobs * slopes)?.sum_all()?;
        gradients.add(vars, &surrogate.backward()?)?;
    }
    Ok((gradients, sums.metrics(batch)))
}

/// The scores of the targets of some sequences, as numbers.
#[derive(Default)]
struct Numbers {
    logprobs: Vec<f32>,
    entropies: Vec<f32>,
    /// Empty without a reference.
    reference: Vec<f32>,
}

impl Numbers {
    fn of(scores: &TargetScores, sequences: &[TrainSequence]) -> Result<Self> {
        let logprobs: Vec<f32> = scores.logprobs.to_vec1()?;
        let entropies = scores.entropies.clone();
        let targets: usize = sequences.iter().map(|sequence| sequence.targets.len()).sum();
        let reference = scores.reference.clone();
        let referred = reference.as_ref().map_or(targets, Vec::len);
        if logprobs.len() != targets || entropies.len() != targets || referred != targets {
            let problem = format!("{targets} tokens were to be scored, {} were", logprobs.len());
            return Err(crate::Error::Optimiser(problem));
        }
        Ok(Self { logprobs, entropies, reference: reference.unwrap_or_default() })
    }

    fn extend(&mut self, more: Self) {
        self.logprobs.extend(more.logprobs);
        self.entropies.extend(more.entropies);
        self.reference.extend(more.reference);
    }
}

#[derive(Default)]
struct Sums {
    loss: PolicyLoss,
    tokens: usize,
    entropy: f64,
    current: usize,
    gap: f64,
    gap_max: f64,
}

impl Sums {
    /// Takes in some sequences of `batch` and returns the slope of the loss by each log-probability.
    fn add(
        &mut self,
        batch: &Batch,
        sequences: &[TrainSequence],
        numbers: &Numbers,
        config: &GrpoConfig,
    ) -> Result<Vec<f32>> {
        let mut places = Vec::new();
        let mut episodes: Vec<Vec<LossToken>> = Vec::new();
        let mut start = 0;
        for sequence in sequences {
            for one in &sequence.uses {
                let mut tokens = Vec::with_capacity(one.behaviour.len());
                for (at, drawn) in one.behaviour.iter().enumerate() {
                    let Some(drawn) = drawn else { continue };
                    let at = start + at;
                    let (logprob, entropy) = (numbers.logprobs[at], numbers.entropies[at]);
                    self.entropy += f64::from(entropy);
                    if drawn.staleness == 0 {
                        let gap = f64::from((logprob - drawn.logprob).abs());
                        self.current += 1;
                        self.gap += gap;
                        self.gap_max = self.gap_max.max(gap);
                    }
                    let token = LossToken::new(logprob, drawn.logprob, one.advantage)
                        .with_reference(numbers.reference.get(at).copied())
                        .with_entropy(entropy);
                    places.push(at);
                    tokens.push(token);
                }
                episodes.push(tokens);
            }
            start += sequence.targets.len();
        }
        let rule = config.loss_rule();
        let mut slopes = vec![0.0; numbers.logprobs.len()];
        let mut places = places.into_iter();
        // Sums over tokens go episode by episode, so that they do not depend on micro-batches.
        let parts = if rule.needs_whole_batch() { episodes.len() } else { 1 };
        for part in episodes.chunks(parts.max(1)) {
            let loss = policy_loss(part, batch.totals, &rule)?;
            for (slope, at) in loss.gradient.iter().zip(places.by_ref()) {
                slopes[at] += slope;
            }
            self.tokens += loss.gradient.len();
            self.loss.merge(&PolicyLoss { gradient: Vec::new(), ..loss });
        }
        Ok(slopes)
    }

    fn metrics(&self, batch: &Batch) -> UpdateMetrics {
        let mean = |sum: f64, count: usize| if count == 0 { 0.0 } else { sum / count as f64 };
        let share = |part: usize| mean(part as f64, self.tokens);
        UpdateMetrics {
            policy_loss: self.loss.loss,
            mean_ratio: mean(self.loss.ratio_sum, self.tokens),
            clip_fraction: share(self.loss.clipped),
            dual_clip_fraction: share(self.loss.dual_clipped),
            guarded_fraction: share(self.loss.guarded),
            masked_fraction: share(self.loss.masked),
            approx_kl: mean(self.loss.kl_sum, self.tokens),
            reference_kl: mean(self.loss.reference_kl_sum, self.tokens),
            entropy: mean(self.entropy, self.tokens),
            logprob_gap_mean: mean(self.gap, self.current),
            logprob_gap_max: self.gap_max,
            train_episodes: batch.episodes,
            skipped_episodes: batch.skipped_episodes,
            flat_groups: batch.flat_groups,
            train_tokens: batch.tokens,
            stale_tokens: batch.stale_tokens,
            ..UpdateMetrics::default()
        }
    }
}
