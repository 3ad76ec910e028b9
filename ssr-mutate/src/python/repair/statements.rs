//! Restores statements and their parts: results, iterables, calls of `super`, handlers, decorators.

use tree_sitter::Node;

use super::idioms::last_name;
use super::{Idioms, Inverse, RepairOrigin};
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::names::{Position, position};
use crate::python::operators::exceptions::{caught, handlers};
use crate::python::scope::ScopeKind;
use crate::python::walk::Walk;
use crate::python::{calls, statements};

pub(super) static INVERSES: &[Inverse] = &[
    Inverse { kinds: &[Kind::BreakStatement], find: remove_break },
    Inverse { kinds: &[Kind::ForStatement, Kind::ForInClause], find: restore_iterable },
    Inverse { kinds: &[Kind::ReturnStatement], find: restore_result },
    Inverse { kinds: &[Kind::Assignment], find: restore_assigned },
    Inverse { kinds: &[Kind::Assignment], find: restore_self },
    Inverse { kinds: &[Kind::FunctionDefinition], find: restore_super_call },
    Inverse { kinds: &[Kind::FunctionDefinition], find: restore_decorator },
    Inverse { kinds: &[Kind::PassStatement], find: restore_statement },
    Inverse { kinds: &[Kind::TryStatement], find: restore_handlers },
    Inverse {
        kinds: &[Kind::DefaultParameter, Kind::TypedDefaultParameter],
        find: restore_default,
    },
    Inverse { kinds: &[Kind::Call], find: restore_call_of_base },
    Inverse {
        kinds: &[Kind::WithStatement, Kind::ForStatement, Kind::FunctionDefinition],
        find: restore_async,
    },
    Inverse { kinds: &[Kind::Subscript], find: restore_get },
    Inverse { kinds: &[Kind::Call], find: restore_opposite },
];

/// Names or texts that are tried in one place.
const MOST: usize = 10;

/// A `break` at the end of a loop stops after the first round.
fn remove_break<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let block = walk.ancestor_node(0).filter(|(_, kind)| *kind == Kind::Block);
    let looped = matches!(walk.ancestor(1), Kind::ForStatement | Kind::WhileStatement);
    let Some((block, _)) = block.filter(|_| looped) else { return };
    let Some(previous) = node.prev_named_sibling() else { return };
    if children(block).last() != Some(&node) {
        return;
    }
    let range = previous.end_byte()..node.end_byte();
    let same_line = previous.end_position().row == node.start_position().row;
    if let (Some(lines), false) = (statements::whole_lines(walk.text, node.byte_range()), same_line)
    {
        walk.repair(RepairOrigin::Break, node, lines, "");
    } else {
        walk.repair(RepairOrigin::Break, node, range, "");
    }
}

/// `for x in []` → `for x in xs`, `for x in xs[1:]` → `for x in xs`.
fn restore_iterable<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(right) = walk.field(node, Field::Right) else { return };
    match GRAMMAR.kind(right) {
        Kind::Subscript if walk.text(right).ends_with("[1:]") => {
            let text = walk.text(right);
            let whole = text[..text.len() - 4].to_owned();
            walk.repair_whole(RepairOrigin::WholeIterable, right, whole);
        }
        Kind::List if children(right).is_empty() => {
            let Some(facts) = walk.facts() else { return };
            let names: Vec<_> = walk.scope().all_bindings().take(MOST).collect();
            for other in names {
                let mut forms = vec![other.name.to_owned()];
                if let Some(around) = facts.own().and_then(|own| own.around.get(other.name)) {
                    let calls = around.iter().filter(|affix| affix.after.ends_with(')'));
                    forms.extend(
                        calls.map(|one| format!("{}{}{}", one.before, other.name, one.after)),
                    );
                }
                forms.push(format!("{}.items()", other.name));
                forms.push(format!("range({})", other.name));
                for form in forms {
                    walk.repair_whole(RepairOrigin::Iterable, right, form);
                }
            }
            let of_self = facts.own().and_then(|own| own.members.get("self"));
            for name in of_self.map(|members| members.top(MOST)).unwrap_or_default() {
                walk.repair_whole(RepairOrigin::Iterable, right, format!("self.{name}"));
            }
        }
        _ => {}
    }
}

