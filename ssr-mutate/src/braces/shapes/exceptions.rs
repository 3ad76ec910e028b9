//! Exceptions, errors and resources: `EXW`, `EXN`, `EXS`, `TRU`, `RSD`, `FND`, `RLK`.

use tree_sitter::Node;

use super::control_flow::is_error_check;
use super::{shape, structural};
use crate::braces::Shape;
use crate::braces::grammar::{Field, Kind, children};
use crate::braces::statements::{self, statement};
use crate::braces::walk::Walk;
use crate::{Difficulty, Family};

pub(crate) const EXW: Shape = shape(
    "EXW",
    Family::Exceptions,
    Difficulty::Hard,
    "Catch more than what was meant",
    &[Kind::Catch],
    catch_more,
);

pub(crate) const EXN: Shape = shape(
    "EXN",
    Family::Exceptions,
    Difficulty::Medium,
    "Catch one type fewer: `catch (A | B e)` → `catch (A e)`",
    &[Kind::Catch],
    catch_less,
);

pub(crate) const EXS: Shape = structural(shape(
    "EXS",
    Family::Exceptions,
    Difficulty::Medium,
    "Swallow an error: empty the handler",
    &[Kind::Catch, Kind::If, Kind::Question],
    swallow_error,
));

pub(crate) const TRU: Shape = structural(shape(
    "TRU",
    Family::Exceptions,
    Difficulty::Medium,
    "Run the body of a `try` without its handlers",
    &[Kind::Try],
    unwrap_try,
));

pub(crate) const RSD: Shape = structural(shape(
    "RSD",
    Family::Exceptions,
    Difficulty::Medium,
    "Raise no error: delete the statement in an `if` that throws or returns it",
    &[Kind::Throw, Kind::Return, Kind::Goto, Kind::ExpressionStatement],
    raise_nothing,
));

pub(crate) const FND: Shape = structural(shape(
    "FND",
    Family::Exceptions,
    Difficulty::Hard,
    "Delete what has to run at the end: a `finally`, a `defer`",
    &[Kind::Try, Kind::Defer],
    delete_finally,
));

pub(crate) const RLK: Shape = structural(shape(
    "RLK",
    Family::Exceptions,
    Difficulty::Hard,
    "Leak a resource: delete the call that releases it",
    &[Kind::ExpressionStatement],
    leak,
));

/// Unchecked exceptions of Java, which no method has to declare.
const UNCHECKED: &[&str] = &[
    "RuntimeException",
    "IllegalArgumentException",
    "IllegalStateException",
    "NullPointerException",
    "NumberFormatException",
    "IndexOutOfBoundsException",
    "ArrayIndexOutOfBoundsException",
    "StringIndexOutOfBoundsException",
    "ClassCastException",
    "ArithmeticException",
    "UnsupportedOperationException",
    "ConcurrentModificationException",
    "NoSuchElementException",
    "DateTimeException",
    "UncheckedIOException",
];

/// The types that a Java handler catches, the name of the exception, and the body.
fn caught<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Option<(Node<'t>, &'t str, Node<'t>)> {
    let parameter = children(node).into_iter().find(|c| c.kind() == "catch_formal_parameter")?;
    let types = children(parameter).into_iter().find(|c| c.kind() == "catch_type")?;
    let name = walk.field(parameter, Field::Name)?;
    Some((types, walk.text(name), walk.field(node, Field::Body)?))
}

fn catch_more<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.syntax.name != "java" {
        return catch_any(walk, node);
    }
    let Some((types, name, body)) = caught(walk, node) else { return };
    let last = std::iter::successors(node.next_named_sibling(), Node::next_named_sibling)
        .all(|next| walk.kind(next) != Kind::Catch);
    // The handler must not use members that only the narrower type has.
    let mut rest = walk.text(body);
    let mut special = false;
    while let Some(at) = rest.find(&format!("{name}.")) {
        rest = &rest[at + name.len() + 1..];
        special |= !["getMessage(", "getCause(", "printStackTrace(", "toString("]
            .iter()
            .any(|method| rest.starts_with(method));
    }
    let rethrown = walk.text(body).contains(&format!("throw {name}"));
    let wide = matches!(walk.text(types), "Exception" | "Throwable" | "java.lang.Exception");
    if last && !wide && !special && !rethrown {
        walk.replace(types, "Exception");
    }
}

