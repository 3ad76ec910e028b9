//! Bugs with the edits among which their repairs are chosen: to compare policies by, and to train on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;
use ssr_core::{
    BugInstance, Edit, EditRanking, Poison, RepoPath, Sandbox, Seed, Suites, Tree, judge,
};
use ssr_policy::{LocalPolicy, RankedEdits};

use super::audited::Auditor;
use super::{EditSource, RankEdits};
use crate::Result;

/// The most tries at a bug that a comparison judges.
const TRIES: usize = 16;

/// Bugs of one repository, the edits among which their repairs are chosen, and which of these hold.
///
/// An edit is judged once, whichever policy proposes it, so that policies are compared by the same
/// verdicts. Claimed repairs are audited as in self-play.
pub struct RepairTasks<S> {
    suites: Suites<S>,
    original: Tree,
    poison: Option<Box<dyn Poison>>,
    tasks: Vec<Task>,
    /// By bug and edit; `None` where the infrastructure failed.
    verdicts: Mutex<BTreeMap<(usize, usize), Option<bool>>>,
}

struct Task {
    bug: BugInstance,
    /// `None` without an edit to choose from: nothing repairs the bug then.
    ranking: Option<Arc<EditRanking>>,
    edits: Vec<Edit>,
    reversal: Option<usize>,
}

/// What a policy thinks of the edits of every bug.
#[derive(Debug, Clone)]
pub struct TaskRanks(Vec<Option<RankedEdits>>);

/// How well a policy repairs one bug.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct TaskScore {
    /// The probability that one draw at temperature 1 holds, among the edits that were judged.
    pub t1: f64,
    /// The place, from 1, of the first edit that holds among the 16 that the policy ranks first.
    pub first: Option<usize>,
}

impl TaskScore {
    /// Whether one of the `tries` edits that it ranks first holds; 16 tries at most are judged.
    pub fn solved_within(&self, tries: usize) -> bool {
        self.first.is_some_and(|first| first <= tries)
    }
}

impl<S: Sandbox> RepairTasks<S> {
    /// No bugs yet, of the repository whose tree was `original` before them.
    pub fn new(suites: Suites<S>, original: Tree) -> Self {
        Self { suites, original, poison: None, tasks: Vec::new(), verdicts: Mutex::default() }
    }

    /// Makes the poisoned tests by which claimed repairs are audited.
    #[must_use]
    pub fn with_poison(mut self, poison: impl Poison + 'static) -> Self {
        self.poison = Some(Box::new(poison));
        self
    }

    /// Adds a bug. `tokens` counts the tokens of a text.
    pub fn add<E: EditSource>(
        &mut self,
        bug: BugInstance,
        protocol: &RankEdits<E>,
        sources: &BTreeSet<RepoPath>,
        tokens: &dyn Fn(&str) -> usize,
    ) {
        let (ranking, edits) = protocol.ranking(&bug, sources, tokens).unzip();
        let edits = edits.unwrap_or_default();
        // What takes the bug back holds: its tests passed there before.
        let restores = |edit: &Edit| {
            let repaired = bug.tree.edit(std::slice::from_ref(edit));
            repaired.is_ok_and(|tree| {
                let restored = bug.restore_oracle(&tree);
                restored.is_ok_and(|tree| tree == self.original)
            })
        };
        let reversal = edits.iter().position(restores);
        let at = self.tasks.len();
        self.verdicts().extend(reversal.map(|edit| ((at, edit), Some(true))));
        self.tasks.push(Task { bug, ranking: ranking.map(Arc::new), edits, reversal });
    }

    /// The bugs, in the order of their scores.
    pub fn bugs(&self) -> impl ExactSizeIterator<Item = &BugInstance> {
        self.tasks.iter().map(|task| &task.bug)
    }

    /// What a solver of the bug at a place ranks; `None` without an edit to choose from.
    pub fn ranking(&self, at: usize) -> Option<&Arc<EditRanking>> {
        self.tasks[at].ranking.as_ref()
    }

    /// Suites that were run to judge repairs.
    pub fn test_runs(&self) -> u64 {
        self.suites.cycles()
    }

    /// An edit that takes the bug at a place back, if it is among those to choose from.
    pub fn reversal(&self, at: usize) -> Option<usize> {
        self.tasks[at].reversal
    }

    /// Whether an edit repairs the bug at a place, by its tests and the audit, or as it is known from
    /// before; `None` when the infrastructure failed.
    pub fn verdict(&self, at: usize, edit: usize) -> Option<bool> {
        let known = self.verdicts().get(&(at, edit)).copied();
        known.unwrap_or_else(|| {
            let verdict = self.judge(at, edit);
            self.verdicts().insert((at, edit), verdict);
            verdict
        })
    }