fn is_empty_value(text: &str) -> bool {
    matches!(
        text,
        "None" | "0" | "0.0" | "\"\"" | "b\"\"" | "[]" | "()" | "{}" | "False" | "True" | "set()"
    )
}

fn restore_result<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let [value] = children(node)[..] else { return };
    if is_empty_value(walk.text(value)) {
        restore_value(walk, value, RepairOrigin::Returned, None);
        restore_known(walk, value, RepairOrigin::ReturnedElsewhere, |own| own.returned.top(200));
    }
}

fn restore_assigned<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (left, right) = (walk.field(node, Field::Left), walk.field(node, Field::Right));
    let (Some(left), Some(right)) = (left, right) else { return };
    if is_empty_value(walk.text(right)) && walk.scope().kind == ScopeKind::Function {
        let name = last_name(walk.text(left));
        restore_value(walk, right, RepairOrigin::Assigned, Some(name));
        let target = walk.text(left);
        restore_known(walk, right, RepairOrigin::AssignedElsewhere, |own| {
            own.assigned.get(target).map(|values| values.top(200)).unwrap_or_default()
        });
    }
}

/// Proposes values of the file in place of an empty one, where they begin with a known name.
fn restore_known<'t>(
    walk: &mut Walk<'t, '_>,
    value: Node<'t>,
    origin: RepairOrigin,
    known: impl Fn(&Idioms) -> Vec<&str>,
) {
    let Some(facts) = walk.facts() else { return };
    let texts = facts.own().map(known).unwrap_or_default();
    let root = |text: &str| {
        text.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or("").to_owned()
    };
    let fits = |text: &&str| facts.uses(&root(text), &walk.scope().range) > 0;
    let texts: Vec<_> = texts.into_iter().filter(fits).take(MOST).map(str::to_owned).collect();
    for text in texts {
        walk.repair_whole(origin, value, text);
    }
}

/// Proposes the variables in scope in place of an empty value, `preferred` above all.
fn restore_value<'t>(
    walk: &mut Walk<'t, '_>,
    value: Node<'t>,
    origin: RepairOrigin,
    preferred: Option<&str>,
) {
    let Some(facts) = walk.facts() else { return };
    let others: Vec<_> = walk.scope().all_bindings().take(MOST).collect();
    for other in others {
        let name = other.name;
        let unread = facts.uses(name, &walk.scope().range) < 2;
        let origin = match unread || preferred == Some(name) {
            true => RepairOrigin::UnreadName,
            false => origin,
        };
        walk.repair_whole(origin, value, name.to_owned());
        let around = facts.own().and_then(|own| own.around.get(name));
        for affix in around.into_iter().flatten().take(4) {
            let form = format!("{}{name}{}", affix.before, affix.after);
            walk.repair_whole(RepairOrigin::Assigned, value, form);
        }
    }
}

/// `n = g()` → `self.n = g()` for an attribute of the class.
fn restore_self<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(left) = walk.field(node, Field::Left) else { return };
    if GRAMMAR.kind(left) != Kind::Identifier || walk.scope().kind != ScopeKind::Function {
        return;
    }
    let name = walk.text(left);
    let survey = walk.survey();
    let known = walk.class(&survey).and_then(|class| class.attribute(name)).is_some();
    if known {
        walk.repair_whole(RepairOrigin::SelfTarget, left, format!("self.{name}"));
    }
}