/// JavaScript: `e instanceof A` in a handler becomes `e instanceof Error`.
fn catch_any<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(parameter) = node.child_by_field_name("parameter") else { return };
    let Some(body) = walk.field(node, Field::Body) else { return };
    let name = walk.text(parameter);
    for statement in walk.statements(body) {
        let Some(condition) = walk.field(statement, Field::Condition) else { continue };
        let mut asked = walk.bare(condition);
        if let (Kind::Unary, [inner]) = (walk.kind(asked), &children(asked)[..]) {
            asked = walk.bare(*inner);
        }
        if let Some([left, right]) = walk.sides(asked)
            && walk.operator_text(asked) == "instanceof"
            && walk.text(left) == name
            && walk.text(right) != "Error"
        {
            walk.replace(right, "Error");
        }
    }
}

fn catch_less<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some((types, _, _)) = caught(walk, node) else { return };
    let all = children(types);
    for dropped in &all {
        let kept: Vec<_> =
            all.iter().filter(|ty| *ty != dropped).map(|ty| walk.text(*ty)).collect();
        if !kept.is_empty() && UNCHECKED.contains(&walk.text(*dropped)) {
            walk.replace(types, kept.join(" | "));
        }
    }
}

fn swallow_error<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    match walk.kind(node) {
        Kind::Question => use_default(walk, node),
        Kind::If => ignore_error(walk, node),
        _ => empty_handler(walk, node),
    }
}

/// Rust: `f()?` → `f().unwrap_or_default()`, where the value has a type with a default.
fn use_default<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let [inner] = children(node)[..] else { return };
    let used = match walk.ancestor(0) {
        Some((_, Kind::ExpressionStatement)) => false,
        Some((parent, Kind::Let)) => walk
            .field(parent, Field::Type)
            .is_some_and(|ty| (walk.syntax.zero)(walk.text(ty)).is_some()),
        _ => false,
    };
    if used {
        walk.propose(node, inner.end_byte()..node.end_byte(), ".unwrap_or_default()");
    } else if walk.parent_kind() == Kind::ExpressionStatement {
        // The result of the statement is not used.
        walk.propose(node, inner.end_byte()..node.end_byte(), ".ok()");
    }
}

/// Go: `if err != nil { … }` does nothing.
fn ignore_error<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(body) = walk.field(node, Field::Consequence) else { return };
    if is_error_check(walk, node) && !children(body).is_empty() {
        walk.replace(body, "{\n}".replace('\n', &format!("\n{}", walk.indent(node.start_byte()))));
    }
}

fn empty_handler<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (Some(body), Some((try_, _))) = (walk.field(node, Field::Body), walk.ancestor(0)) else {
        return;
    };
    let statements = walk.statements(body);
    let Some(last) = statements.last() else { return };
    // Without its `return`, the function could end without a value.
    let last_of_block = try_.next_named_sibling().is_none();
    let needed = walk.rules().no_missing_value && walk.jumps(*last) && {
        let void = walk.scopes.innermost_function().and_then(|f| f.result);
        (last_of_block && void.is_some_and(|result| result != "void"))
            || walk
                .facts
                .written_in(&try_.byte_range())
                .any(|name| walk.scopes.binding(name).is_some_and(|binding| !binding.ready))
    };
    if !needed && !statements::loses_value(walk, &body.byte_range()) {
        walk.replace(body, "{ }");
    }
}

