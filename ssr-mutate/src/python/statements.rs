//! Deleting whole statements.

use std::ops::Range;

use tree_sitter::Node;

use super::walk::Walk;

/// The edit that deletes the statement being entered: its lines, or `pass` in its place where it
/// is the only statement of its block or shares a line.
pub(super) fn deletion<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> (Range<usize>, &'static str) {
    match whole_lines(walk.text, node.byte_range()) {
        Some(lines) if walk.siblings() > 1 => (lines, ""),
        _ => (node.byte_range(), "pass"),
    }
}

/// The lines that hold the range and nothing else but blanks and a comment, with the line ending.
pub(super) fn whole_lines(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let start = text[..range.start].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[range.end..].find('\n').map_or(text.len(), |at| range.end + at + 1);
    let before = &text[start..range.start];
    let after = text[range.end..end].trim();
    let alone = before.trim().is_empty() && (after.is_empty() || after.starts_with('#'));
    alone.then_some(start..end)
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
    }
}
