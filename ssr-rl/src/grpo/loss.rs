//! The clipped policy loss and its derivative.

/// How far a token's probability may move before it stops being pushed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clip {
    /// ε below: the ratio is clipped at `1 − low`.
    pub low: f64,
    /// ε above: the ratio is clipped at `1 + high`.
    pub high: f64,
}

/// One sampled token as the loss sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossToken {
    /// log π_θ(a), recomputed by the trainer.
    pub logprob: f32,
    /// log π_behaviour(a), recorded when the token was drawn.
    pub behaviour: f32,
    /// The advantage of the token's episode.
    pub advantage: f32,
}

/// The loss of a set of tokens and its derivative by every log-probability.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ClippedLoss {
    /// `−(1/C) Σ min(ρA, clip(ρ, 1−ε_low, 1+ε_high) A)`.
    pub loss: f64,
    /// ∂loss/∂logprob of each token: `−ρA/C` where the ratio is free to move, 0 where it is clipped.
    pub gradient: Vec<f32>,
    /// Σ ρ.
    pub ratio_sum: f64,
    /// Tokens whose gradient the clipping removed.
    pub clipped: usize,
    /// Σ (ρ − 1 − ln ρ), the low-variance estimate of KL(behaviour ‖ trainer).
    pub kl_sum: f64,
}

/// Log-ratios are cut at this bound, far outside of the clip range, so that the exponential cannot
/// overflow.
const MAX_LOG_RATIO: f64 = 30.0;

/// The clipped policy loss of CWM §5 over the tokens that the model drew itself:
///
/// ```text
/// ρ = π_θ(a) / π_behaviour(a)
/// loss = −(1/C) Σ min(ρ A, clip(ρ, 1 − ε_low, 1 + ε_high) A)
/// ```
///
/// `constant` is C. Being a constant, it normalises nothing by length: a long answer weighs as much
/// per token as a short one.
///
/// The derivative is given in closed form. The loss of a token depends on the weights through one
/// log-probability only, so that `Σ gradientᵢ · logprobᵢ` with the gradient held fixed is a scalar
/// whose gradient by the weights is that of the loss.
pub fn clipped_loss(tokens: &[LossToken], clip: Clip, constant: f64) -> ClippedLoss {
    let mut sum = ClippedLoss { gradient: Vec::with_capacity(tokens.len()), ..Default::default() };
    for token in tokens {
        let log_ratio = f64::from(token.logprob) - f64::from(token.behaviour);
        let log_ratio = log_ratio.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO);
        let (ratio, advantage) = (log_ratio.exp(), f64::from(token.advantage));
        let free = ratio * advantage;
        let bound = ratio.clamp(1.0 - clip.low, 1.0 + clip.high) * advantage;
        let active = free <= bound;
        sum.loss -= free.min(bound) / constant;
        sum.gradient.push(if active { (-free / constant) as f32 } else { 0.0 });
        sum.ratio_sum += ratio;
        sum.clipped += usize::from(!active);
        sum.kl_sum += ratio - 1.0 - log_ratio;
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLIP: Clip = Clip { low: 0.20, high: 0.25 };

    fn one(log_ratio: f32, advantage: f32) -> ClippedLoss {
        let token = LossToken { logprob: -1.0 + log_ratio, behaviour: -1.0, advantage };
        clipped_loss(&[token], CLIP, 2.0)
    }

    #[test]
    fn only_moves_in_the_rewarded_direction_are_clipped() {
        for (log_ratio, advantage, clipped) in [
            (0.5, 1.0, true),   // already much more likely, and good: stop
            (-0.5, 1.0, false), // less likely than it was, though good: push up
            (-0.5, -1.0, true), // already much less likely, and bad: stop
            (0.5, -1.0, false), // more likely than it was, though bad: push down
            (0.0, 1.0, false),
            (0.0, -1.0, false),
        ] {
            let loss = one(log_ratio, advantage);
            assert_eq!(loss.clipped == 1, clipped, "ratio e^{log_ratio}, advantage {advantage}");
            assert_eq!(loss.gradient[0] == 0.0, clipped);
        }
    }

    #[test]
    fn on_policy_the_gradient_is_the_advantage() {
        let loss = one(0.0, 3.0);
        assert_eq!((loss.loss, loss.gradient[0]), (-1.5, -1.5));
        assert_eq!((loss.ratio_sum, loss.kl_sum), (1.0, 0.0));
    }

    #[test]
    fn hopeless_ratios_stay_finite() {
        for log_ratio in [-1e30, 1e30] {
            for advantage in [-1.0, 1.0] {
                let loss = one(log_ratio, advantage);
                assert!(loss.loss.is_finite() && loss.gradient[0].is_finite());
                assert!(loss.kl_sum.is_finite());
            }
        }
    }

    proptest! {
        #[test]
        fn the_gradient_is_that_of_finite_differences(
            log_ratio in -1.0..1.0f64,
            advantage in -2.0..2.0f32,
        ) {
            // Away from the corners, where a difference straddles two slopes.
            for edge in [0.8f64.ln(), 1.25f64.ln()] {
                prop_assume!((log_ratio - edge).abs() > 0.01);
            }
            let h = 1e-3;
            let high = one((log_ratio + h) as f32, advantage).loss;
            let low = one((log_ratio - h) as f32, advantage).loss;
            let gradient = f64::from(one(log_ratio as f32, advantage).gradient[0]);
            prop_assert!(((high - low) / (2.0 * h) - gradient).abs() < 2e-3);
        }
    }
}
