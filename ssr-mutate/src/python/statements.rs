//! Deletes, unwraps and exchanges whole statements.
//!
//! Lines move as a whole: comments stay with the statements below them, line endings do not change,
//! and lines inside of a string keep their indentation, which is part of its value.

use std::ops::Range;

use tree_sitter::Node;

use super::grammar::{GRAMMAR, Kind, children};
use super::guards;
use super::walk::Walk;

/// The edit that deletes the statement that is being entered. It deletes the lines, or replaces the
/// statement by `pass` if it is the only one of its block or shares a line.
pub(super) fn deletion<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> (Range<usize>, &'static str) {
    match whole_lines(walk.text, node.byte_range()) {
        Some(lines) if walk.siblings() > 1 => (lines, ""),
        _ => (node.byte_range(), "pass"),
    }
}

/// The edit that deletes a clause of a compound statement, such as its `else`.
pub(super) fn clause_deletion(walk: &Walk<'_, '_>, clause: Node<'_>) -> Option<Range<usize>> {
    whole_lines(walk.text, clause.start_byte()..end(walk.text, clause))
}

/// The edit that replaces a compound statement by some of its blocks.
pub(super) fn unwrapping(
    walk: &Walk<'_, '_>,
    statement: Node<'_>,
    blocks: &[Node<'_>],
) -> Option<(Range<usize>, String)> {
    let indent = indent(walk.text, statement)?;
    let lines: Option<Vec<_>> = blocks.iter().map(|block| lines(walk, *block, indent)).collect();
    let start = statement.start_byte() - indent.len();
    Some((start..end(walk.text, statement), lines?.join(line_ending(walk.text))))
}

/// The edit that exchanges two blocks, the first of which comes first.
pub(super) fn exchange(
    walk: &Walk<'_, '_>,
    [first, second]: [Node<'_>; 2],
) -> Option<(Range<usize>, String)> {
    let (one, two) = (body(walk, first)?, body(walk, second)?);
    // A block on the line of its header cannot take several lines.
    if one.indent.is_some() != two.indent.is_some() {
        return None;
    }
    let new_first = lines(walk, second, one.indent.unwrap_or(""))?;
    let new_second = lines(walk, first, two.indent.unwrap_or(""))?;
    let between = &walk.text[one.range.end..two.range.start];
    Some((one.range.start..two.range.end, format!("{new_first}{between}{new_second}")))
}

/// The edit that adds a simple statement at the end of a block.
pub(super) fn addition(
    walk: &Walk<'_, '_>,
    block: Node<'_>,
    statement: &str,
) -> Option<(Range<usize>, String)> {
    let Body { range, indent } = body(walk, block)?;
    let Some(indent) = indent else {
        return Some((range.end..range.end, format!("; {statement}")));
    };
    let rest = &walk.text[range.end..];
    let line = rest.split('\n').next().unwrap_or(rest);
    let at = range.end + line.trim_end_matches('\r').len();
    Some((at..at, format!("{}{indent}{statement}", line_ending(walk.text))))
}

/// The first statement of the block. A test that executes the block executes its line, but not
/// always that of the `else`; and the line of the `if` is executed even if the block is not.
pub(super) fn first<'t>(block: Node<'t>) -> Node<'t> {
    children(block).first().copied().unwrap_or(block)
}

/// The statements of a block and the comments on top of them, as lines that are indented by
/// `indent`, the last one without its ending.
pub(super) fn lines(walk: &Walk<'_, '_>, block: Node<'_>, indent: &str) -> Option<String> {
    let body = body(walk, block)?;
    let Some(old) = body.indent else {
        return Some(format!("{indent}{}", &walk.text[body.range]));
    };
    let mut strings = Vec::new();
    find_long_strings(block, &mut strings);
    let mut at = body.range.start;
    let mut new = String::with_capacity(body.range.len());
    for line in walk.text[body.range].split_inclusive('\n') {
        let in_string = strings.iter().any(|string| string.start < at && at < string.end);
        match line.strip_prefix(old) {
            Some(rest) if !in_string => new.extend([indent, rest]),
            _ => new.push_str(line),
        }
        at += line.len();
    }
    Some(new)
}

