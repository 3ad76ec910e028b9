//! Losses that learn from answers that are given: supervised ones, and pairs of a better and a worse
//! one. Like [`policy_loss`](super::policy_loss) they are functions of log-probabilities, with their
//! slopes.

use super::{LossAggregation, LossTotals};

/// A better and a worse answer to the same prompt, by the sums of their tokens' log-probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PreferencePair {
    /// log π_θ of the better answer.
    pub chosen: f64,
    /// log π_θ of the worse answer.
    pub rejected: f64,
    /// log π_ref of the better answer.
    pub chosen_reference: f64,
    /// log π_ref of the worse answer.
    pub rejected_reference: f64,
}

/// How pairs are weighed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PreferenceRule {
    /// β of DPO and λ of SPIN: how far the policy may move from its reference for a preference.
    pub beta: f64,
    /// The chance that the answers of a pair are the wrong way round (conservative DPO).
    pub label_smoothing: f64,
}

impl Default for PreferenceRule {
    /// β = 0.1, without label smoothing.
    fn default() -> Self {
        Self { beta: 0.1, label_smoothing: 0.0 }
    }
}

impl PreferenceRule {
    /// A rule with this β and no label smoothing.
    pub fn new(beta: f64) -> Self {
        Self { beta, ..Self::default() }
    }

    /// Sets [`PreferenceRule::label_smoothing`].
    #[must_use]
    pub fn with_label_smoothing(self, label_smoothing: f64) -> Self {
        Self { label_smoothing, ..self }
    }
}

/// A loss over pairs and its slopes.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct PreferenceLoss {
    /// The mean over the pairs.
    pub loss: f64,
    /// For each pair, ∂loss/∂logprob of every token of its better answer.
    pub chosen: Vec<f32>,
    /// For each pair, ∂loss/∂logprob of every token of its worse answer.
    pub rejected: Vec<f32>,
    /// Pairs whose better answer has gained more than the worse one over the reference.
    pub agreed: usize,
    /// Σ of the margins h, in nats times β.
    pub margin_sum: f64,
}

/// The loss of DPO (arXiv 2305.18290 eq. 7), with the label smoothing ε of conservative DPO (E.
/// Mitchell, 2023):
///
/// ```text
/// h = β [ (log π_θ(y_w) − log π_ref(y_w)) − (log π_θ(y_l) − log π_ref(y_l)) ]
/// loss = mean of −(1 − ε) log σ(h) − ε log σ(−h)
/// ```
///
/// It is also the loss of SPIN (arXiv 2401.01335 §4, with the logistic ℓ and λ = β): there the
/// better answer is one of the data set, the worse one is drawn from the policy of the iteration
/// before, and that policy is the reference.
pub fn preference_loss(pairs: &[PreferencePair], rule: &PreferenceRule) -> PreferenceLoss {
    let count = pairs.len().max(1) as f64;
    let mut sum = PreferenceLoss::default();
    for pair in pairs {
        let gained = pair.chosen - pair.chosen_reference;
        let h = rule.beta * (gained - (pair.rejected - pair.rejected_reference));
        let smoothing = rule.label_smoothing;
        sum.loss -= ((1.0 - smoothing) * log_sigmoid(h) + smoothing * log_sigmoid(-h)) / count;
        let by_margin =
            smoothing * log_sigmoid(h).exp() - (1.0 - smoothing) * log_sigmoid(-h).exp();
        let slope = (rule.beta * by_margin / count) as f32;
        sum.chosen.push(slope);
        sum.rejected.push(-slope);
        sum.agreed += usize::from(h > 0.0);
        sum.margin_sum += h;
    }
    sum
}

/// `log σ(x)` without overflow.
fn log_sigmoid(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

/// A supervised loss and its slopes.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct SupervisedLoss {
    /// The loss.
    pub loss: f64,
    /// ∂loss/∂logprob of each token, sequence by sequence.
    pub gradient: Vec<f32>,
}

