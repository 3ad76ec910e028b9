//! Deletes and exchanges whole statements.

use std::ops::Range;

use tree_sitter::Node;

use super::grammar::{Field, Kind};
use super::walk::Walk;

/// A statement and the node around it.
#[derive(Clone, Copy)]
pub(super) struct Statement<'t> {
    pub(super) node: Node<'t>,
    /// The node that contains it.
    pub(super) parent: Option<(Node<'t>, Kind)>,
    depth: usize,
}

/// The node that is being entered as a statement with its semicolon, if it is one.
pub(super) fn statement<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Option<Statement<'t>> {
    let (parent, kind) = walk.ancestor(0)?;
    let (node, depth) = match kind {
        Kind::ExpressionStatement => (parent, 1),
        _ => (node, 0),
    };
    let around = walk.ancestor(depth);
    let body = |field| around.is_some_and(|(outer, _)| walk.field(outer, field) == Some(node));
    let stands = match around?.1 {
        Kind::Arm => !body(Field::Value) && !body(Field::Condition),
        kind if kind.holds_statements() => true,
        Kind::Else => true,
        Kind::If => body(Field::Consequence) || body(Field::Alternative),
        kind if kind.is_loop() => body(Field::Body),
        _ => false,
    };
    stands.then_some(Statement { node, parent: around, depth })
}

impl<'t> Statement<'t> {
    /// Whether it stands in a list of statements.
    fn is_listed(&self) -> bool {
        // `case A -> f();` has room for one.
        let list = |(node, kind): (Node<'t>, Kind)| {
            kind.holds_statements() && node.kind() != "switch_rule"
        };
        self.parent.is_some_and(list)
    }

    pub(super) fn next(&self) -> Option<Node<'t>> {
        let next =
            || std::iter::successors(self.node.next_named_sibling(), Node::next_named_sibling);
        next().find(|next| !next.is_extra()).filter(|_| self.is_listed())
    }

    /// Whether the value of the statement may be the value of the block: it is the last one, and
    /// the function gives back something.
    pub(super) fn is_value(&self, walk: &Walk<'t, '_>) -> bool {
        walk.rules().tail_values && self.next().is_none() && {
            let block = walk.ancestor(self.depth + 1).map_or(Kind::Other, |(_, kind)| kind);
            match block {
                Kind::Function => {
                    walk.scopes.innermost_function().is_some_and(|f| f.result.is_some())
                }
                kind if kind.is_loop() => false,
                _ => true,
            }
        }
    }

    /// Whether the function around it must give back something and the statement is the last one
    /// of a block, so that control may not simply go on after it.
    pub(super) fn must_not_complete(&self, walk: &Walk<'t, '_>) -> bool {
        let void = walk
            .scopes
            .innermost_function()
            .is_none_or(|f| f.result.is_none_or(|result| matches!(result, "void" | "()")));
        walk.rules().no_missing_value && self.next().is_none() && !void
    }

    /// The edit that deletes it: its lines, or its replacement by an empty block where a statement
    /// is required. `None` if the program would not compile.
    pub(super) fn deletion(&self, walk: &Walk<'t, '_>) -> Option<(Range<usize>, &'static str)> {
        (!self.is_value(walk)).then(|| self.removal(walk)).flatten()
    }

    /// The same for a statement whose value nothing uses.
    pub(super) fn removal(&self, walk: &Walk<'t, '_>) -> Option<(Range<usize>, &'static str)> {
        let range = self.node.byte_range();
        if loses_value(walk, &range) {
            return None;
        }
        if !self.is_listed() {
            return Some((range, "{}"));
        }
        Some((walk.whole_lines(range.clone()).unwrap_or(range), ""))
    }
}

/// Whether the range assigns the first value of a name, in a language that requires one.
pub(super) fn loses_value(walk: &Walk<'_, '_>, range: &Range<usize>) -> bool {
    walk.rules().no_missing_value
        && walk
            .facts
            .written_in(range)
            .any(|name| walk.scopes.binding(name).is_some_and(|binding| !binding.ready))
}

/// Proposes to delete the node, if it is a statement.
pub(super) fn delete<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if let Some(statement) = statement(walk, node)
        && let Some((range, replacement)) = statement.deletion(walk)
    {
        walk.propose(node, range, replacement);
    }
}

/// The range of two consecutive statements, and its text with the two exchanged.
pub(super) fn swapped<'t>(
    walk: &Walk<'t, '_>,
    first: Node<'t>,
    second: Node<'t>,
) -> (Range<usize>, String) {
    let between = &walk.text[first.end_byte()..second.start_byte()];
    let (a, b) = (walk.text(first), walk.text(second));
    (first.start_byte()..second.end_byte(), format!("{b}{between}{a}"))
}
