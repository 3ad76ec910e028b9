//! Arithmetic: `AOR`, `AOD`, `OSW`, `BWR`, `UOD`, `ASR`, `AUA`.

use tree_sitter::Node;

use super::{has_comment, operand, shape};
use crate::braces::Shape;
use crate::braces::grammar::{Kind, children};
use crate::braces::scope::Value;
use crate::braces::values;
use crate::braces::walk::Walk;
use crate::{Difficulty, Family};

const ARITHMETIC: &[&str] = &["+", "-", "*", "/", "%"];

pub(crate) const AOR: Shape = shape(
    "AOR",
    Family::Arithmetic,
    Difficulty::Easy,
    "Exchange an arithmetic operator: `+` ↔ `-`, `*` ↔ `/`, `%` → `*`",
    &[Kind::Binary],
    exchange_operator,
);

pub(crate) const AOD: Shape = shape(
    "AOD",
    Family::Arithmetic,
    Difficulty::Easy,
    "Drop an operand: `a + b` → `a`, or `b`",
    &[Kind::Binary],
    drop_operand,
);

pub(crate) const OSW: Shape = shape(
    "OSW",
    Family::Arithmetic,
    Difficulty::Medium,
    "Swap the operands of `-`, `/`, `%` and shifts",
    &[Kind::Binary],
    swap_operands,
);

pub(crate) const BWR: Shape = shape(
    "BWR",
    Family::Arithmetic,
    Difficulty::Medium,
    "Exchange a bitwise operator: `&` ↔ `|`, `<<` ↔ `>>`, `^` → `&`",
    &[Kind::Binary],
    exchange_bitwise,
);

pub(crate) const UOD: Shape = shape(
    "UOD",
    Family::Arithmetic,
    Difficulty::Easy,
    "Drop a sign or a bitwise complement: `-x` → `x`",
    &[Kind::Unary],
    drop_sign,
);

pub(crate) const ASR: Shape = shape(
    "ASR",
    Family::Arithmetic,
    Difficulty::Medium,
    "Exchange the operator of an update: `+=` ↔ `-=`, `*=` ↔ `/=`, `<<=` ↔ `>>=`, `|=` ↔ `&=`",
    &[Kind::Assignment],
    exchange_update,
);

pub(crate) const AUA: Shape = shape(
    "AUA",
    Family::Arithmetic,
    Difficulty::Medium,
    "Assign instead of updating, inside a loop: `+=` → `=`",
    &[Kind::Assignment],
    assign_instead,
);

/// Whether `+` seems to add numbers, not strings or pointers.
fn adds_numbers<'t>(walk: &Walk<'t, '_>, sides: [Node<'t>; 2]) -> bool {
    let values = sides.map(|side| values::of(walk, side));
    let number = |value: &Value| matches!(value, Value::Integer | Value::Float);
    if values.iter().any(|value| !number(value) && *value != Value::Unknown) {
        return false;
    }
    let reference = sides.iter().any(|side| walk.kind(*side) == Kind::Reference);
    match walk.syntax.name {
        "java" | "go" => values.iter().any(number),
        _ => !reference,
    }
}

/// C: whether the value is a pointer. Two pointers can be subtracted, but not added.
fn is_pointer<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    values::type_of(walk, node).is_some_and(|ty| ty.contains('*'))
}

fn exchange_operator<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (Some(sides), Some(token)) = (walk.sides(node), walk.operator(node)) else { return };
    let exchanged = match walk.text(token) {
        "+" if adds_numbers(walk, sides) => "-",
        "-" if !is_pointer(walk, sides[1]) => "+",
        "*" => "/",
        "/" | "%" => "*",
        _ => return,
    };
    walk.replace(token, exchanged);
}

