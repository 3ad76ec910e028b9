//! Which test functions to hide and how, derived from the ids of broken tests.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use ssr_core::{Seed, TestId};

use super::Style;
use crate::NotFound;

/// The edits of one file, in ascending order and without overlap; or the tests, by position, that
/// have no definition.
pub type Weakened = Result<Vec<(Range<usize>, String)>, Vec<(usize, NotFound)>>;

/// The ids without a definition, each with the reason.
pub(super) type Missing = Vec<(TestId, NotFound)>;

/// One test function to hide.
#[derive(Debug, Clone)]
pub struct BrokenTest<'a> {
    pub(super) ids: Vec<&'a TestId>,
    /// The classes around it, outermost first.
    pub(crate) classes: Vec<&'a str>,
    pub(crate) function: &'a str,
    /// The broken cases of a parametrised test; `None` if the whole test is broken.
    pub(crate) cases: Option<BTreeSet<&'a str>>,
    /// What to do if the cases cannot be dropped alone.
    pub(crate) plan: Plan,
}

/// What to do with one test function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Deletes the function.
    Delete,
    /// Changes all assertions in the same way. The function is deleted if nothing is left of it.
    Every(Level),
    /// Changes each assertion in its own way, in the order of the text.
    Each(Vec<Level>),
}

impl Plan {
    /// What to do with the assertion at this position; `None` to delete the function.
    pub(crate) fn level(&self, index: usize) -> Option<Level> {
        match self {
            Self::Delete => None,
            Self::Every(level) => Some(*level),
            Self::Each(levels) => Some(levels.get(index).copied().unwrap_or(Level::Kept)),
        }
    }
}

/// What to do with one assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Leaves it unchanged.
    Kept,
    /// Replaces it by the looser form of this number, or by the last one. Deletes it if it has
    /// none.
    Loosened(usize),
    /// Deletes it. Replaces it by its last form if it shares a line with other code.
    Deleted,
}

/// How a test can be weakened without deleting it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Means {
    /// Whether the broken cases can be dropped alone.
    pub(crate) cases: bool,
    /// How many looser forms each assertion has.
    pub(crate) assertions: Vec<usize>,
}

/// One [`BrokenTest`] for each function that the ids name, and the ids that name no function.
pub(super) fn broken_tests<'a>(
    ids: &[&'a TestId],
    style: Style,
    seed: Seed,
) -> (Vec<BrokenTest<'a>>, Missing) {
    let mut tests: BTreeMap<&str, BrokenTest<'a>> = BTreeMap::new();
    let mut missing = Vec::new();
    for id in ids {
        let Some((name, case)) = split(id) else {
            missing.push(((*id).clone(), NotFound::NotAFunction));
            continue;
        };
        let test = tests.entry(name).or_insert_with(|| {
            let mut classes: Vec<_> = name.split("::").collect();
            let function = classes.pop().unwrap_or(name);
            let plan = match style.drawn(seed.derive(name)) {
                Style::Loosen => Plan::Every(Level::Loosened(usize::MAX)),
                Style::Assertions => Plan::Every(Level::Deleted),
                Style::Delete | Style::Mixed => Plan::Delete,
            };
            BrokenTest { ids: Vec::new(), classes, function, cases: Some(BTreeSet::new()), plan }
        });
        test.ids.push(id);
        test.cases = test.cases.take().zip(case).map(|(mut cases, case)| {
            cases.insert(case);
            cases
        });
    }
    (tests.into_values().collect(), missing)
}

/// `Class::test` and the case of an id; `None` if a part is not an identifier, as in the id of a
/// doctest.
fn split(id: &TestId) -> Option<(&str, Option<&str>)> {
    let (_, name) = id.as_str().split_once("::")?;
    let (name, case) = match name.split_once('[') {
        Some((name, case)) => (name, Some(case.strip_suffix(']')?)),
        None => (name, None),
    };
    let identifier =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_');
    name.split("::").all(identifier).then_some((name, case))
}
