//! Conversions and checks of types and null: `TCD`, `TCS`, `ISN`, `TVF`, `NCK`.

use tree_sitter::Node;

use super::relational::condition;
use super::{operand, shape, structural};
use crate::braces::Shape;
use crate::braces::grammar::{Kind, children};
use crate::braces::scope::Value;
use crate::braces::values;
use crate::braces::walk::Walk;
use crate::{Difficulty, Family};

pub(crate) const TCD: Shape = shape(
    "TCD",
    Family::Types,
    Difficulty::Medium,
    "Drop a conversion: `Number(x)` → `x`",
    &[Kind::Call],
    drop_conversion,
);

pub(crate) const TCS: Shape = shape(
    "TCS",
    Family::Types,
    Difficulty::Hard,
    "Convert in another way, or too late",
    &[Kind::Call, Kind::Binary],
    convert_otherwise,
);

pub(crate) const ISN: Shape = structural(shape(
    "ISN",
    Family::Types,
    Difficulty::Hard,
    "Ask less about a type",
    &[Kind::InstanceOf, Kind::Binary, Kind::Call, Kind::TypeArm],
    ask_less,
));

pub(crate) const TVF: Shape = shape(
    "TVF",
    Family::Types,
    Difficulty::Hard,
    "Take false values for missing ones: `a ?? b` → `a || b`, `x === null` → `!x`",
    &[Kind::Binary],
    confuse_falsy,
);

pub(crate) const NCK: Shape = shape(
    "NCK",
    Family::Types,
    Difficulty::Medium,
    "Take it for granted that something is there: the condition of a null check becomes a constant",
    &[Kind::If],
    skip_null_check,
);

fn drop_conversion<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(call) = walk.call(node) else { return };
    let (name, arguments) = (walk.text(call.name), children(call.arguments));
    let Some(value) = arguments.first().copied() else { return };
    let converts = match walk.syntax.name {
        "javascript" => {
            call.receiver.is_none()
                && matches!(
                    name,
                    "Number" | "String" | "Boolean" | "parseInt" | "parseFloat" | "BigInt"
                )
        }
        // In Go both operands must have the same type, but a constant fits any type.
        _ => {
            let compared = walk.ancestor(0).is_some_and(|(parent, kind)| {
                kind == Kind::Binary
                    && matches!(walk.operator_text(parent), "==" | "!=" | "<" | "<=" | ">" | ">=")
                    && children(parent).iter().any(|side| walk.kind(*side) == Kind::Integer)
            });
            compared && (walk.syntax.integers.contains(&name) || name.starts_with("float"))
        }
    };
    if converts && arguments.len() <= 2 && walk.kind(value) != Kind::Spread {
        let alone = matches!(walk.parent_kind(), Kind::Arguments | Kind::Return | Kind::Declarator);
        let kept = if alone { walk.text(value).to_owned() } else { operand(walk, value) };
        walk.replace(node, kept);
    }
}

fn convert_otherwise<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.kind(node) == Kind::Binary {
        return divide_first(walk, node);
    }
    let Some(call) = walk.call(node).filter(|_| walk.syntax.name == "javascript") else { return };
    let one = children(call.arguments).len() == 1;
    let object = call.receiver.map_or("", |receiver| walk.text(receiver));
    let other = match (object, walk.text(call.name)) {
        ("", "parseInt") if one => "parseFloat",
        ("" | "Number", "parseFloat") => "parseInt",
        ("", "Number") if one => "parseInt",
        ("", "String") if one => "JSON.stringify",
        ("Math", "round") => "floor",
        ("Math", "trunc") => "round",
        _ => return,
    };
    walk.replace(call.name, other);
}

/// Go: `float64(a) / float64(b)` → `float64(a / b)`.
fn divide_first<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some([left, right]) = walk.sides(node).filter(|_| walk.syntax.name == "go") else { return };
    if walk.operator_text(node) != "/" {
        return;
    }
    let converted = |side: Node<'t>| {
        let call = walk.call(side)?;
        let name = walk.text(call.name);
        let [value] = children(call.arguments)[..] else { return None };
        name.starts_with("float").then_some((name, value))
    };
    let (Some((name, a)), Some((other, b))) = (converted(left), converted(right)) else { return };
    let types = [a, b].map(|value| values::type_of(walk, value));
    let whole = [a, b].iter().all(|value| values::of(walk, *value) == Value::Integer);
    if name == other && types[0] == types[1] && whole {
        let [a, b] = [operand(walk, a), operand(walk, b)];
        walk.replace(node, format!("{name}({a} / {b})"));
    }
}

