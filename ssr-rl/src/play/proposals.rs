//! The injector's half of a step.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use ssr_core::{
    BugInstance, Completion, Patch, Provenance, Request, Role, Sandbox, check_consistency,
};

use super::injector::{Candidate, labels, question};
use super::step::{Step, trajectory};
use super::{Event, Injector, SolverProtocol};
use crate::{BugRecord, Error, Result};

/// A proposal that was drawn and what became of it.
pub(super) struct Proposal {
    pub(super) index: usize,
    pub(super) completion: Completion,
    pub(super) verdict: Verdict,
}

pub(super) enum Verdict {
    /// The position of the bug in [`Proposals::bugs`].
    Valid(usize),
    /// The check that failed and its evidence.
    Rejected { check: String, evidence: String },
    /// The infrastructure failed.
    Dropped,
}

pub(super) struct Proposals {
    pub(super) drawn: Vec<Proposal>,
    /// The different valid bugs, in the order in which they were first drawn.
    pub(super) bugs: Vec<(BugInstance, BugRecord)>,
}

/// The check that an answer fails which names no candidate.
const MALFORMED: &str = "malformed";

enum Checked {
    Bug(Box<(BugInstance, BugRecord)>),
    Rejected { check: String, evidence: String },
}

impl<S: Sandbox, I: Injector, P: SolverProtocol> Step<'_, S, I, P> {
    /// Draws proposals from one prompt and checks the different ones.
    pub(super) fn propose(&self) -> Result<Proposals> {
        let candidates = self.candidates()?;
        let count = self.config.proposals;
        self.progress.event(Event::Proposing { proposals: count });
        let (messages, answer) = question(&self.repository.name, &candidates);
        let seed = self.seed.derive("injector");
        let request = |index| Request {
            messages: messages.clone(),
            answer: answer.clone(),
            sampling: self.config.sampling,
            seed: seed.index(index as u64),
        };
        let requests: Vec<Request> = (0..count).map(request).collect();
        let completions = self.generate(|| self.policy.complete(&requests))?;
        let known = labels(candidates.len());
        let chosen: Vec<Option<usize>> = completions
            .iter()
            .map(|completion| known.iter().position(|label| *label == completion.text().trim()))
            .collect();
        let distinct: BTreeSet<usize> = chosen.iter().flatten().copied().collect();
        self.progress.event(Event::Checking { bugs: distinct.len() });
        let checked = self.test(|| -> BTreeMap<usize, Result<Checked>> {
            let each = distinct.into_par_iter();
            each.map(|choice| (choice, self.check(&candidates[choice]))).collect()
        });
        Ok(self.sort_out(completions, chosen, checked))
    }

    fn candidates(&self) -> Result<Vec<Candidate>> {
        let seed = self.seed.derive("candidates");
        let tree = &self.repository.tree;
        let candidates = self.injector.candidates(tree, self.config.candidates, seed)?;
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
    fn check(&self, candidate: &Candidate) -> Result<Checked> {
        let checked = self.check_artifact(candidate);
        if let Ok(checked) = &checked {
            let rejection = match checked {
                Checked::Bug(_) => None,
                Checked::Rejected { check, evidence } => Some((check.as_str(), evidence.as_str())),
            };
            let proposal = candidate.description.as_str();
            self.progress.event(Event::Checked { proposal, rejection });
        }
        checked
    }

    fn check_artifact(&self, candidate: &Candidate) -> Result<Checked> {
        let original = &self.repository.tree;
        let weaken = match original.apply(&candidate.patch) {
            // The check of its scope says why.
            Err(_) => Patch::default(),
            Ok(buggy) => {
                let artifact = self.repository.artifact(Patch::default(), Patch::default());
                let passed = self.suites.run(&artifact, &buggy)?.passed();
                let broken: BTreeSet<_> = self.passing.difference(&passed).cloned().collect();
                // The same bug is weakened in the same way whenever it is found.
                let seed = self.run_seed.derive("weaken").derive(&buggy.hash().to_string());
                if broken.is_empty() {
                    Patch::default()
                } else {
                    let mut failing = |weaken: &Patch| {
                        // One that does not apply changes nothing.
                        let tree = buggy.apply(weaken).unwrap_or_else(|_| buggy.clone());
                        let run = self.suites.run(&artifact, &tree)?;
                        // A suite in which nothing passes was cut short and hides no bug.
                        let whole = !run.passed().is_empty();
                        Ok(if whole { run.failed() } else { broken.clone() })
                    };
                    self.injector.weaken(&buggy, &broken, seed, &mut failing)?
                }
            }
        };
        let artifact = self.repository.artifact(candidate.patch.clone(), weaken);
        let thresholds = &self.config.thresholds;
        let report = check_consistency(self.suites, original, &artifact, thresholds)?;
        if let Some(verdict) = report.failure() {
            let check = verdict.check.name().to_owned();
            return Ok(Checked::Rejected { check, evidence: verdict.evidence.clone() });
        }
        let detail = candidate.detail.clone();
        let provenance = Provenance { strategy: self.injector.strategy(), detail };
        let bug = match BugInstance::first_order(original, artifact, &report, provenance) {
            Ok(bug) => bug,
            Err(error) => {
                let (check, evidence) = (MALFORMED.to_owned(), error.to_string());
                return Ok(Checked::Rejected { check, evidence });
            }
        };
        let record = BugRecord { verdict: Some(report), ..BugRecord::new(&bug, self.number) };
        Ok(Checked::Bug(Box::new((bug, record))))
    }

    /// Gives every drawn proposal its verdict. Different choices may still be the same bug.
    fn sort_out(
        &self,
        completions: Vec<Completion>,
        chosen: Vec<Option<usize>>,
        checked: BTreeMap<usize, Result<Checked>>,
    ) -> Proposals {
        let mut proposals = Proposals { drawn: Vec::new(), bugs: Vec::new() };
        for (index, (completion, choice)) in completions.into_iter().zip(&chosen).enumerate() {
            let verdict = match choice.map(|choice| &checked[&choice]) {
                None => Verdict::Rejected {
                    check: MALFORMED.to_owned(),
                    evidence: "the answer names no candidate".to_owned(),
                },
                Some(Err(_)) => Verdict::Dropped,
                Some(Ok(Checked::Rejected { check, evidence })) => {
                    Verdict::Rejected { check: check.clone(), evidence: evidence.clone() }
                }
                Some(Ok(Checked::Bug(bug))) => {
                    let known = proposals.bugs.iter().position(|(_, known)| known.id == bug.1.id);
                    Verdict::Valid(known.unwrap_or_else(|| {
                        proposals.bugs.push((**bug).clone());
                        proposals.bugs.len() - 1
                    }))
                }
            };
            proposals.drawn.push(Proposal { index, completion, verdict });
        }
        for error in checked.into_values().filter_map(Result::err) {
            self.note("a proposal is dropped", error);
        }
        proposals
    }

    /// The injector's episodes. `solved` tells of each bug how many attempts repaired it, and how
    /// many there were.
    pub(super) fn injector_episodes(
        &self,
        proposals: &Proposals,
        solved: &[(usize, usize)],
    ) -> Vec<ssr_core::Episode> {
        let reward = self.config.injector_reward();
        let episode = |proposal: &Proposal| {
            let (reward, verdict, bug) = match &proposal.verdict {
                Verdict::Dropped => return None,
                Verdict::Rejected { check, evidence } => {
                    (reward.invalid(), format!("{check}: {evidence}"), None)
                }
                Verdict::Valid(at) => match solved[*at] {
                    // All attempts fell to the infrastructure: nothing is known of the bug.
                    (_, 0) => return None,
                    (solved, attempts) => (
                        reward.valid(solved, attempts),
                        format!("solved by {solved} of {attempts}"),
                        Some(proposals.bugs[*at].1.id.clone()),
                    ),
                },
            };
            Some(ssr_core::Episode {
                role: Role::Injector,
                step: self.number,
                group: format!("{}/injector", self.number),
                index: proposal.index,
                trajectory: trajectory(&proposal.completion),
                reward,
                verdict,
                bug,
            })
        };
        proposals.drawn.iter().filter_map(episode).collect()
    }
}
