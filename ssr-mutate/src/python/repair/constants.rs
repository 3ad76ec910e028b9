//! Restores arithmetic, bounds and text.

use tree_sitter::Node;

use super::{Inverse, RepairOrigin};
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::names::NameRole;
use crate::python::operators::constants::{has_literal, shifted};
use crate::python::operators::typos::{MARKS, is_looked_up, is_plain, last_width, typo};
use crate::python::scope::Value;
use crate::python::walk::Walk;
use crate::python::{calls, values};

pub(super) static INVERSES: &[Inverse] = &[
    Inverse { kinds: &[Kind::BinaryOperator, Kind::AugmentedAssignment], find: restore_operator },
    Inverse { kinds: &[Kind::Assignment], find: restore_update },
    Inverse {
        kinds: &[Kind::Identifier, Kind::Attribute, Kind::Call, Kind::Subscript, Kind::List],
        find: restore_operand,
    },
    Inverse { kinds: &[Kind::Slice], find: restore_bound },
    Inverse { kinds: &[Kind::BinaryOperator], find: restore_unshifted },
    Inverse { kinds: &[Kind::Integer], find: restore_case },
    Inverse { kinds: &[Kind::Call], find: restore_range },
    Inverse { kinds: &[Kind::String], find: restore_text },
    Inverse { kinds: &[Kind::UnaryOperator], find: restore_negative },
];

/// `n - 1` → `n`, where AOD takes the operand for something else than a number.
fn restore_unshifted<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let part = |field| walk.field(node, field);
    let (Some(left), Some(sign), Some(right)) =
        (part(Field::Left), part(Field::Operator), part(Field::Right))
    else {
        return;
    };
    if matches!(walk.text(sign), "+" | "-") && walk.text(right) == "1" {
        let mut text = walk.text(left);
        if GRAMMAR.kind(left) == Kind::ParenthesizedExpression {
            text = &text[1..text.len() - 1];
            walk.repair_whole(RepairOrigin::Unshifted, node, text.to_owned());
        }
        walk.repair_whole(RepairOrigin::Unshifted, node, walk.text(left).to_owned());
    }
}

/// `0x7e` → `0x7F`: CRP writes hexadecimal digits in lower case.
fn restore_case<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(digits) = walk.text(node).strip_prefix("0x") else { return };
    let Ok(value) = i64::from_str_radix(digits, 16) else { return };
    for new in
        [value.checked_add(1), value.checked_sub(1).filter(|new| *new >= 0)].into_iter().flatten()
    {
        let width = digits.len();
        walk.repair_whole(RepairOrigin::Hexadecimal, node, format!("0x{new:0width$X}"));
        walk.repair_whole(RepairOrigin::Hexadecimal, node, format!("0x{new:0width$x}"));
    }
}

fn restore_operator<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(operator) = walk.field(node, Field::Operator) else { return };
    // What AOR, BWR and ASR do not exchange in this direction.
    let (origin, others): (_, &[&'static str]) = match walk.text(operator) {
        "+" => (RepairOrigin::Arithmetic, &["*"]),
        "*" => (RepairOrigin::Arithmetic, &["/", "**"]),
        "/" => (RepairOrigin::Arithmetic, &["//"]),
        "//" => (RepairOrigin::Arithmetic, &["%"]),
        "&" => (RepairOrigin::Arithmetic, &["^"]),
        "+=" => (RepairOrigin::Update, &["*="]),
        "*=" => (RepairOrigin::Update, &["/="]),
        "/=" => (RepairOrigin::Update, &["//="]),
        "&=" => (RepairOrigin::Update, &["^="]),
        _ => return,
    };
    for other in others {
        walk.repair_whole(origin, operator, *other);
    }
}

/// `total = x` → `total += x` in a loop.
fn restore_update<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (left, right) = (walk.field(node, Field::Left), walk.field(node, Field::Right));
    let (Some(left), Some(right)) = (left, right) else { return };
    if walk.scope().loops.is_empty() || walk.field(node, Field::Type).is_some() {
        return;
    }
    let bound = match GRAMMAR.kind(left) {
        Kind::Identifier => walk.scope().binding(walk.text(left)).is_some(),
        kind => matches!(kind, Kind::Attribute | Kind::Subscript),
    };
    let between = left.end_byte()..right.start_byte();
    if bound && walk.text[between.clone()].trim() == "=" {
        for sign in ["+=", "-=", "*=", "|="] {
            walk.repair(RepairOrigin::Accumulation, node, between.clone(), format!(" {sign} "));
        }
    }
}

fn restore_operand<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(facts) = walk.facts() else { return };
    let Some((parent, kind)) = walk.ancestor_node(0) else { return };
    let name = GRAMMAR.kind(node) == Kind::Identifier;
    if name && walk.role() != NameRole::Value {
        return;
    }
    let valued = match kind {
        Kind::Assignment | Kind::AugmentedAssignment | Kind::KeywordArgument => {
            [Field::Right, Field::Value]
                .iter()
                .any(|field| walk.field(parent, *field) == Some(node))
        }
        Kind::ReturnStatement
        | Kind::ArgumentList
        | Kind::ComparisonOperator
        | Kind::BinaryOperator
        | Kind::Slice
        | Kind::Tuple
        | Kind::ExpressionList
        | Kind::ParenthesizedExpression
        | Kind::ConditionalExpression
        | Kind::Yield => true,
        Kind::Subscript => walk.field(parent, Field::Value) != Some(node),
        _ => false,
    };
    if !valued {
        return;
    }
    let text = walk.text(node);
    let mut rests: Vec<(RepairOrigin, &str)> = Vec::new();
    if let Some(rest) = facts.own().and_then(|own| own.operations.get(text)) {
        rests.extend(rest.top(6).into_iter().map(|rest| (RepairOrigin::SiblingOperand, rest)));
    }
    if values::of(walk, node) == Value::Integer {
        rests.extend([(RepairOrigin::Operand, "+ 1"), (RepairOrigin::Operand, "- 1")]);
    }
    for (origin, rest) in rests {
        walk.repair_whole(origin, node, format!("{text} {rest}"));
    }
}

