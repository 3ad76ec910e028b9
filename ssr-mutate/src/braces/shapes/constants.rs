//! Literals and off-by-one mistakes: `CRP`, `IDX`, `SLB`, `RNG`, `BLR`, `STR`.

use tree_sitter::Node;

use super::shape;
use crate::braces::Shape;
use crate::braces::grammar::{Field, Kind, children};
use crate::braces::scope::Value;
use crate::braces::values::{self, Number};
use crate::braces::walk::Walk;
use crate::{Difficulty, Family};

pub(crate) const CRP: Shape = shape(
    "CRP",
    Family::Constants,
    Difficulty::Medium,
    "Change a whole number by one. Indices, slices and ranges are left to IDX, SLB and RNG",
    &[Kind::Integer],
    change_number,
);

pub(crate) const IDX: Shape = shape(
    "IDX",
    Family::Constants,
    Difficulty::Medium,
    "Take the neighbour of an element: `a[i]` → `a[i + 1]`",
    &[Kind::Index],
    shift_index,
);

pub(crate) const SLB: Shape = shape(
    "SLB",
    Family::Constants,
    Difficulty::Medium,
    "Move a bound of a slice by one",
    &[Kind::Slice, Kind::Range],
    shift_slice,
);

pub(crate) const RNG: Shape = shape(
    "RNG",
    Family::Constants,
    Difficulty::Medium,
    "Move the bound of a loop by one: `i < n` → `i < n - 1`",
    &[Kind::For, Kind::ForClause, Kind::Range],
    shift_range,
);

pub(crate) const BLR: Shape = shape(
    "BLR",
    Family::Constants,
    Difficulty::Medium,
    "Exchange `true` and `false`",
    &[Kind::True, Kind::False],
    flip_boolean,
);

pub(crate) const STR: Shape = shape(
    "STR",
    Family::Constants,
    Difficulty::Medium,
    "Drop the last letter of a string that is a key, or that something is compared with or looked \
     up by",
    &[Kind::Text],
    misspell,
);

fn change_number<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some((parent, mut kind)) = walk.ancestor(0) else { return };
    if matches!(kind, Kind::Unary | Kind::Tuple) {
        kind = walk.ancestor(1).map_or(Kind::Other, |(_, kind)| kind);
    }
    // The length in `[0; 4]` is part of a type.
    let length = kind == Kind::List && walk.text(parent).contains(';');
    let elsewhere = matches!(kind, Kind::Index | Kind::Slice | Kind::Range | Kind::Member);
    let label = kind == Kind::Arm && !walk.rules().tail_values && is_label(walk, node);
    if elsewhere || label || length {
        return;
    }
    let Some(number) = Number::parse(walk.text(node)) else { return };
    for by in [1, -1] {
        let Some(changed) = number.plus(by) else { continue };
        // Where numbers do not convert, a negative one may not fit.
        let unsigned = walk.rules().typed && !walk.rules().loose_numbers;
        if !(changed.starts_with('-') && unsigned) {
            walk.replace(node, changed);
        }
    }
}

/// Whether the node is in the label of the innermost arm.
fn is_label<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    let arm = walk.around(|kind| kind == Kind::Arm).map(|(arm, _)| arm);
    let label = arm.and_then(|arm| walk.field(arm, Field::Value));
    label.is_some_and(|label| label.byte_range().contains(&node.start_byte()))
}

/// The text of the expression plus or minus one; `None` if a literal would become negative.
fn shifted<'t>(walk: &Walk<'t, '_>, node: Node<'t>, by: i64) -> Option<String> {
    let text = walk.text(node);
    if walk.kind(node) == Kind::Integer {
        return Number::parse(text)?.plus(by).filter(|changed| !changed.starts_with('-'));
    }
    let sign = if by < 0 { '-' } else { '+' };
    let sum = walk.kind(node) == Kind::Binary && matches!(walk.operator_text(node), "+" | "-");
    // CRP changes the number in `i + 1` already.
    if sum && children(node).iter().any(|side| walk.kind(*side) == Kind::Integer) {
        return None;
    }
    Some(match walk.kind(node) {
        kind if kind.is_primary() || sum => format!("{text} {sign} 1"),
        _ => format!("({text}) {sign} 1"),
    })
}

