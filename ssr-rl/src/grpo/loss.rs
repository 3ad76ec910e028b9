//! The policy losses: pure functions of log-probabilities, with their derivative in closed form.
//!
//! A loss depends on the weights through the log-probabilities of the sampled tokens alone, so that
//! `Σ slopeᵢ · logprobᵢ` with the slopes held fixed is a scalar whose gradient by the weights is that
//! of the loss.

use serde::{Deserialize, Serialize};

use super::covariance::GuardedToken;
use super::penalty::negative_entropy;
use super::{CorrectionRule, CovarianceGuard, GuardRule, KlEstimator, MAX_LOG_RATIO};
use crate::{Error, Result};

/// How far a token's probability may move before it stops being pushed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clip {
    /// ε below: the ratio is clipped at `1 − low`.
    pub low: f64,
    /// ε above: the ratio is clipped at `1 + high`.
    pub high: f64,
}

impl Clip {
    /// The ratio within the bounds; not a number stays one.
    fn bound(self, ratio: f64) -> f64 {
        let (low, high) = (1.0 - self.low, 1.0 + self.high);
        if ratio < low {
            low
        } else if ratio > high {
            high
        } else {
            ratio
        }
    }
}

/// One sampled token as the losses see it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LossToken {
    /// log π_θ(a), recomputed by the trainer.
    pub logprob: f32,
    /// log π_behaviour(a), recorded when the token was drawn.
    pub behaviour: f32,
    /// The advantage of the token's episode.
    pub advantage: f32,
    /// log π_old(a) under the weights at the start of the update, for an
    /// [`OffPolicyCorrection`](super::OffPolicyCorrection). `None` where the update makes one step,
    /// so that these are the weights of `logprob`.
    pub proximal: Option<f32>,
    /// log π_ref(a), for a KL penalty.
    pub reference: Option<f32>,
    /// The entropy in nats of the distribution that `logprob` comes from.
    pub entropy: f32,
}

impl LossToken {
    /// A token without what penalties and corrections need.
    pub fn new(logprob: f32, behaviour: f32, advantage: f32) -> Self {
        let (proximal, reference, entropy) = (None, None, 0.0);
        Self { logprob, behaviour, advantage, proximal, reference, entropy }
    }

    /// Sets [`LossToken::proximal`].
    #[must_use]
    pub fn with_proximal(self, proximal: Option<f32>) -> Self {
        Self { proximal, ..self }
    }

    /// Sets [`LossToken::reference`].
    #[must_use]
    pub fn with_reference(self, reference: Option<f32>) -> Self {
        Self { reference, ..self }
    }

    /// Sets [`LossToken::entropy`].
    #[must_use]
    pub fn with_entropy(self, entropy: f32) -> Self {
        Self { entropy, ..self }
    }
}

/// What the ratio `ρ = π_θ / π_behaviour` is taken of, with `n` the trained tokens of the sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RatioLevel {
    /// Each token.
    #[default]
    Token,
    /// The sequence: `Π ρ_t` (RLOO as TRL has it).
    Sequence,
    /// The geometric mean of the sequence: `(Π ρ_t)^(1/n)` (GSPO, arXiv 2507.18071 eq. 7).
    SequenceMean,
}

/// What is done with the ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Surrogate {
    /// `−min(ρ A, clip(ρ, 1 − ε_low, 1 + ε_high) A)`: a ratio out of bounds has no gradient.
    #[default]
    Clipped,
    /// `−clip(ρ, 1 − ε_low, 1 + ε_high) A log π_θ` with the clipped ratio held fixed (CISPO, arXiv
    /// 2506.13585 eq. 4): every token keeps a gradient.
    DetachedWeight,
}

