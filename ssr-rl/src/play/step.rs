//! One step of self-play, from the proposals to the episodes.

use ssr_core::{Episode, Sandbox};

use super::attempts::{Attempt, SolverHalf};
use super::context::StepContext;
use super::proposals::{Decision, InjectorHalf, Proposal};
use super::{Injector, SolverProtocol};
use crate::run::{rate, ratio};
use crate::{BugRecord, Result, StepMetrics};

/// The result of a step.
pub(super) struct Played {
    pub(super) episodes: Vec<Episode>,
    pub(super) bugs: Vec<BugRecord>,
    pub(super) metrics: StepMetrics,
}

/// Plays both roles: proposals, attempts at the valid ones, attempts at failed repairs. A function
/// of the weights and the seed.
///
/// Fails when the infrastructure leaves not a single episode.
pub(super) fn play<S: Sandbox, I: Injector, P: SolverProtocol>(
    step: &StepContext<'_, S>,
    injector: &InjectorHalf<'_, S, I>,
    solver: &SolverHalf<'_, S, P>,
) -> Result<Played> {
    let cycles = step.suites.cycles();
    let proposals = injector.propose()?;
    let first = &proposals.bugs;
    let groups = solver.attempt(first)?;
    let second = solver.next_order(first, &groups);
    let second_groups = solver.attempt(&second)?;

    let solved: Vec<(usize, usize)> = groups.iter().map(|group| score(group)).collect();
    let mut episodes = injector.episodes(&proposals, &solved);
    let injected = episodes.len();
    for (found, group) in first.iter().zip(&groups).chain(second.iter().zip(&second_groups)) {
        episodes.extend(solver.episodes(found, group));
    }
    if let Some(failure) = step.dropped.take().filter(|_| episodes.is_empty()) {
        return Err(failure);
    }
    let mut metrics = StepMetrics {
        step: step.number,
        solver: step.config.solver.name().to_owned(),
        bugs_distinct: first.len() as u64,
        higher_order_bugs: second.len() as u64,
        generation_seconds: step.clock.generation_seconds(),
        test_seconds: step.clock.test_seconds(),
        test_cycles: step.suites.cycles() - cycles,
        ..StepMetrics::default()
    };
    metrics.test_cycles_per_second = rate(metrics.test_cycles, metrics.test_seconds);
    count_proposals(&mut metrics, &proposals.drawn);
    count_attempts(&mut metrics, &groups, &second_groups);
    count_episodes(&mut metrics, &episodes, injected);
    let drawn = proposals.drawn.len() + step.config.group * (first.len() + second.len());
    metrics.dropped_episodes = drawn.saturating_sub(episodes.len()) as u64;
    let bugs = proposals.bugs.into_iter().chain(second).map(|found| found.record).collect();
    Ok(Played { episodes, bugs, metrics })
}

/// How many attempts of a group solved, of how many.
fn score(group: &[Attempt]) -> (usize, usize) {
    (group.iter().filter(|attempt| attempt.solved).count(), group.len())
}

fn count_proposals(metrics: &mut StepMetrics, drawn: &[Proposal]) {
    for proposal in drawn {
        match &proposal.decision {
            Decision::Dropped => continue,
            Decision::Valid(_) => metrics.bugs_valid += 1,
            Decision::Rejected(rejected) => {
                *metrics.rejections.entry(rejected.name().to_owned()).or_default() += 1;
            }
        }
        metrics.bugs_proposed += 1;
    }
}

/// The solve rate is that of first-order bugs alone: those of the second order exist because an
/// attempt has failed already.
fn count_attempts(metrics: &mut StepMetrics, first: &[Vec<Attempt>], second: &[Vec<Attempt>]) {
    let total = |groups: &[Vec<Attempt>]| {
        groups
            .iter()
            .map(|group| score(group))
            .fold((0, 0), |(solved, attempts), (s, a)| (solved + s as u64, attempts + a as u64))
    };
    (metrics.solved, metrics.attempts) = total(first);
    (metrics.higher_order_solved, metrics.higher_order_attempts) = total(second);
    metrics.solve_rate = ratio(metrics.solved, metrics.attempts);
}

fn count_episodes(metrics: &mut StepMetrics, episodes: &[Episode], injected: usize) {
    let mean = |episodes: &[Episode]| {
        let sum: f64 = episodes.iter().map(|episode| episode.reward).sum();
        (!episodes.is_empty()).then(|| sum / episodes.len() as f64)
    };
    let (injector, solver) = episodes.split_at(injected);
    metrics.injector_episodes = injector.len() as u64;
    metrics.solver_episodes = solver.len() as u64;
    metrics.mean_reward_injector = mean(injector);
    metrics.mean_reward_solver = mean(solver);
    let drawn = |episode: &Episode| episode.trajectory.sampled_tokens() as u64;
    metrics.tokens_generated = episodes.iter().map(drawn).sum();
}
