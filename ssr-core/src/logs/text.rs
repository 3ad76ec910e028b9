//! What the parsers of logs share: escape sequences, long lines, titles and counts.

use std::borrow::Cow;

const ESCAPE: char = '\u{1b}';

/// A log as text without escape sequences.
pub(super) fn plain(log: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(log);
    if text.contains(ESCAPE) { Cow::Owned(without_escapes(&text)) } else { text }
}

/// The longest title or link that is taken out.
const MAX_SEQUENCE: usize = 1 << 12;

/// Takes out control sequences (`ESC [ … m`), titles and links (`ESC ] … BEL`) and two-character
/// escapes. None of them goes past the end of its line, so that a broken one hides nothing else.
fn without_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(ESCAPE) {
        out.push_str(&rest[..at]);
        rest = after_escape(&rest[at + 1..]);
    }
    out.push_str(rest);
    out
}

fn after_escape(text: &str) -> &str {
    let mut chars = text.chars();
    match chars.next() {
        Some('[') => {
            let rest = chars.as_str();
            let end = rest.find(|c| !('\u{20}'..='\u{3f}').contains(&c)).unwrap_or(rest.len());
            let is_final = rest[end..].starts_with(|c| ('@'..='~').contains(&c));
            &rest[end + usize::from(is_final)..]
        }
        Some(']') => {
            let rest = chars.as_str();
            let near = head(rest, MAX_SEQUENCE);
            let line = near.lines().next().unwrap_or_default();
            let bell = line.find('\u{7}').map(|at| at + 1);
            let string_end = line.find("\u{1b}\\").map(|at| at + 2);
            match (bell, string_end) {
                (Some(bell), Some(end)) => &rest[bell.min(end)..],
                (Some(end), None) | (None, Some(end)) => &rest[end..],
                (None, None) => rest,
            }
        }
        Some('@'..='~') => chars.as_str(),
        _ => text,
    }
}

/// What is looked at of a line. Names fit; what a message adds after them may be long.
const LOOKED_AT: usize = 1 << 14;

/// The part of a line that is looked at.
pub(super) fn start(line: &str) -> &str {
    head(line, LOOKED_AT)
}

/// The longest start of `text` with at most `len` bytes.
fn head(text: &str, len: usize) -> &str {
    let mut end = len.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The text between `before` and `after`.
pub(super) fn between<'t>(line: &'t str, before: &str, after: &str) -> Option<&'t str> {
    line.strip_prefix(before)?.strip_suffix(after)
}

/// The title of a line such as `=== title ===`.
pub(super) fn title(line: &str, fill: char) -> Option<&str> {
    let title = line.trim_end().trim_matches(fill);
    let title = title.strip_prefix(' ')?.strip_suffix(' ')?;
    let framed = line.starts_with(fill) && line.trim_end().ends_with(fill);
    framed.then_some(title)
}

/// `12 passed` and the like, separated by commas.
pub(super) fn counts(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split(", ").filter_map(|part| {
        let (number, what) = part.trim().split_once(' ')?;
        Some((number.parse().ok()?, what))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_go_and_their_lines_stay() {
        let cases = [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[38;5;1mred\u{1b}[K", "red"),
            ("\u{1b}]0;title\u{7}x", "x"),
            ("\u{1b}]8;;http://x\u{1b}\\link", "link"),
            ("\u{1b}]no end\nnext", "no end\nnext"),
            ("\u{1b}[31", ""),
            ("\u{1b}[31\nnext", "\nnext"),
            ("\u{1b}", ""),
            ("a\u{1b}\u{1b}[1mb", "ab"),
            ("\u{1b}\u{fc}", "\u{fc}"),
        ];
        for (given, wanted) in cases {
            assert_eq!(plain(given.as_bytes()), wanted, "{given:?}");
        }
    }

    #[test]
    fn a_head_ends_between_two_characters() {
        assert_eq!(head("a\u{fc}b", 2), "a");
        assert_eq!(head("a\u{fc}b", 3), "a\u{fc}");
        assert_eq!(head("a\u{fc}b", 9), "a\u{fc}b");
        assert_eq!(head("\u{fc}", 1), "");
    }

    #[test]
    fn titles_are_framed_on_both_sides() {
        assert_eq!(title("=== a - b ===", '='), Some("a - b"));
        assert_eq!(title("= a =", '='), Some("a"));
        for line in ["=== a", "a ===", "===", "======", "==a==", ""] {
            assert_eq!(title(line, '='), None, "{line}");
        }
    }
}
