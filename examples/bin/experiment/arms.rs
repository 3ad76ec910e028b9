//! The ways to train that are compared.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use rayon::prelude::*;
use ssr_core::{
    Completion, Episode, Policy, Request, Role, Seed, Segment, Trajectory, Turn, solver_reward,
};
use ssr_examples::{Failure, OperatorInjector, Result, StartingPoint};
use ssr_mutate::TestPoison;
use ssr_policy::LocalPolicy;
use ssr_rl::{
    AdvantageScale, Config, GrpoLearner, Learner, RepairTasks, RewardBaseline, SelfPlay, Start,
    UpdateMetrics,
};
use ssr_sandbox::WasiSandbox;

use crate::{Field, broke};

/// A policy after training, and what it took.
pub struct Trained {
    pub policy: LocalPolicy,
    /// Of self-play, the suites that were run. Of arms with given bugs, the different repairs that were
    /// judged, whichever arm asked first: each takes a run at least.
    pub test_runs: u64,
}

/// Bugs of one update where operators make them.
const BUGS: usize = 16;
/// Updates of self-play on one package before the next one's turn.
const VISIT: u64 = 2;

/// A way to train.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Arm {
    /// Self-play of both roles from random weights
    Zero,
    /// Self-play of both roles from SmolLM2-135M-Instruct
    Smollm2,
    /// Self-play in which only the injector learns
    InjectorOnly,
    /// GRPO of the solver on bugs that operators make at random
    SolverOnly,
    /// The same from SmolLM2-135M-Instruct
    SolverOnlySmollm2,
    /// Self-play without bugs of a higher order
    FirstOrder,
    /// Likelihood of the edits that take random bugs back
    Supervised,
    /// Likelihood of the solver's own repairs that hold
    ExpertIteration,
}

