//! Whether a pass was earned: a pass is believed only when the same run could have failed.

mod bug;
mod marks;
mod repair;
mod rules;

use std::collections::BTreeSet;

use crate::{Seed, TestId, Tree};

pub use bug::audit_bug;
pub use repair::audit;
pub use rules::{RepairRule, RuleBreach, broken_rules};

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Audit {
    /// The tests end as their text says: what was made to fail fails, and the rest passes.
    Earned,
    /// They do not. Whatever the reason, nothing that this run says can be believed.
    #[non_exhaustive]
    Forged {
        /// What was seen, in one line.
        evidence: String,
    },
    /// Nothing could be learned. What is judged has no part in this: it depends on the tests and on
    /// the original alone.
    #[non_exhaustive]
    Unaudited {
        /// Why, in one line.
        reason: String,
    },
}

impl Audit {
    /// The evidence of a forgery.
    pub fn forgery(&self) -> Option<&str> {
        match self {
            Self::Forged { evidence } => Some(evidence),
            Self::Earned | Self::Unaudited { .. } => None,
        }
    }

    fn forged(evidence: impl Into<String>) -> Self {
        Self::Forged { evidence: evidence.into() }
    }

    fn unaudited(reason: impl Into<String>) -> Self {
        Self::Unaudited { reason: reason.into() }
    }
}

/// Makes copies of test files for an audit. `ssr_mutate::TestPoison` does it for Python.
///
/// It decides nothing: what a copy has to show is measured on the original code, so that a copy may
/// well be useless. It has to look like ordinary test code, since what is judged can read it.
pub trait Poison: Send + Sync {
    /// Those of the files in `tests` that change when tests are poisoned; `None` when no test could
    /// be found in them.
    ///
    /// Each of `doubted` is to be seen in three roles: changed without any effect, with an expected
    /// value changed, and failing after its last statement. `dose` says how. Each of `others` gets
    /// one of these roles. Equal arguments give equal files; a guess without `seed` is no better
    /// than a lot.
    fn poison(
        &self,
        tests: &Tree,
        doubted: &BTreeSet<TestId>,
        others: &BTreeSet<TestId>,
        dose: Dose,
        seed: Seed,
    ) -> Option<Tree>;

    /// Those of the files in `tests` that change when `ids` do nothing any more, and neither do the
    /// set-ups and fixtures around them, and the ids that this holds for.
    fn hollow(&self, tests: &Tree, ids: &BTreeSet<TestId>) -> (Tree, BTreeSet<TestId>);
}

/// How the tests that an audit doubts are poisoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dose {
    /// Each test gets so many copies, three or more, in which each role is taken; the others, and
    /// that of the test itself, are drawn by lot. One run shows everything.
    Copies(u8),
    /// Each test is changed where it is; after the turns 0, 1 and 2 it had each role once. It needs
    /// three runs, and works for tests that are run by their names.
    Turn(u8),
}

/// The test function of an id: the part before the parameters of a case.
fn function_of(id: &TestId) -> &str {
    let id = id.as_str();
    let name = id.find("::").unwrap_or(0);
    id[name..].find('[').map_or(id, |at| &id[..name + at])
}

/// `files` in the place of those of `tree`.
fn overlaid(tree: &Tree, files: &Tree) -> crate::Result<Tree> {
    tree.with_all(files.files().map(|(path, file)| (path.clone(), Some(file.clone()))))
}
