//! The injector's half of a step.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use ssr_core::{
    BugInstance, CheckedArtifact, Completion, Episode, Patch, Provenance, Role, Sandbox, Seed,
    TestId, Tree, check_applied, check_consistency,
};
use tracing::Span;

use super::context::{FoundBug, StepContext, trajectory};
use super::injector::{labels, question};
use super::{Candidate, Event, Injector, Rejected, Repository};
use crate::{BugRecord, Error, Result};

/// What the injector's half needs.
pub(super) struct InjectorHalf<'a, S, I> {
    pub(super) step: &'a StepContext<'a, S>,
    pub(super) repository: &'a Repository,
    /// Tests that pass on the original.
    pub(super) passing: &'a BTreeSet<TestId>,
    pub(super) injector: &'a I,
    /// The seed of the whole run: the same bug is weakened in the same way in whichever step it is
    /// found, so that it has the same id.
    pub(super) run_seed: Seed,
}

/// A proposal that was drawn and what became of it.
pub(super) struct Proposal {
    /// The question that it answers, and its number among the answers.
    place: (usize, usize),
    completion: Completion,
    pub(super) decision: Decision,
}

pub(super) enum Decision {
    /// The position of the bug in [`Proposals::bugs`].
    Valid(usize),
    Rejected(Rejected),
    /// The infrastructure failed.
    Dropped,
}

pub(super) struct Proposals {
    pub(super) drawn: Vec<Proposal>,
    /// The different valid bugs, in the order in which they were first drawn.
    pub(super) bugs: Vec<FoundBug>,
}

/// A question of a step and a candidate among those that it asks to choose from.
type Choice = (usize, usize);

/// A bug or why there is none; the outer error is a failure of the infrastructure.
type Found = Result<Result<FoundBug, Rejected>>;