/// What the summed loss is divided by. N sequences and T tokens are those of [`LossTotals`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LossAggregation {
    /// C (CWM §5): nothing is normalised by length, a long answer weighs as much per token as a
    /// short one.
    #[default]
    Constant,
    /// `N · C` (Dr.GRPO, arXiv 2503.20783 §3.1, with C the largest answer; TRL's `dr_grpo`).
    SequenceConstant,
    /// `N · n` for a token of a sequence with n tokens: the mean over sequences of the mean over
    /// their tokens (GRPO, arXiv 2402.03300 eq. 3).
    SequenceMean,
    /// `T` (DAPO, arXiv 2503.14476 eq. 8).
    TokenMean,
}

impl LossAggregation {
    /// The number that the loss of a token of a sequence with `length` tokens is divided by.
    pub(super) fn divisor(self, constant: f64, length: usize, totals: LossTotals) -> f64 {
        let sequences = totals.sequences.max(1) as f64;
        match self {
            Self::Constant => constant,
            Self::SequenceConstant => sequences * constant,
            Self::SequenceMean => sequences * length as f64,
            Self::TokenMean => totals.tokens.max(1) as f64,
        }
    }
}

/// What the means of a loss are taken over: a whole batch, of which a call may see a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LossTotals {
    /// Sequences.
    pub sequences: usize,
    /// Their trained tokens.
    pub tokens: usize,
}

impl LossTotals {
    /// The totals of sequences that are the whole batch.
    pub fn of<S: AsRef<[LossToken]>>(sequences: &[S]) -> Self {
        let tokens = sequences.iter().map(|sequence| sequence.as_ref().len()).sum();
        Self { sequences: sequences.len(), tokens }
    }
}

/// A policy loss with all its terms. [`GrpoConfig::loss_rule`](super::GrpoConfig::loss_rule) makes
/// one of the settings of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LossRule {
    /// What the ratio is taken of.
    pub ratio: RatioLevel,
    /// What is done with it.
    pub surrogate: Surrogate,
    /// Where it is clipped.
    pub clip: Clip,
    /// c of dual clipping (arXiv 1912.09729): a negative advantage costs at most `c |A|`,
    /// however large the ratio. 0: none.
    pub dual_clip: f64,
    /// What the loss is divided by.
    pub aggregation: LossAggregation,
    /// C of the aggregations that have one.
    pub constant: f64,
    /// How the divergence from a reference is estimated.
    pub kl: KlEstimator,
    /// β, what a nat of divergence costs. 0: none.
    pub kl_coefficient: f64,
    /// What a nat of entropy earns. 0: nothing.
    pub entropy_coefficient: f64,
    /// What is done about tokens that other weights have drawn.
    pub correction: CorrectionRule,
    /// What is done about tokens that cost entropy.
    pub guard: GuardRule,
}

impl LossRule {
    /// Whether a token's slope depends on other sequences than its own, so that [`policy_loss`] has
    /// to be called with the whole batch.
    pub fn needs_whole_batch(&self) -> bool {
        self.guard.kind != CovarianceGuard::None
    }
}

/// A policy loss, its derivative, and what was counted on the way.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct PolicyLoss {
    /// The loss with all terms.
    pub loss: f64,
    /// ∂loss/∂logprob of each token, sequence by sequence.
    pub gradient: Vec<f32>,
    /// Σ ρ over the tokens, `ρ = π_θ / π_behaviour`.
    pub ratio_sum: f64,
    /// Tokens whose gradient clipping removed, or whose weight it bounded.
    pub clipped: usize,
    /// Of these, the tokens that only the dual clip bounded.
    pub dual_clipped: usize,
    /// Tokens that the covariance guard held back or penalised.
    pub guarded: usize,
    /// Tokens that the off-policy correction left out.
    pub masked: usize,
    /// Σ (ρ − 1 − ln ρ), the low-variance estimate of KL(behaviour ‖ trainer).
    pub kl_sum: f64,
    /// Σ of the estimates of KL(π_θ ‖ π_ref); 0 without a KL penalty.
    pub reference_kl_sum: f64,
}

impl PolicyLoss {
    /// Adds the loss of further sequences of the same batch.
    pub fn merge(&mut self, other: &Self) {
        self.loss += other.loss;
        self.gradient.extend_from_slice(&other.gradient);
        self.ratio_sum += other.ratio_sum;
        self.clipped += other.clipped;
        self.dual_clipped += other.dual_clipped;
        self.guarded += other.guarded;
        self.masked += other.masked;
        self.kl_sum += other.kl_sum;
        self.reference_kl_sum += other.reference_kl_sum;
    }
}

