//! Renames deleted tests that other functions of the file call, so that they stay as helpers.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use tree_sitter::{Node, Tree};

use crate::python::grammar::{Field, GRAMMAR, Kind};

/// Removes from `deleted` the functions that the rest of the file uses by name, and returns the
/// edits that rename them instead. pytest does not collect a name that begins with an underscore.
pub(super) fn rename_used<'t>(
    tree: &'t Tree,
    text: &'t str,
    deleted: &mut HashMap<&str, Vec<Node<'t>>>,
) -> Vec<(Range<usize>, String)> {
    let uses = uses(tree, text, &deleted.keys().copied().collect());
    let mut edits = Vec::new();
    // Uses inside of deleted tests do not count. Renaming a test keeps it, so that its own uses
    // count from then on: repeat until nothing changes.
    loop {
        let inside = |at: usize| {
            deleted.values().flatten().any(|definition| definition.byte_range().contains(&at))
        };
        let used = uses.iter().find(|(name, places)| {
            deleted.contains_key(*name) && places.iter().any(|place| !inside(place.start))
        });
        let Some((name, places)) = used else { break };
        let definitions = deleted.remove(*name).unwrap_or_default();
        let names = definitions.into_iter().filter_map(defined_name);
        edits.extend(names.chain(places.iter().cloned()).map(|place| (place, format!("_{name}"))));
    }
    let inside = |at: usize| {
        deleted.values().flatten().any(|definition| definition.byte_range().contains(&at))
    };
    edits.retain(|(range, _)| !inside(range.start));
    edits
}

fn defined_name(definition: Node<'_>) -> Option<Range<usize>> {
    let function = GRAMMAR.field(definition, Field::Definition).unwrap_or(definition);
    GRAMMAR.field(function, Field::Name).map(|name| name.byte_range())
}

/// The places where the names are used as variables.
fn uses<'t>(
    tree: &'t Tree,
    text: &'t str,
    names: &HashSet<&str>,
) -> HashMap<&'t str, Vec<Range<usize>>> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    let mut cursor = tree.walk();
    // The kinds of the ancestors of the node under the cursor.
    let mut above = vec![Kind::Module];
    loop {
        let (node, field) = (cursor.node(), cursor.field_id());
        let kind = GRAMMAR.kind(node);
        let parent = above.last().copied().unwrap_or(Kind::Module);
        let is_name = match parent {
            Kind::FunctionDefinition | Kind::KeywordArgument => {
                GRAMMAR.is_field(field, Field::Name)
            }
            Kind::Attribute => GRAMMAR.is_field(field, Field::Attribute),
            _ => false,
        };
        if kind == Kind::Identifier && !is_name && names.contains(&text[node.byte_range()]) {
            found.entry(&text[node.byte_range()]).or_default().push(node.byte_range());
        }
        if cursor.goto_first_child() {
            above.push(kind);
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return found;
            }
            above.pop();
        }
    }
}
