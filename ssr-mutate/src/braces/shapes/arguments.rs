//! Arguments, wrapper calls and list elements: `ARS`, `ARD`, `FWD`, `ELR`.

use tree_sitter::Node;

use super::{has_comment, shape, structural};
use crate::braces::Shape;
use crate::braces::facts::Signature;
use crate::braces::grammar::{Field, Kind, children};
use crate::braces::guards::macro_name;
use crate::braces::scope::Value;
use crate::braces::values;
use crate::braces::walk::Walk;
use crate::{Difficulty, Family};

pub(crate) const ARS: Shape = shape(
    "ARS",
    Family::DataFlow,
    Difficulty::Medium,
    "Swap two neighbouring arguments: `f(a, b)` → `f(b, a)`",
    &[Kind::Call, Kind::New],
    swap_arguments,
);

pub(crate) const ARD: Shape = structural(shape(
    "ARD",
    Family::DataFlow,
    Difficulty::Medium,
    "Drop the last argument",
    &[Kind::Call, Kind::New],
    drop_argument,
));

pub(crate) const FWD: Shape = structural(shape(
    "FWD",
    Family::DataFlow,
    Difficulty::Medium,
    "Drop a call that gives a value of the same type: `f(x)` → `x`, `s.trim()` → `s`",
    &[Kind::Call],
    drop_call,
));

pub(crate) const ELR: Shape = structural(shape(
    "ELR",
    Family::DataFlow,
    Difficulty::Medium,
    "Drop the first or the last element of a literal list",
    &[Kind::List, Kind::Composite, Kind::Macro],
    drop_element,
));

/// Callees whose arguments commute, or that refuse swapped ones at once.
const COMMUTATIVE: &[&str] = &[
    "min",
    "max",
    "Min",
    "Max",
    "fmin",
    "fmax",
    "gcd",
    "lcm",
    "hypot",
    "add",
    "mul",
    "xor",
    "eq",
    "equals",
    "MIN",
    "MAX",
    "abs_diff",
    "swap",
    "union",
    "intersection",
];

fn swap_arguments<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(call) = walk.call(node) else { return };
    let name = walk.callee(node);
    if COMMUTATIVE.contains(&name) {
        return;
    }
    let parameters = walk.facts.function(name).map(|function| function.parameters.clone());
    let arguments = children(call.arguments);
    for (index, pair) in arguments.windows(2).enumerate() {
        let [a, b] = pair else { continue };
        let between = &walk.text[a.end_byte()..b.start_byte()];
        let (first, second) = (walk.text(*a), walk.text(*b));
        let plain = |argument: &Node<'t>| {
            let kind = walk.kind(*argument);
            !matches!(kind, Kind::Spread | Kind::Arid | Kind::Closure)
        };
        let declared = parameters.as_ref().is_some_and(|types| {
            let two = [types.get(index), types.get(index + 1)];
            matches!(two, [Some(Some(a)), Some(Some(b))] if a == b)
        });
        if plain(a)
            && plain(b)
            && first != second
            && !has_comment(between)
            && (declared || are_alike(walk, *a, *b))
        {
            walk.propose(*a, a.start_byte()..b.end_byte(), format!("{second}{between}{first}"));
        }
    }
}

/// Whether the compiler accepts one in place of the other.
fn are_alike<'t>(walk: &Walk<'t, '_>, a: Node<'t>, b: Node<'t>) -> bool {
    let of = |node| (values::type_of(walk, node), values::of(walk, node));
    let (a, b) = (of(a), of(b));
    if !walk.rules().typed {
        let function = |value| value == Value::Function;
        return function(a.1) == function(b.1);
    }
    let number = |value| matches!(value, Value::Integer | Value::Float);
    (a.0.is_some() && a.0 == b.0)
        || (a.1 == b.1
            && a.1 != Value::Unknown
            && a.1 != Value::Sequence
            && (!number(a.1) || walk.rules().loose_numbers || (a.0.is_none() && b.0.is_none())))
}

fn drop_argument<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(call) = walk.call(node) else { return };
    let arguments = children(call.arguments);
    let Some((last, others)) = arguments.split_last() else { return };
    if has_comment(walk.text(call.arguments)) || walk.kind(*last) == Kind::Spread {
        return;
    }
    let name = walk.callee(node);
    let previous = others.last();
    let optional = match walk.syntax.name {
        "javascript" => previous.is_some() && !is_required(name),
        "java" => has_overload(walk, name, others.len()),
        "go" | "c" => is_variadic(walk, name, arguments.len()),
        // Rust has no optional arguments: replace `Some(…)` by `None`.
        _ => {
            let some = arguments.iter().find(|argument| {
                walk.kind(**argument) == Kind::Call && walk.text(**argument).starts_with("Some(")
            });
            if let Some(some) = some {
                walk.replace(*some, "None");
            }
            false
        }
    };
    if optional && let Some(previous) = previous {
        walk.propose(*last, previous.end_byte()..last.end_byte(), "");
    }
}

/// Functions of JavaScript's library whose last argument is required.
fn is_required(name: &str) -> bool {
    matches!(
        name,
        "replace"
            | "replaceAll"
            | "set"
            | "defineProperty"
            | "max"
            | "min"
            | "pow"
            | "apply"
            | "call"
            | "setPrototypeOf"
            | "addEventListener"
            | "on"
            | "once"
            | "removeListener"
    )
}