/// The loss of some sequences of a batch, each the trained tokens of one episode in order.
///
/// `totals` are those of the batch; where [`LossRule::needs_whole_batch`], so are `sequences`.
///
/// ```text
/// loss = Σ_t [ w_t f(ρ_t, A_t) + β KL_t − c H_t ] / D
/// ```
///
/// with `f` the [`Surrogate`], `w` the weight of the [`CorrectionRule`] and `D` the
/// [`LossAggregation`]. Ratios are cut at e^±30, so that no exponential overflows.
///
/// # Errors
/// [`Error::Config`] when there is a KL penalty and a token without a reference.
pub fn policy_loss<S: AsRef<[LossToken]>>(
    sequences: &[S],
    totals: LossTotals,
    rule: &LossRule,
) -> Result<PolicyLoss> {
    let parts: Vec<Sequence<'_>> =
        sequences.iter().map(|tokens| Sequence::new(tokens.as_ref(), rule)).collect();
    let mut guarded = Vec::new();
    if rule.needs_whole_batch() {
        let tokens: Vec<GuardedToken> =
            parts.iter().flat_map(|part| part.guard_view(rule)).collect();
        guarded = rule.guard.choose(&tokens);
    }
    let mut sum = PolicyLoss::default();
    let mut start = 0;
    for part in parts {
        let end = start + part.tokens.len();
        sum.merge(&part.loss(totals, rule, guarded.get(start..end))?);
        start = end;
    }
    Ok(sum)
}

/// The tokens of an episode with their ratios.
struct Sequence<'a> {
    tokens: &'a [LossToken],
    /// log of the ratio that is clipped, the same for all tokens above [`RatioLevel::Token`].
    log_ratios: Vec<f64>,
    /// Weights of the off-policy correction.
    weights: Vec<f64>,
}

/// The surrogate of one token.
struct Step {
    value: f64,
    /// By log ρ when clipped, by log π_θ when detached.
    slope: f64,
    clipped: bool,
    dual: bool,
}

/// The difference of two log-probabilities, cut where its exponential would overflow.
fn log_ratio(a: f32, b: f32) -> f64 {
    (f64::from(a) - f64::from(b)).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
}

