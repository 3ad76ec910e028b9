//! The solver's half of a step.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use ssr_core::{
    BugInstance, Completion, Episode, Judgement, PolicyError, RepoPath, Request, Role, Sandbox,
    Trajectory, Tree, TreeHash, judge, solver_reward,
};
use tracing::Span;

use super::context::{FoundBug, StepContext, trajectory};
use super::{Event, Question, SolverProtocol};
use crate::{BugRecord, Result, SolverKind};

/// What the solver's half needs.
pub(super) struct SolverHalf<'a, S, P> {
    pub(super) step: &'a StepContext<'a, S>,
    pub(super) protocol: &'a P,
    /// The repository's source files.
    pub(super) sources: &'a BTreeSet<RepoPath>,
    pub(super) count_tokens: &'a (dyn Fn(&str) -> usize + Sync),
}

/// One attempt at a bug.
pub(super) struct Attempt {
    index: usize,
    trajectory: Trajectory,
    /// The repaired tree, unless the answer was none.
    tree: Option<Tree>,
    pub(super) solved: bool,
    reason: String,
    /// Whether some test passed.
    runs: bool,
}

/// An answer that is not judged yet.
struct Answer {
    index: usize,
    completion: Option<Completion>,
    repair: Result<Tree, String>,
}

/// Judgements of the different repairs, by bug and tree.
type Judged = BTreeMap<(usize, TreeHash), Result<Judgement>>;

