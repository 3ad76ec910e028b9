//! Classes, inheritance and annotations: `SCL`, `IOD`, `BCR`, `DDL`, `SUP`.

use tree_sitter::Node;

use super::{shape, structural};
use crate::braces::Shape;
use crate::braces::grammar::{Field, Kind, children};
use crate::braces::statements;
use crate::braces::walk::Walk;
use crate::{Difficulty, Family};

pub(crate) const SCL: Shape = structural(shape(
    "SCL",
    Family::ObjectModel,
    Difficulty::Medium,
    "Delete the call of a method of the base class: `super.close()`",
    &[Kind::ExpressionStatement],
    forget_super,
));

pub(crate) const IOD: Shape = structural(shape(
    "IOD",
    Family::ObjectModel,
    Difficulty::Hard,
    "Delete a method that overrides one of a base class of the same file, or of every object",
    &[Kind::Function],
    delete_override,
));

pub(crate) const BCR: Shape = structural(shape(
    "BCR",
    Family::ObjectModel,
    Difficulty::Easy,
    "Drop an interface that promises something without a method: `Serializable`, `Cloneable`",
    &[Kind::Class],
    drop_base,
));

pub(crate) const DDL: Shape = structural(shape(
    "DDL",
    Family::ObjectModel,
    Difficulty::Medium,
    "Delete an annotation or a decorator",
    &[Kind::Decorator],
    delete_decorator,
));

pub(crate) const SUP: Shape = shape(
    "SUP",
    Family::ObjectModel,
    Difficulty::Hard,
    "Call the method of this class in place of the base's: `super.f()` → `this.f()`",
    &[Kind::Super],
    call_own,
);

fn forget_super<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let inner = walk.expression(node);
    let receiver = walk.call(inner).and_then(|call| call.receiver);
    if receiver.is_some_and(|receiver| walk.kind(receiver) == Kind::Super) {
        statements::delete(walk, node);
    }
}

fn delete_override<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(class) = walk.scopes.innermost_class() else { return };
    let name = walk.definition_name(node);
    let universal = match walk.syntax.name {
        "java" => matches!(name, "toString" | "equals" | "hashCode"),
        _ => matches!(name, "toString" | "toJSON" | "valueOf"),
    };
    let base = walk.facts.bases.get(class.name);
    let inherited = base.is_some_and(|base| {
        walk.facts.functions.iter().any(|other| other.class == *base && other.name == name)
    });
    let constructor = matches!(name, "constructor" | "");
    if (universal || inherited) && !constructor && walk.field(node, Field::Body).is_some() {
        let range = node.byte_range();
        let range = walk.whole_lines(range.clone()).unwrap_or(range);
        walk.propose(node, range, "");
    }
}

fn drop_base<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(interfaces) = node.child_by_field_name("interfaces") else { return };
    let Some(list) = interfaces.named_child(0) else { return };
    let types = children(list);
    for (index, ty) in types.iter().enumerate() {
        if !matches!(walk.text(*ty), "Serializable" | "Cloneable" | "RandomAccess") {
            continue;
        }
        let range = match (index.checked_sub(1), types.get(index + 1)) {
            (Some(before), _) => types[before].end_byte()..ty.end_byte(),
            (None, Some(next)) => ty.start_byte()..next.start_byte(),
            (None, None) => {
                walk.text[..interfaces.start_byte()].trim_end().len()..interfaces.end_byte()
            }
        };
        walk.propose(*ty, range, "");
    }
}

/// Annotations without effect at run time.
const NOTES: &[&str] = &[
    "Override",
    "SuppressWarnings",
    "Deprecated",
    "FunctionalInterface",
    "SafeVarargs",
    "Nullable",
    "NonNull",
    "NotNull",
    "Nonnull",
    "VisibleForTesting",
    "Generated",
    "Documented",
    "Beta",
    "GwtCompatible",
    "Test",
    "CanIgnoreReturnValue",
    "CheckForNull",
    "ParametricNullness",
];

fn delete_decorator<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let text = walk.text(node).trim_start_matches('@');
    let name = text.split('(').next().unwrap_or(text);
    let name = name.rsplit('.').next().unwrap_or(name);
    if NOTES.contains(&name) {
        return;
    }
    let range = node.byte_range();
    let gap = walk.text[range.end..].len() - walk.text[range.end..].trim_start().len();
    let range = walk.whole_lines(range.clone()).unwrap_or(range.start..range.end + gap);
    walk.propose(node, range, "");
}

fn call_own<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    // `super.f()`, which the grammars put in different nodes.
    let called = match walk.ancestor(0) {
        Some((call, Kind::Call)) => walk.field(call, Field::Name),
        Some((member, Kind::Member)) => walk.member(member).map(|(_, name)| name),
        _ => None,
    };
    let current = walk.scopes.innermost_function().map_or("", |function| function.name);
    // The method would call itself endlessly.
    if called.is_some_and(|name| walk.text(name) != current) {
        walk.replace(node, "this");
    }
}