fn drop_operand<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(sides) = walk.sides(node) else { return };
    let operator = walk.operator_text(node);
    if !ARITHMETIC.contains(&operator)
        || (operator == "+" && !adds_numbers(walk, sides))
        || has_comment(walk.text(node))
    {
        return;
    }
    let types = sides.map(|side| values::type_of(walk, side));
    let [left, right] = sides.map(|side| walk.text(side));
    let neutral = match operator {
        "+" | "-" => "0",
        _ => "1",
    };
    if right != neutral {
        walk.replace(node, left.to_owned());
    }
    // `pointer + 1` or `duration * n` has the type of its left side.
    let alike = !walk.rules().typed || types[0] == types[1] || walk.syntax.name == "rust";
    if left != neutral && alike {
        walk.replace(node, right.to_owned());
    }
}

fn swap_operands<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (Some([left, right]), Some(token)) = (walk.sides(node), walk.operator(node)) else {
        return;
    };
    let noncommutative = matches!(walk.text(token), "-" | "/" | "%" | "<<" | ">>" | "**");
    let (a, b) = (walk.text(left), walk.text(right));
    let types = [left, right].map(|side| values::type_of(walk, side));
    let pointer = walk.syntax.name == "c" && types[0] != types[1];
    if noncommutative && a != b && !pointer && !has_comment(walk.text(node)) {
        let spaces = [
            &walk.text[left.end_byte()..token.start_byte()],
            &walk.text[token.end_byte()..right.start_byte()],
        ];
        let (a, b) = (operand(walk, left), operand(walk, right));
        let [before, after] = spaces;
        walk.replace(node, format!("{b}{before}{}{after}{a}", walk.text(token)));
    }
}

fn exchange_bitwise<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(token) = walk.operator(node) else { return };
    let exchanged = match walk.text(token) {
        "&" => "|",
        "|" | "^" | "&^" => "&",
        "<<" => ">>",
        ">>" | ">>>" => "<<",
        _ => return,
    };
    walk.replace(token, exchanged);
}

fn drop_sign<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let sign = walk.operator_text(node);
    let complement =
        matches!((walk.syntax.name, sign), ("go", "^") | ("c" | "java" | "javascript", "~"));
    if (sign == "-" || complement)
        && let [argument] = children(node)[..]
    {
        walk.replace(node, walk.text(argument).to_owned());
    }
}

/// Whether `+=` seems to add a number.
fn updates_number<'t>(walk: &Walk<'t, '_>, left: Node<'t>, right: Node<'t>) -> bool {
    let (target, by) = (values::of(walk, left), values::of(walk, right));
    let number = |value| matches!(value, Value::Integer | Value::Float);
    match (target, by) {
        (Value::Text, _) | (_, Value::Text | Value::Sequence) => false,
        (Value::Unknown, Value::Unknown) => !matches!(walk.syntax.name, "java" | "go"),
        (target, by) => number(target) || number(by),
    }
}

fn exchange_update<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (Some([left, right]), Some(token)) = (walk.assignment(node), walk.operator(node)) else {
        return;
    };
    let exchanged = match walk.text(token) {
        "+=" if updates_number(walk, left, right) => "-=",
        "-=" => "+=",
        "*=" => "/=",
        "/=" | "%=" => "*=",
        "<<=" => ">>=",
        ">>=" | ">>>=" => "<<=",
        "|=" | "^=" => "&=",
        "&=" => "|=",
        _ => return,
    };
    if steps_loop(walk, node) {
        return;
    }
    walk.replace(token, exchanged);
}

/// Whether the node is the step of a `for`. In the other direction the loop would not end.
fn steps_loop<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    let parent = walk.ancestor(0);
    parent.is_some_and(|(parent, kind)| {
        matches!(kind, Kind::For | Kind::ForClause)
            && parent.child_by_field_name("body") != Some(node)
    })
}

fn assign_instead<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(token) = walk.operator(node) else { return };
    let update = matches!(walk.text(token), "+=" | "-=" | "*=" | "|=" | "&=" | "^=");
    if update && walk.around(Kind::is_loop).is_some() && !steps_loop(walk, node) {
        walk.replace(token, "=");
    }
}
