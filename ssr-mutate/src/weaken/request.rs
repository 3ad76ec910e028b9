//! Which test functions to hide and how, derived from the ids of broken tests.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use ssr_core::{Seed, TestId};

use super::Style;
use crate::NotFound;

/// The edits of one file, ascending and apart, or the requests without a definition.
pub type Weakened = Result<Vec<(Range<usize>, String)>, Vec<(usize, NotFound)>>;

/// The ids that lead to no definition.
pub(super) type Missing = Vec<(TestId, NotFound)>;

/// One test function that is to be hidden.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub(super) ids: Vec<&'a TestId>,
    /// The classes around it, outermost first.
    pub(crate) classes: Vec<&'a str>,
    pub(crate) function: &'a str,
    /// The broken cases of a parametrised test; `None` breaks it as a whole.
    pub(crate) cases: Option<BTreeSet<&'a str>>,
    /// What to do where the cases cannot be dropped alone.
    pub(crate) plan: Plan,
}

/// What to do with one test function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Deletes the function.
    Delete,
    /// Does the same to each of its assertions. Where that leaves nothing, the function goes.
    Every(Level),
    /// Does this to each of its assertions, in their order in the text.
    Each(Vec<Level>),
}

impl Plan {
    /// What to do with the assertion at this position; `None` deletes the function.
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
    /// Nothing.
    Kept,
    /// Gives it the looser form of this number, or its last one; deletes it if it has none.
    Loosened(usize),
    /// Deletes it, or gives it its last form where it shares a line with other code.
    Deleted,
}

/// By what a test can be hidden short of its deletion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Means {
    /// Whether the broken cases can be dropped alone.
    pub(crate) cases: bool,
    /// How many looser forms each assertion has.
    pub(crate) assertions: Vec<usize>,
}

/// One request for each function that the ids name, and the ids that name none.
pub(super) fn requests<'a>(
    ids: &[&'a TestId],
    style: Style,
    seed: Seed,
) -> (Vec<Request<'a>>, Missing) {
    let mut requests: BTreeMap<&str, Request<'a>> = BTreeMap::new();
    let mut missing = Vec::new();
    for id in ids {
        let Some((name, case)) = split(id) else {
            missing.push(((*id).clone(), NotFound::NotAFunction));
            continue;
        };
        let request = requests.entry(name).or_insert_with(|| {
            let mut classes: Vec<_> = name.split("::").collect();
            let function = classes.pop().unwrap_or(name);
            let plan = match style.drawn(seed.derive(name)) {
                Style::Loosen => Plan::Every(Level::Loosened(usize::MAX)),
                Style::Assertions => Plan::Every(Level::Deleted),
                Style::Delete | Style::Mixed => Plan::Delete,
            };
            Request { ids: Vec::new(), classes, function, cases: Some(BTreeSet::new()), plan }
        });
        request.ids.push(id);
        request.cases = request.cases.take().zip(case).map(|(mut cases, case)| {
            cases.insert(case);
            cases
        });
    }
    (requests.into_values().collect(), missing)
}

/// `Class::test` and the case of an id; `None` if the parts are no identifiers, as in a doctest's.
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
