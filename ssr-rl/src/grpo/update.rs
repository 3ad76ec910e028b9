//! The gradient of the loss over a batch, and what is measured on the way.

use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize};

use super::{Batch, GrpoConfig, LossToken, TrainSequence, clipped_loss};
use crate::{Gradients, Result};

/// What a model says about the targets of some sequences, in order (sequence, target).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TargetScores {
    /// Natural-log probabilities, `[N]` f32, differentiable by the weights.
    pub logprobs: Tensor,
    /// Entropies in nats of the distributions that the targets were drawn from, `[N]`.
    pub entropies: Vec<f32>,
}

impl TargetScores {
    /// The scores of `N` targets: log-probabilities as an `[N]` tensor of f32, and entropies.
    pub fn new(logprobs: Tensor, entropies: Vec<f32>) -> Self {
        Self { logprobs, entropies }
    }
}

/// What one update saw. Means are over the trained tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UpdateMetrics {
    /// The clipped policy loss.
    pub policy_loss: f64,
    /// Mean of ρ.
    pub mean_ratio: f64,
    /// Share of tokens that the clipping holds back.
    pub clip_fraction: f64,
    /// Estimate of KL(behaviour ‖ trainer) a token, nats.
    pub approx_kl: f64,
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
    /// Tokens trained on.
    pub train_tokens: usize,
    /// Tokens left out because they were drawn too long ago.
    pub stale_tokens: usize,
    /// Whether the weights changed.
    pub updated: bool,
}

/// The gradient of the clipped loss over `batch` by `vars`, and what was seen on the way. `score`
/// evaluates some sequences; it is called for one micro-batch at a time, whose graph is freed before
/// the next.
///
/// # Errors
/// Those of `score`, and [`Error::Optimiser`](crate::Error::Optimiser) when its answer has the wrong
/// length.
pub fn policy_gradient(
    batch: &Batch,
    config: &GrpoConfig,
    vars: &[(String, Var)],
    mut score: impl FnMut(&[TrainSequence]) -> Result<TargetScores>,
) -> Result<(Gradients, UpdateMetrics)> {
    let mut gradients = Gradients::zeros(vars);
    let mut sums = Sums::default();
    for sequences in batch.micro_batches(config.micro_batch_tokens) {
        let scores = score(sequences)?;
        let logprobs: Vec<f32> = scores.logprobs.to_vec1()?;
        let targets: usize = sequences.iter().map(|sequence| sequence.targets.len()).sum();
        if logprobs.len() != targets || scores.entropies.len() != targets {
            let problem = format!("{targets} tokens were to be scored, {} were", logprobs.len());
            return Err(crate::Error::Optimiser(problem));
        }
        let slopes = sums.add(sequences, &logprobs, &scores.entropies, config);
        let slopes = Tensor::from_vec(slopes, targets, scores.logprobs.device())?;
        // A scalar with the gradient of the loss: see `clipped_loss`.
        let surrogate = (scores.logprobs * slopes)?.sum_all()?;
        gradients.add(vars, &surrogate.backward()?)?;
    }
    Ok((gradients, sums.metrics(batch)))
}

#[derive(Default)]
struct Sums {
    tokens: usize,
    loss: f64,
    ratio: f64,
    clipped: usize,
    kl: f64,
    entropy: f64,
    current: usize,
    gap: f64,
    gap_max: f64,
}

impl Sums {
    /// Takes in a micro-batch and returns the slope of the loss by each log-probability.
    fn add(
        &mut self,
        sequences: &[TrainSequence],
        logprobs: &[f32],
        entropies: &[f32],
        config: &GrpoConfig,
    ) -> Vec<f32> {
        let mut slopes = vec![0.0; logprobs.len()];
        let mut start = 0;
        for sequence in sequences {
            for one in &sequence.uses {
                let drawn = one.behaviour.iter().enumerate();
                let drawn = drawn.filter_map(|(at, drawn)| Some((start + at, (*drawn)?)));
                let (places, tokens): (Vec<usize>, Vec<LossToken>) = drawn
                    .map(|(at, drawn)| {
                        self.entropy += f64::from(entropies[at]);
                        if drawn.staleness == 0 {
                            let gap = f64::from((logprobs[at] - drawn.logprob).abs());
                            self.current += 1;
                            self.gap += gap;
                            self.gap_max = self.gap_max.max(gap);
                        }
                        let (behaviour, advantage) = (drawn.logprob, one.advantage);
                        (at, LossToken { logprob: logprobs[at], behaviour, advantage })
                    })
                    .unzip();
                let loss = clipped_loss(&tokens, config.clip(), config.loss_constant);
                for (at, slope) in places.into_iter().zip(&loss.gradient) {
                    slopes[at] += slope;
                }
                self.tokens += tokens.len();
                self.loss += loss.loss;
                self.ratio += loss.ratio_sum;
                self.clipped += loss.clipped;
                self.kl += loss.kl_sum;
            }
            start += sequence.targets.len();
        }
        slopes
    }

    fn metrics(&self, batch: &Batch) -> UpdateMetrics {
        let mean = |sum: f64, count: usize| if count == 0 { 0.0 } else { sum / count as f64 };
        UpdateMetrics {
            policy_loss: self.loss,
            mean_ratio: mean(self.ratio, self.tokens),
            clip_fraction: mean(self.clipped as f64, self.tokens),
            approx_kl: mean(self.kl, self.tokens),
            entropy: mean(self.entropy, self.tokens),
            logprob_gap_mean: mean(self.gap, self.current),
            logprob_gap_max: self.gap_max,
            train_episodes: batch.episodes,
            skipped_episodes: batch.skipped_episodes,
            train_tokens: batch.tokens,
            stale_tokens: batch.stale_tokens,
            ..UpdateMetrics::default()
        }
    }
}