fn restore_super_call<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (Some(name), Some(body)) = (walk.field(node, Field::Name), walk.field(node, Field::Body))
    else {
        return;
    };
    let survey = walk.survey();
    if walk.scope().kind != ScopeKind::Class || walk.text(body).contains("super()") {
        return;
    }
    let Some(class) = walk.class(&survey).filter(|class| !class.bases.is_empty()) else { return };
    let name = walk.text(name);
    let Some(method) = class.method(name) else { return };
    let names: Vec<_> = method.parameters.iter().map(|one| one.name).collect();
    let named = |keyword_only: bool| {
        let one = move |p: &crate::python::survey::Parameter<'t>| {
            let keyword = p.keyword_only || (keyword_only && p.default.is_some());
            if keyword { format!("{0}={0}", p.name) } else { p.name.to_owned() }
        };
        let mut all: Vec<_> = method.parameters.iter().map(one).collect();
        all.extend(method.star.then(|| "*args".to_owned()));
        all.extend(method.stars.then(|| "**kwargs".to_owned()));
        all.join(", ")
    };
    let wait = if method.is_async { "await " } else { "" };
    let mut calls = vec![named(false), named(true), String::new()];
    calls.extend(names.first().map(|first| (*first).to_owned()));
    calls.dedup();
    let statements = children(body);
    let Some(first) = statements.first().copied() else { return };
    let docstring = first.named_child(0).is_some_and(|one| GRAMMAR.kind(one) == Kind::String);
    let start = statements.get(usize::from(docstring)).copied();
    let mut statements_to_add = Vec::new();
    for arguments in calls {
        statements_to_add.push(format!("{wait}super().{name}({arguments})"));
        let rest = if arguments.is_empty() { String::new() } else { format!(", {arguments}") };
        if let Some(base) = class.bases.first() {
            statements_to_add.push(format!("{base}.{name}(self{rest})"));
        }
    }
    for call in statements_to_add {
        if let Some(start) = start {
            let at = start.start_byte();
            if GRAMMAR.kind(start) == Kind::PassStatement {
                walk.repair_whole(RepairOrigin::SuperCall, start, call.clone());
            } else if let Some(indent) = statements::indent(walk.text, start) {
                let new = format!("{call}\n{indent}");
                walk.repair(RepairOrigin::SuperCall, body, at..at, new);
            }
        }
        if let Some((range, new)) = statements::addition(walk, body, &call) {
            walk.repair(RepairOrigin::SuperCall, body, range, new);
        }
    }
}

fn restore_decorator<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(facts) = walk.facts() else { return };
    let Some(indent) = statements::indent(walk.text, node) else { return };
    let mut names = facts.own().map(|own| own.decorators.top(5)).unwrap_or_default();
    if walk.scope().kind == ScopeKind::Class {
        names.extend(["@property", "@staticmethod", "@classmethod"]);
    }
    names.dedup();
    let at = node.start_byte();
    for name in names {
        let new = format!("{name}\n{indent}");
        walk.repair(RepairOrigin::Decorator, node, at..at, new);
    }
}

/// What may have stood in the place of a `pass`.
fn restore_statement<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(facts) = walk.facts() else { return };
    let mut all: Vec<(RepairOrigin, String)> = Vec::new();
    let top = facts.own().map(|own| own.statements.top(200)).unwrap_or_default();
    let range = &walk.scope().range;
    for text in top {
        let root = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or("");
        if text.starts_with("raise") {
            all.push((RepairOrigin::Raise, text.to_owned()));
        } else if facts.uses(root, range) > 0 || (facts.knows(root) && all.len() < 40) {
            all.push((RepairOrigin::Statement, text.to_owned()));
        }
    }
    for text in ["raise", "return None", "return False", "return", "continue", "break"] {
        all.push((RepairOrigin::Handler, text.to_owned()));
    }
    for (origin, text) in all {
        walk.repair_whole(origin, node, text);
    }
}

fn restore_handlers<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(facts) = walk.facts() else { return };
    let mut known: Vec<&str> = facts.own().map(|own| own.caught.top(8)).unwrap_or_default();
    for (_, idioms) in facts.each().skip(1) {
        known.extend(idioms.caught.top(2));
    }
    known.truncate(16);
    known.extend(["ValueError", "TypeError", "KeyError", "AttributeError", "IndexError"]);
    known.extend(["StopIteration", "OSError", "ImportError"]);
    for (clause, body) in handlers(walk, node) {
        if let Some((range, new)) = statements::addition(walk, body, "raise") {
            walk.repair(RepairOrigin::Raise, body, range, new);
        }
        let Some(value) = caught(walk, clause) else { continue };
        let text = walk.text(value);
        for other in known.iter().filter(|other| **other != text) {
            if text == "Exception" {
                walk.repair_whole(RepairOrigin::Caught, value, (*other).to_owned());
            } else if !other.starts_with('(') {
                let inner = match GRAMMAR.kind(value) {
                    Kind::Tuple => text[1..text.len() - 1].trim_end_matches(','),
                    _ => text,
                };
                let origin = RepairOrigin::AlsoCaught;
                if !inner.split(", ").any(|one| one == *other) {
                    walk.repair_whole(origin, value, format!("({inner}, {other})"));
                    walk.repair_whole(origin, value, format!("({other}, {inner})"));
                }
            }
        }
    }
}

