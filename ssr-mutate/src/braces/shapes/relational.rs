//! Comparisons and conditions: `RBR`, `ROR`, `MNR`, `IEQ`, `LCR`, `CDL`, `NOD`, `CNI`.

use tree_sitter::Node;

use super::{has_comment, shape};
use crate::braces::Shape;
use crate::braces::grammar::{Field, Kind, children};
use crate::braces::scope::Value;
use crate::braces::values;
use crate::braces::walk::Walk;
use crate::{Difficulty, Family};

pub(crate) const RBR: Shape = shape(
    "RBR",
    Family::Relational,
    Difficulty::Hard,
    "Move a boundary of whole numbers: `<` ↔ `<=`, `>` ↔ `>=`",
    &[Kind::Binary],
    move_boundary,
);

pub(crate) const ROR: Shape = shape(
    "ROR",
    Family::Relational,
    Difficulty::Easy,
    "Negate a comparison: `<` ↔ `>=`, `>` ↔ `<=`, `==` ↔ `!=`",
    &[Kind::Binary],
    negate_comparison,
);

pub(crate) const MNR: Shape = shape(
    "MNR",
    Family::Relational,
    Difficulty::Easy,
    "Negate a membership: `k in o`, `xs.includes(x)`, `s.has(x)`",
    &[Kind::Binary, Kind::Call],
    negate_membership,
);

pub(crate) const IEQ: Shape = shape(
    "IEQ",
    Family::Relational,
    Difficulty::Hard,
    "Compare loosely, or by identity: `===` → `==`, `!==` → `!=`",
    &[Kind::Binary, Kind::Call],
    confuse_equality,
);

pub(crate) const LCR: Shape = shape(
    "LCR",
    Family::Relational,
    Difficulty::Medium,
    "Exchange a boolean operator: `&&` ↔ `||`",
    &[Kind::Binary],
    exchange_connective,
);

pub(crate) const CDL: Shape = shape(
    "CDL",
    Family::Relational,
    Difficulty::Hard,
    "Drop one clause of a condition: `a && b` → `a`, or `b`",
    &[Kind::Binary],
    drop_clause,
);

pub(crate) const NOD: Shape = shape(
    "NOD",
    Family::Relational,
    Difficulty::Easy,
    "Drop a negation: `!a` → `a`",
    &[Kind::Unary],
    drop_negation,
);

pub(crate) const CNI: Shape = shape(
    "CNI",
    Family::Relational,
    Difficulty::Easy,
    "Negate the condition of an `if` or `while`. Conditions that ROR or NOD already negate are \
     left to them",
    &[Kind::If, Kind::While, Kind::For],
    negate_condition,
);

fn move_boundary<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (Some(sides), Some(token)) = (walk.sides(node), walk.operator(node)) else { return };
    let moved = match walk.text(token) {
        "<" => "<=",
        "<=" => "<",
        ">" => ">=",
        ">=" => ">",
        _ => return,
    };
    let sides = sides.map(|side| values::of(walk, side));
    let whole = sides.contains(&Value::Integer);
    if whole && sides.iter().all(|side| matches!(side, Value::Integer | Value::Unknown)) {
        walk.replace(token, moved);
    }
}

fn negated(operator: &str) -> Option<&'static str> {
    Some(match operator {
        "<" => ">=",
        ">=" => "<",
        ">" => "<=",
        "<=" => ">",
        "==" => "!=",
        "!=" => "==",
        "===" => "!==",
        "!==" => "===",
        _ => return None,
    })
}

fn negate_comparison<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if let Some(token) = walk.operator(node)
        && let Some(negated) = negated(walk.text(token))
    {
        walk.replace(token, negated);
    }
}

/// Whether the node tests membership in a container.
fn is_membership<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    walk.syntax.name == "javascript"
        && match walk.kind(node) {
            Kind::Binary => walk.operator_text(node) == "in",
            Kind::Call => matches!(walk.callee(node), "includes" | "has" | "hasOwnProperty"),
            _ => false,
        }
}

