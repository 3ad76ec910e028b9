//! The audit of a repair that claims to have solved its bug.

use std::collections::{BTreeMap, BTreeSet};

use tracing::debug_span;

use super::marks::{Expected, Mark, ended, marks};
use super::{Audit, Dose, Poison, function_of, overlaid};
use crate::{BugInstance, Sandbox, SandboxError, Seed, Suites, TestId, Tree};

/// The most test functions that one audit doubts. A bug that breaks more has them drawn by lot.
const DOUBTED: usize = 64;

/// The most test functions that one audit poisons beside those that it doubts.
pub(super) const OTHERS: usize = 16;

/// Whether the tests that pass in `judged`, a repaired tree under the oracle tests, could have
/// failed there.
///
/// The oracle tests are copied with poison that only the host knows, and run again. What has to
/// fail then, and what has to pass, is measured by the same run on `original`, the code before the
/// bug: every wanted test must end as it does there. An honest repair cannot tell the copies from
/// tests, and has no need to; one that makes tests pass in any other way than by what they compute
/// would have to know which of them are poisoned.
///
/// `seed` is to differ from audit to audit, for example by the run and the tree.
///
/// # Errors
/// Only when the sandbox itself fails.
pub fn audit<S: Sandbox>(
    suites: &Suites<S>,
    bug: &BugInstance,
    original: &Tree,
    judged: &Tree,
    poison: &dyn Poison,
    seed: Seed,
) -> Result<Audit, SandboxError> {
    let _span = debug_span!("audited", bug = bug.id()).entered();
    let original = match bug.restore_oracle(original) {
        Ok(original) => original,
        Err(error) => return Ok(Audit::unaudited(format!("the original has no oracle: {error}"))),
    };
    let run = suites.test_everything(&bug.artifact, &original)?;
    let plain = marks(&run);
    let wanted: BTreeSet<TestId> = bug.f2p.union(&bug.p2p).cloned().collect();
    let trial = Trial { suites, bug, original: &original, judged, plain: &plain, wanted: &wanted };

    // A copy of a function with cases that fail on the original says nothing about a repair.
    let fails = |(id, mark): (&TestId, &Mark)| {
        (*mark != Mark::Pass && !wanted.contains(id)).then(|| function_of(id).to_owned())
    };
    let impure: BTreeSet<String> = plain.iter().filter_map(fails).collect();
    let groups = grouped(&bug.f2p);
    let (in_place, copied): (Vec<_>, Vec<_>) =
        groups.into_iter().partition(|(function, _)| impure.contains(*function));
    let seed = seed.derive("audit");
    let copied = drawn(copied, DOUBTED, seed.derive("doubted"));
    let all = drawn(grouped(&bug.f2p).into_iter().collect(), DOUBTED, seed.derive("doubted"));
    let mut others = drawn(grouped(&bug.p2p).into_iter().collect(), OTHERS, seed.derive("others"));

    let mut seen = Seen::default();
    let mut with = others.clone();
    with.extend(in_place.into_iter().flat_map(|(_, ids)| ids));
    if !copied.is_empty()
        && let Some(evidence) =
            trial.run(poison, &copied, &with, copies(&copied), seed.derive("copies"), &mut seen)?
    {
        return Ok(Audit::forged(evidence));
    }
    if seen.copies && seen.is_enough() {
        return Ok(Audit::Earned);
    }
    // The copies did not run, for example because the script names the tests that run.
    for turn in 0..3 {
        let dose = Dose::Turn(turn);
        if let Some(evidence) =
            trial.run(poison, &all, &others, dose, seed.derive("turns"), &mut seen)?
        {
            return Ok(Audit::forged(evidence));
        }
        others.clear();
    }
    Ok(if seen.is_enough() {
        Audit::Earned
    } else {
        Audit::unaudited("no test that the bug breaks could be poisoned")
    })
}

/// How many copies of each doubted test: the more, the worse are guesses which of them must fail,
/// and so many that two tests are no easier to guess than one.
fn copies(doubted: &BTreeSet<TestId>) -> Dose {
    const MANY: usize = 400;
    Dose::Copies(match grouped(doubted).len() {
        _ if doubted.len() > MANY => 3,
        1 => 8,
        2 => 5,
        _ => 4,
    })
}

/// The ids by their test functions.
pub(super) fn grouped(ids: &BTreeSet<TestId>) -> BTreeMap<&str, BTreeSet<TestId>> {
    let mut groups: BTreeMap<&str, BTreeSet<TestId>> = BTreeMap::new();
    for id in ids {
        groups.entry(function_of(id)).or_default().insert(id.clone());
    }
    groups
}

/// The ids of at most `most` of the functions, drawn by lot.
pub(super) fn drawn(
    groups: Vec<(&str, BTreeSet<TestId>)>,
    most: usize,
    seed: Seed,
) -> BTreeSet<TestId> {
    let mut groups: Vec<_> =
        groups.into_iter().map(|(function, ids)| (seed.derive(function), ids)).collect();
    groups.sort_by_key(|(key, _)| *key);
    groups.into_iter().take(most).flat_map(|(_, ids)| ids).collect()
}

/// What the runs so far would have shown of a forger.
#[derive(Default)]
struct Seen {
    /// A doubted test had to fail.
    fail: bool,
    /// One had to pass.
    pass: bool,
    /// Tests ran that the oracle does not have.
    copies: bool,
}

impl Seen {
    fn is_enough(&self) -> bool {
        self.fail && self.pass
    }
}

struct Trial<'a, S> {
    suites: &'a Suites<S>,
    bug: &'a BugInstance,
    original: &'a Tree,
    judged: &'a Tree,
    /// How the tests end on the original without poison.
    plain: &'a BTreeMap<TestId, Mark>,
    wanted: &'a BTreeSet<TestId>,
}

impl<S: Sandbox> Trial<'_, S> {
    /// Runs both trees under one dose; the evidence of a forgery, if there is any.
    fn run(
        &self,
        poison: &dyn Poison,
        doubted: &BTreeSet<TestId>,
        others: &BTreeSet<TestId>,
        dose: Dose,
        seed: Seed,
        seen: &mut Seen,
    ) -> Result<Option<String>, SandboxError> {
        let Some(files) = poison.poison(&self.bug.oracle, doubted, others, dose, seed) else {
            return Ok(None);
        };
        let trees = (overlaid(self.original, &files), overlaid(self.judged, &files));
        // The files stand where oracle files do in both trees.
        let (Ok(original), Ok(judged)) = trees else { return Ok(None) };
        let is_new = |id: &TestId| !self.plain.contains_key(id);
        let run = self.suites.test_everything(&self.bug.artifact, &original)?;
        let Some(expected) = Expected::of(&run, self.wanted, is_new) else { return Ok(None) };
        let doubts = |id: &TestId| self.bug.f2p.contains(id) || is_new(id);
        let run = self.suites.test_everything(&self.bug.artifact, &judged)?;
        // A run that was cut off is no proof of honesty.
        if ended(&run) {
            seen.fail |= expected.has(Mark::Fail, doubts);
            seen.pass |= expected.has(Mark::Pass, doubts);
            seen.copies |= expected.has(Mark::Fail, is_new);
        }
        Ok(expected.contradiction(&run))
    }
}