fn restore_default<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(value) = walk.field(node, Field::Value) else { return };
    if matches!(walk.text(value), "[]" | "{}" | "set()" | "list()" | "dict()") {
        walk.repair_whole(RepairOrigin::Default, value, "None");
        walk.repair_whole(RepairOrigin::Default, value, "()");
    }
}

/// `self.f()` → `super().f()`, `super(B, self)` → `super()`.
fn restore_call_of_base<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.text(node).starts_with("super(") && calls::name(walk, node) == Some("super") {
        if !calls::arguments(walk, node).is_empty() {
            walk.repair_whole(RepairOrigin::SuperReceiver, node, "super()");
        }
    } else if let Some(receiver) = calls::receiver(walk, node)
        && walk.text(receiver) == "self"
    {
        let survey = walk.survey();
        let derived = walk.class(&survey).is_some_and(|class| !class.bases.is_empty());
        if derived {
            walk.repair_whole(RepairOrigin::SuperReceiver, receiver, "super()");
        }
    }
}

fn restore_async<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let text = walk.text(node);
    let definition = GRAMMAR.kind(node) == Kind::FunctionDefinition;
    let inside = walk.text.get(walk.scope().range.start..);
    let in_async = inside.is_some_and(|text| text.starts_with("async"));
    let file = || {
        walk.facts().is_some_and(|facts| facts.own().is_some()) && walk.text.contains("async def")
    };
    if !text.starts_with("async") && (if definition { file() } else { in_async }) {
        let at = node.start_byte();
        walk.repair(RepairOrigin::Async, node, at..at, "async ");
    }
}

/// `d[k]` → `d.get(k)` and `d.get(k, 0)`.
fn restore_get<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let parts = (walk.field(node, Field::Value), walk.field(node, Field::Subscript));
    let (Some(value), Some(key)) = parts else { return };
    if matches!(position(walk, node), Position::Target | Position::Other)
        || matches!(GRAMMAR.kind(key), Kind::Slice | Kind::Integer | Kind::UnaryOperator)
    {
        return;
    }
    let (value, key) = (walk.text(value), walk.text(key));
    for default in ["", ", None", ", 0", ", \"\"", ", ''", ", False", ", []", ", ()", ", {}"] {
        walk.repair_whole(RepairOrigin::MappingGet, node, format!("{value}.get({key}{default})"));
    }
}

/// The function or codec that an operator exchanges in one direction only.
fn restore_opposite<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(name) = calls::name_node(walk, node) else { return };
    let others: &[&'static str] = match walk.text(name) {
        "list" => &["sorted"],
        "pop" => &["popleft"],
        "notify" => &["notify_all"],
        "Lock" => &["RLock"],
        "copy" => &["deepcopy"],
        "keys" => &["items"],
        "fullmatch" => &["match", "search"],
        "match" => &["search"],
        _ => &[],
    };
    for other in others {
        walk.repair_whole(RepairOrigin::Opposite, name, *other);
    }
    for argument in calls::arguments(walk, node) {
        let value = match GRAMMAR.kind(argument) {
            Kind::KeywordArgument => walk.field(argument, Field::Value).unwrap_or(argument),
            _ => argument,
        };
        let text = walk.text(value);
        let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else { continue };
        let other = match text.trim_matches(quote) {
            "latin-1" => "utf-8",
            "ignore" => "strict",
            _ => continue,
        };
        walk.repair_whole(RepairOrigin::Codec, value, format!("{quote}{other}{quote}"));
        if text == "\"latin-1\"" && calls::arguments(walk, node).len() == 1 {
            let list = walk.field(node, Field::Arguments).unwrap_or(argument);
            walk.repair_whole(RepairOrigin::Codec, list, "()");
        }
    }
}
