//! Poisons and empties the test functions of Python files.

mod assertions;
mod ending;
mod functions;
mod hollow;
mod unit;
mod values;

use std::collections::BTreeSet;

use ssr_core::{Dose, Seed};

use super::grammar::GRAMMAR;
use crate::poison::{PoisonEdits, PoisonTarget};
use functions::{Function, functions};
pub(super) use hollow::hollow;
use unit::Unit;

/// What a copy of a test shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TestRole {
    /// It passes as before.
    Harmless,
    /// It fails at a value that it expects, or at an assertion that is negated.
    Value,
    /// It fails after its last statement.
    Ending,
}

use TestRole::{Ending, Harmless, Value};

/// Every order of the three roles.
const ORDERS: [[TestRole; 3]; 6] = [
    [Harmless, Value, Ending],
    [Harmless, Ending, Value],
    [Value, Harmless, Ending],
    [Value, Ending, Harmless],
    [Ending, Harmless, Value],
    [Ending, Value, Harmless],
];

/// What follows the name of a test in those of its copies.
const SUFFIXES: [&str; 8] = ["2", "again", "more", "other", "simple", "basic", "extra", "twice"];

/// The edits that poison the tests in a file.
pub(super) fn poison(
    text: &str,
    targets: &[PoisonTarget<'_>],
    dose: Dose,
    seed: Seed,
) -> PoisonEdits {
    let mut made = PoisonEdits { edits: Vec::new(), found: vec![false; targets.len()] };
    let Some(tree) = GRAMMAR.parse(text) else { return made };
    let functions = functions(&tree, text);
    for (function, target, exact) in chosen(&functions, targets, &mut made.found) {
        let Some(unit) = Unit::of(text, function) else { continue };
        let seed = seed.derive(&function.path);
        let order = ORDERS[seed.derive("roles").below(ORDERS.len())];
        let new = match dose {
            Dose::Copies(count) if target.doubted && exact => copies(&unit, count, seed),
            Dose::Turn(turn) if target.doubted => {
                unit.in_role(order[usize::from(turn) % order.len()], seed)
            }
            // Half of them stay as they are: a copy in which all changes is no lot.
            _ => {
                let roles = [Harmless, Harmless, Value, Ending];
                unit.in_role(roles[seed.derive("role").below(roles.len())], seed)
            }
        };
        made.edits.push((unit.range(), new));
    }
    made.edits.sort_by_key(|(range, _)| range.start);
    made
}

/// A test and `count` copies of it below. Each role is taken by a copy: who makes the known names
/// pass has to fail at the harmless copy.
fn copies(unit: &Unit<'_, '_>, count: u8, seed: Seed) -> String {
    let drawn = |index: u64| {
        let roles = [Harmless, Value, Ending];
        roles[seed.derive("role").index(index).below(roles.len())]
    };
    let mut roles = vec![Harmless, Value, Ending];
    roles.extend((3..u64::from(count)).map(drawn));
    let mut keyed: Vec<_> =
        roles.into_iter().zip(0..).map(|(r, n)| (seed.derive("place").index(n), r)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    let mut all = unit.in_role(drawn(u64::from(u8::MAX) + 1), seed);
    for (((_, role), name), index) in keyed.into_iter().zip(unit.names(seed)).zip(0..) {
        let copy = unit.in_role(role, seed.index(index));
        all.push_str(&unit.gap());
        all.push_str(&unit.renamed(&copy, &name));
    }
    all
}

/// The functions that the targets mean, each once, with its target and whether it was found by its
/// classes too. Functions inside of a chosen one go with it.
fn chosen<'f, 't, 'a>(
    functions: &'f [Function<'t>],
    targets: &'a [PoisonTarget<'a>],
    found: &mut [bool],
) -> Vec<(&'f Function<'t>, &'a PoisonTarget<'a>, bool)> {
    let mut chosen: Vec<(&Function<'_>, &PoisonTarget<'_>, bool)> = Vec::new();
    for (target, found) in targets.iter().zip(found) {
        let full = target.classes.map(|classes| match classes {
            "" => target.function.to_owned(),
            classes => format!("{classes}::{}", target.function),
        });
        let named = |function: &&Function<'_>| function.name == target.function;
        let exactly: Vec<_> = functions
            .iter()
            .filter(named)
            .filter(|function| !function.inner && Some(&function.path) == full.as_ref())
            .collect();
        let exact = !exactly.is_empty();
        let meant = if exact { exactly } else { functions.iter().filter(named).collect() };
        *found = !meant.is_empty();
        chosen.extend(meant.into_iter().map(|function| (function, target, exact)));
    }
    // Cases of one test may be doubted and others not.
    chosen.sort_by_key(|(function, target, exact)| {
        (!exact, !target.doubted, function.outer.start_byte())
    });
    let mut taken = BTreeSet::new();
    chosen.retain(|(function, ..)| taken.insert(function.outer.start_byte()));
    let ranges: Vec<_> = chosen.iter().map(|(function, ..)| function.outer.byte_range()).collect();
    chosen.retain(|(function, ..)| {
        let at = function.outer.start_byte();
        !ranges.iter().any(|range| range.start < at && at < range.end)
    });
    chosen
}
