//! Advantages of the episodes of a group.

use serde::{Deserialize, Serialize};

/// What a reward is compared with inside its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RewardBaseline {
    /// `μ = Σ Rᵢ Lᵢ / Σ Lᵢ` with `Lᵢ` the number of sampled tokens (CWM §5): every *token* of the
    /// group is compared with the average token, so that `Σ Lᵢ Aᵢ = 0`.
    #[default]
    LengthWeighted,
    /// `μ = Σ Rᵢ / G` (GRPO).
    GroupMean,
    /// `μᵢ = Σ_{j≠i} Rⱼ / (G − 1)` (RLOO): unbiased, because an episode is not its own baseline.
    LeaveOneOut,
}

/// The smallest standard deviation that advantages are divided by: without it, rewards that are
/// nearly equal would give huge advantages.
const STD_FLOOR: f64 = 1e-6;

/// The advantage of every episode of one group: `Aᵢ = Rᵢ − μ`, divided by the standard deviation of
/// the rewards when `normalise` is set.
///
/// `rewards[i]` belongs to an episode with `lengths[i]` sampled tokens; a missing length counts as 0.
/// A group whose rewards are all equal has no contrast: its advantages are exactly 0, as are those
/// of a group without sampled tokens under [`RewardBaseline::LengthWeighted`] and of a group of one.
///
/// ```
/// use ssr_rl::{RewardBaseline, advantages};
///
/// let a = advantages(&[1.0, -1.0], &[30, 10], RewardBaseline::LengthWeighted, false);
/// assert_eq!(a, [0.5, -1.5]);
/// ```
pub fn advantages(
    rewards: &[f64],
    lengths: &[usize],
    baseline: RewardBaseline,
    normalise: bool,
) -> Vec<f64> {
    let count = rewards.len() as f64;
    let zeros = || vec![0.0; rewards.len()];
    if rewards.windows(2).all(|pair| pair[0] == pair[1]) {
        return zeros();
    }
    let total: f64 = rewards.iter().sum();
    let mut advantages: Vec<f64> = match baseline {
        RewardBaseline::LengthWeighted => {
            let weights = lengths.iter().map(|length| *length as f64);
            let tokens: f64 = weights.clone().sum();
            if tokens == 0.0 {
                return zeros();
            }
            let weighted: f64 = rewards.iter().zip(weights).map(|(r, w)| r * w).sum();
            rewards.iter().map(|reward| reward - weighted / tokens).collect()
        }
        RewardBaseline::GroupMean => rewards.iter().map(|reward| reward - total / count).collect(),
        RewardBaseline::LeaveOneOut => {
            rewards.iter().map(|reward| reward - (total - reward) / (count - 1.0)).collect()
        }
    };
    if normalise {
        let mean = total / count;
        let variance = rewards.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / count;
        let scale = variance.sqrt().max(STD_FLOOR);
        advantages.iter_mut().for_each(|advantage| *advantage /= scale);
    }
    advantages
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [RewardBaseline; 3] =
        [RewardBaseline::LengthWeighted, RewardBaseline::GroupMean, RewardBaseline::LeaveOneOut];

    fn group() -> impl Strategy<Value = (Vec<f64>, Vec<usize>)> {
        prop::collection::vec((-1.0..1.0f64, 0..5000usize), 1..24)
            .prop_map(|pairs| pairs.into_iter().unzip())
    }

    proptest! {
        #[test]
        fn length_weighted_advantages_sum_to_zero_over_tokens((rewards, lengths) in group()) {
            let advantages = advantages(&rewards, &lengths, RewardBaseline::LengthWeighted, false);
            let sum: f64 = advantages.iter().zip(&lengths).map(|(a, l)| a * *l as f64).sum();
            let scale: f64 = lengths.iter().map(|l| *l as f64).sum::<f64>().max(1.0);
            prop_assert!(sum.abs() <= 1e-12 * scale, "{sum}");
        }

        #[test]
        fn advantages_are_finite_and_keep_the_order_of_the_rewards(
            (rewards, lengths) in group(),
            normalise: bool,
        ) {
            for baseline in ALL {
                let advantages = advantages(&rewards, &lengths, baseline, normalise);
                prop_assert_eq!(advantages.len(), rewards.len());
                prop_assert!(advantages.iter().all(|a| a.is_finite()));
                for (i, j) in (0..rewards.len()).zip(1..rewards.len()) {
                    if rewards[i] < rewards[j] {
                        prop_assert!(advantages[i] <= advantages[j]);
                    }
                }
            }
        }

        #[test]
        fn equal_rewards_give_exactly_zero(reward in -1.0..1.0f64, lengths in prop::collection::vec(0..99usize, 1..9)) {
            let rewards = vec![reward; lengths.len()];
            for baseline in ALL {
                for normalise in [false, true] {
                    let advantages = advantages(&rewards, &lengths, baseline, normalise);
                    prop_assert!(advantages.iter().all(|a| *a == 0.0));
                }
            }
        }
    }

    #[test]
    fn one_success_of_four_by_hand() {
        let rewards = [1.0, -1.0, -1.0, -1.0];
        let group_mean = advantages(&rewards, &[], RewardBaseline::GroupMean, false);
        assert_eq!(group_mean, [1.5, -0.5, -0.5, -0.5]);
        let left_out = advantages(&rewards, &[], RewardBaseline::LeaveOneOut, false);
        assert!((left_out[0] - 2.0).abs() < 1e-12 && (left_out[1] + 2.0 / 3.0).abs() < 1e-12);
        let normalised = advantages(&rewards, &[], RewardBaseline::GroupMean, true);
        assert!((normalised[0] - 3f64.sqrt()).abs() < 1e-12);
        // A long failure counts for more than a short one.
        let weighted =
            advantages(&rewards, &[10, 10, 10, 70], RewardBaseline::LengthWeighted, false);
        assert!((weighted[0] - 1.8).abs() < 1e-12 && (weighted[3] + 0.2).abs() < 1e-12);
    }
}
