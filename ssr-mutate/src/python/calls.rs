//! The parts of a call.

use tree_sitter::Node;

use super::grammar::{Field, GRAMMAR, Kind, children};
use super::walk::Walk;

/// The last part of the name that is called: `get` of `a.b.get(c)`.
pub(super) fn name<'t>(walk: &Walk<'t, '_>, call: Node<'t>) -> Option<&'t str> {
    name_node(walk, call).map(|name| walk.text(name))
}

/// The node of that name.
pub(super) fn name_node<'t>(walk: &Walk<'t, '_>, call: Node<'t>) -> Option<Node<'t>> {
    let function = walk.field(call, Field::Function)?;
    match GRAMMAR.kind(function) {
        Kind::Attribute => walk.field(function, Field::Attribute),
        Kind::Identifier => Some(function),
        _ => None,
    }
}

/// The receiver, before the last dot of the name: `a.b` of `a.b.get(c)`.
pub(super) fn receiver<'t>(walk: &Walk<'t, '_>, call: Node<'t>) -> Option<Node<'t>> {
    let function = walk.field(call, Field::Function)?;
    let method = GRAMMAR.kind(function) == Kind::Attribute;
    method.then(|| walk.field(function, Field::Object)).flatten()
}

/// The last name of the receiver: `b` of `a.b.get(c)`.
pub(super) fn receiver_name<'t>(walk: &Walk<'t, '_>, call: Node<'t>) -> &'t str {
    let receiver = receiver(walk, call).map_or("", |receiver| walk.text(receiver));
    receiver.rsplit('.').next().unwrap_or(receiver)
}

/// The arguments in parentheses; empty for a generator expression in place of the list.
pub(super) fn arguments<'t>(walk: &Walk<'t, '_>, call: Node<'t>) -> Vec<Node<'t>> {
    match walk.field(call, Field::Arguments) {
        Some(list) if GRAMMAR.kind(list) == Kind::ArgumentList => children(list),
        _ => Vec::new(),
    }
}

/// The arguments, if all of them are positional and none is unpacked.
pub(super) fn positional<'t>(walk: &Walk<'t, '_>, call: Node<'t>) -> Option<Vec<Node<'t>>> {
    let arguments = arguments(walk, call);
    let plain = |argument: &Node<'t>| {
        !matches!(
            GRAMMAR.kind(*argument),
            Kind::KeywordArgument | Kind::ListSplat | Kind::DictionarySplat
        )
    };
    arguments.iter().all(plain).then_some(arguments)
}
