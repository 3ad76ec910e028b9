//! Where bugs come from, and how the policy is asked to choose one.

use std::collections::BTreeSet;

use ssr_core::{Message, Patch, Seed, Segment, Strategy, TestId, Tree};

use crate::Result;

/// Where bugs come from: it offers changes, among which the policy chooses, and hides a chosen one
/// by weakening tests.
///
/// Equal arguments give equal answers.
pub trait Injector: Send + Sync {
    /// How the bugs are made.
    fn strategy(&self) -> Strategy;

    /// Up to `count` different changes of `tree`.
    ///
    /// # Errors
    /// Only when the infrastructure fails; the run ends.
    fn candidates(&self, tree: &Tree, count: usize, seed: Seed) -> Result<Vec<Candidate>>;

    /// The change of test files that hides `broken`, tests that pass on the original and fail on
    /// the buggy `tree`; `None` when there is no way, so that the weakening check rejects the bug.
    /// `failing` runs the tests on `tree` under such a change and says which of them fail.
    ///
    /// # Errors
    /// Only when the infrastructure fails; the proposal is dropped and not scored.
    fn weaken(
        &self,
        tree: &Tree,
        broken: &BTreeSet<TestId>,
        seed: Seed,
        failing: &mut dyn FnMut(&Patch) -> Result<BTreeSet<TestId>>,
    ) -> Result<Option<Patch>>;
}

impl<I: Injector + ?Sized> Injector for &I {
    fn strategy(&self) -> Strategy {
        (**self).strategy()
    }

    fn candidates(&self, tree: &Tree, count: usize, seed: Seed) -> Result<Vec<Candidate>> {
        (**self).candidates(tree, count, seed)
    }

    fn weaken(
        &self,
        tree: &Tree,
        broken: &BTreeSet<TestId>,
        seed: Seed,
        failing: &mut dyn FnMut(&Patch) -> Result<BTreeSet<TestId>>,
    ) -> Result<Option<Patch>> {
        (**self).weaken(tree, broken, seed, failing)
    }
}

/// One change that an [`Injector`] offers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// The change in one line, as the policy reads it.
    pub description: String,
    /// The change itself, in code files only.
    pub patch: Patch,
    /// What exactly is done, for `bug.json`.
    pub detail: String,
}

impl Candidate {
    /// A change, described in one line for the policy and exactly for `bug.json`.
    pub fn new(description: impl Into<String>, patch: Patch, detail: impl Into<String>) -> Self {
        Self { description: description.into(), patch, detail: detail.into() }
    }
}

/// The labels of `count` things: numbers of the same width, so that no label starts another.
pub(super) fn labels(count: usize) -> Vec<String> {
    let width = count.saturating_sub(1).to_string().len().max(2);
    (0..count).map(|index| format!("{index:0width$}")).collect()
}

/// The injector's prompt: the candidates, each with its label.
pub(super) fn question(package: &str, candidates: &[Candidate]) -> (Vec<Message>, Vec<Segment>) {
    let labels = labels(candidates.len());
    let mut text = format!("Project: {package}. Choose the change to make.\n");
    for (label, candidate) in labels.iter().zip(candidates) {
        let line: String = candidate.description.split_whitespace().collect::<Vec<_>>().join(" ");
        text.push_str(&format!("{label}: {line}\n"));
    }
    let system = "You test a test suite: you plant a bug that its tests notice and that is neither \
                  too easy nor too hard to repair.";
    (vec![Message::system(system), Message::user(text)], vec![Segment::Choice(labels)])
}
