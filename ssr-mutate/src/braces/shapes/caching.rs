//! Caches: `CIV`, `CKD`.

use tree_sitter::Node;

use super::{shape, structural};
use crate::braces::Shape;
use crate::braces::grammar::{Field, Kind, children};
use crate::braces::statements;
use crate::braces::walk::Walk;
use crate::{Difficulty, Family};

pub(crate) const CIV: Shape = structural(shape(
    "CIV",
    Family::Caching,
    Difficulty::Hard,
    "Delete the statement that makes a cache forget",
    &[Kind::ExpressionStatement],
    keep_stale,
));

pub(crate) const CKD: Shape = shape(
    "CKD",
    Family::Caching,
    Difficulty::Hard,
    "Drop all but the first part of a cache's key",
    &[Kind::Binary, Kind::Template],
    shorten_key,
);

fn is_cache(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["cache", "memo", "cached"].iter().any(|word| text.contains(word))
}

fn keep_stale<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    const FORGETS: &[&str] = &[
        "clear",
        "invalidate",
        "invalidateAll",
        "evict",
        "remove",
        "delete",
        "pop",
        "reset",
        "flush",
        "truncate",
        "purge",
        "drop",
    ];
    let inner = walk.expression(node);
    let text = walk.text(inner);
    let forgets = match walk.kind(inner) {
        Kind::Call => {
            let name = walk.callee(inner).to_ascii_lowercase();
            FORGETS.iter().any(|word| name.contains(&word.to_ascii_lowercase()))
        }
        // `delete cache[key]`
        Kind::Unary => text.starts_with("delete "),
        Kind::Assignment => walk.assignment(inner).is_some_and(|[_, value]| walk.is_null(value)),
        _ => false,
    };
    // Assignments are left to ASD.
    if forgets && is_cache(text) && walk.kind(inner) != Kind::Assignment {
        statements::delete(walk, node);
    }
}

fn shorten_key<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some((parent, kind)) = walk.ancestor(0) else { return };
    let key = match kind {
        Kind::Arguments => {
            children(parent).first() == Some(&node)
                && walk.ancestor(1).is_some_and(|(call, _)| {
                    walk.call(call).is_some_and(|call| {
                        call.receiver.is_some_and(|receiver| is_cache(walk.text(receiver)))
                    })
                })
        }
        Kind::Index => parent.named_child(0).is_some_and(|object| is_cache(walk.text(object))),
        Kind::Declarator => walk.field(parent, Field::Name).is_some_and(|name| {
            let name = walk.text(name).to_ascii_lowercase();
            name == "key" || name.ends_with("cachekey") || name.ends_with("cache_key")
        }),
        _ => false,
    };
    if !key {
        return;
    }
    if walk.kind(node) == Kind::Template {
        return shorten_template(walk, node);
    }
    let mut first = node;
    while let (Kind::Binary, "+") = (walk.kind(first), walk.operator_text(first)) {
        let Some([left, _]) = walk.sides(first) else { return };
        first = left;
    }
    // One part with a constant is not a key of several parts.
    let parts = walk.text(node).matches('+').count();
    if parts >= 2 && first != node {
        walk.replace(node, walk.text(first).to_owned());
    }
}

fn shorten_template<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let parts: Vec<_> =
        children(node).into_iter().filter(|part| part.kind() == "template_substitution").collect();
    if let [first, _, ..] = parts[..] {
        walk.propose(node, first.end_byte()..node.end_byte() - 1, "");
    }
}
