//! Checks of syntax trees: number of errors, depth.

use tree_sitter::Tree;

/// The number of errors in a syntax tree: text that the parser skipped, and nodes that it inserted.
pub(crate) fn errors(tree: &Tree) -> usize {
    let mut cursor = tree.walk();
    let mut errors = 0;
    loop {
        let node = cursor.node();
        errors += usize::from(node.is_error() || node.is_missing());
        if node.has_error() && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return errors;
            }
        }
    }
}

/// The greatest depth of a syntax tree. Code that people write is far shallower, and up to this
/// depth recursive functions over nodes cannot overflow the stack.
const MAX_DEPTH: usize = 1000;

/// Whether no node lies deeper than [`MAX_DEPTH`].
pub(crate) fn is_shallow(tree: &Tree) -> bool {
    let mut cursor = tree.walk();
    let mut depth = 0;
    loop {
        // A small subtree cannot be deep, so most of the tree need not be visited.
        let room = MAX_DEPTH - depth;
        if cursor.node().descendant_count() > room && cursor.goto_first_child() {
            if room == 0 {
                return false;
            }
            depth += 1;
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return true;
            }
            depth -= 1;
        }
    }
}
