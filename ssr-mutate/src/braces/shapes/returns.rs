//! Returned values: `RTV`.

use tree_sitter::Node;

use super::shape;
use crate::braces::Shape;
use crate::braces::grammar::{Kind, children};
use crate::braces::walk::Walk;
use crate::{Difficulty, Family};

pub(crate) const RTV: Shape = shape(
    "RTV",
    Family::ControlFlow,
    Difficulty::Easy,
    "Return nothing, or zero or an empty value of the same type",
    &[Kind::Return, Kind::Block],
    return_nothing,
);

fn return_nothing<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(value) = returned(walk, node) else { return };
    // A closure has another return type.
    let inside = walk.around(|kind| matches!(kind, Kind::Function | Kind::Closure));
    let Some((function, _)) = inside else { return };
    let result = walk.result(function);
    if walk.kind(value) == Kind::Tuple && walk.syntax.name == "go" {
        return return_zeros(walk, value, result.unwrap_or(""));
    }
    let zero = match result {
        Some(result) => (walk.syntax.zero)(result),
        None if walk.rules().typed => None,
        None => Some(empty(walk, value)),
    };
    let text = walk.text(value);
    if let Some(zero) = zero.filter(|zero| *zero != text && !is_nothing(walk, value)) {
        walk.replace(value, zero);
    }
}

/// The value of a `return`, or the last expression of a function's body.
fn returned<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Option<Node<'t>> {
    if walk.kind(node) == Kind::Block {
        let function = walk.rules().tail_values && walk.parent_kind() == Kind::Function;
        let last = *children(node).last().filter(|_| function)?;
        let kinds = [
            Kind::ExpressionStatement,
            Kind::Let,
            Kind::Return,
            Kind::Macro,
            Kind::Other,
            Kind::Function,
            Kind::Constant,
        ];
        return (!kinds.contains(&walk.kind(last))).then_some(last);
    }
    match children(node)[..] {
        [value] => Some(value),
        _ => None,
    }
}

fn is_nothing<'t>(walk: &Walk<'t, '_>, value: Node<'t>) -> bool {
    walk.is_null(value) || matches!(walk.text(value), "false" | "0" | "undefined" | "None" | "\"\"")
}

/// An empty value of the same kind, in a language without static types.
fn empty<'t>(walk: &Walk<'t, '_>, value: Node<'t>) -> &'static str {
    match walk.kind(value) {
        Kind::List => "[]",
        Kind::Object => "{}",
        Kind::Text | Kind::Template => "\"\"",
        _ => walk.syntax.nulls.first().copied().unwrap_or("0"),
    }
}

/// Go: a zero for one of several values. An error that is dropped is one of them.
fn return_zeros<'t>(walk: &mut Walk<'t, '_>, values: Node<'t>, result: &str) {
    let types: Vec<_> = result.trim_matches(['(', ')']).split(',').collect();
    let values = children(values);
    if types.len() != values.len() {
        return;
    }
    for (value, ty) in values.into_iter().zip(&types) {
        // `(n int, err error)`
        let ty = ty.trim();
        let named = ty
            .split_once(' ')
            .filter(|(name, _)| types.len() > 1 && *name != "chan" && !name.ends_with(['(', ']']));
        let ty = named.map_or(ty, |(_, ty)| ty);
        if let Some(zero) = (walk.syntax.zero)(ty)
            && zero != walk.text(value)
            && !is_nothing(walk, value)
        {
            walk.replace(value, zero);
        }
    }
}
