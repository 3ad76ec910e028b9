use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ssr_core::{
    BugInstance, Completion, Episode, Policy, Sandbox, Seed, Suites, TestId, Trajectory, Turn,
};

use super::attempts::Attempt;
use super::proposals::{Proposals, Verdict};
use super::{Event, Injector, Progress, Repository, SolverProtocol};
use crate::run::{rate, ratio};
use crate::{BugRecord, Config, Error, Result, StepMetrics};

/// One step of self-play, up to the update: a function of the weights and the seed.
pub(super) struct Step<'a, S, I, P> {
    pub(super) number: u64,
    pub(super) run_seed: Seed,
    pub(super) seed: Seed,
    pub(super) config: &'a Config,
    pub(super) repository: &'a Repository,
    /// Tests that pass on the original.
    pub(super) passing: &'a BTreeSet<TestId>,
    pub(super) suites: &'a Suites<S>,
    pub(super) injector: &'a I,
    pub(super) protocol: &'a P,
    pub(super) policy: &'a dyn Policy,
    pub(super) count_tokens: &'a (dyn Fn(&str) -> usize + Sync),
    pub(super) progress: &'a dyn Progress,
    pub(super) clock: Clock,
    /// The first failure of the infrastructure that dropped an episode.
    pub(super) failure: Mutex<Option<Error>>,
}

/// Where the time of a step goes.
#[derive(Default)]
pub(super) struct Clock {
    generation: AtomicU64,
    tests: AtomicU64,
}

/// What a step came to.
pub(super) struct Played {
    pub(super) episodes: Vec<Episode>,
    pub(super) bugs: Vec<BugRecord>,
    pub(super) metrics: StepMetrics,
}

impl<S: Sandbox, I: Injector, P: SolverProtocol> Step<'_, S, I, P> {
    /// Plays both roles: proposals, attempts at the valid ones, attempts at failed repairs.
    ///
    /// Fails when the infrastructure leaves not a single episode.
    pub(super) fn play(&self) -> Result<Played> {
        let cycles = self.suites.cycles();
        let proposals = self.propose()?;
        let first: Vec<BugInstance> = proposals.bugs.iter().map(|(bug, _)| bug.clone()).collect();
        let groups = self.attempt(&first)?;
        let promoted = self.next_order(&first, &groups);
        let second: Vec<BugInstance> = promoted.iter().map(|(bug, _)| bug.clone()).collect();
        let second_groups = self.attempt(&second)?;

        let solved: Vec<(usize, usize)> = groups.iter().map(|group| score(group)).collect();
        let mut episodes = self.injector_episodes(&proposals, &solved);
        let injected = episodes.len();
        for (bug, group) in first.iter().zip(&groups).chain(second.iter().zip(&second_groups)) {
            episodes.extend(self.solver_episodes(bug, group));
        }
        if let Some(failure) = self.failure().take().filter(|_| episodes.is_empty()) {
            return Err(failure);
        }
        let mut metrics = self.metrics(&proposals, &groups, &second_groups);
        metrics.test_cycles = self.suites.cycles() - cycles;
        metrics.test_cycles_per_second = rate(metrics.test_cycles, metrics.test_seconds);
        count_episodes(&mut metrics, &episodes, injected);
        let drawn = proposals.drawn.len() + self.config.group * (first.len() + second.len());
        metrics.dropped_episodes = drawn.saturating_sub(episodes.len()) as u64;
        let bugs = proposals.bugs.into_iter().chain(promoted).map(|(_, record)| record).collect();
        Ok(Played { episodes, bugs, metrics })
    }

    fn metrics(
        &self,
        proposals: &Proposals,
        groups: &[Vec<Attempt>],
        second: &[Vec<Attempt>],
    ) -> StepMetrics {
        let mut metrics = StepMetrics {
            step: self.number,
            solver: self.config.solver.name().to_owned(),
            bugs_distinct: proposals.bugs.len() as u64,
            higher_order_bugs: second.len() as u64,
            generation_seconds: Clock::seconds(&self.clock.generation),
            test_seconds: Clock::seconds(&self.clock.tests),
            ..StepMetrics::default()
        };
        for proposal in &proposals.drawn {
            match &proposal.verdict {
                Verdict::Dropped => continue,
                Verdict::Valid(_) => metrics.bugs_valid += 1,
                Verdict::Rejected { check, .. } => {
                    *metrics.rejections.entry(check.clone()).or_default() += 1;
                }
            }
            metrics.bugs_proposed += 1;
        }
        let total = |groups: &[Vec<Attempt>]| {
            groups
                .iter()
                .map(|group| score(group))
                .fold((0, 0), |(solved, attempts), (s, a)| (solved + s as u64, attempts + a as u64))
        };
        (metrics.solved, metrics.attempts) = total(groups);
        (metrics.higher_order_solved, metrics.higher_order_attempts) = total(second);
        metrics.solve_rate = ratio(metrics.solved, metrics.attempts);
        metrics
    }

    /// Warns of a failure that drops episodes.
    pub(super) fn note(&self, consequence: &str, failure: Error) {
        self.progress.event(Event::Warning(&format!("{consequence}: {failure}")));
        self.failure().get_or_insert(failure);
    }

    fn failure(&self) -> MutexGuard<'_, Option<Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` and counts its time as generation.
    pub(super) fn generate<T>(&self, work: impl FnOnce() -> T) -> T {
        Clock::measure(&self.clock.generation, work)
    }

    /// Runs `work` and counts its time as testing.
    pub(super) fn test<T>(&self, work: impl FnOnce() -> T) -> T {
        Clock::measure(&self.clock.tests, work)
    }
}

impl Clock {
    fn measure<T>(sum: &AtomicU64, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        sum.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        result
    }

    fn seconds(sum: &AtomicU64) -> f64 {
        Duration::from_nanos(sum.load(Ordering::Relaxed)).as_secs_f64()
    }

    /// Seconds since 1970.
    pub(super) fn now() -> f64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
    }
}

/// How many attempts of a group solved, of how many.
fn score(group: &[Attempt]) -> (usize, usize) {
    (group.iter().filter(|attempt| attempt.solved).count(), group.len())
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
    let answers = episodes.iter().flat_map(|episode| &episode.trajectory.turns);
    metrics.tokens_generated = answers
        .map(|turn| turn.answer.loss_mask.iter().filter(|drawn| **drawn).count() as u64)
        .sum();
}

/// A trajectory of a single turn.
pub(super) fn trajectory(completion: &Completion) -> Trajectory {
    Trajectory {
        turns: vec![Turn {
            context: completion.prompt.clone(),
            answer: completion.trace.clone().unwrap_or_default(),
            text: completion.text(),
        }],
    }
}