/// The negative log-likelihood of given answers, one sequence of log-probabilities each, with their
/// weights: `−Σ wᵢ log π_θ(y_t) / D`.
///
/// With weight 1 and [`LossAggregation::TokenMean`] it is the cross entropy of supervised
/// fine-tuning; over the successes of a policy it is rejection-sampled fine-tuning (expert
/// iteration). A missing weight is 1. `totals` are those of the batch; `constant` is C of the
/// aggregations that have one.
pub fn sft_loss<S: AsRef<[f32]>>(
    sequences: &[S],
    weights: &[f64],
    aggregation: LossAggregation,
    constant: f64,
    totals: LossTotals,
) -> SupervisedLoss {
    let mut sum = SupervisedLoss::default();
    for (at, logprobs) in sequences.iter().map(AsRef::as_ref).enumerate() {
        let weight = weights.get(at).copied().unwrap_or(1.0);
        let divisor = aggregation.divisor(constant, logprobs.len(), totals);
        for logprob in logprobs {
            sum.loss -= weight * f64::from(*logprob) / divisor;
            sum.gradient.push((-weight / divisor) as f32);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pair(chosen: f64, rejected: f64) -> PreferencePair {
        PreferencePair { chosen, rejected, chosen_reference: -12.0, rejected_reference: -11.0 }
    }

    proptest! {
        #[test]
        fn slopes_are_finite_differences(
            chosen in -40.0..0.0f64,
            rejected in -40.0..0.0f64,
            beta in 0.01..1.0f64,
            label_smoothing in 0.0..0.5f64,
        ) {
            let rule = PreferenceRule::new(beta).with_label_smoothing(label_smoothing);
            let at = |up: f64, down: f64| {
                preference_loss(&[pair(chosen + up, rejected + down), pair(-9.0, -8.0)], &rule)
            };
            let (h, here) = (1e-4, at(0.0, 0.0));
            let by_chosen = (at(h, 0.0).loss - at(-h, 0.0).loss) / (2.0 * h);
            let by_rejected = (at(0.0, h).loss - at(0.0, -h).loss) / (2.0 * h);
            prop_assert!((by_chosen - f64::from(here.chosen[0])).abs() < 1e-6);
            prop_assert!((by_rejected - f64::from(here.rejected[0])).abs() < 1e-6);
            prop_assert_eq!(here.chosen[0], -here.rejected[0]);
        }

        #[test]
        fn hopeless_margins_stay_finite(chosen in -1e30..1e30f64, rejected in -1e30..1e30f64) {
            let loss = preference_loss(&[pair(chosen, rejected)], &PreferenceRule::default());
            prop_assert!(loss.loss.is_finite() && loss.chosen[0].is_finite());
        }
    }

    #[test]
    fn an_unmoved_policy_has_the_loss_of_a_coin() {
        let same = [pair(-12.0, -11.0)];
        let loss = preference_loss(&same, &PreferenceRule::new(0.3));
        assert!((loss.loss - 2f64.ln()).abs() < 1e-12);
        assert!((loss.chosen[0] + 0.15).abs() < 1e-7);
        assert_eq!((loss.agreed, loss.margin_sum), (0, 0.0));
        assert_eq!(preference_loss(&[], &PreferenceRule::default()), PreferenceLoss::default());
    }

    #[test]
    fn supervised_losses_weigh_tokens_sequences_and_successes() {
        let sequences = [vec![-1.0, -2.0], vec![-4.0]];
        let totals = LossTotals { sequences: 2, tokens: 3 };
        let of =
            |weights: &[f64], aggregation| sft_loss(&sequences, weights, aggregation, 2.0, totals);
        let tokens = of(&[], LossAggregation::TokenMean);
        assert!((tokens.loss - 7.0 / 3.0).abs() < 1e-12);
        assert!(tokens.gradient.iter().all(|slope| (slope + 1.0 / 3.0).abs() < 1e-7));
        assert_eq!(of(&[], LossAggregation::SequenceMean).loss, (1.5 + 4.0) / 2.0);
        let second = of(&[0.0, 1.0], LossAggregation::Constant);
        assert_eq!((second.loss, second.gradient), (2.0, vec![0.0, 0.0, -0.5]));
    }
}
