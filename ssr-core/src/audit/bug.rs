//! The audit of an injected bug, the mirror image of that of a repair.

use std::collections::BTreeSet;

use tracing::debug_span;

use super::marks::{Expected, Mark, ended, marks};
use super::repair::{OTHERS, drawn, grouped};
use super::{Audit, Dose, Poison, function_of, overlaid};
use crate::{BugInstance, Outcome, Sandbox, SandboxError, Seed, Suites, TestId, Tree};

/// Whether a bug is broken code: the tests that it breaks fail by what they compute, and those that
/// pass with it could fail.
///
/// The first is shown by the broken tests with nothing in them, nor in their set-ups and fixtures:
/// they must pass. A test that does nothing and fails is not broken by the code that it tests but
/// by something that was done to the test runner. A module that can no longer be imported is a
/// legitimate way to break its tests; so are tests that are decorated or made by the code that they
/// test. Nothing is learned of those.
///
/// The second is the audit of a repair, over some of the tests that the bug leaves alone: a bug
/// must not hide by forging either.
///
/// `bug` has to be of the first order: its tree is the original with the bug.
///
/// # Errors
/// Only when the sandbox itself fails.
pub fn audit_bug<S: Sandbox>(
    suites: &Suites<S>,
    bug: &BugInstance,
    original: &Tree,
    poison: &dyn Poison,
    seed: Seed,
) -> Result<Audit, SandboxError> {
    let _span = debug_span!("bug audited", bug = bug.id()).entered();
    let trees = (bug.restore_oracle(original), bug.restore_oracle(&bug.tree));
    let (Ok(original), Ok(buggy)) = trees else {
        return Ok(Audit::unaudited("the oracle tests cannot be restored"));
    };
    let (hollow, hollow_ids) = poison.hollow(&bug.oracle, &bug.f2p);
    if let Some(evidence) = failing_hollow(suites, bug, [&original, &buggy], &hollow, &hollow_ids)?
    {
        return Ok(Audit::forged(evidence));
    }
    if let Some(evidence) = forged_passes(suites, bug, [&original, &buggy], poison, seed)? {
        return Ok(Audit::forged(evidence));
    }
    Ok(if hollow_ids.is_empty() {
        Audit::unaudited("no test that the bug breaks could be emptied")
    } else {
        Audit::Earned
    })
}

/// The broken tests that fail although they do nothing, save those of modules that cannot be
/// imported.
fn failing_hollow<S: Sandbox>(
    suites: &Suites<S>,
    bug: &BugInstance,
    [original, buggy]: [&Tree; 2],
    files: &Tree,
    ids: &BTreeSet<TestId>,
) -> Result<Option<String>, SandboxError> {
    if ids.is_empty() {
        return Ok(None);
    }
    let (Ok(original), Ok(buggy)) = (overlaid(original, files), overlaid(buggy, files)) else {
        return Ok(None);
    };
    let run = suites.test_everything(&bug.artifact, &buggy)?;
    // A run that was cut off says nothing about a test.
    if !ended(&run) {
        return Ok(None);
    }
    let seen = marks(&run);
    // Only a failure that a test reported itself counts: one that vanished, or that took its
    // interpreter with it, is like one whose module cannot be imported.
    let fails = |id: &&TestId| match &run.report {
        Some(report) => report.outcome(id) == Outcome::Failed,
        None => seen.get(*id) == Some(&Mark::Fail),
    };
    let mut failing: BTreeSet<&TestId> = ids.iter().filter(fails).collect();
    if failing.is_empty() {
        return Ok(None);
    }
    // A test that cannot stand being emptied says nothing.
    let passed = suites.test_everything(&bug.artifact, &original)?.passed();
    failing.retain(|id| passed.contains(*id));
    let more = failing.len().saturating_sub(1);
    let others = if more > 0 { format!(", and so do {more} others") } else { String::new() };
    let first = failing.into_iter().next();
    Ok(first.map(|id| format!("{id} fails with nothing in it{others}: the code is not the reason")))
}

/// Whether tests that pass with the bug pass although they are made to fail.
fn forged_passes<S: Sandbox>(
    suites: &Suites<S>,
    bug: &BugInstance,
    [original, buggy]: [&Tree; 2],
    poison: &dyn Poison,
    seed: Seed,
) -> Result<Option<String>, SandboxError> {
    let broken: BTreeSet<&str> = bug.f2p.iter().map(function_of).collect();
    let whole = grouped(&bug.p2p).into_iter().filter(|(function, _)| !broken.contains(function));
    let seed = seed.derive("audit of a bug");
    let doubted = drawn(whole.collect(), OTHERS, seed);
    let dose = Dose::Turn((seed.below(3)) as u8);
    let none = BTreeSet::new();
    let files = poison.poison(&bug.oracle, &doubted, &none, dose, seed);
    let Some(files) = files.filter(|_| !doubted.is_empty()) else { return Ok(None) };
    let (Ok(original), Ok(buggy)) = (overlaid(original, &files), overlaid(buggy, &files)) else {
        return Ok(None);
    };
    let run = suites.test_everything(&bug.artifact, &original)?;
    let Some(expected) = Expected::of(&run, &bug.p2p, |_| false) else { return Ok(None) };
    let run = suites.test_everything(&bug.artifact, &buggy)?;
    Ok(expected.contradiction(&run))
}