fn unwrap_try<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(body) = walk.field(node, Field::Body) else { return };
    let handlers: Vec<_> =
        children(node).into_iter().filter(|child| walk.kind(*child) == Kind::Catch).collect();
    let resources = node.child_by_field_name("resources").is_some();
    let unchecked = handlers.iter().all(|handler| {
        walk.syntax.name != "java"
            || caught(walk, *handler).is_some_and(|(types, _, _)| {
                children(types).iter().all(|ty| UNCHECKED.contains(&walk.text(*ty)))
            })
    });
    let unreachable = walk.rules().no_unreachable
        && walk.jumps(body)
        && statement(walk, node).is_some_and(|statement| statement.next().is_some());
    if !handlers.is_empty() && !resources && unchecked && !unreachable {
        walk.replace(node, walk.text(body).to_owned());
    }
}

/// Whether the statement returns or throws an error to the caller.
fn raises<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    let text = walk.text(node);
    let value = text.trim_start_matches("return").trim().trim_end_matches(';');
    match (walk.syntax.name, walk.kind(node)) {
        ("java" | "javascript", kind) => kind == Kind::Throw,
        ("rust", Kind::Return) => value.starts_with("Err(") || value == "None",
        ("rust", Kind::ExpressionStatement) => {
            walk.kind(walk.expression(node)) == Kind::Macro && walk.jumps(node)
        }
        ("go", Kind::Return) => {
            let last = value.rsplit(',').next().unwrap_or(value).trim();
            let last = if value.ends_with(')') { value } else { last };
            last.contains("err") || last.contains("Err")
        }
        ("go", Kind::ExpressionStatement) => text.starts_with("panic("),
        ("c", Kind::Return) => value.starts_with("-") || value == "NULL" || value == "false",
        ("c", Kind::Goto) => ["err", "fail", "out", "bad"].iter().any(|label| text.contains(label)),
        ("c", Kind::ExpressionStatement) => text.starts_with("abort(") || text.starts_with("exit("),
        _ => false,
    }
}

fn raise_nothing<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(statement) = statement(walk, node) else { return };
    let around = walk
        .around(|kind| !matches!(kind, Kind::ExpressionStatement | Kind::Block | Kind::Statements));
    let Some((around, Kind::If)) = around else { return };
    // Control may continue after an `if` without `else`.
    if walk.field(around, Field::Alternative).is_none()
        && raises(walk, node)
        && !is_error_check(walk, around)
        && let Some((range, replacement)) = statement.removal(walk)
    {
        walk.propose(node, range, replacement);
    }
}

fn delete_finally<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.kind(node) == Kind::Defer {
        let locks = walk.syntax.locks.iter().any(|(_, give)| walk.text(node).contains(give));
        // Locks are left to LKD and RLK.
        if !locks {
            statements::delete(walk, node);
        }
        return;
    }
    let parts = children(node);
    let finally = parts.iter().find(|child| walk.kind(**child) == Kind::Finally);
    let (Some(finally), Some(body)) = (finally, walk.field(node, Field::Body)) else { return };
    if statements::loses_value(walk, &finally.byte_range()) {
        return;
    }
    let caught = parts.iter().any(|child| walk.kind(*child) == Kind::Catch);
    let resources = node.child_by_field_name("resources").is_some();
    if caught || resources {
        let before = walk.text[..finally.start_byte()].trim_end().len();
        walk.propose(*finally, before..finally.end_byte(), "");
    } else {
        walk.replace(node, walk.text(body).to_owned());
    }
}

fn leak<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let mut inner = walk.expression(node);
    if walk.kind(inner) == Kind::Await {
        inner = children(inner).first().copied().unwrap_or(inner);
    }
    let call = match walk.kind(inner) {
        Kind::Call => inner,
        _ => return,
    };
    let name = walk.callee(call);
    let gives = walk.syntax.locks.iter().any(|(_, give)| *give == name);
    let plausible = walk.call(call).is_some_and(|call| {
        // `super.close()` is left to SCL.
        let own = |receiver: Node<'t>| matches!(walk.kind(receiver), Kind::This | Kind::Super);
        call.receiver.is_some_and(|receiver| !own(receiver)) || !children(call.arguments).is_empty()
    });
    if (walk.syntax.releases.contains(&name) || gives) && plausible {
        statements::delete(walk, node);
    }
}
