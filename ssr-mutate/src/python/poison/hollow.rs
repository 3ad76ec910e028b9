//! Tests that do nothing.

use tree_sitter::Node;

use super::chosen;
use super::functions::{Function, functions};
use crate::poison::{PoisonEdits, PoisonTarget};
use crate::python::grammar::{GRAMMAR, Kind, children};

/// What runs around tests by its name.
const SET_UPS: [&str; 15] = [
    "setUp",
    "tearDown",
    "setUpClass",
    "tearDownClass",
    "setUpModule",
    "tearDownModule",
    "asyncSetUp",
    "asyncTearDown",
    "setup_method",
    "teardown_method",
    "setup_class",
    "teardown_class",
    "setup_function",
    "setup_module",
    "teardown_function",
];

/// Decorators that are not the repository's own.
const KNOWN: [&str; 8] = [
    "pytest.",
    "mark.",
    "parametrize",
    "unittest.",
    "mock.",
    "patch",
    "staticmethod",
    "classmethod",
];

/// The edits that empty the tests, and the set-ups and fixtures of the file. A test with a decorator
/// that may be the code under test stays as it is and counts as not found.
pub(in crate::python) fn hollow(text: &str, targets: &[PoisonTarget<'_>]) -> PoisonEdits {
    let mut made = PoisonEdits { edits: Vec::new(), found: vec![false; targets.len()] };
    let Some(tree) = GRAMMAR.parse(text) else { return made };
    let functions = functions(&tree, text);
    let own = |function: &Function<'_>| {
        let known = |name: &str| KNOWN.iter().any(|known| name.starts_with(known));
        !function.decorators(text).into_iter().all(known)
    };
    let mut emptied: Vec<Node<'_>> = Vec::new();
    for (function, target, _) in chosen(&functions, targets, &mut made.found) {
        if own(function) || function.has(Kind::Yield) {
            let at = targets.iter().position(|other| other == target);
            at.into_iter().for_each(|at| made.found[at] = false);
        } else {
            made.edits.extend(emptying(text, function, "pass"));
            emptied.push(function.outer);
        }
    }
    if emptied.is_empty() {
        return made;
    }
    let inside = |function: &Function<'_>| {
        let at = function.outer.start_byte();
        emptied.iter().any(|outer| outer.byte_range().contains(&at))
    };
    for function in functions.iter().filter(|function| !inside(function)) {
        let fixture = function.decorators(text).iter().any(|name| name.contains("fixture"));
        // A fixture or set-up inside of a function stays: the outer one may be emptied already.
        if !function.inner && (fixture || SET_UPS.contains(&function.name)) {
            let new = if function.has(Kind::Yield) { "yield" } else { "pass" };
            made.edits.extend(emptying(text, function, new));
        }
    }
    made.edits.sort_by_key(|(range, _)| range.start);
    made
}

fn emptying(
    text: &str,
    function: &Function<'_>,
    new: &str,
) -> Option<(std::ops::Range<usize>, String)> {
    let statements = children(function.body);
    let (first, last) = (statements.first()?, statements.last()?);
    let end = last.start_byte() + text[last.byte_range()].trim_end().len();
    Some((first.start_byte()..end, new.to_owned()))
}
