//! Restores conditions: clauses, checks for `None`, types that are asked for.

use tree_sitter::Node;

use super::{Inverse, RepairOrigin};
use crate::python::calls;
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::scope::ScopeKind;
use crate::python::walk::Walk;

pub(super) static INVERSES: &[Inverse] = &[
    Inverse { kinds: &[Kind::NotOperator], find: restore_plain },
    Inverse {
        kinds: &[Kind::Identifier, Kind::Attribute, Kind::Call, Kind::Subscript],
        find: restore_none_check,
    },
    Inverse {
        kinds: &[
            Kind::Identifier,
            Kind::Attribute,
            Kind::Call,
            Kind::ComparisonOperator,
            Kind::NotOperator,
            Kind::BooleanOperator,
        ],
        find: restore_clause,
    },
    Inverse { kinds: &[Kind::Call], find: restore_type },
    Inverse {
        kinds: &[Kind::Identifier, Kind::Attribute, Kind::Call, Kind::None],
        find: restore_conditional,
    },
    Inverse {
        kinds: &[
            Kind::ListComprehension,
            Kind::SetComprehension,
            Kind::DictionaryComprehension,
            Kind::GeneratorExpression,
        ],
        find: restore_filter,
    },
];

/// The clauses of other conditions that are tried in one.
const CLAUSES: usize = 8;

/// `not (a and b)` → `a and b`, `not x` → `x is None`.
fn restore_plain<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let [inner] = children(node)[..] else { return };
    let text = walk.text(inner);
    if GRAMMAR.kind(inner) == Kind::ParenthesizedExpression {
        let plain = text[1..text.len() - 1].to_owned();
        walk.repair_whole(RepairOrigin::PlainNegation, node, plain);
    }
    if !matches!(GRAMMAR.kind(inner), Kind::ComparisonOperator | Kind::BooleanOperator) {
        walk.repair_whole(RepairOrigin::NoneCheck, node, format!("{text} is None"));
    }
}

/// Whether the node being entered is a condition, or a clause of one.
fn is_tested<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    let Some((parent, kind)) = walk.ancestor_node(0) else { return false };
    match kind {
        Kind::IfStatement | Kind::ElifClause | Kind::WhileStatement => {
            walk.field(parent, Field::Condition) == Some(node)
        }
        Kind::BooleanOperator | Kind::IfClause | Kind::NotOperator => true,
        Kind::ConditionalExpression => parent.named_child(1) == Some(node),
        _ => false,
    }
}

fn restore_none_check<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if is_tested(walk, node) && walk.parent_kind() != Kind::NotOperator {
        let text = walk.text(node);
        walk.repair_whole(RepairOrigin::NoneCheck, node, format!("{text} is not None"));
    }
}

fn restore_clause<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(facts) = walk.facts() else { return };
    let valued = match walk.ancestor_node(0) {
        Some((_, Kind::ReturnStatement)) => true,
        Some((parent, Kind::Assignment)) => walk.field(parent, Field::Right) == Some(node),
        _ => false,
    };
    let tested = is_tested(walk, node) && walk.parent_kind() != Kind::NotOperator;
    if !tested && !valued {
        return;
    }
    let text = walk.text(node);
    let boolean = GRAMMAR.kind(node) == Kind::BooleanOperator;
    let operator = match boolean {
        true => walk.field(node, Field::Operator).map(|sign| walk.text(sign)),
        false => None,
    };
    let range = walk.scope().range.clone();
    let root = |clause: &str| {
        let plain = clause.strip_prefix("not ").unwrap_or(clause);
        plain.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().map(str::to_owned)
    };
    let mut clauses: Vec<(RepairOrigin, String)> = Vec::new();
    if let Some(own) = facts.own() {
        let known = |clause: &&str| root(clause).is_some_and(|root| facts.uses(&root, &range) > 0);
        let top = own.clauses.top(400);
        let fitting = top.into_iter().filter(known).take(CLAUSES);
        clauses.extend(fitting.map(|clause| {
            let related = names_of(clause).any(|name| names_of(text).any(|own| own == name));
            let origin = match related {
                true => RepairOrigin::RelatedClause,
                false => RepairOrigin::SiblingClause,
            };
            (origin, clause.to_owned())
        }));
    }
    if tested {
        // What a clause uses may have been checked before: `x and x.y`.
        let subject = text.trim_start_matches("not ").split(['(', '[', ' ']).next().unwrap_or("");
        if let Some((object, _)) = subject.rsplit_once('.') {
            clauses.push((RepairOrigin::GuardClause, object.to_owned()));
            clauses.push((RepairOrigin::GuardClause, format!("{object} is not None")));
        }
        for other in walk.scope().all_bindings().take(6) {
            let origin = match facts.uses(other.name, &range) < 2 {
                true => RepairOrigin::MissingCheck,
                false => RepairOrigin::LocalClause,
            };
            clauses.push((origin, other.name.to_owned()));
            clauses.push((origin, format!("not {}", other.name)));
        }
    }
    for (origin, clause) in clauses {
        if text.contains(&clause) {
            continue;
        }
        for word in ["and", "or"].into_iter().filter(|word| operator.is_none_or(|own| own == *word))
        {
            walk.repair_whole(origin, node, format!("{text} {word} {clause}"));
            walk.repair_whole(origin, node, format!("{clause} {word} {text}"));
        }
    }
}

