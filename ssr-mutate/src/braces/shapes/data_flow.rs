//! Assignments and initial values: `ASD`, `ASN`.

use tree_sitter::Node;

use super::{shape, structural};
use crate::braces::Shape;
use crate::braces::grammar::{Kind, children};
use crate::braces::statements::statement;
use crate::braces::values;
use crate::braces::walk::Walk;
use crate::{Difficulty, Family};

pub(crate) const ASD: Shape = structural(shape(
    "ASD",
    Family::DataFlow,
    Difficulty::Medium,
    "Delete an assignment to something that has a value before and is read later, an update, or a \
     store into an object or container",
    &[Kind::Assignment, Kind::Update],
    delete_assignment,
));

pub(crate) const ASN: Shape = shape(
    "ASN",
    Family::DataFlow,
    Difficulty::Easy,
    "Start a variable with nothing, zero or an empty value of its type",
    &[Kind::Let, Kind::Declarator],
    start_with_nothing,
);

fn delete_assignment<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    // In most grammars an assignment is an expression inside of a statement.
    let whole = matches!(walk.parent_kind(), Kind::ExpressionStatement | Kind::Statements);
    let Some(statement) = statement(walk, node).filter(|_| whole) else { return };
    let Some(function) = walk.scopes.innermost_function() else { return };
    let constructor = matches!(function.name, "constructor" | "new" | "init" | "<init>")
        || walk.scopes.innermost_class().is_some_and(|class| class.name == function.name);
    let target = match walk.kind(node) {
        Kind::Update => children(node).first().copied(),
        _ => walk.assignment(node).map(|[left, _]| left),
    };
    let Some(mut target) = target else { return };
    if walk.kind(target) == Kind::Reference {
        target = children(target).first().copied().unwrap_or(target);
    }
    let update = walk.kind(node) == Kind::Update || walk.operator_text(node) != "=";
    let missed = match walk.kind(target) {
        Kind::Identifier => {
            let name = walk.text(target);
            let bound = walk.scopes.binding(name);
            match bound {
                Some(binding) => (update || binding.ready) && walk.is_read_later(name, node),
                None => !constructor,
            }
        }
        Kind::Index => true,
        Kind::Member => update || !constructor,
        _ => false,
    };
    if let (true, Some((range, replacement))) = (missed, statement.removal(walk)) {
        walk.propose(node, range, replacement);
    }
}

fn start_with_nothing<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(declared) = walk.declared(node) else { return };
    // The head of a loop is left to RNG.
    let outer = walk.ancestor(usize::from(walk.kind(node) == Kind::Declarator));
    if outer.is_some_and(|(_, kind)| matches!(kind, Kind::For | Kind::ForClause | Kind::ForEach)) {
        return;
    }
    if declared.names.len() != declared.values.len() || walk.scopes.definitions.is_empty() {
        return;
    }
    for (name, value) in declared.names.iter().zip(&declared.values) {
        if walk.kind(*name) != Kind::Identifier || walk.kind(*value) == Kind::Closure {
            continue;
        }
        let known = declared.ty.or_else(|| values::type_of(walk, *value));
        // Without a declared type, the type is that of the value.
        let inferred = matches!(walk.syntax.name, "go" | "rust") && declared.ty.is_none();
        let plain = |ty: &str| matches!(ty, "int" | "string" | "bool" | "usize" | "String");
        let zero = match known {
            Some(ty) if inferred && !plain(ty) => None,
            Some(ty) => (walk.syntax.zero)(ty),
            None if walk.rules().typed => match walk.kind(*value) {
                Kind::Integer => Some("0"),
                Kind::Text if walk.syntax.name != "c" => Some("\"\""),
                _ => None,
            },
            None => match walk.kind(*value) {
                Kind::Integer => Some("0"),
                Kind::Text => Some("\"\""),
                Kind::List if walk.text(*value) != "[]" => Some("[]"),
                Kind::List | Kind::Null | Kind::True | Kind::False | Kind::Object => None,
                _ => walk.syntax.nulls.first().copied(),
            },
        };
        let text = walk.text(*value);
        let nothing = walk.is_null(*value) || matches!(text, "0" | "false" | "\"\"");
        // `'a'` and raw strings have types of their own, and CRP makes a zero of one.
        if let Some(zero) = zero.filter(|zero| *zero != text && !nothing && text != "1") {
            walk.replace(*value, zero);
        }
    }
}