impl<'a> Sequence<'a> {
    fn new(tokens: &'a [LossToken], rule: &LossRule) -> Self {
        let corrected = rule.correction.kind.is_some();
        let old = |token: &LossToken| token.proximal.unwrap_or(token.logprob);
        let base = |token: &LossToken| if corrected { old(token) } else { token.behaviour };
        let mut log_ratios: Vec<f64> =
            tokens.iter().map(|token| log_ratio(token.logprob, base(token))).collect();
        if rule.ratio != RatioLevel::Token {
            let mut whole: f64 = log_ratios.iter().sum();
            if rule.ratio == RatioLevel::SequenceMean {
                whole /= log_ratios.len().max(1) as f64;
            }
            log_ratios.fill(whole.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO));
        }
        let logs: Vec<f64> =
            tokens.iter().map(|token| log_ratio(old(token), token.behaviour)).collect();
        Self { tokens, log_ratios, weights: rule.correction.weights(&logs) }
    }

    fn guard_view(&self, rule: &LossRule) -> Vec<GuardedToken> {
        let view = |(at, token): (usize, &LossToken)| GuardedToken {
            advantage: f64::from(token.advantage),
            logprob: f64::from(token.logprob),
            clipped: self.step(at, rule).clipped,
        };
        self.tokens.iter().enumerate().map(view).collect()
    }

    /// The surrogate of token `at`.
    fn step(&self, at: usize, rule: &LossRule) -> Step {
        let token = &self.tokens[at];
        let (ratio, advantage) = (self.log_ratios[at].exp(), f64::from(token.advantage));
        let bounded = rule.clip.bound(ratio);
        if rule.surrogate == Surrogate::DetachedWeight {
            let weight = bounded * advantage;
            let value = -weight * f64::from(token.logprob);
            return Step { value, slope: -weight, clipped: bounded != ratio, dual: false };
        }
        let free = ratio * advantage;
        let bound =
            if rule.guard.kind == CovarianceGuard::KlCov { free } else { bounded * advantage };
        let active = free <= bound;
        let least = rule.dual_clip * advantage;
        if rule.dual_clip > 0.0 && advantage < 0.0 && free < least {
            return Step { value: -least, slope: 0.0, clipped: true, dual: active };
        }
        let slope = if active { -free } else { 0.0 };
        Step { value: -free.min(bound), slope, clipped: !active, dual: false }
    }

    /// The loss and slopes; `guarded` says which tokens the guard has chosen.
    fn loss(
        &self,
        totals: LossTotals,
        rule: &LossRule,
        guarded: Option<&[bool]>,
    ) -> Result<PolicyLoss> {
        let divisor = rule.aggregation.divisor(rule.constant, self.tokens.len(), totals);
        let mut sum = PolicyLoss::default();
        // Slopes by each token's own log-probability, and by the ratio of the whole sequence.
        let mut slopes = Vec::with_capacity(self.tokens.len());
        let mut shared = 0.0;
        for (at, token) in self.tokens.iter().enumerate() {
            let Step { mut value, mut slope, clipped, dual } = self.step(at, rule);
            let behaviour = log_ratio(token.logprob, token.behaviour);
            let ratio = behaviour.exp();
            if guarded.is_some_and(|guarded| guarded[at]) {
                sum.guarded += 1;
                if rule.guard.kind == CovarianceGuard::ClipCov {
                    (value, slope) = (0.0, 0.0);
                } else {
                    let log = self.log_ratios[at];
                    value += rule.guard.coefficient * log.abs();
                    slope += rule.guard.coefficient * sign(log);
                }
            }
            if rule.correction.kind.is_some() {
                value *= self.weights[at];
                slope *= self.weights[at];
                sum.masked += usize::from(self.weights[at] == 0.0);
            }
            if rule.ratio != RatioLevel::Token && rule.surrogate == Surrogate::Clipped {
                shared += slope;
                slope = 0.0;
            }
            if rule.kl_coefficient > 0.0 {
                let Some(reference) = token.reference else { return Err(no_reference()) };
                let kl = rule.kl.term(log_ratio(reference, token.logprob), ratio);
                value += rule.kl_coefficient * kl.value;
                slope += rule.kl_coefficient * kl.slope;
                sum.reference_kl_sum += kl.value;
            }
            if rule.entropy_coefficient > 0.0 {
                let (entropy, logprob) = (f64::from(token.entropy), f64::from(token.logprob));
                // An estimate from a token that other weights drew; its weight is bounded.
                let weight = ratio.min(1.0 + rule.clip.high);
                let term = negative_entropy(entropy, logprob, weight);
                value += rule.entropy_coefficient * term.value;
                slope += rule.entropy_coefficient * term.slope;
            }
            sum.loss += value / divisor;
            slopes.push(slope);
            sum.ratio_sum += ratio;
            sum.clipped += usize::from(clipped);
            sum.dual_clipped += usize::from(dual);
            sum.kl_sum += ratio - 1.0 - behaviour;
        }
        if rule.ratio == RatioLevel::SequenceMean {
            shared /= self.tokens.len().max(1) as f64;
        }
        sum.gradient = slopes.iter().map(|slope| ((slope + shared) / divisor) as f32).collect();
        Ok(sum)
    }
}

/// −1, 0 or 1: as for PyTorch, |x| has the derivative 0 at 0.
fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

fn no_reference() -> Error {
    let problem = "needs the log-probabilities of a reference; give the learner one or set it to 0";
    Error::Config { key: "grpo.kl_coefficient", problem: problem.to_owned() }
}

#[cfg(test)]
mod tests;