impl<S: Sandbox, I: Injector> InjectorHalf<'_, S, I> {
    /// Draws proposals, a group from each question, and checks the different ones.
    pub(super) fn propose(&self) -> Result<Proposals> {
        let config = self.step.config;
        let candidates: Vec<Vec<Candidate>> =
            (0..config.questions).map(|at| self.candidates(at)).collect::<Result<_>>()?;
        self.step.progress.event(Event::Proposing { proposals: config.proposals });
        let (mut requests, mut places) = (Vec::new(), Vec::new());
        for (at, candidates) in candidates.iter().enumerate() {
            let (messages, answer) = question(&self.repository.name, candidates);
            // The first questions have one more where they cannot be shared out evenly.
            let count = (config.proposals + config.questions - 1 - at) / config.questions;
            let seed = of_question(self.step.seed.derive("injector"), at);
            requests.extend(self.step.requests(count, &messages, &answer, seed));
            places.extend((0..count).map(|index| (at, index)));
        }
        let completions = self.step.clock.generate(|| self.step.policy.complete(&requests))?;
        let choice = |(completion, (at, _)): (&Completion, &(usize, usize))| {
            let labels = labels(candidates[*at].len());
            let chosen = labels.iter().position(|label| *label == completion.text().trim());
            chosen.map(|chosen| (*at, chosen))
        };
        let chosen: Vec<Option<Choice>> = completions.iter().zip(&places).map(choice).collect();
        // A small model draws the same candidate again and again. It is checked once.
        let distinct: BTreeSet<Choice> = chosen.iter().flatten().copied().collect();
        self.step.progress.event(Event::Checking { bugs: distinct.len() });
        // The threads of the pool have no span of their own.
        let span = Span::current();
        let checked = self.step.clock.test(|| -> BTreeMap<Choice, Found> {
            let each = distinct.into_par_iter();
            let check =
                |(at, choice): Choice| span.in_scope(|| self.check(&candidates[at][choice]));
            each.map(|choice| (choice, check(choice))).collect()
        });
        let drawn = places.into_iter().zip(completions).zip(chosen);
        Ok(self.sort_out(drawn.map(|((place, answer), choice)| (place, answer, choice)), checked))
    }

    fn candidates(&self, question: usize) -> Result<Vec<Candidate>> {
        let seed = of_question(self.step.seed.derive("candidates"), question);
        let tree = &self.repository.tree;
        let candidates = self.injector.candidates(tree, self.step.config.candidates, seed)?;
        if candidates.len() >= 2 {
            return Ok(candidates);
        }
        let problem = format!(
            "the injector offers {} changes and at least 2 are needed to choose from; does the \
             repository have source files that it can change?",
            candidates.len()
        );
        Err(Error::Repository { package: self.repository.name.clone(), problem })
    }

    /// Turns a candidate into an artifact and checks it.
    fn check(&self, candidate: &Candidate) -> Found {
        let found = self.check_candidate(candidate)?;
        let proposal = candidate.description.as_str();
        let rejection = found.as_ref().err();
        self.step.progress.event(Event::Checked { proposal, rejection });
        Ok(found)
    }

    /// The candidate's patch is applied here and nowhere else: weakening, checks and the bug itself
    /// go on with the tree.
    fn check_candidate(&self, candidate: &Candidate) -> Found {
        let original = &self.repository.tree;
        let StepContext { suites, number, config, .. } = self.step;
        let buggy = original.apply(&candidate.patch).ok();
        let weaken = match &buggy {
            Some(buggy) => self.weaken(buggy)?,
            None => None,
        };
        // A bug without a weakening fails the check that asks for one.
        let weaken = weaken.unwrap_or_default();
        let artifact = self.repository.artifact(candidate.patch.clone(), weaken);
        let checked = match &buggy {
            Some(tree) => check_applied(suites, original, &artifact, tree, &config.thresholds)?,
            // The check of the scope says why it does not apply.
            None => check_consistency(suites, original, &artifact, &config.thresholds)?,
        };
        let (strategy, detail) = (self.injector.strategy(), candidate.detail.clone());
        let provenance = Provenance { strategy, detail };
        let bug = BugInstance::first_order(original, artifact, &checked, provenance);
        let CheckedArtifact { report, .. } = checked;
        let Some(bug) = bug else { return Ok(Err(Rejected::by(&report))) };
        if let Some(evidence) = self.step.auditor.bug(suites, &bug)? {
            return Ok(Err(Rejected::Audit { evidence }));
        }
        let record = BugRecord { verdict: Some(report), ..BugRecord::new(&bug, *number) };
        Ok(Ok(FoundBug { bug, record }))
    }

    /// How the injector hides the bug; `None` when no test breaks or there is no way.
    fn weaken(&self, buggy: &Tree) -> Result<Option<Patch>> {
        let suites = self.step.suites;
        let artifact = self.repository.artifact(Patch::default(), Patch::default());
        let passed = suites.test(&artifact, buggy)?.passed();
        let broken: BTreeSet<_> = self.passing.difference(&passed).cloned().collect();
        if broken.is_empty() {
            return Ok(None);
        }
        let seed = self.run_seed.derive("weaken").derive(&buggy.hash().to_string());
        let mut failing = |weaken: &Patch| {
            // One that does not apply changes nothing.
            let tree = buggy.apply(weaken).unwrap_or_else(|_| buggy.clone());
            let run = suites.test(&artifact, &tree)?;
            // A suite in which nothing passes was cut short and hides no bug.
            let whole = !run.passed().is_empty();
            Ok(if whole { run.failed() } else { broken.clone() })
        };
        self.injector.weaken(buggy, &broken, seed, &mut failing)
    }

    /// Says of every drawn proposal what became of it. Different choices may still be the same bug.
    fn sort_out(
        &self,
        drawn: impl Iterator<Item = ((usize, usize), Completion, Option<Choice>)>,
        checked: BTreeMap<Choice, Found>,
    ) -> Proposals {
        let mut proposals = Proposals { drawn: Vec::new(), bugs: Vec::new() };
        for (place, completion, choice) in drawn {
            let decision = match choice.map(|choice| &checked[&choice]) {
                None => Decision::Rejected(Rejected::Malformed),
                Some(Err(_)) => Decision::Dropped,
                Some(Ok(Err(rejected))) => Decision::Rejected(rejected.clone()),
                Some(Ok(Ok(found))) => {
                    let mut known = proposals.bugs.iter();
                    let known = known.position(|known| known.record.id == found.record.id);
                    Decision::Valid(known.unwrap_or_else(|| {
                        proposals.bugs.push(found.clone());
                        proposals.bugs.len() - 1
                    }))
                }
            };
            proposals.drawn.push(Proposal { place, completion, decision });
        }
        for error in checked.into_values().filter_map(Result::err) {
            self.step.note("a proposal is dropped", error);
        }
        proposals
    }

    /// The injector's episodes. `solved` tells of each bug how many attempts repaired it, and how
    /// many there were.
    pub(super) fn episodes(
        &self,
        proposals: &Proposals,
        solved: &[(usize, usize)],
    ) -> Vec<Episode> {
        let StepContext { number, config, .. } = self.step;
        let reward = config.injector_reward();
        let episode = |proposal: &Proposal| {
            let (question, index) = proposal.place;
            let group = match config.questions {
                1 => format!("{number}/injector"),
                _ => format!("{number}/injector/{question}"),
            };
            let episode = Episode::new(Role::Injector, *number, group, index)
                .with_trajectory(trajectory(&proposal.completion));
            match &proposal.decision {
                Decision::Dropped => None,
                Decision::Rejected(rejected) => {
                    Some(episode.with_reward(reward.invalid(), rejected.to_string()))
                }
                Decision::Valid(at) => match solved[*at] {
                    // All attempts fell to the infrastructure: nothing is known of the bug.
                    (_, 0) => None,
                    (solved, attempts) => {
                        let verdict = format!("solved by {solved} of {attempts}");
                        let episode = episode.with_reward(reward.valid(solved, attempts), verdict);
                        Some(episode.with_bug(&proposals.bugs[*at].record.id))
                    }
                },
            }
        };
        proposals.drawn.iter().filter_map(episode).collect()
    }
}

/// The seed of one of a step's questions.
fn of_question(seed: Seed, question: usize) -> Seed {
    if question == 0 { seed } else { seed.index(question as u64) }
}
