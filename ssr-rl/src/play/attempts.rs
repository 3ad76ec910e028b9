//! The solver's half of a step.

use std::collections::BTreeMap;

use rayon::prelude::*;
use ssr_core::{
    BugInstance, Completion, Episode, Judgement, PolicyError, Request, Role, Sandbox, Trajectory,
    Tree, TreeHash, judge, solver_reward,
};

use super::step::{Step, trajectory};
use super::{Event, Injector, SolverProtocol};
use crate::{BugRecord, Result, SolverKind};

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

impl<S: Sandbox, I: Injector, P: SolverProtocol> Step<'_, S, I, P> {
    /// Attempts every bug by a group of its own and judges the different repairs. Attempts that
    /// fell to the infrastructure are left out.
    pub(super) fn attempt(&self, bugs: &[BugInstance]) -> Result<Vec<Vec<Attempt>>> {
        let Some(first) = bugs.first() else { return Ok(Vec::new()) };
        let attempts = bugs.len() * self.config.group;
        let order = first.order;
        self.progress.event(Event::Attempting { bugs: bugs.len(), attempts, order });
        let answers = match self.config.solver {
            SolverKind::Policy => self.ask(bugs)?,
            SolverKind::Oracle => bugs.iter().map(|bug| self.reversed_bug(bug)).collect(),
        };
        let judged = self.judge(bugs, &answers);
        let groups: Vec<Vec<Attempt>> = answers
            .into_iter()
            .enumerate()
            .map(|(bug, group)| group.into_iter().filter_map(|a| finish(a, bug, &judged)).collect())
            .collect();
        for error in judged.into_values().filter_map(Result::err) {
            self.note("attempts are dropped", error);
        }
        Ok(groups)
    }

    /// The policy's answers, one group a bug; the group of a prompt that cannot be served is empty.
    fn ask(&self, bugs: &[BugInstance]) -> Result<Vec<Vec<Answer>>> {
        let questions: Vec<_> =
            bugs.iter().map(|bug| self.protocol.ask(bug, self.count_tokens)).collect();
        let seed = self.seed.derive("solver");
        let groups: Vec<Vec<Request>> = bugs
            .iter()
            .zip(&questions)
            .map(|(bug, question)| {
                let seed = seed.derive(&bug.id());
                let request = |index| Request {
                    messages: question.messages.clone(),
                    answer: question.answer.clone(),
                    sampling: self.config.sampling,
                    seed: seed.index(index as u64),
                };
                (0..self.config.group).map(request).collect()
            })
            .collect();
        let completions = self.generate(|| self.complete(groups))?;
        let read = |((bug, question), completions): (
            (&BugInstance, &super::Question<P::Context>),
            Vec<Completion>,
        )| {
            let answers = completions.into_iter().enumerate().map(|(index, completion)| {
                let repair = self.protocol.repair(bug, &question.context, &completion);
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
        match self.policy.complete(&all) {
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
        match self.policy.complete(group) {
            Err(error @ PolicyError::Request { .. }) => {
                self.note("a group of attempts is dropped", error.into());
                Ok(Vec::new())
            }
            completions => completions,
        }
    }

    /// What the oracle answers: it takes the bug back.
    fn reversed_bug(&self, bug: &BugInstance) -> Vec<Answer> {
        let reversed = bug.artifact.bug_inject.reverse();
        let repair = bug.tree.apply(&reversed).map_err(|error| error.to_string());
        let answer = |index| Answer { index, completion: None, repair: repair.clone() };
        (0..self.config.group).map(answer).collect()
    }

    fn judge(&self, bugs: &[BugInstance], answers: &[Vec<Answer>]) -> Judged {
        let mut distinct: BTreeMap<(usize, TreeHash), &Tree> = BTreeMap::new();
        for (bug, group) in answers.iter().enumerate() {
            let trees = group.iter().filter_map(|answer| answer.repair.as_ref().ok());
            distinct.extend(trees.map(|tree| ((bug, tree.hash()), tree)));
        }
        self.progress.event(Event::Judging { repairs: distinct.len() });
        self.test(|| {
            let each = distinct.into_par_iter().map(|(key, tree)| {
                let bug = &bugs[key.0];
                let judged = judge(self.suites, bug, &bug.tree.diff(tree));
                if let Ok(Judgement { solved, reason, .. }) = &judged {
                    self.progress.event(Event::Judged { solved: *solved, reason });
                }
                (key, judged.map_err(Into::into))
            });
            each.collect()
        })
    }

    /// Failed attempts that make bugs of the next order: they changed something and left something
    /// that runs. At most one of each bug, and no more than the configuration allows; which ones is
    /// decided by the seed.
    pub(super) fn next_order(
        &self,
        bugs: &[BugInstance],
        groups: &[Vec<Attempt>],
    ) -> Vec<(BugInstance, BugRecord)> {
        let seed = self.seed.derive("next order");
        let fresh = |bug: &BugInstance, tree: &Tree| *tree != bug.tree;
        let of_group = |(bug, group): (&BugInstance, &Vec<Attempt>)| {
            let failed = group.iter().filter(|attempt| !attempt.solved && attempt.runs);
            let trees = failed.filter_map(|attempt| attempt.tree.clone());
            let keyed = trees
                .filter(|tree| bug.order < self.config.max_order && fresh(bug, tree))
                .map(|tree| (seed.derive(&bug.id()).derive(&tree.hash().to_string()), tree));
            let (key, tree) = keyed.min_by_key(|(key, _)| *key)?;
            let next = bug.next_order(tree);
            let repair = bug.tree.diff(&next.tree).to_string();
            let record =
                BugRecord { failed_repair: Some(repair), ..BugRecord::new(&next, self.number) };
            Some((key, (next, record)))
        };
        let mut next: Vec<_> = bugs.iter().zip(groups).filter_map(of_group).collect();
        next.sort_by_key(|(key, _)| *key);
        next.into_iter().take(self.config.higher_order).map(|(_, bug)| bug).collect()
    }

    /// The solver's episodes at one bug.
    pub(super) fn solver_episodes(&self, bug: &BugInstance, group: &[Attempt]) -> Vec<Episode> {
        let id = bug.id();
        let episode = |attempt: &Attempt| Episode {
            role: Role::Solver,
            step: self.number,
            group: format!("{}/solver/{id}", self.number),
            index: attempt.index,
            trajectory: attempt.trajectory.clone(),
            reward: solver_reward(attempt.solved),
            verdict: format!("{}: {}", self.config.solver.name(), attempt.reason),
            bug: Some(id.clone()),
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
