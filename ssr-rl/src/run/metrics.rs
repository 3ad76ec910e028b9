//! The numbers of a step and of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::UpdateMetrics;

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepMetrics {
    /// The step, from 1.
    pub step: u64,
    /// Who solved: `policy` or `oracle`.
    pub solver: String,
    /// Proposals that were checked, repeated ones included.
    pub bugs_proposed: u64,
    /// Those that passed all seven checks.
    pub bugs_valid: u64,
    /// Different valid bugs, each attempted by its own group.
    pub bugs_distinct: u64,
    /// Rejected proposals by the check that failed.
    pub rejections: BTreeMap<String, u64>,
    /// Attempts at first-order bugs.
    pub attempts: u64,
    /// Those that repaired it.
    pub solved: u64,
    /// `solved / attempts`; `None` without attempts.
    pub solve_rate: Option<f64>,
    /// Failed repairs that became bugs of the next order.
    pub higher_order_bugs: u64,
    /// Attempts at these.
    pub higher_order_attempts: u64,
    /// Those that repaired it.
    pub higher_order_solved: u64,
    /// Injector episodes that were scored.
    pub injector_episodes: u64,
    /// Solver episodes that were scored, of every order.
    pub solver_episodes: u64,
    /// Episodes dropped because of the infrastructure; they have no reward.
    pub dropped_episodes: u64,
    /// Mean reward of the injector's episodes.
    pub mean_reward_injector: Option<f64>,
    /// Mean reward of the solver's episodes.
    pub mean_reward_solver: Option<f64>,
    /// Suites that were really run.
    pub test_cycles: u64,
    /// These per second of the time spent on checking and judging.
    pub test_cycles_per_second: f64,
    /// Tokens that the policy generated.
    pub tokens_generated: u64,
    /// The weight version after the step.
    pub weight_version: u64,
    /// The policy update.
    #[serde(flatten)]
    pub update: UpdateMetrics,
    /// Seconds spent on generating text.
    pub generation_seconds: f64,
    /// Seconds spent on checking and judging.
    pub test_seconds: f64,
    /// Seconds spent on the update.
    pub update_seconds: f64,
    /// Seconds of the whole step.
    pub seconds: f64,
    /// When the step ended, in seconds since 1970.
    pub time: f64,
}

/// Totals and means of a whole run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// What was played with.
    pub package: String,
    /// The seed of the run.
    pub seed: u64,
    /// Finished steps.
    pub steps: u64,
    /// As in [`StepMetrics`], over all steps; so are the following ones.
    pub bugs_proposed: u64,
    /// Proposals that passed all seven checks.
    pub bugs_valid: u64,
    /// Attempts at first-order bugs.
    pub attempts: u64,
    /// Those that repaired it.
    pub solved: u64,
    /// `solved / attempts`; `None` without attempts.
    pub solve_rate: Option<f64>,
    /// Mean over the injector's episodes.
    pub mean_reward_injector: Option<f64>,
    /// Mean over the solver's episodes.
    pub mean_reward_solver: Option<f64>,
    /// Suites that were really run.
    pub test_cycles: u64,
    /// These per second of the time spent on checking and judging.
    pub test_cycles_per_second: f64,
    /// Tokens that the policy generated.
    pub tokens_generated: u64,
    /// Seconds of all steps.
    pub seconds: f64,
    /// The run folder.
    pub run_dir: String,
    /// Who solved: `policy` or `oracle`.
    pub solver: String,
    /// Rejected proposals by the check that failed.
    pub rejections: BTreeMap<String, u64>,
    /// Episodes dropped because of the infrastructure.
    pub dropped_episodes: u64,
    /// Attempts at bugs of a higher order.
    pub higher_order_attempts: u64,
    /// Those that repaired it.
    pub higher_order_solved: u64,
    /// Updates that changed the weights.
    pub updates: u64,
}

impl Summary {
    /// Adds up the lines of a run; the caller says what they are of.
    pub fn of(lines: &[StepMetrics]) -> Self {
        let mut sum = Self { steps: lines.len() as u64, ..Self::default() };
        let (mut injector, mut solver, mut testing) = (Mean::default(), Mean::default(), 0.0);
        for line in lines {
            add(&mut sum.bugs_proposed, line.bugs_proposed);
            add(&mut sum.bugs_valid, line.bugs_valid);
            add(&mut sum.attempts, line.attempts);
            add(&mut sum.solved, line.solved);
            add(&mut sum.test_cycles, line.test_cycles);
            add(&mut sum.tokens_generated, line.tokens_generated);
            sum.seconds += line.seconds;
            add(&mut sum.dropped_episodes, line.dropped_episodes);
            add(&mut sum.higher_order_attempts, line.higher_order_attempts);
            add(&mut sum.higher_order_solved, line.higher_order_solved);
            sum.updates += u64::from(line.update.updated);
            for (reason, count) in &line.rejections {
                add(sum.rejections.entry(reason.clone()).or_default(), *count);
            }
            injector.add(line.mean_reward_injector, line.injector_episodes);
            solver.add(line.mean_reward_solver, line.solver_episodes);
            testing += line.test_seconds;
        }
        sum.solve_rate = ratio(sum.solved, sum.attempts);
        sum.mean_reward_injector = injector.value();
        sum.mean_reward_solver = solver.value();
        sum.test_cycles_per_second = rate(sum.test_cycles, testing);
        sum
    }
}

#[derive(Default)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, mean: Option<f64>, count: u64) {
        if let Some(mean) = mean {
            self.sum += mean * count as f64;
            add(&mut self.count, count);
        }
    }

    fn value(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

/// Adds a number that was read from a file, which may be anything.
fn add(sum: &mut u64, number: u64) {
    *sum = sum.saturating_add(number);
}

/// `part / whole`, `None` of nothing.
pub(crate) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// `count / seconds`, 0 when no time passed.
pub(crate) fn rate(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_weighted_by_episodes_and_absurd_counts_do_not_overflow() {
        let line = |mean: f64, episodes: u64| StepMetrics {
            solved: u64::MAX,
            attempts: u64::MAX,
            solver_episodes: episodes,
            mean_reward_solver: Some(mean),
            ..StepMetrics::default()
        };
        let sum = Summary::of(&[line(1.0, 1), line(-1.0, 3), StepMetrics::default()]);
        assert_eq!((sum.steps, sum.solved, sum.solve_rate), (3, u64::MAX, Some(1.0)));
        assert_eq!((sum.mean_reward_solver, sum.mean_reward_injector), (Some(-0.5), None));
    }
}
