//! One test function with its lines, and its copies in other roles.

use std::collections::BTreeSet;
use std::ops::Range;

use ssr_core::Seed;
use tree_sitter::Node;

use super::assertions::{Check, checks};
use super::ending::{Scene, statements};
use super::functions::Function;
use super::values::changed;
use super::{SUFFIXES, TestRole};
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::statements::whole_lines;

type TextEdit = (Range<usize>, String);

/// A test function as whole lines.
pub(super) struct Unit<'f, 't> {
    text: &'t str,
    function: &'f Function<'t>,
    lines: Range<usize>,
    checks: Vec<Check<'t>>,
}

impl<'f, 't> Unit<'f, 't> {
    /// `None` for generators, which are no tests, and for a function that shares a line.
    pub(super) fn of(text: &'t str, function: &'f Function<'t>) -> Option<Self> {
        if function.has(Kind::Yield) {
            return None;
        }
        let lines = whole_lines(text, function.outer.byte_range())?;
        let checks = checks(text, function.body);
        Some(Self { text, function, lines, checks })
    }

    pub(super) fn range(&self) -> Range<usize> {
        self.lines.clone()
    }

    /// The lines of the function in another role, or unchanged where nothing can be done.
    pub(super) fn in_role(&self, role: TestRole, seed: Seed) -> String {
        let value = || self.changed_value(seed).or_else(|| self.negated(seed));
        let ending = || self.ending(false, seed);
        let edits = match role {
            TestRole::Harmless => {
                let mut edits = self.parenthesised(seed);
                edits.extend(self.ending(true, seed));
                edits
            }
            TestRole::Value => value().or_else(ending).into_iter().collect(),
            TestRole::Ending => {
                ending().or_else(|| self.negated(seed)).or_else(value).into_iter().collect()
            }
        };
        self.with(edits)
    }

    /// Names for copies that the file does not have.
    pub(super) fn names(&self, seed: Seed) -> impl Iterator<Item = String> {
        let start = seed.derive("suffix").below(SUFFIXES.len());
        let suffixes = SUFFIXES.iter().cycle().skip(start).take(SUFFIXES.len());
        let words = suffixes.map(|suffix| (*suffix).to_owned());
        let names = words.chain((3..100).map(|number| number.to_string()));
        names
            .map(|suffix| format!("{}_{suffix}", self.function.name))
            .filter(|name| !self.text.contains(name.as_str()))
    }

    /// A copy, which [`Unit::in_role`] gave, under another name.
    pub(super) fn renamed(&self, copy: &str, name: &str) -> String {
        // Nothing before the name was changed: decorators have no assertions.
        let at = self.function.name_node.byte_range();
        let (start, end) = (at.start - self.lines.start, at.end - self.lines.start);
        [&copy[..start], name, &copy[end..]].concat()
    }

    /// What stands between two copies.
    pub(super) fn gap(&self) -> String {
        self.line_end().repeat(if self.indent(self.function.outer).is_empty() { 2 } else { 1 })
    }

    fn with(&self, mut edits: Vec<TextEdit>) -> String {
        let mut new = self.text[self.lines.clone()].to_owned();
        edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        for (Range { start, end }, text) in edits {
            new.replace_range(start - self.lines.start..end - self.lines.start, &text);
        }
        if !new.ends_with('\n') {
            new.push_str(self.line_end());
        }
        new
    }

    /// Those that the test comes by in any case; the others where there are none.
    fn reached<'c>(&'c self, usable: impl Fn(&Check<'t>) -> bool) -> Vec<&'c Check<'t>> {
        let all = || self.checks.iter().filter(|check| usable(check));
        let top: Vec<_> = all().filter(|check| check.top).collect();
        if top.is_empty() { all().collect() } else { top }
    }

    fn changed_value(&self, seed: Seed) -> Option<TextEdit> {
        let equalities = self.reached(|check| check.sides.is_some());
        let check = equalities.get(seed.derive("equality").below(equalities.len()))?;
        Some(changed(self.text, check.expected()?, seed))
    }

    fn negated(&self, seed: Seed) -> Option<TextEdit> {
        let all = self.reached(|check| check.negated(self.text).is_some());
        all.get(seed.derive("negated").below(all.len()))?.negated(self.text)
    }

    /// Parentheses around some expected values.
    fn parenthesised(&self, seed: Seed) -> Vec<TextEdit> {
        let expected = self.checks.iter().filter_map(Check::expected).enumerate();
        // The first always, so that the text of an assertion is never what it was.
        let some = expected
            .filter(|(index, _)| *index == 0 || seed.index(*index as u64).below(2) == 0)
            .map(|(_, node)| node.byte_range());
        some.map(|range| (range.clone(), format!("({})", &self.text[range]))).collect()
    }

    /// Statements after the last one, unless the test may end before.
    fn ending(&self, holds: bool, seed: Seed) -> Option<TextEdit> {
        if self.function.has(Kind::ReturnStatement) {
            return None;
        }
        let block = children(self.function.body);
        let (first, last) = (*block.first()?, *block.last()?);
        let indent = self.indent(first);
        // A body on the line of its header has no room.
        if !indent.trim().is_empty() {
            return None;
        }
        let statement =
            last.start_byte()..last.start_byte() + self.text[last.byte_range()].trim_end().len();
        let end = self.text[statement.end..self.lines.end].find('\n');
        let at = end.map_or(self.lines.end, |end| statement.end + end + 1);
        let rest = self.text[statement.end..at].trim();
        if !(rest.is_empty() || rest.starts_with(['#', ';'])) {
            return None;
        }
        let mut new = String::new();
        if end.is_none() {
            new.push_str(self.line_end());
        }
        for line in statements(&self.scene(), holds, seed.derive("ending")) {
            new.push_str(&format!("{indent}{line}{}", self.line_end()));
        }
        Some((at..at, new))
    }

    fn scene(&self) -> Scene<'t> {
        let body = &self.text[self.function.body.byte_range()];
        let asserts = body.contains("self.assert") || body.contains("self.fail");
        let mut locals = BTreeSet::new();
        if !self.function.has(Kind::DeleteStatement) {
            for statement in children(self.function.body) {
                let assignment = statement.named_child(0).filter(|node| {
                    GRAMMAR.kind(statement) == Kind::ExpressionStatement
                        && GRAMMAR.kind(*node) == Kind::Assignment
                });
                let name = assignment.and_then(|node| GRAMMAR.field(node, Field::Left));
                let value = assignment.and_then(|node| GRAMMAR.field(node, Field::Right));
                let name = name.filter(|node| GRAMMAR.kind(*node) == Kind::Identifier);
                locals.extend(name.and(value).and(name).map(|node| &self.text[node.byte_range()]));
            }
        }
        Scene {
            text: self.text,
            locals: locals.into_iter().collect(),
            case: asserts.then_some("self"),
        }
    }

    /// What stands before the node on its line.
    fn indent(&self, node: Node<'_>) -> &'t str {
        let start = self.text[..node.start_byte()].rfind('\n').map_or(0, |at| at + 1);
        &self.text[start..node.start_byte()]
    }

    fn line_end(&self) -> &'static str {
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
    }
}
