//! Branches, loops and the order of statements: `IFD`, `GRD`, `IFS`, `ELD`, `BCS`, `ZIL`, `OIL`,
//! `TER`, `SSW`.

use tree_sitter::Node;

use super::relational::condition;
use super::{has_comment, operand, shape, structural};
use crate::braces::Shape;
use crate::braces::facts::mentions;
use crate::braces::grammar::{Field, Kind, children};
use crate::braces::statements::{self, statement};
use crate::braces::walk::Walk;
use crate::{Difficulty, Family};

pub(crate) const IFD: Shape = structural(shape(
    "IFD",
    Family::ControlFlow,
    Difficulty::Medium,
    "Delete an `if` that has no `else`",
    &[Kind::If],
    delete_if,
));

pub(crate) const GRD: Shape = structural(shape(
    "GRD",
    Family::ControlFlow,
    Difficulty::Medium,
    "Run the body of an `if` without `else` in any case: `if c { b }` → `{ b }`",
    &[Kind::If],
    unwrap_if,
));

pub(crate) const IFS: Shape = structural(shape(
    "IFS",
    Family::ControlFlow,
    Difficulty::Easy,
    "Swap the branches of an `if`",
    &[Kind::If],
    swap_branches,
));

pub(crate) const ELD: Shape = structural(shape(
    "ELD",
    Family::ControlFlow,
    Difficulty::Medium,
    "Delete an `else`, an `else if` or an arm of a `switch` or `match`",
    &[Kind::If, Kind::Arm],
    delete_branch,
));

pub(crate) const BCS: Shape = shape(
    "BCS",
    Family::ControlFlow,
    Difficulty::Medium,
    "Exchange `break` and `continue`, except where the loop would never end",
    &[Kind::Break, Kind::Continue],
    exchange_jump,
);

pub(crate) const ZIL: Shape = shape(
    "ZIL",
    Family::ControlFlow,
    Difficulty::Easy,
    "Loop over nothing",
    &[Kind::ForEach],
    loop_over_nothing,
);

pub(crate) const OIL: Shape = structural(shape(
    "OIL",
    Family::ControlFlow,
    Difficulty::Medium,
    "Leave a loop after its first round",
    &[Kind::For, Kind::ForEach, Kind::While],
    loop_once,
));

pub(crate) const TER: Shape = shape(
    "TER",
    Family::ControlFlow,
    Difficulty::Easy,
    "Swap the values of a conditional expression, or always take one of them",
    &[Kind::Ternary],
    decide_otherwise,
);

pub(crate) const SSW: Shape = structural(shape(
    "SSW",
    Family::ControlFlow,
    Difficulty::Hard,
    "Swap two neighbouring statements of which one uses what the other changes",
    &[Kind::ExpressionStatement, Kind::Assignment],
    swap_statements,
));

/// The body of an `else`.
pub(super) fn alternative<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Option<Node<'t>> {
    let branch = walk.field(node, Field::Alternative)?;
    match (walk.kind(branch), &children(branch)[..]) {
        (Kind::Else, [inner]) => Some(*inner),
        (Kind::Else, _) => None,
        _ => Some(branch),
    }
}

/// Whether the `if` declares or binds something for its branches.
fn binds<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    let condition = walk.field(node, Field::Condition);
    let text = condition.map_or("", |condition| walk.text(condition));
    node.child_by_field_name("initializer").is_some()
        || text.contains("let ")
        || (walk.syntax.name == "java" && text.contains("instanceof"))
}

fn delete_if<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(statement) = statement(walk, node) else { return };
    if walk.field(node, Field::Alternative).is_some() || is_error_check(walk, node) {
        return;
    }
    // An `if` without `else` has no value.
    if let Some((range, replacement)) = statement.removal(walk) {
        walk.propose(node, range, replacement);
    }
}

/// Go: `if err != nil`, which EXS is for.
pub(super) fn is_error_check<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    walk.syntax.name == "go"
        && walk.field(node, Field::Condition).is_some_and(|condition| {
            let text = walk.text(condition);
            text.to_ascii_lowercase().contains("err") && text.ends_with("!= nil")
        })
}

fn unwrap_if<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (Some(statement), Some(body)) =
        (statement(walk, node), walk.field(node, Field::Consequence))
    else {
        return;
    };
    if walk.field(node, Field::Alternative).is_some() || binds(walk, node) {
        return;
    }
    let unreachable = walk.rules().no_unreachable
        && walk.jumps(body)
        && (statement.next().is_some()
            || statement.parent.is_none_or(|(_, kind)| kind != Kind::Block)
            || walk.around(Kind::is_loop).is_some());
    if !unreachable && statement.parent.is_none_or(|(_, kind)| kind != Kind::Else) {
        walk.replace(node, walk.text(body).to_owned());
    }
}