fn shift<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>, by: i64) {
    if let Some(changed) = shifted(walk, node, by) {
        walk.replace(node, changed);
    }
}

fn shift_index<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let [object, index] = children(node)[..] else { return };
    let mapping = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.starts_with("map") || text.ends_with("map") || text.contains("map<")
    };
    let ty = values::type_of(walk, object);
    if mapping(walk.text(object)) || ty.is_some_and(mapping) {
        return;
    }
    let name = walk.text(index);
    let position = match walk.kind(index) {
        Kind::Integer => true,
        Kind::Identifier => values::is_position(name) || values::of(walk, index) == Value::Integer,
        Kind::Binary => {
            matches!(walk.operator_text(index), "+" | "-")
                && values::of(walk, index) == Value::Integer
        }
        _ => false,
    };
    if position {
        shift(walk, index, 1);
        shift(walk, index, -1);
    }
}

/// The bounds before and after the dots or the colon.
fn bounds<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> [Option<Node<'t>>; 2] {
    if walk.kind(node) == Kind::Slice {
        return [node.child_by_field_name("start"), node.child_by_field_name("end")];
    }
    let dots = walk.operator(node).map_or(0, |dots| dots.start_byte());
    let side = |before: bool| {
        children(node).into_iter().find(|child| (child.start_byte() < dots) == before)
    };
    [side(true), side(false)]
}

fn shift_slice<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.kind(node) == Kind::Range && walk.parent_kind() != Kind::Index {
        return;
    }
    let [start, end] = bounds(walk, node);
    if let Some(start) = start {
        shift(walk, start, 1);
    }
    if let Some(end) = end {
        shift(walk, end, -1);
    }
}

fn shift_range<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.kind(node) == Kind::Range {
        // Indices are left to SLB.
        if walk.parent_kind() == Kind::Index {
            return;
        }
        let [start, end] = bounds(walk, node);
        if let (Some(start), Some(end)) = (start, end) {
            shift(walk, start, 1);
            shift(walk, end, -1);
        }
        return;
    }
    let Some(condition) = walk.field(node, Field::Condition) else { return };
    let Some([_, bound]) = walk.sides(condition) else { return };
    let by = match walk.operator_text(condition) {
        "<" | "<=" => -1,
        ">" | ">=" => 1,
        _ => return,
    };
    if walk.kind(bound) != Kind::Integer {
        shift(walk, bound, by);
    }
}

fn flip_boolean<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let endless = walk.parent_kind().is_loop()
        || walk.ancestor(1).is_some_and(|(_, kind)| kind == Kind::While || kind == Kind::DoWhile);
    let condition = walk.parent_kind() == Kind::Parenthesized || walk.parent_kind().is_loop();
    if endless && condition {
        return;
    }
    let flipped = match walk.text(node) {
        "true" => "false",
        "false" => "true",
        "TRUE" => "FALSE",
        "FALSE" => "TRUE",
        _ => return,
    };
    walk.replace(node, flipped);
}

fn misspell<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (text, quote) = (walk.text(node), walk.text(node).chars().next());
    let Some(quote @ ('"' | '\'')) = quote else { return };
    let inner = &text[1..text.len() - 1];
    let word = inner.len() >= 3
        && inner.ends_with(|c: char| c.is_ascii_alphanumeric())
        && !inner.contains('\\');
    if word && text.ends_with(quote) && matters(walk, node) {
        walk.replace(node, format!("{quote}{}{quote}", &inner[..inner.len() - 1]));
    }
}

/// Whether the program depends on the content of the string.
fn matters<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    let mut outer = (0..4).filter_map(|depth| walk.ancestor(depth));
    let Some((parent, kind)) =
        outer.find(|(_, kind)| !matches!(kind, Kind::Tuple | Kind::Parenthesized))
    else {
        return false;
    };
    match kind {
        Kind::Binary => negatable(walk.operator_text(parent)),
        Kind::Index => true,
        Kind::Arm => !walk.rules().tail_values && is_label(walk, node),
        Kind::Arguments => {
            let call = outer.next().map(|(call, _)| call);
            let first = children(parent).first() == Some(&node);
            first && call.is_some_and(|call| walk.syntax.lookups.contains(&walk.callee(call)))
        }
        _ => false,
    }
}

fn negatable(operator: &str) -> bool {
    matches!(operator, "==" | "!=" | "===" | "!==" | "in")
}
