//! Advantages: what the rewards of episodes are compared with, and in which unit.

use serde::{Deserialize, Serialize};

/// What a reward is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RewardBaseline {
    /// `μ = Σ Rᵢ Lᵢ / Σ Lᵢ` over the group, with `Lᵢ` the number of trained tokens (CWM §5): every
    /// *token* of the group is compared with the average token, so that `Σ Lᵢ Aᵢ = 0`.
    #[default]
    LengthWeighted,
    /// `μ = Σ Rᵢ / G` over the group (GRPO, arXiv 2402.03300 §4.1.2). Because a solver's group is one
    /// bug and the injector's are the proposals from one source, this is also the hierarchical
    /// baseline of prime-rl's `hierarchical_grpo`.
    GroupMean,
    /// `μᵢ = Σ_{j≠i} Rⱼ / (G − 1)` over the group (RLOO, arXiv 2402.14740 §3.1): unbiased, because an
    /// episode is not its own baseline.
    LeaveOneOut,
    /// The mean over all episodes of the same role in the batch (task-relative REINFORCE++ of
    /// Absolute Zero, arXiv 2505.03335): a group without contrast still tells something.
    RoleMean,
    /// 0: the reward itself.
    None,
}

impl RewardBaseline {
    /// Whether a reward is compared with those of its own group alone.
    pub fn is_within_group(self) -> bool {
        matches!(self, Self::LengthWeighted | Self::GroupMean | Self::LeaveOneOut)
    }
}

/// The unit in which advantages are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AdvantageScale {
    /// That of the rewards (Dr.GRPO, arXiv 2503.20783 §3.1: dividing favours questions that are too
    /// easy or too hard).
    #[default]
    None,
    /// `σ + ε` of the rewards of the group, with the variance over G.
    Population,
    /// `σ + ε` of the rewards of the group, with the variance over G − 1, as `torch.std` computes it
    /// and TRL and verl divide. At G = 2 the advantages are √2 times smaller than with
    /// [`AdvantageScale::Population`].
    Sample,
    /// `(A − mean A) / √(var A + ε)` over all trained tokens of the role in the batch, with the
    /// variance over n − 1 (REINFORCE++, arXiv 2501.03262, as verl's `masked_whiten`).
    Batch,
}

impl AdvantageScale {
    /// The ε of the implementation that the scale is known from: 1e-4 for
    /// [`Sample`](Self::Sample) (TRL), 1e-8 for [`Batch`](Self::Batch) (verl), 1e-6 else.
    pub fn default_epsilon(self) -> f64 {
        match self {
            Self::Sample => 1e-4,
            Self::Batch => 1e-8,
            Self::None | Self::Population => 1e-6,
        }
    }
}

/// How rewards become advantages.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct AdvantageRule {
    /// What a reward is compared with.
    pub baseline: RewardBaseline,
    /// The unit.
    pub scale: AdvantageScale,
    /// ε of the unit, more than 0: without it, rewards that are nearly equal would give huge
    /// advantages.
    pub epsilon: f64,
}

impl Default for AdvantageRule {
    fn default() -> Self {
        Self::new(RewardBaseline::default(), AdvantageScale::default())
    }
}

impl AdvantageRule {
    /// A rule with the [usual ε](AdvantageScale::default_epsilon) of its scale.
    pub fn new(baseline: RewardBaseline, scale: AdvantageScale) -> Self {
        Self { baseline, scale, epsilon: scale.default_epsilon() }
    }

    /// Sets [`AdvantageRule::epsilon`].
    #[must_use]
    pub fn with_epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }
}

/// The rewards of one group and what was trained of each episode.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RewardGroup {
    /// One reward an episode.
    pub rewards: Vec<f64>,
    /// How many tokens of it are trained; a missing length counts as 0.
    pub lengths: Vec<usize>,
}

impl RewardGroup {
    /// Whether all rewards are equal, so that comparing them within the group says nothing. A group
    /// of one is flat.
    pub fn is_flat(&self) -> bool {
        self.rewards.windows(2).all(|pair| pair[0] == pair[1])
    }

    fn length(&self, at: usize) -> f64 {
        self.lengths.get(at).map_or(0.0, |length| *length as f64)
    }
}