fn swap_branches<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (Some(yes), Some(no)) = (walk.field(node, Field::Consequence), alternative(walk, node))
    else {
        return;
    };
    let between = &walk.text[yes.end_byte()..no.start_byte()];
    let (a, b) = (walk.text(yes), walk.text(no));
    // Without braces the `else` would belong to an inner `if`.
    let plain = |branch| walk.kind(branch) == Kind::Block || walk.kind(no) != Kind::If;
    let nested = [yes, no]
        .iter()
        .any(|branch| walk.kind(*branch) == Kind::If || walk.kind(*branch).is_loop());
    if a != b && !binds(walk, node) && plain(no) && !nested {
        let swapped = format!("{b}{between}{a}");
        walk.propose(node, yes.start_byte()..no.end_byte(), swapped);
    }
}

fn delete_branch<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.kind(node) == Kind::Arm {
        return delete_arm(walk, node);
    }
    let (Some(yes), Some(no)) = (walk.field(node, Field::Consequence), alternative(walk, node))
    else {
        return;
    };
    let whole = yes.end_byte()..no.end_byte();
    let Some(statement) = statement(walk, node) else { return };
    if statements::loses_value(walk, &whole)
        || statement.is_value(walk)
        || statement.must_not_complete(walk)
    {
        return;
    }
    walk.propose(no, whole, "");
    // `else if c { a } else { b }` → `else { b }`
    if walk.kind(no) == Kind::If
        && let Some(rest) = alternative(walk, no)
        && !statements::loses_value(walk, &no.byte_range())
    {
        walk.propose(no, no.start_byte()..rest.start_byte(), "");
    }
}

fn delete_arm<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let text = walk.text(node);
    let is_default = |arm: &str| {
        let pattern = arm.split(['=', ':']).next().unwrap_or(arm).trim();
        matches!(pattern, "_" | "default")
    };
    if is_default(text) || statements::loses_value(walk, &node.byte_range()) {
        return;
    }
    let switch = walk.ancestor(0).map_or("", |(parent, _)| walk.text(parent));
    // A `match`, and a `switch` with a value, must be exhaustive.
    let complete = walk.rules().tail_values || (walk.syntax.name == "java" && text.contains("->"));
    let open = node
        .parent()
        .is_some_and(|parent| children(parent).into_iter().any(|arm| is_default(walk.text(arm))));
    if (complete && !open) || switch.is_empty() {
        return;
    }
    // The default arm may be the one that returns.
    let range = node.start_byte()..node.start_byte() + text.trim_end().len();
    let range = walk.whole_lines(range.clone()).unwrap_or(range);
    walk.propose(node, range, "");
}

fn exchange_jump<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let text = walk.text(node).trim_end_matches(';').trim_end();
    let innermost =
        walk.around(|kind| kind.is_loop() || matches!(kind, Kind::Switch | Kind::Closure));
    let Some((around, kind)) = innermost else { return };
    let endless = kind == Kind::Loop
        || condition(walk, around).map_or(!matches!(kind, Kind::ForEach), |condition| {
            matches!(walk.text(condition), "true" | "1")
        });
    let ranged = children(around).iter().any(|child| walk.kind(*child) == Kind::RangeClause);
    let stepped = kind == Kind::For
        && walk.syntax.name != "go"
        && walk.field(around, Field::Condition).is_some()
        || children(around).iter().any(|child| walk.kind(*child) == Kind::ForClause);
    if !kind.is_loop() || (endless && !ranged && !stepped) {
        return;
    }
    let range = node.start_byte()..node.start_byte() + text.len();
    match text {
        "break" => walk.propose(node, range, "continue"),
        "continue" => walk.propose(node, range, "break"),
        _ => {}
    }
}

fn loop_over_nothing<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (iterable, nothing) = match walk.syntax.name {
        "java" => {
            let (Some(ty), Some(items)) =
                (walk.field(node, Field::Type), walk.field(node, Field::Value))
            else {
                return;
            };
            match walk.text(ty) {
                "var" => return,
                ty if ty.contains('<') => (items, format!("java.util.List.<{ty}>of()")),
                ty => {
                    let (base, dimensions) = ty.split_at(ty.find('[').unwrap_or(ty.len()));
                    (items, format!("new {base}[0]{dimensions}"))
                }
            }
        }
        _ if walk.text(node).contains(" of ") => {
            let Some(items) = walk.field(node, Field::Right) else { return };
            (items, "[]".to_owned())
        }
        _ => return,
    };
    walk.replace(iterable, nothing);
}