/// Java: whether the file has a method of that name with this number of parameters, beside one with
/// one more parameter.
fn has_overload(walk: &Walk<'_, '_>, name: &str, arguments: usize) -> bool {
    let named = || walk.facts.functions.iter().filter(|function| function.name == name);
    let shorter = named().find(|function| function.parameters.len() == arguments);
    let longer = named().find(|function| function.parameters.len() == arguments + 1);
    match (shorter, longer) {
        (Some(shorter), Some(longer)) => {
            shorter.result == longer.result && longer.parameters.starts_with(&shorter.parameters)
        }
        (None, Some(longer)) => longer.flexible && longer.parameters.len() == arguments,
        _ => false,
    }
}

fn is_variadic(walk: &Walk<'_, '_>, name: &str, arguments: usize) -> bool {
    let known = walk.syntax.name == "go" && matches!(name, "append" | "Join") && arguments > 2;
    let named = walk.facts.function(name).filter(|function| function.flexible);
    let fixed = |function: &Signature<'_>| match walk.syntax.name {
        // The variadic parameter of C has no name.
        "c" => function.parameters.len(),
        _ => function.parameters.len() - 1,
    };
    known && name == "append" || named.is_some_and(|function| arguments > fixed(function).max(1))
}

fn drop_call<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(call) = walk.call(node) else { return };
    if walk.parent_kind() == Kind::ExpressionStatement || has_comment(walk.text(node)) {
        return;
    }
    let name = walk.callee(node);
    let arguments = children(call.arguments);
    let own = walk.facts.function(name).is_some_and(
        |function| matches!(&function.parameters[..], [Some(ty)] if function.result == Some(ty)),
    );
    if !own && !walk.syntax.wrappers.contains(&name) {
        return;
    }
    let statics = |receiver: Node<'t>| {
        walk.kind(receiver) == Kind::Identifier
            && (walk.text(receiver).starts_with(char::is_uppercase) || walk.syntax.name == "go")
            && walk.scopes.binding(walk.text(receiver)).is_none()
    };
    let kept = match (call.receiver, &arguments[..]) {
        (Some(receiver), [only]) if statics(receiver) => *only,
        (Some(receiver), _) if !statics(receiver) && !own => receiver,
        (_, [only]) if own || call.receiver.is_none() => *only,
        _ => return,
    };
    // The text after the call, such as `.f()`, must not follow a number or an operation.
    let after =
        matches!(walk.parent_kind(), Kind::Member | Kind::Call | Kind::Binary | Kind::Unary);
    if walk.kind(kept) == Kind::Spread || walk.kind(kept) == Kind::Super {
        return;
    }
    let kept = if after { super::operand(walk, kept) } else { walk.text(kept).to_owned() };
    walk.replace(node, kept);
}

fn drop_element<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (list, elements) = match walk.kind(node) {
        Kind::Macro => return drop_from_vec(walk, node),
        Kind::Composite => {
            let ty = walk.field(node, Field::Type).map_or("", |ty| walk.text(ty));
            let Some(body) = walk.field(node, Field::Body) else { return };
            if !ty.starts_with("[]") && !ty.starts_with("map[") {
                return;
            }
            (body, children(body))
        }
        _ => (node, children(node)),
    };
    // Rust: the length of an array is part of its type, unless a slice is made of it.
    let fixed = walk.rules().tail_values
        && (walk.parent_kind() != Kind::Reference || walk.text(node).contains(';'));
    if elements.len() < 2 || has_comment(walk.text(list)) || fixed || is_pattern(walk, node) {
        return;
    }
    let (first, second) = (elements[0], elements[1]);
    let [.., before, last] = elements[..] else { return };
    walk.propose(last, before.end_byte()..last.end_byte(), "");
    // In C it may initialise a struct, whose fields have different types.
    let kind = walk.kind(first);
    let alike = elements.iter().all(|element| walk.kind(*element) == kind);
    if walk.kind(second) == kind && (walk.syntax.name != "c" || (alike && kind != Kind::Null)) {
        walk.propose(first, first.start_byte()..second.start_byte(), "");
    }
}

/// `[a, b] = …` and `const [a, b] = …`.
fn is_pattern<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    walk.ancestor(0).is_some_and(|(parent, _)| {
        [Field::Left, Field::Name].into_iter().any(|field| walk.field(parent, field) == Some(node))
    })
}

/// `vec![a, b]`: the elements are tokens, separated by commas outside of brackets.
fn drop_from_vec<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if macro_name(walk, node) != "vec" {
        return;
    }
    let Some(tokens) = children(node).into_iter().find(|child| child.kind() == "token_tree") else {
        return;
    };
    let mut cursor = tokens.walk();
    let inner: Vec<_> = tokens.children(&mut cursor).collect();
    drop(cursor);
    let [open, .., close] = inner[..] else { return };
    let commas: Vec<_> = inner.iter().filter(|token| walk.text(**token) == ",").collect();
    let (Some(first), false) = (commas.first(), walk.text(tokens).contains(';')) else { return };
    let trailing = inner.len() > 2 && walk.text(inner[inner.len() - 2]) == ",";
    let last = if trailing { commas.iter().rev().nth(1) } else { commas.last() };
    let Some(last) = last.filter(|_| !has_comment(walk.text(tokens))) else { return };
    let end = if trailing { commas[commas.len() - 1].start_byte() } else { close.start_byte() };
    walk.propose(node, last.start_byte()..end, "");
    let second = inner.iter().find(|token| token.start_byte() >= first.end_byte());
    if let Some(second) = second {
        walk.propose(node, open.end_byte()..second.start_byte(), "");
    }
}