impl<S: Sandbox, P: SolverProtocol> SolverHalf<'_, S, P> {
    /// Attempts every bug by a group of its own and judges the different repairs. Attempts that
    /// fell to the infrastructure are left out.
    pub(super) fn attempt(&self, bugs: &[FoundBug]) -> Result<Vec<Vec<Attempt>>> {
        let Some(first) = bugs.first() else { return Ok(Vec::new()) };
        let attempts = bugs.len() * self.step.config.group;
        let order = first.bug.order;
        self.step.progress.event(Event::Attempting { bugs: bugs.len(), attempts, order });
        let answers = match self.step.config.solver {
            SolverKind::Policy => self.ask(bugs)?,
            SolverKind::Oracle => bugs.iter().map(|found| self.reversed_bug(found)).collect(),
        };
        let judged = self.judge(bugs, &answers);
        let groups: Vec<Vec<Attempt>> = answers
            .into_iter()
            .enumerate()
            .map(|(bug, group)| group.into_iter().filter_map(|a| finish(a, bug, &judged)).collect())
            .collect();
        for error in judged.into_values().filter_map(Result::err) {
            self.step.note("attempts are dropped", error);
        }
        Ok(groups)
    }

    /// The policy's answers, one group a bug; the group of a prompt that cannot be served is empty.
    fn ask(&self, bugs: &[FoundBug]) -> Result<Vec<Vec<Answer>>> {
        let ask = |found: &FoundBug| self.protocol.ask(&found.bug, self.sources, self.count_tokens);
        let questions: Vec<_> = bugs.iter().map(ask).collect();
        let seed = self.step.seed.derive("solver");
        let requests = |(found, question): (&FoundBug, &Question<P::Context>)| {
            let seed = seed.derive(&found.record.id);
            let group = self.step.config.group;
            self.step.requests(group, &question.messages, &question.answer, seed)
        };
        let groups: Vec<Vec<Request>> = bugs.iter().zip(&questions).map(requests).collect();
        let completions = self.step.clock.generate(|| self.complete(groups))?;
        let read = |((found, question), completions): (
            (&FoundBug, &Question<P::Context>),
            Vec<Completion>,
        )| {
            let answers = completions.into_iter().enumerate().map(|(index, completion)| {
                let repair = self.protocol.repair(&found.bug, &question.context, &completion);
                Answer { index, completion: Some(completion), repair }
            });
            answers.collect()
        };
        Ok(bugs.iter().zip(&questions).zip(completions).map(read).collect())
    }

    /// Completes all groups at once. When one of the requests cannot be served, each group is tried
    /// by itself, so that the others are not lost.
    fn complete(&self, groups: Vec<Vec<Request>>) -> Result<Vec<Vec<Completion>>, PolicyError> {
        let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
        let all: Vec<Request> = groups.iter().flatten().cloned().collect();
        match self.step.policy.complete(&all) {
            Ok(completions) => {
                let mut completions = completions.into_iter();
                Ok(sizes
                    .into_iter()
                    .map(|size| completions.by_ref().take(size).collect())
                    .collect())
            }
            Err(PolicyError::Request { .. }) => {
                groups.into_iter().map(|group| self.complete_alone(&group)).collect()
            }
            Err(error) => Err(error),
        }
    }

    fn complete_alone(&self, group: &[Request]) -> Result<Vec<Completion>, PolicyError> {
        match self.step.policy.complete(group) {
            Err(error @ PolicyError::Request { .. }) => {
                self.step.note("a group of attempts is dropped", error.into());
                Ok(Vec::new())
            }
            completions => completions,
        }
    }

    /// What the oracle answers: it takes the bug back.
    fn reversed_bug(&self, FoundBug { bug, .. }: &FoundBug) -> Vec<Answer> {
        let reversed = bug.artifact.bug_inject.reverse();
        let repair = bug.tree.apply(&reversed).map_err(|error| error.to_string());
        let answer = |index| Answer { index, completion: None, repair: repair.clone() };
        (0..self.step.config.group).map(answer).collect()
    }

    /// Equal repairs of a bug are judged once: a sandbox is deterministic.
    fn judge(&self, bugs: &[FoundBug], answers: &[Vec<Answer>]) -> Judged {
        let mut distinct: BTreeMap<(usize, TreeHash), &Tree> = BTreeMap::new();
        for (bug, group) in answers.iter().enumerate() {
            let trees = group.iter().filter_map(|answer| answer.repair.as_ref().ok());
            distinct.extend(trees.map(|tree| ((bug, tree.hash()), tree)));
        }
        self.step.progress.event(Event::Judging { repairs: distinct.len() });
        let span = Span::current();
        self.step.clock.test(|| {
            let each = distinct.into_par_iter().map(|(key, tree)| {
                let judged = span.in_scope(|| self.judge_one(&bugs[key.0].bug, tree));
                if let Ok(Judgement { solved, reason, .. }) = &judged {
                    self.step.progress.event(Event::Judged { solved: *solved, reason });
                }
                (key, judged)
            });
            each.collect()
        })
    }

    fn judge_one(&self, bug: &BugInstance, tree: &Tree) -> Result<Judgement> {
        let StepContext { suites, auditor, .. } = self.step;
        auditor.repair(suites, bug, tree, judge(suites, bug, tree)?)
    }

    /// Failed attempts that make bugs of the next order: they changed something and left something
    /// that runs. At most one of each bug, and no more than the configuration allows. Which ones is
    /// decided by the seed, not by the order of the attempts, so that it does not favour the first.
    pub(super) fn next_order(&self, bugs: &[FoundBug], groups: &[Vec<Attempt>]) -> Vec<FoundBug> {
        let StepContext { number, config, .. } = self.step;
        let seed = self.step.seed.derive("next order");
        let of_group = |(FoundBug { bug, record }, group): (&FoundBug, &Vec<Attempt>)| {
            let failed = group.iter().filter(|attempt| !attempt.solved && attempt.runs);
            let trees = failed.filter_map(|attempt| attempt.tree.clone());
            let keyed = trees
                .filter(|tree| bug.order < config.max_order && *tree != bug.tree)
                .map(|tree| (seed.derive(&record.id).derive(&tree.hash().to_string()), tree));
            let (key, tree) = keyed.min_by_key(|(key, _)| *key)?;
            let next = bug.next_order(tree);
            let repair = bug.tree.diff(&next.tree).to_string();
            let record =
                BugRecord { failed_repair: Some(repair), ..BugRecord::new(&next, *number) };
            Some((key, FoundBug { bug: next, record }))
        };
        let mut next: Vec<_> = bugs.iter().zip(groups).filter_map(of_group).collect();
        next.sort_by_key(|(key, _)| *key);
        next.into_iter().take(config.higher_order).map(|(_, found)| found).collect()
    }

    /// The solver's episodes at one bug.
    pub(super) fn episodes(
        &self,
        FoundBug { record, .. }: &FoundBug,
        group: &[Attempt],
    ) -> Vec<Episode> {
        let StepContext { number, config, .. } = self.step;
        let (id, solver) = (&record.id, config.solver);
        let episode = |attempt: &Attempt| {
            let verdict = format!("{solver}: {}", attempt.reason);
            Episode::new(Role::Solver, *number, format!("{number}/solver/{id}"), attempt.index)
                .with_trajectory(attempt.trajectory.clone())
                .with_reward(solver_reward(attempt.solved), verdict)
                .with_bug(id)
        };
        group.iter().map(episode).collect()
    }
}

/// The attempt with its judgement; `None` when the infrastructure failed.
fn finish(answer: Answer, bug: usize, judged: &Judged) -> Option<Attempt> {
    let Answer { index, completion, repair } = answer;
    let trajectory = completion.as_ref().map(trajectory).unwrap_or_default();
    let failed = |reason| {
        let trajectory = trajectory.clone();
        Attempt { index, trajectory, tree: None, solved: false, reason, runs: false }
    };
    let tree = match repair {
        Ok(tree) => tree,
        Err(reason) => return Some(failed(reason)),
    };
    let Judgement { solved, reason, runs, .. } =
        judged.get(&(bug, tree.hash()))?.as_ref().ok()?.clone();
    Some(Attempt { index, trajectory, tree: Some(tree), solved, reason, runs })
}