impl Arm {
    pub fn name(self) -> &'static str {
        match self {
            Self::Zero => "zero",
            Self::Smollm2 => "smollm2",
            Self::InjectorOnly => "injector-only",
            Self::SolverOnly => "solver-only",
            Self::SolverOnlySmollm2 => "solver-only-smollm2",
            Self::FirstOrder => "first-order",
            Self::Supervised => "supervised",
            Self::ExpertIteration => "expert-iteration",
        }
    }

    pub fn start(self) -> StartingPoint {
        match self {
            Self::Smollm2 | Self::SolverOnlySmollm2 => StartingPoint::Smollm2,
            _ => StartingPoint::Zero,
        }
    }

    pub fn start_name(self) -> &'static str {
        match self.start() {
            StartingPoint::Zero => "zero",
            StartingPoint::Smollm2 => "smollm2",
        }
    }

    /// The policy after training.
    pub fn train(
        self,
        policy: LocalPolicy,
        fields: &[Field],
        tasks: &[RepairTasks<WasiSandbox>],
        updates: u64,
        seed: Seed,
        say: &dyn Fn(&str),
    ) -> Result<Trained> {
        let mut config = self.start().settings();
        if matches!(self, Self::Supervised | Self::ExpertIteration) {
            // A reward of 1 with nothing to compare it with is the likelihood of what was chosen.
            config.grpo =
                config.grpo.with_baseline(RewardBaseline::None).with_scale(AdvantageScale::None);
        }
        let learner = GrpoLearner::new(policy, config.grpo, config.optimizer).map_err(broke)?;
        let (learner, test_runs) = match self {
            Self::SolverOnly
            | Self::SolverOnlySmollm2
            | Self::Supervised
            | Self::ExpertIteration => self.repair(learner, tasks, &config, updates, seed, say)?,
            _ => self.play(learner, fields, config, updates, seed, say)?,
        };
        Ok(Trained { policy: learner.into_policy(), test_runs })
    }

    /// Updates on repairs of bugs that operators make.
    fn repair(
        self,
        mut learner: GrpoLearner,
        tasks: &[RepairTasks<WasiSandbox>],
        config: &Config,
        updates: u64,
        seed: Seed,
        say: &dyn Fn(&str),
    ) -> Result<(GrpoLearner, u64)> {
        let mut judged = BTreeSet::new();
        let all: Vec<(usize, usize)> = tasks
            .iter()
            .enumerate()
            .flat_map(|(package, tasks)| (0..tasks.bugs().len()).map(move |at| (package, at)))
            .filter(|(package, at)| tasks[*package].ranking(*at).is_some())
            .collect();
        let mut order = Vec::new();
        for update in 0..updates {
            if order.len() < BUGS {
                let seed = seed.derive("order").index(update);
                let mut shuffled: Vec<_> =
                    all.iter().enumerate().map(|(at, bug)| (seed.index(at as u64), *bug)).collect();
                shuffled.sort_by_key(|(key, _)| *key);
                order.extend(shuffled.into_iter().map(|(_, bug)| bug));
            }
            let bugs: Vec<_> = order.drain(..BUGS.min(order.len())).collect();
            let seed = seed.derive("update").index(update);
            let episodes = match self {
                Self::Supervised => reversals(&learner, tasks, &bugs)?,
                _ => attempts(&learner, tasks, &bugs, config.group, seed, &mut judged)?,
            };
            let solved = episodes.iter().filter(|episode| episode.reward > 0.0).count();
            let count = episodes.len();
            let kept = match self {
                Self::ExpertIteration => {
                    episodes.into_iter().filter(|episode| episode.reward > 0.0).collect()
                }
                _ => episodes,
            };
            learner.learn(&kept).map_err(broke)?;
            say(&format!("  update {}: {solved} of {count} repairs hold", update + 1));
        }
        Ok((learner, judged.len() as u64))
    }

    /// Self-play on one package after the other.
    fn play(
        self,
        learner: GrpoLearner,
        fields: &[Field],
        config: Config,
        updates: u64,
        seed: Seed,
        say: &dyn Fn(&str),
    ) -> Result<(GrpoLearner, u64)> {
        let mut learner =
            OneRole { learner, role: (self == Self::InjectorOnly).then_some(Role::Injector) };
        let higher = if self == Self::FirstOrder { 0 } else { config.higher_order };
        let runs = tempfile::tempdir().map_err(|e| Failure::Infrastructure(e.to_string()))?;
        let mut ready = Vec::with_capacity(fields.len());
        for field in fields {
            let injector = OperatorInjector::new(&field.arena.screened.repository.tree);
            ready.push((field, injector, field.arena.rank_edits(config.rank_edits, &|_| {})?));
        }
        let (mut left, mut runs_of_tests) = (updates, 0);
        for (visit, (field, injector, protocol)) in ready.iter().cycle().enumerate() {
            if left == 0 {
                break;
            }
            let steps = left.min(VISIT);
            left -= steps;
            let mut config = config.clone().with_higher_order(higher).with_steps(steps);
            config.seed = seed.derive("visit").index(visit as u64).below(1 << 30) as u64;
            let repository = field.arena.screened.repository.clone();
            let suites = field.arena.suites();
            let mut play = SelfPlay::new(repository, suites, injector, learner, config)
                .map_err(broke)?
                .with_poison(TestPoison)
                .with_protocol(protocol.clone());
            let folder = runs.path().join(visit.to_string());
            let summary = play.run(&folder, Start::Fresh, &()).map_err(broke)?;
            say(&format!(
                "  {}: {} of {} bugs valid, {} of {} repairs hold",
                field.name,
                summary.bugs_valid,
                summary.bugs_proposed,
                summary.solved,
                summary.attempts
            ));
            runs_of_tests += summary.test_cycles;
            learner = play.into_learner();
        }
        Ok((learner.learner, runs_of_tests))
    }
}