fn negate_membership<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let mut parent = walk.parent_kind();
    if parent == Kind::Parenthesized {
        parent = walk.ancestor(1).map_or(Kind::Other, |(_, kind)| kind);
    }
    // An existing negation is left to NOD.
    if !is_membership(walk, node) || matches!(parent, Kind::Unary | Kind::ExpressionStatement) {
        return;
    }
    let text = walk.text(node);
    let negated =
        if walk.kind(node) == Kind::Call { format!("!{text}") } else { format!("!({text})") };
    walk.replace(node, negated);
}

fn confuse_equality<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.kind(node) == Kind::Binary {
        let Some(token) = walk.operator(node) else { return };
        let loose = match walk.text(token) {
            "===" => "==",
            "!==" => "!=",
            _ => return,
        };
        return walk.replace(token, loose);
    }
    let Some(call) = walk.call(node) else { return };
    let (Some(receiver), [other]) = (call.receiver, &children(call.arguments)[..]) else { return };
    let text = walk.text(receiver);
    if walk.syntax.name != "java"
        || walk.text(call.name) != "equals"
        || matches!(text, "Objects" | "Arrays" | "super")
    {
        return;
    }
    // A constant that is interned would be the same object.
    if walk.kind(receiver) != Kind::Text && walk.kind(*other) != Kind::Text {
        let compared = format!("{text} == {}", walk.text(*other));
        let alone = !matches!(walk.parent_kind(), Kind::Unary | Kind::Binary | Kind::Member);
        walk.replace(node, if alone { compared } else { format!("({compared})") });
    }
}

/// The operands of a boolean operation with two different operands.
fn clauses<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Option<[Node<'t>; 2]> {
    let [left, right] = walk.sides(node)?;
    let boolean = matches!(walk.operator_text(node), "&&" | "||");
    (boolean && walk.text(left) != walk.text(right) && !walk.text(node).contains("let "))
        .then_some([left, right])
}

fn exchange_connective<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if let (Some(_), Some(operator)) = (clauses(walk, node), walk.operator(node)) {
        let exchanged = if walk.text(operator) == "&&" { "||" } else { "&&" };
        walk.replace(operator, exchanged);
    }
}

fn drop_clause<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some([left, right]) = clauses(walk, node) else { return };
    if has_comment(&walk.text[left.end_byte()..right.start_byte()]) {
        return;
    }
    // Later clauses and the body may use names that a pattern binds or an assignment assigns.
    let java = walk.syntax.name == "java";
    for (kept, dropped) in [(left, right), (right, left)] {
        if !(java && walk.text(dropped).contains("instanceof")) {
            walk.replace(node, walk.text(kept).to_owned());
        }
    }
}

fn drop_negation<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.operator_text(node) == "!"
        && let [argument] = children(node)[..]
    {
        walk.replace(node, walk.text(argument).to_owned());
    }
}

/// The condition of an `if` or a loop, without parentheses.
pub(super) fn condition<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Option<Node<'t>> {
    let condition = match walk.kind(node) {
        Kind::For => {
            let first = *children(node).first()?;
            // Go: `for a {`
            let bare =
                !matches!(walk.kind(first), Kind::ForClause | Kind::RangeClause | Kind::Block);
            (walk.syntax.name == "go" && bare).then_some(first)
        }
        _ => walk.field(node, Field::Condition),
    }?;
    Some(walk.bare(condition))
}

fn negate_condition<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(condition) = condition(walk, node) else { return };
    let text = walk.text(condition);
    match walk.kind(condition) {
        Kind::Unary if walk.operator_text(condition) == "!" => {}
        Kind::Binary if negated(walk.operator_text(condition)).is_some() => {}
        Kind::True | Kind::False | Kind::Integer | Kind::LetCondition | Kind::Assignment => {}
        _ if text.contains("let ") || is_membership(walk, condition) => {}
        // A pattern that binds a name.
        Kind::InstanceOf if condition.child_by_field_name("name").is_some() => {}
        kind if kind.is_primary() => walk.replace(condition, format!("!{text}")),
        _ => walk.replace(condition, format!("!({text})")),
    }
}
