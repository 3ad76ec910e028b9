//! Deletes and adds statements as whole lines.

use std::collections::BTreeMap;
use std::ops::Range;

use tree_sitter::Node;

use crate::python::grammar::{GRAMMAR, Kind, children};

/// Collects statements to delete and deletes them as whole lines, with their comments and with the
/// blank lines around them, so that no gap remains.
pub(super) struct Lines<'t> {
    text: &'t str,
    /// The byte range of each line with its ending.
    lines: Vec<Range<usize>>,
    /// The statements to delete, by where they begin.
    deleted: BTreeMap<usize, Node<'t>>,
    /// The lines to add, by the row after which they come.
    appended: BTreeMap<usize, String>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut start = 0;
        let lines = text.split_inclusive('\n').map(|line| {
            start += line.len();
            start - line.len()..start
        });
        Self { text, lines: lines.collect(), deleted: BTreeMap::new(), appended: BTreeMap::new() }
    }

    /// Marks a statement to delete. It must not share its lines with another statement.
    pub(super) fn delete(&mut self, statement: Node<'t>) {
        self.deleted.insert(statement.start_byte(), statement);
    }

    /// Adds a statement of one line at the end of a block.
    pub(super) fn append(&mut self, block: Node<'t>, statement: &str) {
        let statements = children(block);
        let (Some(first), Some(last)) = (statements.first(), statements.last()) else { return };
        let row = self.rows(*last).end.saturating_sub(1);
        let (indent, ending) = (self.indent(*first), self.ending());
        let unended = !self.line(row).ends_with('\n');
        let text = self.appended.entry(row).or_insert_with(|| {
            let gap = GRAMMAR.kind(*last) != Kind::ExpressionStatement;
            ending.repeat(usize::from(gap) + usize::from(unended))
        });
        text.push_str(&format!("{indent}{statement}{ending}"));
    }

    /// The edits, in ascending order and without overlap.
    pub(super) fn into_edits(self) -> Vec<(Range<usize>, String)> {
        let mut gone = vec![false; self.lines.len()];
        let mut filler: BTreeMap<usize, String> = BTreeMap::new();
        for statement in self.deleted.values() {
            let Some(block) = statement.parent() else { continue };
            let siblings = children(block);
            let stays = |sibling: &&Node<'t>| !self.deleted.contains_key(&sibling.start_byte());
            let rows = self.rows(*statement);
            gone[rows.clone()].fill(true);
            let blank = |row: &usize| self.line(*row).trim().is_empty();
            let before = (0..rows.start).rev().take_while(blank);
            let after = (rows.end..self.lines.len()).take_while(blank);
            let follows = |sibling: &&Node<'t>| sibling.start_byte() > statement.start_byte();
            if GRAMMAR.kind(block) == Kind::Block && !siblings.iter().any(|s| stays(&s)) {
                if siblings.first() == Some(statement) {
                    filler.insert(rows.start, self.pass(*statement));
                } else {
                    before.for_each(|row| gone[row] = true);
                }
            } else if siblings.iter().filter(follows).any(|s| stays(&s)) {
                after.for_each(|row| gone[row] = true);
            } else {
                before.for_each(|row| gone[row] = true);
            }
        }
        self.runs(&gone, &filler)
    }

    /// The rows of the statement, of the comments after it with the indentation of its body, and,
    /// for a definition, of the comment above it.
    fn rows(&self, statement: Node<'t>) -> Range<usize> {
        let (first, column) = (statement.start_position().row, statement.start_position().column);
        let mut start = first;
        if matches!(GRAMMAR.kind(statement), Kind::FunctionDefinition | Kind::DecoratedDefinition) {
            let top = |row: &usize| self.line(*row).trim_start().starts_with('#');
            let comment = (0..first).rev().take_while(top).last().unwrap_or(first);
            // Without a blank line before it, the comment belongs to the code before it.
            if comment > 0 && self.line(comment - 1).trim().is_empty() {
                start = comment;
            }
        }
        // A statement that ends at the start of a line ends on the line before.
        let end_position = statement.end_position();
        let mut end = end_position.row + usize::from(end_position.column > 0);
        let mut next = end;
        while next < self.lines.len() {
            let line = self.line(next);
            let body = line.trim_start();
            let blank = body.is_empty();
            if !blank && (!body.starts_with('#') || line.len() - body.len() <= column) {
                break;
            }
            next += 1;
            if !blank {
                end = next;
            }
        }
        start.min(self.lines.len())..end.clamp(start, self.lines.len())
    }

    fn line(&self, row: usize) -> &'t str {
        self.lines.get(row).map_or("", |line| &self.text[line.clone()])
    }

    fn pass(&self, statement: Node<'t>) -> String {
        format!("{}pass{}", self.indent(statement), self.ending())
    }

    fn indent(&self, statement: Node<'t>) -> &'t str {
        let line = self.line(statement.start_position().row);
        &line[..line.len() - line.trim_start().len()]
    }

    fn ending(&self) -> &'static str {
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
    }

    fn runs(&self, gone: &[bool], filler: &BTreeMap<usize, String>) -> Vec<(Range<usize>, String)> {
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let mut edit = |range: Range<usize>, new: &str| match edits.last_mut() {
            Some((last, text)) if last.end == range.start => {
                last.end = range.end;
                text.push_str(new);
            }
            _ => edits.push((range, new.to_owned())),
        };
        for (row, line) in self.lines.iter().enumerate() {
            if gone[row] {
                edit(line.clone(), filler.get(&row).map_or("", String::as_str));
            }
            if let Some(new) = self.appended.get(&row) {
                edit(line.end..line.end, new);
            }
        }
        edits
    }
}
