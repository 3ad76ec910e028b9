//! Prints changes as a unified diff.

use std::ops::Range;

use super::Change;

/// How much of an enclosing function git prints after `@@`.
const SECTION: usize = 80;

/// Whether hunks name the enclosing function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::shell) enum Section {
    /// The last line above the hunk that starts with a letter, `_` or `$`, as git prints it.
    Function,
    None,
}

/// The hunks of a unified diff, without the lines before the first `@@`.
pub(in crate::shell) fn unified(
    old: &[&[u8]],
    new: &[&[u8]],
    changes: &[Change],
    context: usize,
    section: Section,
) -> Vec<u8> {
    let mut out = Vec::new();
    for group in groups(changes, context) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let before = first.old.start.min(first.new.start).min(context);
        let after = (old.len() - last.old.end).min(new.len() - last.new.end).min(context);
        let (old_span, new_span) = (
            first.old.start - before..last.old.end + after,
            first.new.start - before..last.new.end + after,
        );
        out.extend_from_slice(b"@@ -");
        out.extend_from_slice(range(&old_span).as_bytes());
        out.extend_from_slice(b" +");
        out.extend_from_slice(range(&new_span).as_bytes());
        out.extend_from_slice(b" @@");
        if section == Section::Function
            && let Some(name) = function_above(old, old_span.start)
        {
            out.push(b' ');
            out.extend_from_slice(name);
        }
        out.push(b'\n');
        let mut at = old_span.start;
        for change in group {
            push(&mut out, b' ', &old[at..change.old.start]);
            push(&mut out, b'-', &old[change.old.clone()]);
            push(&mut out, b'+', &new[change.new.clone()]);
            at = change.old.end;
        }
        push(&mut out, b' ', &old[at..old_span.end]);
    }
    out
}

/// Changes whose contexts touch share a hunk.
fn groups(changes: &[Change], context: usize) -> impl Iterator<Item = &[Change]> {
    changes.chunk_by(move |a, b| b.old.start - a.old.end <= context.saturating_mul(2))
}

/// `start,length` as in a hunk header; a length of one is left out.
fn range(span: &Range<usize>) -> String {
    match span.len() {
        0 => format!("{},0", span.start),
        1 => format!("{}", span.start + 1),
        length => format!("{},{length}", span.start + 1),
    }
}

fn push(out: &mut Vec<u8>, marker: u8, lines: &[&[u8]]) {
    for line in lines {
        out.push(marker);
        out.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            out.extend_from_slice(b"\n\\ No newline at end of file\n");
        }
    }
}

fn function_above<'a>(lines: &[&'a [u8]], before: usize) -> Option<&'a [u8]> {
    let starts = |line: &&&[u8]| {
        line.first().is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$'))
    };
    let line = lines[..before].iter().rev().find(starts)?;
    Some(line[..line.len().min(SECTION)].trim_ascii_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::text::{Matching, Style, changes, lines};

    fn diff(old: &str, new: &str, context: usize, section: Section) -> String {
        let (old, new) = (lines(old.as_bytes()), lines(new.as_bytes()));
        let changes = changes(&old, &new, Matching::default(), Style::Git);
        String::from_utf8(unified(&old, &new, &changes, context, section)).unwrap()
    }

    #[test]
    fn hunks_have_context_and_the_enclosing_function() {
        let old = "def f():\n 1\n 2\n 3\n 4\n 5\n";
        let new = "def f():\n 1\n 2\n 3\n 4\n 6\n";
        assert_eq!(
            diff(old, new, 1, Section::Function),
            "@@ -5,2 +5,2 @@ def f():\n  4\n- 5\n+ 6\n"
        );
        assert_eq!(diff(old, new, 0, Section::None), "@@ -6 +6 @@\n- 5\n+ 6\n");
    }

    #[test]
    fn ranges_of_nothing_name_the_line_before() {
        assert_eq!(diff("", "a\n", 3, Section::None), "@@ -0,0 +1 @@\n+a\n");
        assert_eq!(diff("a\nb\n", "a\n", 0, Section::None), "@@ -2 +1,0 @@\n-b\n");
        let unfinished = "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n";
        assert_eq!(diff("a", "a\n", 3, Section::None), unfinished);
    }
}