/// The advantages of the episodes of one group, as if it were the whole batch.
///
/// `rewards[i]` belongs to an episode of which `lengths[i]` tokens are trained. Compared within the
/// group, equal rewards give exactly 0; so does a group without tokens under
/// [`RewardBaseline::LengthWeighted`].
///
/// ```
/// use ssr_rl::{AdvantageRule, AdvantageScale, RewardBaseline, advantages};
///
/// let a = advantages(&[1.0, -1.0], &[30, 10], &AdvantageRule::default());
/// assert_eq!(a, [0.5, -1.5]);
/// let trl = AdvantageRule::new(RewardBaseline::GroupMean, AdvantageScale::Sample);
/// let a = advantages(&[1.0, -1.0], &[], &trl);
/// assert!((a[0] - 1.0 / (2f64.sqrt() + 1e-4)).abs() < 1e-12);
/// ```
pub fn advantages(rewards: &[f64], lengths: &[usize], rule: &AdvantageRule) -> Vec<f64> {
    let group = RewardGroup { rewards: rewards.to_vec(), lengths: lengths.to_vec() };
    role_advantages(&[group], rule).concat()
}

/// The advantages of all episodes of one role in a batch, group by group.
///
/// Only what is trained belongs in `groups`: an episode that is dropped must not move the baseline
/// of its siblings.
pub fn role_advantages(groups: &[RewardGroup], rule: &AdvantageRule) -> Vec<Vec<f64>> {
    let mut all: Vec<Vec<f64>> = match rule.baseline {
        RewardBaseline::RoleMean => {
            let count: usize = groups.iter().map(|group| group.rewards.len()).sum();
            let sum: f64 = groups.iter().flat_map(|group| &group.rewards).sum();
            let mean = sum / (count as f64).max(1.0);
            groups.iter().map(|group| less(&group.rewards, mean)).collect()
        }
        within => groups.iter().map(|group| compared(group, within)).collect(),
    };
    match rule.scale {
        AdvantageScale::None => {}
        AdvantageScale::Population | AdvantageScale::Sample => {
            for (group, advantages) in groups.iter().zip(&mut all) {
                let scale = deviation(&group.rewards, rule.scale) + rule.epsilon;
                advantages.iter_mut().for_each(|advantage| *advantage /= scale);
            }
        }
        AdvantageScale::Batch => whiten(groups, &mut all, rule.epsilon),
    }
    all
}

fn less(rewards: &[f64], mean: f64) -> Vec<f64> {
    rewards.iter().map(|reward| reward - mean).collect()
}

/// Rewards less their baseline within the group.
fn compared(group: &RewardGroup, baseline: RewardBaseline) -> Vec<f64> {
    let rewards = &group.rewards;
    let zeros = || vec![0.0; rewards.len()];
    if baseline.is_within_group() && group.is_flat() {
        return zeros();
    }
    let (count, total) = (rewards.len() as f64, rewards.iter().sum::<f64>());
    match baseline {
        RewardBaseline::LengthWeighted => {
            let weights = (0..rewards.len()).map(|at| group.length(at));
            let tokens: f64 = weights.clone().sum();
            if tokens == 0.0 {
                return zeros();
            }
            let weighted: f64 = rewards.iter().zip(weights).map(|(r, w)| r * w).sum();
            less(rewards, weighted / tokens)
        }
        RewardBaseline::GroupMean => less(rewards, total / count),
        RewardBaseline::LeaveOneOut => {
            rewards.iter().map(|reward| reward - (total - reward) / (count - 1.0)).collect()
        }
        RewardBaseline::RoleMean | RewardBaseline::None => rewards.clone(),
    }
}

/// σ of the rewards of a group; 0 of a group of one.
fn deviation(rewards: &[f64], scale: AdvantageScale) -> f64 {
    let count = rewards.len() as f64;
    let degrees = if scale == AdvantageScale::Sample { count - 1.0 } else { count };
    if degrees < 1.0 {
        return 0.0;
    }
    let mean = rewards.iter().sum::<f64>() / count;
    let squares: f64 = rewards.iter().map(|reward| (reward - mean).powi(2)).sum();
    (squares / degrees).sqrt()
}

