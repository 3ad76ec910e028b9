//! Weights of tokens that other weights, or another implementation, have drawn.

use serde::{Deserialize, Serialize};

/// What is done about tokens that the policy of today would have drawn with another probability,
/// with `w = π_old / π_behaviour` and `π_old` the policy at the start of the update.
///
/// Without a correction the clipped ratio is `π_θ / π_behaviour`. With one, it is `π_θ / π_old`, and
/// the token's loss is multiplied by a weight that is held fixed: the decoupled objective of
/// arXiv 2110.00641, whose weight truncated importance sampling (Yao et al., 2025; TRL's
/// `vllm_importance_sampling_mode`) bounds by C. Products over a sequence are sums of logarithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OffPolicyCorrection {
    /// None; clipping alone bounds the ratio (CWM §5).
    #[default]
    None,
    /// `min(w, C)` of each token (TRL's `token_truncate`, verl's token-level TIS).
    TokenTruncate,
    /// `w` of each token, and 0 where it lies outside of `[floor, C]` (TRL's `token_mask`; with a
    /// floor, IcePop).
    TokenMask,
    /// `min(Π w, C)` of the whole sequence (TRL's `sequence_truncate`).
    SequenceTruncate,
    /// `Π w` of the whole sequence, and 0 where it lies outside of `[floor, C]` (TRL's
    /// `sequence_mask`).
    SequenceMask,
}

impl OffPolicyCorrection {
    /// Whether a weight is used.
    pub fn is_some(self) -> bool {
        self != Self::None
    }

    /// Whether tokens with weights out of bounds are left out.
    pub fn masks(self) -> bool {
        matches!(self, Self::TokenMask | Self::SequenceMask)
    }
}

/// A correction with its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CorrectionRule {
    /// What is done.
    pub kind: OffPolicyCorrection,
    /// C, the largest weight.
    pub cap: f64,
    /// The smallest weight that is not masked.
    pub floor: f64,
}

impl Default for CorrectionRule {
    fn default() -> Self {
        Self { kind: OffPolicyCorrection::None, cap: 2.0, floor: 0.0 }
    }
}

impl CorrectionRule {
    /// A correction with the weights at most `cap`, and no floor.
    pub fn new(kind: OffPolicyCorrection, cap: f64) -> Self {
        Self { kind, cap, floor: 0.0 }
    }

    /// Sets [`CorrectionRule::floor`].
    #[must_use]
    pub fn with_floor(self, floor: f64) -> Self {
        Self { floor, ..self }
    }

    /// The weights of the tokens of a sequence with `log w`.
    pub(super) fn weights(&self, logs: &[f64]) -> Vec<f64> {
        let bound = |log: f64| {
            let weight = log.clamp(-super::MAX_LOG_RATIO, super::MAX_LOG_RATIO).exp();
            match self.kind {
                OffPolicyCorrection::None => 1.0,
                kind if !kind.masks() => weight.min(self.cap),
                _ if weight > self.cap || weight < self.floor => 0.0,
                _ => weight,
            }
        };
        match self.kind {
            OffPolicyCorrection::SequenceTruncate | OffPolicyCorrection::SequenceMask => {
                vec![bound(logs.iter().sum()); logs.len()]
            }
            _ => logs.iter().map(|log| bound(*log)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_bounded_by_token_or_by_sequence() {
        let logs = [0.0, 3f64.ln(), 0.25f64.ln()];
        let of = |kind| CorrectionRule::new(kind, 2.0).with_floor(0.5).weights(&logs);
        let near = |a: &[f64], b: [f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(near(&of(OffPolicyCorrection::None), [1.0; 3]));
        assert!(near(&of(OffPolicyCorrection::TokenTruncate), [1.0, 2.0, 0.25]));
        assert!(near(&of(OffPolicyCorrection::TokenMask), [1.0, 0.0, 0.0]));
        assert!(near(&of(OffPolicyCorrection::SequenceTruncate), [0.75; 3]));
        assert!(near(&of(OffPolicyCorrection::SequenceMask), [0.75; 3]));
        let high = CorrectionRule::new(OffPolicyCorrection::SequenceMask, 0.7);
        assert!(near(&high.weights(&logs), [0.0; 3]));
    }

    #[test]
    fn hopeless_weights_stay_finite() {
        for kind in [OffPolicyCorrection::TokenMask, OffPolicyCorrection::SequenceTruncate] {
            let rule = CorrectionRule::new(kind, 1e300);
            assert!(rule.weights(&[1e30, 1e30, -1e30]).iter().all(|weight| weight.is_finite()));
        }
    }
}
