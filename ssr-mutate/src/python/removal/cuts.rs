//! Collects the syntax to remove from one module, and turns it into edits.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use tree_sitter::Node;

use crate::python::grammar::{GRAMMAR, Kind, children};
use crate::python::package::{Module, imported_names};
use crate::python::statements::whole_lines;

/// The syntax nodes to remove from one module. They become edits only at the end, when it is known
/// which blocks need a `pass` and which lists become empty.
pub(super) struct Cuts<'p, 'a> {
    module: &'p Module<'a>,
    /// Statements and decorators, by their start.
    statements: BTreeMap<usize, Node<'p>>,
    /// Elements of lists: by the start of the container, their positions in it.
    elements: BTreeMap<usize, (Node<'p>, BTreeSet<usize>)>,
    replaced: BTreeMap<usize, (Range<usize>, String)>,
}

impl<'p, 'a> Cuts<'p, 'a> {
    pub(super) fn new(module: &'p Module<'a>) -> Self {
        Self {
            module,
            statements: BTreeMap::new(),
            elements: BTreeMap::new(),
            replaced: BTreeMap::new(),
        }
    }

    /// Removes a statement or a decorator.
    pub(super) fn statement(&mut self, node: Node<'p>) {
        self.statements.insert(node.start_byte(), node);
    }

    /// Removes an element of a list, an argument or a name of an import.
    pub(super) fn element(&mut self, container: Node<'p>, element: Node<'p>) {
        if let Some(position) = elements(container).iter().position(|e| *e == element) {
            let cut = self.elements.entry(container.start_byte());
            cut.or_insert_with(|| (container, BTreeSet::new())).1.insert(position);
        }
    }

    /// Replaces a range by other text.
    pub(super) fn replace(&mut self, range: Range<usize>, text: impl Into<String>) {
        self.replaced.insert(range.start, (range, text.into()));
    }

    /// Whether the range lies in a removed statement.
    pub(super) fn removes(&self, range: &Range<usize>) -> bool {
        let before = self.statements.range(..=range.start).rev();
        before.take(64).any(|(_, node)| node.end_byte() >= range.end)
    }

    /// The edits, in ascending order and without overlap; `None` if two of them overlap in part.
    pub(super) fn into_edits(mut self) -> Option<Vec<(Range<usize>, String)>> {
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        for (container, positions) in std::mem::take(&mut self.elements).into_values() {
            let all = elements(container);
            let import = matches!(
                GRAMMAR.kind(container),
                Kind::ImportStatement | Kind::ImportFromStatement
            );
            if import && positions.len() == all.len() {
                self.statement(container);
            } else {
                edits.extend(self.element_edits(container, &all, &positions));
            }
        }
        edits.extend(std::mem::take(&mut self.replaced).into_values());
        let gone: Vec<_> =
            self.statements.values().map(|node| self.statement_edit(*node)).collect();
        edits.extend(gone);
        outermost(edits)
    }

    fn element_edits(
        &self,
        container: Node<'p>,
        all: &[Node<'p>],
        positions: &BTreeSet<usize>,
    ) -> Vec<(Range<usize>, String)> {
        let text = self.module.text;
        if positions.len() == all.len() {
            let inside = container.start_byte() + 1..container.end_byte().saturating_sub(1);
            return vec![(inside, String::new())];
        }
        let mut edits = Vec::new();
        let mut position = 0;
        while position < all.len() {
            let first = position;
            while positions.contains(&position) {
                position += 1;
            }
            if position > first {
                let row = |node: &Node<'p>| node.start_position().row;
                let range = match (all.get(position), first.checked_sub(1)) {
                    // At the end of a line, remove the comma before it and keep the line break.
                    (Some(next), Some(last))
                        if row(next) > row(&all[first]) && row(&all[first]) == row(&all[last]) =>
                    {
                        all[last].end_byte()..all[position - 1].end_byte()
                    }
                    (Some(next), _) => all[first].start_byte()..next.start_byte(),
                    (None, Some(last)) => all[last].end_byte()..all[position - 1].end_byte(),
                    (None, None) => all[first].start_byte()..all[position - 1].end_byte(),
                };
                edits.push((range, String::new()));
            }
            position += 1;
        }
        // A tuple of one element needs its trailing comma.
        let one = all.len() - positions.len() == 1 && GRAMMAR.kind(container) == Kind::Tuple;
        if one && let Some((_, kept)) = all.iter().enumerate().find(|(i, _)| !positions.contains(i))
        {
            match edits.iter_mut().find(|(range, _)| range.start == kept.end_byte()) {
                Some((_, cut)) => *cut = ",".to_owned(),
                None if text[kept.end_byte()..].trim_start().starts_with(',') => {}
                None => edits.push((kept.end_byte()..kept.end_byte(), ",".to_owned())),
            }
        }
        edits
    }

    fn statement_edit(&self, node: Node<'p>) -> (Range<usize>, String) {
        let text = self.module.text;
        let kind = GRAMMAR.kind(node);
        let Some(lines) = whole_lines(text, node.byte_range()) else {
            let pass = if kind == Kind::Decorator { "" } else { "pass" };
            return (node.byte_range(), pass.to_owned());
        };
        if kind == Kind::Decorator {
            return (lines, String::new());
        }
        let siblings = node.parent().map(children).unwrap_or_default();
        let in_block = node.parent().is_some_and(|parent| GRAMMAR.kind(parent) == Kind::Block);
        let stays = |sibling: &&Node<'p>| !self.statements.contains_key(&sibling.start_byte());
        if in_block && !siblings.iter().any(|sibling| stays(&sibling)) {
            let filler = siblings.first() == Some(&node);
            return match filler {
                true => (node.byte_range(), "pass".to_owned()),
                false => (lines, String::new()),
            };
        }
        if !matches!(
            kind,
            Kind::FunctionDefinition | Kind::ClassDefinition | Kind::DecoratedDefinition
        ) {
            return (lines, String::new());
        }
        // Remove the blank lines after a definition as well.
        let mut follows = siblings.iter().filter(|s| s.start_byte() > node.start_byte());
        let range = if follows.any(|sibling| stays(&sibling)) {
            let blank = |rest: &str| rest.len() - rest.trim_start().len();
            let next = lines.end + blank(&text[lines.end..]);
            let line = text[..next].rfind('\n').map_or(0, |at| at + 1);
            lines.start..line.max(lines.end)
        } else {
            let before = text[..lines.start].trim_end().len();
            let line =
                text[before..lines.start].find('\n').map_or(lines.start, |at| before + at + 1);
            line..lines.end
        };
        (range, String::new())
    }
}

/// The elements of a container, in order.
fn elements(container: Node<'_>) -> Vec<Node<'_>> {
    match GRAMMAR.kind(container) {
        Kind::ImportStatement | Kind::ImportFromStatement => {
            imported_names(container, &mut container.walk())
        }
        _ => children(container),
    }
}

/// Drops edits inside of others; `None` if two overlap in part.
fn outermost(mut edits: Vec<(Range<usize>, String)>) -> Option<Vec<(Range<usize>, String)>> {
    edits.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut kept: Vec<(Range<usize>, String)> = Vec::new();
    for (range, new) in edits {
        match kept.last_mut() {
            Some((last, _))
                if range.end <= last.end && !(range.is_empty() && range.start == last.end) => {}
            // Two removed definitions share the blank lines between them.
            Some((last, text)) if range.start < last.end && text.is_empty() && new.is_empty() => {
                last.end = range.end;
            }
            Some((last, _)) if range.start < last.end => return None,
            _ => kept.push((range, new)),
        }
    }
    Some(kept)
}