fn ask_less<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    match (walk.syntax.name, walk.kind(node)) {
        ("java", Kind::InstanceOf) => {
            let binds = node.child_by_field_name("name").is_some()
                || node.child_by_field_name("pattern").is_some();
            if let Some(left) = node.child_by_field_name("left").filter(|_| !binds) {
                walk.replace(node, format!("{} != null", walk.text(left)));
            }
        }
        ("javascript", Kind::Binary) if walk.operator_text(node) == "instanceof" => {
            if let Some([left, _]) = walk.sides(node) {
                walk.replace(node, format!("{} instanceof Object", walk.text(left)));
            }
        }
        ("javascript", Kind::Call) => {
            let [value] = (match walk.call(node) {
                Some(call) if walk.text(node).starts_with("Array.isArray(") => {
                    children(call.arguments)
                }
                _ => return,
            })[..] else {
                return;
            };
            let asked = format!("typeof {} === \"object\"", operand(walk, value));
            let inner = matches!(walk.parent_kind(), Kind::Unary | Kind::Binary);
            walk.replace(node, if inner { format!("({asked})") } else { asked });
        }
        ("go", Kind::TypeArm) => drop_type(walk, node),
        _ => {}
    }
}

/// Go: one type of a `case`, or the whole `case` of a type switch.
fn drop_type<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let mut cursor = node.walk();
    let types: Vec<_> =
        node.children_by_field_name("type", &mut cursor).filter(Node::is_named).collect();
    drop(cursor);
    if let [.., before, last] = types[..] {
        return walk.propose(node, before.end_byte()..last.end_byte(), "");
    }
    let range = node.start_byte()..node.start_byte() + walk.text(node).trim_end().len();
    let range = walk.whole_lines(range.clone()).unwrap_or(range);
    walk.propose(node, range, "");
}

fn confuse_falsy<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (Some([left, right]), Some(token)) = (walk.sides(node), walk.operator(node)) else {
        return;
    };
    let missing = walk.is_null(right);
    match walk.text(token) {
        "??" => {
            // JavaScript refuses `??` beside `||` or `&&` without parentheses.
            let mixes = |side: Node<'t>| {
                walk.kind(side) == Kind::Binary && walk.operator_text(side) == "??"
            };
            let around = walk.ancestor(0).is_some_and(|(parent, kind)| {
                kind == Kind::Binary && walk.operator_text(parent) == "??"
            });
            if !mixes(left) && !mixes(right) && !around {
                walk.replace(token, "||");
            }
        }
        "===" | "==" if missing => {
            let negated = format!("!{}", operand(walk, left));
            walk.replace(node, negated);
        }
        "!==" | "!=" if missing => walk.replace(node, operand(walk, left)),
        _ => {}
    }
}

fn skip_null_check<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(asked) = condition(walk, node) else { return };
    if super::control_flow::is_error_check(walk, node) {
        return;
    }
    let there = match walk.kind(asked) {
        Kind::Binary => {
            let Some([left, right]) = walk.sides(asked) else { return };
            match walk.operator_text(asked) {
                "==" | "===" if walk.is_null(left) || walk.is_null(right) => false,
                "!=" | "!==" if walk.is_null(left) || walk.is_null(right) => true,
                _ => return,
            }
        }
        Kind::Call => match walk.callee(asked) {
            "is_none" | "is_null" | "is_err" | "isNull" => false,
            "is_some" | "is_ok" | "nonNull" => true,
            _ => return,
        },
        // C: `if (!p) return;`
        Kind::Unary if walk.syntax.name == "c" && walk.operator_text(asked) == "!" => {
            let [pointer] = children(asked)[..] else { return };
            if !values::type_of(walk, pointer).is_some_and(|ty| ty.ends_with('*')) {
                return;
            }
            false
        }
        _ => return,
    };
    let constant = match (walk.syntax.name, there) {
        ("c", true) => "1",
        ("c", false) => "0",
        (_, true) => "true",
        (_, false) => "false",
    };
    // The code after it would be unreachable, or a value would be missing.
    let statement = super::super::statements::statement(walk, node);
    let jumps = walk.rules().no_missing_value
        && there
        && node.child_by_field_name("consequence").is_some_and(|body| walk.jumps(body));
    if !(jumps && statement.is_none_or(|statement| statement.next().is_none())) {
        walk.replace(asked, constant);
    }
}
