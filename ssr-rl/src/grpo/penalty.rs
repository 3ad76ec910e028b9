//! What is added to the policy's loss: the divergence from a reference, and entropy.

use serde::{Deserialize, Serialize};

/// How the divergence KL(π_θ ‖ π_ref) is estimated from one sampled token, with
/// `d = log π_ref − log π_θ` and `ρ = π_θ / π_behaviour` (J. Schulman, *Approximating KL
/// divergence*, 2020).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum KlEstimator {
    /// `−d`. Unbiased as a value; **its gradient has the expectation 0** on policy, so that it is of
    /// use in a reward and not in a loss.
    K1,
    /// `d² / 2`. Biased as a value; its gradient, `−d`, is on policy the unbiased one.
    K2,
    /// `e^d − d − 1` (GRPO, arXiv 2402.03300 eq. 4; TRL). Unbiased and never negative as a value; its
    /// gradient is that of the forward divergence KL(π_ref ‖ π_θ).
    #[default]
    K3,
    /// `ρ (e^d − d − 1)` (DeepSeek-V3.2, arXiv 2512.02556 §3.1; TRL's `use_bias_correction_kl`): value
    /// and gradient, `−ρ d`, are unbiased wherever the token was drawn.
    Unbiased,
}

/// The value of a term and its derivative by the token's log-probability.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Term {
    pub(super) value: f64,
    pub(super) slope: f64,
}

impl KlEstimator {
    /// `d` is `log π_ref − log π_θ`, `ratio` is ρ.
    pub(super) fn term(self, d: f64, ratio: f64) -> Term {
        let k3 = d.exp() - d - 1.0;
        match self {
            Self::K1 => Term { value: -d, slope: 1.0 },
            Self::K2 => Term { value: d * d / 2.0, slope: -d },
            Self::K3 => Term { value: k3, slope: 1.0 - d.exp() },
            Self::Unbiased => Term { value: ratio * k3, slope: -ratio * d },
        }
    }
}

/// The negative entropy of the distribution that a token was drawn from, and its slope by the
/// token's log-probability: `ρ (log π(a) + H)`.
///
/// `∇(−H) = E[log π(a) ∇ log π(a)]`, and adding H, which does not depend on `a`, changes no
/// expectation and takes the variance down.
pub(super) fn negative_entropy(entropy: f64, logprob: f64, ratio: f64) -> Term {
    Term { value: -entropy, slope: ratio * (logprob + entropy) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [KlEstimator; 4] =
        [KlEstimator::K1, KlEstimator::K2, KlEstimator::K3, KlEstimator::Unbiased];

    proptest! {
        #[test]
        fn slopes_are_finite_differences(d in -3.0..3.0f64, log_ratio in -1.0..1.0f64) {
            // More log π_θ is less d and more ρ.
            let at = |estimator: KlEstimator, h: f64| estimator.term(d - h, (log_ratio + h).exp());
            for estimator in ALL {
                let h = 1e-5;
                let difference = (at(estimator, h).value - at(estimator, -h).value) / (2.0 * h);
                let slope = at(estimator, 0.0).slope;
                prop_assert!((difference - slope).abs() < 1e-5, "{estimator:?}");
            }
        }

        /// Over all actions of a small distribution the expectations are exact sums.
        #[test]
        fn expectations_are_the_divergence_and_its_gradient(
            logits in prop::collection::vec((-2.0..2.0f64, -2.0..2.0f64), 2..6),
        ) {
            let softmax = |logits: Vec<f64>| -> Vec<f64> {
                let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
                logits.iter().map(|logit| logit.exp() / sum).collect()
            };
            let (ours, theirs): (Vec<f64>, Vec<f64>) = logits.into_iter().unzip();
            let (p, q) = (softmax(ours), softmax(theirs));
            let divergence: f64 = p.iter().zip(&q).map(|(p, q)| p * (p / q).ln()).sum();
            let entropy: f64 = -p.iter().map(|p| p * p.ln()).sum::<f64>();
            // Σ_a p(a) slope(a) ∂ log p(a) / ∂ logit_k
            let gradient = |slopes: &[f64], k: usize| -> f64 {
                let of = |a: usize| p[a] * slopes[a] * (f64::from(u8::from(a == k)) - p[k]);
                (0..p.len()).map(of).sum()
            };
            for estimator in ALL {
                let terms: Vec<Term> =
                    p.iter().zip(&q).map(|(p, q)| estimator.term((q / p).ln(), 1.0)).collect();
                let value: f64 = p.iter().zip(&terms).map(|(p, term)| p * term.value).sum();
                if estimator != KlEstimator::K2 {
                    prop_assert!((value - divergence).abs() < 1e-9, "{estimator:?}");
                }
                let slopes: Vec<f64> = terms.iter().map(|term| term.slope).collect();
                for (k, (p, q)) in p.iter().zip(&q).enumerate() {
                    let exact = p * ((p / q).ln() - divergence);
                    let expected = match estimator {
                        KlEstimator::K1 => 0.0,
                        KlEstimator::K3 => p - q,
                        KlEstimator::K2 | KlEstimator::Unbiased => exact,
                    };
                    prop_assert!((gradient(&slopes, k) - expected).abs() < 1e-9, "{estimator:?}");
                }
            }
            let slopes: Vec<f64> =
                p.iter().map(|p| negative_entropy(entropy, p.ln(), 1.0).slope).collect();
            for (k, p) in p.iter().enumerate() {
                let exact = p * (p.ln() + entropy);
                prop_assert!((gradient(&slopes, k) - exact).abs() < 1e-9);
            }
        }
    }
}
