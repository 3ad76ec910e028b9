//! Tokens whose update would cost most entropy.

use serde::{Deserialize, Serialize};

/// What is done about the few tokens that drive entropy down: those where
/// `(A − mean A)(log π − mean log π)`, with means over the tokens of the batch, is large (*The
/// Entropy Mechanism of RL*, arXiv 2505.22617).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CovarianceGuard {
    /// Nothing.
    #[default]
    None,
    /// Clip-Cov: of the unclipped tokens with a covariance between two bounds, a share is drawn by
    /// chance and not trained on. The chance is a function of the token's place in the batch.
    ClipCov,
    /// KL-Cov: the share of tokens with the largest covariance pays `coefficient · |log ρ|`. **It
    /// stands in for clipping**: no ratio is clipped, as in the paper; a dual clip still holds.
    KlCov,
}

/// A guard with its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct GuardRule {
    /// What is done.
    pub kind: CovarianceGuard,
    /// The share of the tokens of a batch, at least one token.
    pub share: f64,
    /// Clip-Cov: the covariance lies above this bound.
    pub low: f64,
    /// Clip-Cov: the covariance lies below this bound.
    pub high: f64,
    /// KL-Cov: what `|log ρ|` costs.
    pub coefficient: f64,
}

impl Default for GuardRule {
    /// No guard, with the bounds of verl.
    fn default() -> Self {
        Self { kind: CovarianceGuard::None, share: 2e-4, low: 1.0, high: 5.0, coefficient: 1.0 }
    }
}

/// A token of the batch as a guard sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct GuardedToken {
    pub(super) advantage: f64,
    pub(super) logprob: f64,
    /// Whether clipping has already stopped it.
    pub(super) clipped: bool,
}

impl GuardRule {
    /// A guard of a share of the tokens, with the other bounds of verl.
    pub fn new(kind: CovarianceGuard, share: f64) -> Self {
        Self { kind, share, ..Self::default() }
    }

    /// Sets [`GuardRule::low`] and [`GuardRule::high`].
    #[must_use]
    pub fn with_bounds(self, low: f64, high: f64) -> Self {
        Self { low, high, ..self }
    }

    /// Sets [`GuardRule::coefficient`].
    #[must_use]
    pub fn with_coefficient(self, coefficient: f64) -> Self {
        Self { coefficient, ..self }
    }

    /// Which of the tokens of a whole batch are guarded.
    pub(super) fn choose(&self, tokens: &[GuardedToken]) -> Vec<bool> {
        let mut chosen = vec![false; tokens.len()];
        if self.kind == CovarianceGuard::None || tokens.is_empty() {
            return chosen;
        }
        let count = tokens.len() as f64;
        let mean = |of: fn(&GuardedToken) -> f64| tokens.iter().map(of).sum::<f64>() / count;
        let (advantage, logprob) = (mean(|token| token.advantage), mean(|token| token.logprob));
        let covariance =
            |token: &GuardedToken| (token.advantage - advantage) * (token.logprob - logprob);
        let covariances: Vec<f64> = tokens.iter().map(covariance).collect();
        let most = ((count * self.share) as usize).max(1);
        let mut places: Vec<usize> = (0..tokens.len()).collect();
        if self.kind == CovarianceGuard::ClipCov {
            let within = |at: &usize| self.low < covariances[*at] && covariances[*at] < self.high;
            places.retain(|at| !tokens[*at].clipped && within(at));
            places.sort_by_key(|at| scatter(*at as u64));
        } else {
            places.sort_by(|a, b| covariances[*b].total_cmp(&covariances[*a]));
        }
        for at in places.into_iter().take(most) {
            chosen[at] = true;
        }
        chosen
    }
}

/// SplitMix64: different places go to places that look random, the same ones in every run.
fn scatter(place: u64) -> u64 {
    let mut z = place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens() -> impl Strategy<Value = Vec<GuardedToken>> {
        let token = (-2.0..2.0f64, -6.0..0.0f64, any::<bool>())
            .prop_map(|(advantage, logprob, clipped)| GuardedToken { advantage, logprob, clipped });
        prop::collection::vec(token, 1..200)
    }

    fn covariances(tokens: &[GuardedToken]) -> Vec<f64> {
        let count = tokens.len() as f64;
        let a = tokens.iter().map(|token| token.advantage).sum::<f64>() / count;
        let l = tokens.iter().map(|token| token.logprob).sum::<f64>() / count;
        tokens.iter().map(|token| (token.advantage - a) * (token.logprob - l)).collect()
    }

    proptest! {
        #[test]
        fn clip_cov_takes_its_share_of_the_free_tokens_within_the_bounds(
            tokens in tokens(),
            share in 0.0..1.0f64,
        ) {
            let rule = GuardRule::new(CovarianceGuard::ClipCov, share).with_bounds(0.2, 3.0);
            let chosen = rule.choose(&tokens);
            let covariances = covariances(&tokens);
            let fit = |at: usize| {
                !tokens[at].clipped && covariances[at] > 0.2 && covariances[at] < 3.0
            };
            let all = (0..tokens.len()).filter(|at| fit(*at)).count();
            let most = ((tokens.len() as f64 * share) as usize).max(1);
            prop_assert_eq!(chosen.iter().filter(|chosen| **chosen).count(), all.min(most));
            prop_assert!((0..tokens.len()).all(|at| !chosen[at] || fit(at)));
        }

        #[test]
        fn kl_cov_takes_the_largest(tokens in tokens(), share in 0.0..1.0f64) {
            let rule = GuardRule::new(CovarianceGuard::KlCov, share);
            let chosen = rule.choose(&tokens);
            let covariances = covariances(&tokens);
            let most = ((tokens.len() as f64 * share) as usize).max(1);
            prop_assert_eq!(chosen.iter().filter(|chosen| **chosen).count(), most);
            let least = (0..tokens.len()).filter(|at| chosen[*at]).map(|at| covariances[at]);
            let least = least.fold(f64::INFINITY, f64::min);
            let rest = (0..tokens.len()).filter(|at| !chosen[*at]);
            prop_assert!(rest.into_iter().all(|at| covariances[at] <= least));
        }
    }
}