    fn verdicts(&self) -> MutexGuard<'_, BTreeMap<(usize, usize), Option<bool>>> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, at: usize, edit: usize) -> Option<bool> {
        let Task { bug, edits, .. } = &self.tasks[at];
        // An edit that cannot be made repairs nothing.
        let Ok(tree) = bug.tree.edit(std::slice::from_ref(&edits[edit])) else {
            return Some(false);
        };
        let auditor = Auditor {
            poison: self.poison.as_deref(),
            on: true,
            original: &self.original,
            seed: Seed::new(0),
        };
        let judgement = judge(&self.suites, bug, &tree).ok()?;
        Some(auditor.repair(&self.suites, bug, &tree, judgement).ok()?.solved)
    }

    /// Ranks the edits of every bug by a policy, and judges the 16 that it ranks first.
    ///
    /// # Errors
    /// When a bug cannot be ranked, for example because it does not fit the context window.
    pub fn measure(&self, policy: &LocalPolicy) -> Result<TaskRanks> {
        let mut ranks = Vec::with_capacity(self.tasks.len());
        for task in &self.tasks {
            ranks.push(match &task.ranking {
                Some(ranking) => policy.rank(&[Arc::clone(ranking)])?.pop(),
                None => None,
            });
        }
        let first = |(at, ranked): (usize, &Option<RankedEdits>)| -> Vec<(usize, usize)> {
            let order = ranked.as_ref().map(RankedEdits::order).unwrap_or_default();
            order.into_iter().take(TRIES).map(|edit| (at, edit)).collect()
        };
        let wanted: Vec<_> = ranks.iter().enumerate().flat_map(first).collect();
        wanted.into_par_iter().for_each(|(at, edit)| {
            self.verdict(at, edit);
        });
        Ok(TaskRanks(ranks))
    }

    /// The scores of a policy, one a bug, by all verdicts that are known by now: measure every policy
    /// that is to be compared first. `None` for a bug at which the infrastructure failed.
    pub fn scores(&self, ranks: &TaskRanks) -> Vec<Option<TaskScore>> {
        let verdicts = self.verdicts();
        let score = |(at, ranked): (usize, &Option<RankedEdits>)| {
            let Some(ranked) = ranked else { return Some(TaskScore { t1: 0.0, first: None }) };
            let of_bug = || verdicts.range((at, 0)..(at + 1, 0)).map(|((_, e), v)| (*e, *v));
            if of_bug().any(|(_, verdict)| verdict.is_none()) {
                return None;
            }
            let holds: BTreeSet<usize> =
                of_bug().filter(|(_, verdict)| *verdict == Some(true)).map(|(e, _)| e).collect();
            let t1 = holds.iter().map(|edit| f64::from(ranked.logprobs[*edit]).exp()).sum();
            let order = ranked.order();
            let first = order.iter().take(TRIES).position(|edit| holds.contains(edit));
            Some(TaskScore { t1, first: first.map(|at| at + 1) })
        };
        ranks.0.iter().enumerate().map(score).collect()
    }
}

/// Shares of repaired bugs, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct RepairRates {
    /// The number of bugs.
    pub bugs: usize,
    /// pass@1 at temperature 1, as an expectation.
    pub t1: f64,
    /// pass@1 of the edit that is ranked first.
    pub greedy: f64,
    /// One of the first four holds.
    pub k4: f64,
    /// One of the first sixteen holds.
    pub k16: f64,
}

impl RepairRates {
    /// The means over bugs; zeros without any.
    pub fn of(scores: &[TaskScore]) -> Self {
        let bugs = scores.len();
        let mean = |of: &dyn Fn(&TaskScore) -> f64| {
            scores.iter().map(of).sum::<f64>() / bugs.max(1) as f64
        };
        let within = |tries: usize| mean(&|score| f64::from(u8::from(score.solved_within(tries))));
        Self {
            bugs,
            t1: mean(&|score| score.t1),
            greedy: within(1),
            k4: within(4),
            k16: within(16),
        }
    }
}

/// A mean of paired differences with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct PairedGain {
    /// The mean of what comes after less what came before.
    pub mean: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl PairedGain {
    /// The gain over pairs (before, after): the mean difference ± 1.96 standard errors. Pairs that
    /// depend on each other, such as bugs of one function, make the interval too narrow.
    pub fn of(pairs: &[(f64, f64)]) -> Self {
        let count = pairs.len() as f64;
        if pairs.is_empty() {
            return Self::default();
        }
        let differences = || pairs.iter().map(|(before, after)| after - before);
        let mean = differences().sum::<f64>() / count;
        let squares: f64 = differences().map(|difference| (difference - mean).powi(2)).sum();
        let deviation = if pairs.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 };
        let half = 1.96 * deviation / count.sqrt();
        Self { mean, low: mean - half, high: mean + half }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn score(t1: f64, first: Option<usize>) -> TaskScore {
        TaskScore { t1, first }
    }

    #[test]
    fn rates_are_means_over_bugs() {
        let scores =
            [score(0.5, Some(1)), score(0.25, Some(4)), score(0.25, Some(16)), score(0.0, None)];
        let rates = RepairRates::of(&scores);
        assert_eq!((rates.bugs, rates.t1, rates.greedy), (4, 0.25, 0.25));
        assert_eq!((rates.k4, rates.k16), (0.5, 0.75));
        assert_eq!(RepairRates::of(&[]), RepairRates::default());
    }

    #[test]
    fn a_gain_has_the_interval_of_paired_differences() {
        // Differences 1, 0, 1, 0: mean 1/2, deviation √(1/3), standard error √(1/12).
        let gain = PairedGain::of(&[(0.0, 1.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)]);
        assert_eq!(gain.mean, 0.5);
        assert!((gain.high - gain.mean - 1.96 / 12f64.sqrt()).abs() < 1e-12);
        assert!((gain.mean - gain.low - 1.96 / 12f64.sqrt()).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn swapping_before_and_after_mirrors_the_gain(
            pairs in prop::collection::vec((0.0..1.0f64, 0.0..1.0f64), 0..30),
        ) {
            let swapped: Vec<_> = pairs.iter().map(|(before, after)| (*after, *before)).collect();
            let (gain, mirror) = (PairedGain::of(&pairs), PairedGain::of(&swapped));
            prop_assert!((gain.mean + mirror.mean).abs() < 1e-12);
            prop_assert!((gain.low + mirror.high).abs() < 1e-12);
            prop_assert!(gain.low <= gain.mean && gain.mean <= gain.high);
        }
    }
}
