//! Iteration, and functions with a counterpart: `CFD`, `GDI`, `FNS`, `MSW`.

use tree_sitter::Node;

use super::{opposite, shape, structural};
use crate::braces::Shape;
use crate::braces::grammar::{Field, Kind, children};
use crate::braces::walk::Walk;
use crate::{Difficulty, Family};

pub(crate) const CFD: Shape = structural(shape(
    "CFD",
    Family::Iteration,
    Difficulty::Medium,
    "Drop a filter: `xs.filter(f)` → `xs`",
    &[Kind::Call],
    drop_filter,
));

pub(crate) const GDI: Shape = shape(
    "GDI",
    Family::Iteration,
    Difficulty::Medium,
    "Iterate over something else of the same container, or do without a fallback",
    &[Kind::Call, Kind::Binary, Kind::RangeClause],
    iterate_otherwise,
);

pub(crate) const FNS: Shape = shape(
    "FNS",
    Family::Iteration,
    Difficulty::Medium,
    "Call the opposite function: `min` ↔ `max`, `floor` ↔ `ceil`, `any` ↔ `all`",
    &[Kind::Call],
    call_opposite,
);

pub(crate) const MSW: Shape = shape(
    "MSW",
    Family::Strings,
    Difficulty::Medium,
    "Work from the other end: the first or the last occurrence, the start or the end of a string",
    &[Kind::Call],
    call_mirrored,
);

fn drop_filter<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(call) = walk.call(node) else { return };
    let one = children(call.arguments).len() == 1;
    if let (true, "filter", Some(receiver)) = (one, walk.text(call.name), call.receiver) {
        walk.propose(node, receiver.end_byte()..node.end_byte(), "");
    }
}

fn iterate_otherwise<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    match (walk.syntax.name, walk.kind(node)) {
        ("go", Kind::RangeClause) => take_index(walk, node),
        ("javascript", Kind::Binary) if walk.operator_text(node) == "??" => {
            let Some([left, _]) = walk.sides(node) else { return };
            if walk.kind(left) == Kind::Call && walk.callee(left) == "get" {
                walk.replace(node, walk.text(left).to_owned());
            }
        }
        ("javascript", Kind::Call) => {
            let Some(call) = walk.call(node) else { return };
            let other = match walk.text(call.name) {
                "keys" => "values",
                "values" => "keys",
                _ => return,
            };
            walk.replace(call.name, other);
        }
        _ => {}
    }
}

/// Go: `for _, n := range numbers` → `for n := range numbers`, where both are whole numbers.
fn take_index<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some([left, right]) = walk.sides(node) else { return };
    let ty = crate::braces::values::type_of(walk, right);
    if let ([blank, item], Some("[]int" | "map[int]int")) = (&children(left)[..], ty)
        && walk.text(*blank) == "_"
    {
        walk.propose(node, blank.start_byte()..item.start_byte(), "");
    }
}

fn call_opposite<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(call) = walk.call(node) else { return };
    swap_name(walk, call.name, walk.syntax.opposites);
}

fn call_mirrored<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(call) = walk.call(node) else { return };
    // Without a receiver it may be any function of that name.
    if call.receiver.is_some() || walk.syntax.name == "c" {
        swap_name(walk, call.name, walk.syntax.mirrored);
    }
}

fn swap_name<'t>(walk: &mut Walk<'t, '_>, name: Node<'t>, pairs: &[(&'static str, &'static str)]) {
    // `f64::min` and other paths end with the name.
    let last = walk.field(name, Field::Name).unwrap_or(name);
    let Some(other) = opposite(pairs, walk.text(last)) else { return };
    // A type of this file that defines the one method need not define the other.
    let defines = |name: &str| walk.facts.functions.iter().any(|function| function.name == name);
    if defines(other) || !defines(walk.text(last)) {
        walk.replace(last, other);
    }
}