/// Gives the tokens of all groups mean 0 and variance 1.
fn whiten(groups: &[RewardGroup], all: &mut [Vec<f64>], epsilon: f64) {
    let weighted = |all: &[Vec<f64>], of: &dyn Fn(f64) -> f64| -> f64 {
        let group = |(group, advantages): (&RewardGroup, &Vec<f64>)| -> f64 {
            advantages.iter().enumerate().map(|(at, a)| group.length(at) * of(*a)).sum()
        };
        groups.iter().zip(all).map(group).sum()
    };
    let tokens = weighted(all, &|_| 1.0);
    let mean = weighted(all, &|a| a) / tokens.max(1.0);
    let squares = weighted(all, &|a| (a - mean).powi(2));
    let variance = if tokens > 1.0 { squares / (tokens - 1.0) } else { 0.0 };
    let scale = (variance + epsilon).sqrt();
    for advantage in all.iter_mut().flatten() {
        *advantage = (*advantage - mean) / scale;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASELINES: [RewardBaseline; 5] = [
        RewardBaseline::LengthWeighted,
        RewardBaseline::GroupMean,
        RewardBaseline::LeaveOneOut,
        RewardBaseline::RoleMean,
        RewardBaseline::None,
    ];
    const SCALES: [AdvantageScale; 4] = [
        AdvantageScale::None,
        AdvantageScale::Population,
        AdvantageScale::Sample,
        AdvantageScale::Batch,
    ];

    fn rules() -> impl Iterator<Item = AdvantageRule> {
        let with = |baseline| SCALES.map(|scale| AdvantageRule::new(baseline, scale));
        BASELINES.into_iter().flat_map(with)
    }

    fn plain(baseline: RewardBaseline) -> AdvantageRule {
        AdvantageRule::new(baseline, AdvantageScale::None)
    }

    fn group() -> impl Strategy<Value = RewardGroup> {
        prop::collection::vec((-1.0..1.0f64, 1..5000usize), 1..24).prop_map(|pairs| {
            let (rewards, lengths) = pairs.into_iter().unzip();
            RewardGroup { rewards, lengths }
        })
    }

    fn near(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9 * (1.0 + b.abs()))
    }

    proptest! {
        #[test]
        fn length_weighted_advantages_sum_to_zero_over_tokens(group in group()) {
            let advantages = advantages(&group.rewards, &group.lengths, &AdvantageRule::default());
            let sum: f64 = advantages.iter().zip(&group.lengths).map(|(a, l)| a * *l as f64).sum();
            let scale: f64 = group.lengths.iter().map(|l| *l as f64).sum::<f64>().max(1.0);
            prop_assert!(sum.abs() <= 1e-12 * scale, "{sum}");
        }

        #[test]
        fn advantages_are_finite_and_keep_the_order_of_the_rewards(group in group()) {
            let rewards = &group.rewards;
            for rule in rules() {
                let advantages = advantages(rewards, &group.lengths, &rule);
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
        fn equal_rewards_give_exactly_zero(
            reward in -1.0..1.0f64,
            lengths in prop::collection::vec(0..99usize, 1..9),
        ) {
            let rewards = vec![reward; lengths.len()];
            for rule in rules().filter(|rule| rule.baseline.is_within_group()) {
                let advantages = advantages(&rewards, &lengths, &rule);
                prop_assert!(advantages.iter().all(|a| *a == 0.0));
            }
        }

        #[test]
        fn adding_to_all_rewards_changes_nothing(group in group(), shift in -3.0..3.0f64) {
            let shifted: Vec<f64> = group.rewards.iter().map(|reward| reward + shift).collect();
            // Shifts and lengths are such that rounding does not decide.
            let absolute = |rule: &AdvantageRule| {
                rule.baseline == RewardBaseline::None && rule.scale != AdvantageScale::Batch
            };
            for rule in rules().filter(|rule| !absolute(rule)).map(|rule| rule.with_epsilon(1e-3)) {
                let before = advantages(&group.rewards, &group.lengths, &rule);
                let after = advantages(&shifted, &group.lengths, &rule);
                prop_assert!(near(&before, &after), "{rule:?}: {before:?} {after:?}");
            }
        }

        #[test]
        fn the_order_of_the_episodes_does_not_matter(group in group(), by in 0..24usize) {
            let by = by % group.rewards.len();
            let mut turned = group.clone();
            turned.rewards.rotate_left(by);
            turned.lengths.rotate_left(by);
            for rule in rules().map(|rule| rule.with_epsilon(1e-3)) {
                let mut before = advantages(&group.rewards, &group.lengths, &rule);
                before.rotate_left(by);
                let after = advantages(&turned.rewards, &turned.lengths, &rule);
                prop_assert!(near(&before, &after), "{rule:?}");
            }
        }

        #[test]
        fn scaled_rewards_scale_advantages_or_leave_them_when_normalised(
            group in group(),
            factor in 0.5..20.0f64,
        ) {
            prop_assume!(deviation(&group.rewards, AdvantageScale::Sample) > 1e-2);
            let scaled: Vec<f64> = group.rewards.iter().map(|reward| reward * factor).collect();
            for rule in rules().map(|rule| rule.with_epsilon(1e-12)) {
                let mut before = advantages(&group.rewards, &group.lengths, &rule);
                if rule.scale == AdvantageScale::None {
                    before.iter_mut().for_each(|advantage| *advantage *= factor);
                }
                let after = advantages(&scaled, &group.lengths, &rule);
                let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-6 * (1.0 + b.abs());
                prop_assert!(before.iter().zip(&after).all(close), "{rule:?}");
            }
        }

        #[test]
        fn whitened_tokens_have_mean_zero_and_variance_one(
            groups in prop::collection::vec(group(), 1..5),
        ) {
            let rule = AdvantageRule::new(RewardBaseline::None, AdvantageScale::Batch);
            let over_tokens = |values: &[Vec<f64>]| {
                let tokens: Vec<f64> = values
                    .iter()
                    .zip(&groups)
                    .flat_map(|(values, group)| values.iter().zip(&group.lengths))
                    .flat_map(|(value, length)| vec![*value; *length])
                    .collect();
                let count = tokens.len() as f64;
                let mean = tokens.iter().sum::<f64>() / count;
                let squares = tokens.iter().map(|value| (value - mean).powi(2));
                (mean, squares.sum::<f64>() / (count - 1.0).max(1.0))
            };
            let rewards: Vec<Vec<f64>> = groups.iter().map(|group| group.rewards.clone()).collect();
            let (_, unscaled) = over_tokens(&rewards);
            let (mean, variance) = over_tokens(&role_advantages(&groups, &rule));
            prop_assert!(mean.abs() < 1e-6);
            // ε keeps the variance below one where rewards are nearly equal.
            let expected = unscaled / (unscaled + rule.epsilon);
            prop_assert!((variance - expected).abs() < 1e-6, "{variance} {expected}");
        }
    }

    #[test]
    fn one_success_of_four_by_hand() {
        let rewards = [1.0, -1.0, -1.0, -1.0];
        let group_mean = advantages(&rewards, &[], &plain(RewardBaseline::GroupMean));
        assert_eq!(group_mean, [1.5, -0.5, -0.5, -0.5]);
        let left_out = advantages(&rewards, &[], &plain(RewardBaseline::LeaveOneOut));
        assert!((left_out[0] - 2.0).abs() < 1e-12 && (left_out[1] + 2.0 / 3.0).abs() < 1e-12);
        let rule = AdvantageRule::new(RewardBaseline::GroupMean, AdvantageScale::Population);
        let normalised = advantages(&rewards, &[], &rule.with_epsilon(1e-9));
        assert!((normalised[0] - 3f64.sqrt()).abs() < 1e-6);
        // A long failure counts for more than a short one.
        let weighted = advantages(&rewards, &[10, 10, 10, 70], &AdvantageRule::default());
        assert!((weighted[0] - 1.8).abs() < 1e-12 && (weighted[3] + 0.2).abs() < 1e-12);
    }

    #[test]
    fn at_group_two_the_divisor_makes_a_difference_of_root_two() {
        let scaled = |scale| {
            let rule = AdvantageRule::new(RewardBaseline::GroupMean, scale).with_epsilon(1e-12);
            advantages(&[1.0, -1.0], &[], &rule)[0]
        };
        let (population, sample) =
            (scaled(AdvantageScale::Population), scaled(AdvantageScale::Sample));
        assert!((population / sample - 2f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn roles_are_compared_over_their_groups() {
        let group = |rewards: &[f64]| RewardGroup {
            rewards: rewards.to_vec(),
            lengths: vec![1; rewards.len()],
        };
        let groups = [group(&[1.0, 1.0]), group(&[0.0, 0.0])];
        let of = |baseline| role_advantages(&groups, &plain(baseline)).concat();
        assert_eq!(of(RewardBaseline::RoleMean), [0.5, 0.5, -0.5, -0.5]);
        assert_eq!(of(RewardBaseline::GroupMean), [0.0; 4]);
        assert_eq!(of(RewardBaseline::None), [1.0, 1.0, 0.0, 0.0]);
        assert!(role_advantages(&[], &plain(RewardBaseline::RoleMean)).is_empty());
    }
}