fn restore_bound<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let mut cursor = node.walk();
    let mut colons = 0;
    let mut bounds = [None; 2];
    let mut first_colon = node.start_byte();
    for child in node.children(&mut cursor) {
        if child.is_named() && !child.is_extra() && colons < 2 {
            bounds[colons] = Some(child);
        } else if !child.is_named() {
            if colons == 0 {
                first_colon = child.end_byte();
            }
            colons += 1;
        }
    }
    drop(cursor);
    for (bound, by) in [(bounds[0], -1), (bounds[1], 1)] {
        if let Some(bound) = bound.filter(|bound| !has_literal(*bound)) {
            let new = shifted(walk, bound, by);
            walk.repair_whole(RepairOrigin::Bound, bound, new);
        }
    }
    if bounds[1].is_none() {
        let mut ends: Vec<_> = ["-1", "1", "2", "-2", "3", "-3"].map(str::to_owned).to_vec();
        if let Some(own) = walk.facts().and_then(|facts| facts.own()) {
            let known = own.bounds.top(6).into_iter().filter(|end| !ends.iter().any(|e| e == end));
            let known: Vec<_> = known.map(str::to_owned).collect();
            ends.extend(known);
        }
        for other in walk.scope().all_bindings() {
            if matches!(other.value, Value::Integer | Value::Unknown) {
                ends.push(other.name.to_owned());
            }
        }
        for end in ends.into_iter().take(24) {
            walk.repair(RepairOrigin::NewBound, node, first_colon..first_colon, end);
        }
    }
}

/// `range(1, n)` → `range(n)`.
fn restore_range<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if calls::name(walk, node) != Some("range") {
        return;
    }
    if let [start, stop] = calls::arguments(walk, node)[..]
        && walk.text(start) == "1"
    {
        let range = start.start_byte()..stop.end_byte();
        walk.repair(RepairOrigin::RangeStart, node, range, walk.text(stop).to_owned());
    }
}

/// `-1` → `0`: CRP changes the number inside of the sign.
fn restore_negative<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let value = walk.text(node).strip_prefix('-').and_then(|digits| digits.parse::<i64>().ok());
    let Some(value) = value.filter(|value| *value < i64::MAX) else { return };
    for new in [1 - value, -1 - value] {
        walk.repair_whole(RepairOrigin::Negative, node, new.to_string());
    }
}

fn restore_text<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let text = walk.text(node);
    if text.starts_with(['f', 'F']) {
        if let Some(at) = children(node).into_iter().find_map(|part| last_width(walk, part)) {
            let digit = walk.text.as_bytes()[at] - b'0';
            let new = ((digit + 9) % 10).to_string();
            walk.repair(RepairOrigin::Width, node, at..at + 1, new);
        }
        return;
    }
    let quote = if text.starts_with('"') { '"' } else { '\'' };
    let content = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    let Some(content) = content.filter(|content| is_plain(content)) else { return };
    if !is_looked_up(walk, node) {
        return;
    }
    for (mark, _) in MARKS.iter().filter(|(_, typo)| *typo == content) {
        walk.repair_whole(RepairOrigin::Typo, node, format!("{quote}{mark}{quote}"));
    }
    for at in 1..content.len() {
        let (head, tail) = content.split_at(at - 1);
        let swapped = format!("{head}{}{}{}", &tail[1..2], &tail[..1], &tail[2..]);
        if typo(&swapped).as_deref() == Some(content) {
            walk.repair_whole(RepairOrigin::Typo, node, format!("{quote}{swapped}{quote}"));
        }
    }
    let Some(facts) = walk.facts() else { return };
    let mut similar = Vec::new();
    for (_, idioms) in facts.each() {
        for other in idioms.strings.texts().filter(|other| other.len().abs_diff(text.len()) < 2) {
            let inner =
                other.strip_prefix(['"', '\'']).and_then(|one| one.strip_suffix(['"', '\'']));
            if let Some(inner) = inner
                && inner != content
                && is_plain(inner)
                && typo(inner).as_deref() == Some(content)
            {
                similar.push(inner);
            }
        }
    }
    similar.sort_unstable();
    similar.dedup();
    for other in similar {
        walk.repair_whole(RepairOrigin::SimilarText, node, format!("{quote}{other}{quote}"));
    }
    // A word of one repeated letter, or a single letter, is mistyped by dropping the last one.
    let last = content.chars().next_back().filter(char::is_ascii_alphanumeric);
    if let Some(last) = last {
        let longer = format!("{content}{last}");
        if typo(&longer).as_deref() == Some(content) {
            walk.repair_whole(RepairOrigin::Typo, node, format!("{quote}{longer}{quote}"));
        }
    }
}