/// The words in a text.
fn names_of(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.filter(|word| !matches!(*word, "" | "not" | "in" | "is" | "None" | "self" | "and" | "or"))
}

/// `isinstance(x, A)` → `isinstance(x, (A, B))`.
fn restore_type<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(facts) = walk.facts() else { return };
    if !matches!(calls::name(walk, node), Some("isinstance" | "issubclass")) {
        return;
    }
    let [_, kinds] = calls::arguments(walk, node)[..] else { return };
    let text = walk.text(kinds);
    let own = facts.own().map(|own| own.types.top(6)).unwrap_or_default();
    let usual = ["list", "tuple", "str", "int", "float", "dict", "set"];
    for other in own.into_iter().chain(usual) {
        if GRAMMAR.kind(kinds) == Kind::Tuple {
            let inner = text[1..text.len() - 1].trim_end_matches(',');
            if !inner.split(", ").any(|one| one == other) {
                let end = format!("({inner}, {other})");
                walk.repair_whole(RepairOrigin::Type, kinds, end);
                walk.repair_whole(RepairOrigin::Type, kinds, format!("({other}, {inner})"));
            }
        } else if text != other {
            walk.repair_whole(RepairOrigin::Type, kinds, format!("({text}, {other})"));
            walk.repair_whole(RepairOrigin::Type, kinds, format!("({other}, {text})"));
        }
    }
}

/// `b` → `a if a is not None else b`, `a.b` → `a.b if a is not None else None`.
fn restore_conditional<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let whole = match walk.ancestor_node(0) {
        Some((_, Kind::ReturnStatement)) => true,
        Some((parent, Kind::Assignment)) => walk.field(parent, Field::Right) == Some(node),
        Some((parent, Kind::KeywordArgument)) => walk.field(parent, Field::Value) == Some(node),
        _ => false,
    };
    if !whole || walk.scope().kind != ScopeKind::Function {
        return;
    }
    let text = walk.text(node);
    let mut forms = Vec::new();
    let root = text.split(['.', '(', '[']).next().unwrap_or(text);
    if root != text && walk.scope().binding(root).is_some() {
        forms.push(format!("{text} if {root} is not None else None"));
        forms.push(format!("{text} if {root} else None"));
    }
    for other in walk.scope().all_bindings().take(3).map(|one| one.name) {
        forms.push(format!("{other} if {other} is not None else {text}"));
        forms.push(format!("{text} if {other} is None else {other}"));
    }
    for form in forms {
        walk.repair_whole(RepairOrigin::Ternary, node, form);
    }
}

/// `[f(x) for x in xs]` → `[f(x) for x in xs if x]`.
fn restore_filter<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let parts = children(node);
    let Some(last) = parts.last().copied() else { return };
    if GRAMMAR.kind(last) != Kind::ForInClause {
        return;
    }
    let Some(target) = walk.field(last, Field::Left) else { return };
    let (end, target) = (last.end_byte(), walk.text(target));
    let tested = target.split(',').map(str::trim).filter(|name| !name.starts_with(['_', '(']));
    for name in tested.take(3) {
        let mut clauses =
            vec![name.to_owned(), format!("{name} is not None"), format!("not {name}")];
        let own = walk.facts().and_then(|facts| facts.own());
        let word = |clause: &&str| {
            clause.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name)
        };
        let top = own.map(|own| own.clauses.top(400)).unwrap_or_default();
        clauses.extend(top.into_iter().filter(word).take(CLAUSES).map(str::to_owned));
        for clause in clauses {
            walk.repair(RepairOrigin::MissingCheck, node, end..end, format!(" if {clause}"));
        }
    }
}
