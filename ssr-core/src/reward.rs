//! The rewards of both roles.

/// The solver's reward when every oracle test passes (paper §2.3).
pub const SOLVER_SUCCESS: f64 = 1.0;
/// The solver's reward otherwise.
pub const SOLVER_FAILURE: f64 = -1.0;

/// The solver's reward: +1 when all tests pass, −1 otherwise.
pub fn solver_reward(solved: bool) -> f64 {
    if solved { SOLVER_SUCCESS } else { SOLVER_FAILURE }
}

/// The injector's reward from the solve rate `s` of its bug (paper §2.3):
///
/// ```text
/// −1            when a consistency check fails
/// −α            when s = 0 or s = 1
/// 1 − (1 + α)s  otherwise
/// ```
///
/// ```
/// use ssr_core::InjectorReward;
///
/// let reward = InjectorReward::default();
/// assert_eq!(reward.invalid(), -1.0);
/// assert_eq!(reward.valid(0, 8), -0.8);
/// assert_eq!(reward.valid(8, 8), -0.8);
/// assert!((reward.valid(1, 8) - 0.775).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InjectorReward {
    alpha: f64,
}

impl Default for InjectorReward {
    /// The paper's α = 0.8.
    fn default() -> Self {
        Self { alpha: 0.8 }
    }
}

impl InjectorReward {
    /// A reward with another α, clamped to 0..=1, the range in which −α lies between the reward of
    /// an invalid bug and that of a bug solved by chance.
    pub fn with_alpha(alpha: f64) -> Self {
        Self { alpha: if alpha.is_nan() { 0.8 } else { alpha.clamp(0.0, 1.0) } }
    }

    /// The reward of an artifact that fails a consistency check.
    pub fn invalid(&self) -> f64 {
        -1.0
    }

    /// The reward of a valid bug that `solved` of `attempts` repaired. Without attempts nothing is
    /// known of its difficulty, which counts as an unsolved bug.
    pub fn valid(&self, solved: usize, attempts: usize) -> f64 {
        if solved == 0 || solved >= attempts {
            -self.alpha
        } else {
            1.0 - (1.0 + self.alpha) * (solved as f64 / attempts as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_eight_is_rewarded_as_the_paper_tabulates() {
        let reward = InjectorReward::default();
        let table = [-0.8, 0.775, 0.55, 0.325, 0.10, -0.125, -0.35, -0.575, -0.8];
        for (solved, expected) in table.into_iter().enumerate() {
            assert!((reward.valid(solved, 8) - expected).abs() < 1e-12, "{solved} of 8");
        }
    }

    /// E[r] over the number of successes of `group` attempts with success probability `p`.
    fn expected(group: u32, p: f64) -> f64 {
        let choose = |k: u32| (0..k).fold(1.0, |c, i| c * f64::from(group - i) / f64::from(i + 1));
        let weight = |k: u32| choose(k) * p.powi(k as i32) * (1.0 - p).powi((group - k) as i32);
        let reward = InjectorReward::default();
        (0..=group).map(|k| weight(k) * reward.valid(k as usize, group as usize)).sum()
    }

    #[test]
    fn the_best_difficulty_for_the_injector_is_a_quarter_at_group_eight() {
        for (group, best, value) in [(4, 0.370, 0.050), (8, 0.257, 0.370), (16, 0.169, 0.603)] {
            let grid = (1..1000).map(|i| f64::from(i) / 1000.0);
            let argmax = grid.max_by(|a, b| expected(group, *a).total_cmp(&expected(group, *b)));
            let argmax = argmax.unwrap();
            assert!((argmax - best).abs() < 0.002, "group {group}: {argmax}");
            assert!((expected(group, argmax) - value).abs() < 0.001, "group {group}");
        }
        assert!((1..1000).all(|i| expected(2, f64::from(i) / 1000.0) < 0.0));
    }
}