/// One episode a bug: the edit that takes it back, as if the policy had drawn it.
fn reversals(
    learner: &GrpoLearner,
    tasks: &[RepairTasks<WasiSandbox>],
    bugs: &[(usize, usize)],
) -> Result<Vec<Episode>> {
    let policy = learner.local_policy();
    let mut episodes = Vec::new();
    for (package, at) in bugs {
        let tasks = &tasks[*package];
        if let (Some(edit), Some(ranking)) = (tasks.reversal(*at), tasks.ranking(*at)) {
            let ranked = policy.rank(&[Arc::clone(ranking)]).map_err(|e| broke(e.into()))?;
            let completion = ranked[0].choice(edit, policy.weight_version());
            episodes.push(episode(*package, *at, 0, &completion, true));
        }
    }
    Ok(episodes)
}

/// A package and a bug in it, and an edit among those to choose from.
type Repair = ((usize, usize), usize);

/// A group of draws of each bug with the verdicts on them. What the infrastructure drops is left out.
fn attempts(
    learner: &GrpoLearner,
    tasks: &[RepairTasks<WasiSandbox>],
    bugs: &[(usize, usize)],
    group: usize,
    seed: Seed,
    judged: &mut BTreeSet<Repair>,
) -> Result<Vec<Episode>> {
    let request = |(index, draw): (usize, usize)| -> Option<Request> {
        let (package, at) = bugs[index];
        let answer = vec![Segment::Ranked(Arc::clone(tasks[package].ranking(at)?))];
        Some(Request::new(Vec::new(), answer, seed.index(index as u64).index(draw as u64)))
    };
    let places: Vec<(usize, usize)> =
        (0..bugs.len()).flat_map(|index| (0..group).map(move |draw| (index, draw))).collect();
    let requests: Vec<Request> = places.iter().copied().filter_map(request).collect();
    let completions = learner
        .local_policy()
        .complete(&requests)
        .map_err(|error| Failure::Infrastructure(error.to_string()))?;
    let chosen = |completion: &Completion| completion.ranked.as_ref().map(|draw| draw.chosen);
    let drawn: Vec<_> = places.into_iter().zip(completions).collect();
    let judge = |((index, draw), completion): &((usize, usize), Completion)| {
        let (package, at) = bugs[*index];
        let solved = tasks[package].verdict(at, chosen(completion)?)?;
        Some(episode(package, at, *draw, completion, solved))
    };
    // Draws of one edit are judged once.
    let different: BTreeSet<Repair> = drawn
        .iter()
        .filter_map(|((index, _), completion)| Some((bugs[*index], chosen(completion)?)))
        .collect();
    different.par_iter().for_each(|((package, at), edit)| {
        tasks[*package].verdict(*at, *edit);
    });
    judged.extend(different);
    Ok(drawn.iter().filter_map(judge).collect())
}

fn episode(
    package: usize,
    at: usize,
    draw: usize,
    completion: &Completion,
    solved: bool,
) -> Episode {
    let trajectory: Trajectory = std::iter::once(Turn::from(completion.clone())).collect();
    Episode::new(Role::Solver, 0, format!("{package}/{at}"), draw)
        .with_trajectory(trajectory)
        .with_reward(solver_reward(solved), "")
}

/// A learner that learns from one role alone, if it is given.
struct OneRole {
    learner: GrpoLearner,
    role: Option<Role>,
}

impl Learner for OneRole {
    fn policy(&self) -> &dyn Policy {
        self.learner.policy()
    }

    fn weight_version(&self) -> u64 {
        self.learner.weight_version()
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.learner.count_tokens(text)
    }

    fn learn(&mut self, episodes: &[Episode]) -> ssr_rl::Result<UpdateMetrics> {
        let of_role = |episode: &&Episode| self.role.is_none_or(|role| episode.role == role);
        let episodes: Vec<_> = episodes.iter().filter(of_role).cloned().collect();
        self.learner.learn(&episodes)
    }

    fn save(&self, folder: &Path) -> ssr_rl::Result<()> {
        self.learner.save(folder)
    }

    fn restore(&mut self, folder: &Path, version: u64) -> ssr_rl::Result<()> {
        self.learner.restore(folder, version)
    }
}
