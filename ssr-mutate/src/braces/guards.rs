//! Code that no operator changes, because no test would notice, or because nobody makes such a
//! mistake.

use tree_sitter::Node;

use super::grammar::{Field, Kind, children};
use super::walk::Walk;

/// Whether neither the node nor anything in it may be mutated.
pub(super) fn is_arid<'t>(walk: &Walk<'t, '_>, node: Node<'t>, kind: Kind) -> bool {
    match kind {
        Kind::Arid => true,
        _ if is_directive(walk, node) => true,
        // A struct in C or Go contains only types and constants.
        Kind::Class if matches!(walk.syntax.name, "c" | "go") => true,
        Kind::Call => is_silent(walk, node),
        Kind::Macro => !matches!(macro_name(walk, node), "vec"),
        Kind::Function | Kind::Class => is_test(walk, node),
        Kind::Let | Kind::Declarator | Kind::FieldDeclaration | Kind::Constant => {
            is_version(walk, node)
        }
        _ => false,
    }
}

/// Whether the node may be mutated as a whole, but nothing in it.
pub(super) fn is_sealed<'t>(walk: &Walk<'t, '_>, node: Node<'t>, kind: Kind) -> bool {
    match kind {
        // They contain messages, patterns of a `match`, and token trees.
        Kind::Throw | Kind::Macro | Kind::Decorator | Kind::Pattern | Kind::Text => true,
        Kind::New => walk.call(node).is_some_and(|call| {
            let name = walk.text(call.name);
            name.ends_with("Error") || name.ends_with("Exception")
        }),
        _ => false,
    }
}

pub(super) fn macro_name<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> &'t str {
    let text = walk.text(node);
    let name = text.split('!').next().unwrap_or(text);
    name.rsplit(':').next().unwrap_or(name)
}

/// The condition of an `#if`.
fn is_directive<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    walk.syntax.name == "c"
        && walk.ancestor(0).is_some_and(|(parent, kind)| {
            let part = |field| walk.field(parent, field) == Some(node);
            kind == Kind::Statements && (part(Field::Condition) || part(Field::Name))
        })
}

/// Calls that write messages or check assertions.
fn is_silent<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    let Some(call) = walk.call(node) else { return false };
    let silent = |part: Node<'t>| {
        let text = walk.text(part);
        let name = text.rsplit(['.', ':', '>']).next().unwrap_or(text);
        walk.syntax.silent.contains(&name) || walk.syntax.silent.contains(&text)
    };
    silent(call.name) || call.receiver.is_some_and(silent)
}

/// Functions and modules that attributes mark as tests or benchmarks.
fn is_test<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    let mut sibling = node.prev_named_sibling();
    while let Some(attribute) = sibling {
        if attribute.kind() == "attribute_item" {
            let text = walk.text(attribute);
            if text.contains("test") || text.contains("bench") {
                return true;
            }
        } else if !attribute.is_extra() {
            break;
        }
        sibling = attribute.prev_named_sibling();
    }
    let marked = children(node).into_iter().find(|child| child.kind() == "modifiers");
    marked.is_some_and(|modifiers| walk.text(modifiers).contains("@Test"))
}

/// `VERSION = …` and the like.
fn is_version<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    let names = [Field::Name, Field::Pattern, Field::Left, Field::Declarator];
    let name = names.into_iter().find_map(|field| walk.field(node, field));
    let name = name.map_or("", |name| walk.text(name));
    let name = name.split('=').next().unwrap_or(name).trim();
    name.len() < 40 && name.to_ascii_lowercase().ends_with("version")
}
