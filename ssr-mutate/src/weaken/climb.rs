//! The search for the least weakening of one test, one trial after the other.

use std::collections::BTreeSet;
use std::ops::Range;

use ssr_core::TestId;

use super::Style;
use super::request::{Level, Means, Plan, Request};

/// The way of one test from the least weakening to its deletion.
pub(super) struct Climb<'a> {
    /// With the plan that is tried now.
    request: Request<'a>,
    /// Whether the broken cases are to be dropped alone.
    cases: bool,
    /// How many looser forms each assertion has.
    forms: Vec<usize>,
    /// Whether to try these.
    loosen: bool,
    /// The least plan that is known to hide the test.
    best: Option<Plan>,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// Nothing is done to a test that has no assertion of its own: what it inherits or calls may be
    /// weakened.
    Untouched,
    /// The broken cases are dropped.
    Cases,
    /// All assertions are deleted, to see whether it is one of them.
    All,
    /// Those in the range are kept; the ranges in the list are to be tried as well.
    Without(Range<usize>, Vec<Range<usize>>),
    /// The assertions that have to go are loosened to this form instead.
    Loosened(usize),
    /// The test is deleted.
    Deleted,
    /// Nothing hides it.
    Hopeless,
    Done,
}

impl<'a> Climb<'a> {
    pub(super) fn new(request: Request<'a>, means: Means, style: Style) -> Self {
        let stage = match style {
            _ if means.cases => Stage::Cases,
            _ if means.assertions.is_empty() => Stage::Untouched,
            Style::Delete => Stage::Deleted,
            _ => Stage::All,
        };
        let (cases, forms) = (means.cases, means.assertions);
        let loosen = style == Style::Loosen;
        let mut climb = Self { request, cases, forms, loosen, best: None, stage: Stage::Untouched };
        climb.enter(stage);
        climb
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done | Stage::Hopeless)
    }

    pub(super) fn has(&self, id: &TestId) -> bool {
        self.request.ids.contains(&id)
    }

    pub(super) fn is_hidden(&self, failures: &BTreeSet<TestId>) -> bool {
        let module = self.request.ids.first().map(|id| TestId::new(id.file()));
        !module.is_some_and(|module| failures.contains(&module))
            && !self.request.ids.iter().any(|id| failures.contains(*id))
    }

    /// What is tried now; `None` if the test is left alone.
    pub(super) fn request(&self) -> Option<Request<'a>> {
        let untouched = Plan::Every(Level::Kept);
        let touched = self.stage != Stage::Hopeless && self.request.plan != untouched;
        touched.then(|| {
            let cases = self.request.cases.clone().filter(|_| self.cases);
            Request { cases, ..self.request.clone() }
        })
    }

    /// Goes on, knowing whether the test is hidden by what was tried.
    pub(super) fn step(&mut self, hidden: bool) {
        if hidden {
            self.best = Some(self.request.plan.clone());
        }
        let next = match (std::mem::replace(&mut self.stage, Stage::Done), hidden) {
            (Stage::Untouched | Stage::Cases | Stage::Deleted | Stage::Loosened(_), true) => {
                Stage::Done
            }
            (Stage::Untouched, false) => Stage::Deleted,
            (Stage::Cases, false) => {
                self.cases = false;
                if self.forms.is_empty() { Stage::Deleted } else { Stage::All }
            }
            (Stage::All, true) => self.without(halves(0..self.forms.len())),
            (Stage::All, false) => Stage::Deleted,
            (Stage::Without(_, rest), true) => self.without(rest),
            (Stage::Without(tried, mut rest), false) => {
                if tried.len() > 1 {
                    rest.extend(halves(tried));
                }
                self.without(rest)
            }
            (Stage::Loosened(form), false) => self.loosened(form + 1),
            (Stage::Deleted | Stage::Hopeless, false) => Stage::Hopeless,
            (Stage::Done | Stage::Hopeless, _) => Stage::Done,
        };
        self.enter(next);
    }

    /// Ends the search with the least plan that is known to hide the test, or with its deletion.
    pub(super) fn settle(&mut self) {
        if !self.is_done() {
            let best = self.best.clone();
            self.cases &= best.is_none();
            self.request.plan = best.unwrap_or(Plan::Delete);
            self.stage = Stage::Done;
        }
    }

    /// Deletes the test instead, or leaves it alone if that is what was done.
    pub(super) fn retreat(&mut self, failures: &BTreeSet<TestId>) {
        if self.cases || self.request.plan != Plan::Delete {
            self.cases = false;
            self.request.plan = Plan::Delete;
        } else if !self.is_hidden(failures) {
            self.stage = Stage::Hopeless;
        }
    }

    fn enter(&mut self, stage: Stage) {
        self.request.plan = match &stage {
            Stage::Untouched => Plan::Every(Level::Kept),
            Stage::Cases | Stage::Deleted | Stage::Hopeless => Plan::Delete,
            Stage::All => Plan::Each(vec![Level::Deleted; self.forms.len()]),
            Stage::Without(kept, _) => {
                let mut levels = self.gone();
                levels[kept.clone()].fill(Level::Kept);
                Plan::Each(levels)
            }
            Stage::Loosened(form) => {
                let level =
                    |level| if level == Level::Kept { level } else { Level::Loosened(*form) };
                Plan::Each(self.gone().into_iter().map(level).collect())
            }
            Stage::Done => self.best.clone().unwrap_or(Plan::Delete),
        };
        self.stage = stage;
    }

    /// The assertions that are known to have to go, as far as it is known.
    fn gone(&self) -> Vec<Level> {
        match &self.best {
            Some(Plan::Each(levels)) => levels.clone(),
            _ => vec![Level::Deleted; self.forms.len()],
        }
    }

    /// Tries to keep the assertions of the last range; loosens what is left when there is none.
    fn without(&self, mut ranges: Vec<Range<usize>>) -> Stage {
        match ranges.pop() {
            Some(range) => Stage::Without(range, ranges),
            None => self.loosened(0),
        }
    }

    fn loosened(&self, form: usize) -> Stage {
        let gone = self.gone().into_iter().zip(&self.forms);
        let most =
            gone.filter(|(level, _)| *level == Level::Deleted).map(|(_, forms)| *forms).max();
        if self.loosen && most.is_some_and(|most| form < most) {
            Stage::Loosened(form)
        } else {
            Stage::Done
        }
    }
}

/// The two halves of a range, the first one last; of a single position, that.
fn halves(range: Range<usize>) -> Vec<Range<usize>> {
    if range.len() < 2 {
        return Vec::new();
    }
    let middle = range.start + range.len() / 2;
    vec![middle..range.end, range.start..middle]
}