/// Whether the statement does nothing that a test could see.
pub(super) fn is_idle<'t>(walk: &Walk<'t, '_>, statement: Node<'t>) -> bool {
    let silent = |call| GRAMMAR.kind(call) == Kind::Call && guards::is_silent(walk, call);
    match GRAMMAR.kind(statement) {
        Kind::PassStatement => true,
        Kind::ExpressionStatement => {
            statement.named_child(0).is_some_and(|value| silent(value) || walk.text(value) == "...")
        }
        _ => false,
    }
}

/// The indentation of the statement, if only blanks are before it on its line.
pub(super) fn indent<'t>(text: &'t str, statement: Node<'_>) -> Option<&'t str> {
    let start = statement.start_byte();
    let indent = &text[line_start(text, start)..start];
    let continued = text[..start - indent.len()].trim_end_matches(['\r', '\n']).ends_with('\\');
    (indent.bytes().all(|byte| matches!(byte, b' ' | b'\t')) && !continued).then_some(indent)
}

/// The line ending of the text.
pub(super) fn line_ending(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// The range extended to whole lines, with the line ending. `None` if other code than a comment is
/// on these lines.
pub(super) fn whole_lines(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let start = line_start(text, range.start);
    let end = text[range.end..].find('\n').map_or(text.len(), |at| range.end + at + 1);
    let before = &text[start..range.start];
    let after = text[range.end..end].trim();
    let continued = text[..start].trim_end_matches(['\r', '\n']).ends_with('\\');
    let alone = before.trim().is_empty() && (after.is_empty() || after.starts_with('#'));
    (alone && !continued).then_some(start..end)
}

struct Body<'t> {
    /// From the start of the first line to the end of the last statement; for a block on the line
    /// of its header, the block itself.
    range: Range<usize>,
    /// The indentation of the lines; `None` on the line of the header.
    indent: Option<&'t str>,
}

fn body<'t>(walk: &Walk<'t, '_>, block: Node<'_>) -> Option<Body<'t>> {
    let statements = children(block);
    let (first, last) = (*statements.first()?, *statements.last()?);
    let text = walk.text;
    let mut start = line_start(text, first.start_byte());
    let before = &text[start..first.start_byte()];
    if !before.trim().is_empty() {
        return Some(Body { range: first.start_byte()..last.end_byte(), indent: None });
    }
    let indent = indent(text, first)?;
    // Include the comments above the first statement, up to the header.
    while start > 0 {
        let line = line_start(text, start - 1);
        if !text[line..start].trim_start().starts_with('#') {
            break;
        }
        start = line;
    }
    Some(Body { range: start..end(text, block), indent: Some(indent) })
}

/// The end of the node without the blanks in it at its end.
fn end(text: &str, node: Node<'_>) -> usize {
    node.start_byte() + text[node.byte_range()].trim_end().len()
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Collects the strings of more than one line.
fn find_long_strings(node: Node<'_>, found: &mut Vec<Range<usize>>) {
    let mut cursor = node.walk();
    for child in node.named_children(&mut cursor) {
        if child.start_position().row == child.end_position().row {
            continue;
        }
        if GRAMMAR.kind(child) == Kind::String {
            found.push(child.byte_range());
        } else {
            find_long_strings(child, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_with_company_on_its_line_has_no_lines_of_its_own() {
        let text = "a = 1\n  b = 2  # b\nc = 3; d = 4\ne = 5";
        assert_eq!(whole_lines(text, 0..5), Some(0..6));
        assert_eq!(whole_lines(text, 8..13), Some(6..19));
        assert_eq!(whole_lines(text, 19..24), None);
        assert_eq!(whole_lines(text, 26..31), None);
        assert_eq!(whole_lines(text, 32..37), Some(32..37));
        assert_eq!(whole_lines("a = 1; \\\nb = 2\n", 9..14), None);
    }
}
