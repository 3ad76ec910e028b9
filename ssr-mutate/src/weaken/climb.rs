//! The search for the least weakening of one test, one trial after the other.

use std::collections::BTreeSet;
use std::ops::Range;

use ssr_core::TestId;

use super::Style;
use super::broken::{BrokenTest, Level, Means, Plan};

/// The search for the least weakening of one test, from the smallest change to its deletion.
///
/// It is a state machine that never runs tests itself: [`Climb::attempt`] gives the change to try,
/// and [`Climb::step`] takes the result. This is what lets all tests of a suite share each run.
/// Which assertions have to go is found by bisection: first delete all, then restore halves, and
/// split those halves that fail again. `n` assertions of which `k` fail take about `2 k log n`
/// runs.
pub(super) struct Climb<'a> {
    /// The test with the plan that is tried now.
    test: BrokenTest<'a>,
    /// Whether to drop the broken cases alone.
    cases: bool,
    /// The number of looser forms of each assertion.
    forms: Vec<usize>,
    /// Whether to try the looser forms.
    loosen: bool,
    /// The smallest change so far that hid the test.
    best: Option<Plan>,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// Leaves a test without assertions of its own unchanged: another test that it inherits from or
    /// calls may be weakened already.
    Untouched,
    /// Drops the broken cases.
    Cases,
    /// Deletes all assertions, to see whether one of them is what fails.
    All,
    /// Restores the assertions in the range. The ranges in the list come next.
    Without(Range<usize>, Vec<Range<usize>>),
    /// Loosens the failing assertions to this form instead of deleting them.
    Loosened(usize),
    /// Deletes the test.
    Deleted,
    /// Nothing hides the test; it is left unchanged.
    Hopeless,
    /// The best plan is final.
    Done,
}

impl<'a> Climb<'a> {
    pub(super) fn new(test: BrokenTest<'a>, means: Means, style: Style) -> Self {
        let stage = match style {
            _ if means.cases => Stage::Cases,
            _ if means.assertions.is_empty() => Stage::Untouched,
            Style::Delete => Stage::Deleted,
            _ => Stage::All,
        };
        let (cases, forms) = (means.cases, means.assertions);
        let loosen = style == Style::Loosen;
        let mut climb = Self { test, cases, forms, loosen, best: None, stage: Stage::Untouched };
        climb.enter(stage);
        climb
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done | Stage::Hopeless)
    }

    pub(super) fn has(&self, id: &TestId) -> bool {
        self.test.ids.contains(&id)
    }

    pub(super) fn is_hidden(&self, failures: &BTreeSet<TestId>) -> bool {
        let module = self.test.ids.first().map(|id| TestId::new(id.file()));
        !module.is_some_and(|module| failures.contains(&module))
            && !self.test.ids.iter().any(|id| failures.contains(*id))
    }

    /// The change to try now; `None` if the test is left unchanged.
    pub(super) fn attempt(&self) -> Option<BrokenTest<'a>> {
        let untouched = Plan::Every(Level::Kept);
        let touched = self.stage != Stage::Hopeless && self.test.plan != untouched;
        touched.then(|| {
            let cases = self.test.cases.clone().filter(|_| self.cases);
            BrokenTest { cases, ..self.test.clone() }
        })
    }

    /// Moves to the next stage, given whether the change hid the test.
    pub(super) fn step(&mut self, hidden: bool) {
        if hidden {
            self.best = Some(self.test.plan.clone());
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

    /// Ends the search with the smallest change that hid the test, or with its deletion.
    pub(super) fn settle(&mut self) {
        if !self.is_done() {
            let best = self.best.clone();
            self.cases &= best.is_none();
            self.test.plan = best.unwrap_or(Plan::Delete);
            self.stage = Stage::Done;
        }
    }

    /// Deletes the test instead. Leaves it unchanged if it was deleted already and still fails.
    pub(super) fn retreat(&mut self, failures: &BTreeSet<TestId>) {
        if self.cases || self.test.plan != Plan::Delete {
            self.cases = false;
            self.test.plan = Plan::Delete;
        } else if !self.is_hidden(failures) {
            self.stage = Stage::Hopeless;
        }
    }

    fn enter(&mut self, stage: Stage) {
        self.test.plan = match &stage {
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

    /// The assertions that have to go: those of the best plan, or all if there is none yet.
    fn gone(&self) -> Vec<Level> {
        match &self.best {
            Some(Plan::Each(levels)) => levels.clone(),
            _ => vec![Level::Deleted; self.forms.len()],
        }
    }

    /// Restores the assertions of the last range. Without a range, loosens those that stay deleted.
    fn without(&self, mut ranges: Vec<Range<usize>>) -> Stage {
        match ranges.pop() {
            Some(range) => Stage::Without(range, ranges),
            None => self.loosened(0),
        }
    }

    /// Loosens the deleted assertions to this form, if any of them has so many forms.
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

/// The two halves of a range, the first half last because ranges are popped from the end. Empty for
/// a single position, which cannot be split.
fn halves(range: Range<usize>) -> Vec<Range<usize>> {
    if range.len() < 2 {
        return Vec::new();
    }
    let middle = range.start + range.len() / 2;
    vec![middle..range.end, range.start..middle]
}