fn loop_once<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(body) = walk.field(node, Field::Body).filter(|body| walk.kind(*body) == Kind::Block)
    else {
        return;
    };
    let statements = walk.statements(body);
    let Some(last) = statements.last() else { return };
    let endless = !walk.text(node).starts_with("for ")
        && condition(walk, node).is_none_or(|c| walk.text(c) == "true");
    let bare = walk.kind(node) == Kind::For && walk.syntax.name == "go" && children(node).len() < 2;
    // No value is required after an infinite loop.
    if walk.jumps(*last)
        || bare
        || (endless && walk.rules().typed)
        || walk.text(node).starts_with("'")
    {
        return;
    }
    // In a loop, a block must not end with an expression that has a value.
    let semicolon = if walk.rules().tail_values
        && walk.kind(*last) != Kind::ExpressionStatement
        && walk.kind(*last) != Kind::Let
    {
        ";"
    } else {
        ""
    };
    let at = last.end_byte();
    let own_line = walk.text[..last.start_byte()].ends_with(|c: char| c.is_whitespace())
        && walk.text[..last.start_byte()].trim_end_matches([' ', '\t']).ends_with('\n');
    let newline = if walk.text[..at].contains("\r\n") { "\r\n" } else { "\n" };
    let gap = match own_line {
        true => format!("{newline}{}", walk.indent(last.start_byte())),
        false if walk.syntax.name == "go" => "; ".to_owned(),
        false => " ".to_owned(),
    };
    walk.propose(*last, at..at, format!("{semicolon}{gap}{}", walk.syntax.break_));
}

fn decide_otherwise<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let parts = [Field::Condition, Field::Consequence, Field::Alternative];
    let [Some(condition), Some(yes), Some(no)] = parts.map(|part| walk.field(node, part)) else {
        return;
    };
    if walk.text(yes) == walk.text(no) || has_comment(walk.text(node)) {
        return;
    }
    let question = &walk.text[condition.end_byte()..yes.start_byte()];
    let colon = &walk.text[yes.end_byte()..no.start_byte()];
    let [a, b] = [yes, no].map(|value| match walk.kind(value) {
        Kind::Ternary | Kind::Closure | Kind::Assignment => format!("({})", walk.text(value)),
        _ => walk.text(value).to_owned(),
    });
    let swapped = format!("{}{question}{b}{colon}{a}", walk.text(condition));
    walk.replace(node, swapped);
    for value in [yes, no] {
        let alone = walk.parent_kind() == Kind::Binary;
        let value = if alone { operand(walk, value) } else { walk.text(value).to_owned() };
        walk.replace(node, value);
    }
}

/// The variable that a statement changes: the target of an assignment or the receiver of a call.
fn changed<'t>(walk: &Walk<'t, '_>, statement: Node<'t>) -> Option<&'t str> {
    let inner = walk.expression(statement);
    let mut target = match walk.kind(inner) {
        Kind::Assignment => walk.field(inner, Field::Left)?,
        Kind::Call => walk.call(inner)?.receiver?,
        _ => return None,
    };
    while matches!(walk.kind(target), Kind::Member | Kind::Index | Kind::Tuple | Kind::Reference) {
        target = *children(target).first()?;
    }
    matches!(walk.kind(target), Kind::Identifier | Kind::This).then(|| walk.text(target))
}

fn swap_statements<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(first) = statement(walk, node) else { return };
    // In most grammars an assignment is an expression inside of a statement.
    if walk.kind(node) == Kind::Assignment && walk.parent_kind() != Kind::Statements {
        return;
    }
    let Some(second) = first.next() else { return };
    let (a, b) = (walk.text(first.node), walk.text(second));
    let between = &walk.text[first.node.end_byte()..second.start_byte()];
    let depends = match (changed(walk, first.node), changed(walk, second)) {
        (Some(x), Some(y)) => mentions(b, x) || mentions(a, y),
        _ => false,
    };
    let locks = |text: &str| {
        let pairs = walk.syntax.locks.iter();
        pairs.clone().any(|(take, give)| text.contains(take) || text.contains(give))
    };
    let swapped_range = first.node.start_byte()..second.end_byte();
    if a == b
        || !depends
        || locks(a)
        || locks(b)
        || has_comment(between)
        || walk.jumps(first.node)
        || walk.jumps(second)
        || a.contains("await") != b.contains("await")
        || (walk.rules().tail_values && !(a.ends_with(';') && b.ends_with(';')))
        || statements::loses_value(walk, &swapped_range)
    {
        return;
    }
    let (range, swapped) = statements::swapped(walk, first.node, second);
    walk.propose(first.node, range, swapped);
}
