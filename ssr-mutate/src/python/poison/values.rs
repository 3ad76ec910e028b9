//! Another value in the place of one that a test expects.

use std::ops::Range;

use ssr_core::Seed;
use tree_sitter::Node;

use crate::python::grammar::{GRAMMAR, Kind, children};

/// Whether the node is a value that stands in the text.
pub(super) fn is_literal(node: Node<'_>) -> bool {
    matches!(
        GRAMMAR.kind(node),
        Kind::Integer
            | Kind::Float
            | Kind::UnaryOperator
            | Kind::True
            | Kind::False
            | Kind::None
            | Kind::String
            | Kind::ConcatenatedString
            | Kind::List
            | Kind::Tuple
            | Kind::Dictionary
            | Kind::Set
    )
}

/// The edit that makes a different value of the expected one, of the same type where it is a
/// literal.
pub(super) fn changed(text: &str, expected: Node<'_>, seed: Seed) -> (Range<usize>, String) {
    let range = expected.byte_range();
    let value = &text[range.clone()];
    let more = 1 + seed.derive("more").below(8);
    match GRAMMAR.kind(expected) {
        Kind::Integer | Kind::UnaryOperator if is_decimal(value) => {
            let sum = value.parse::<i64>().ok().and_then(|value| value.checked_add(more as i64));
            (range, sum.map_or_else(|| format!("{value} + {more}"), |sum| sum.to_string()))
        }
        Kind::True => (range, "False".to_owned()),
        Kind::False => (range, "True".to_owned()),
        Kind::String => lengthened(text, range, seed),
        Kind::ConcatenatedString => match children(expected).last() {
            Some(last) => lengthened(text, last.byte_range(), seed),
            None => wrapped(value, range, more),
        },
        kind @ (Kind::List | Kind::Tuple | Kind::Set | Kind::Dictionary) => {
            // A tuple may stand without parentheses.
            let open = value.starts_with(['[', '(', '{']);
            let element = match kind {
                Kind::Dictionary => format!("{}: {more}", 7000 + more),
                _ => (7000 + more).to_string(),
            };
            match children(expected).last() {
                _ if !open => wrapped(value, range, more),
                Some(last) => (last.end_byte()..last.end_byte(), format!(", {element}")),
                None if kind == Kind::Tuple => (range, format!("({element},)")),
                None => (range.start + 1..range.start + 1, element),
            }
        }
        _ => wrapped(value, range, more),
    }
}

fn is_decimal(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A string with a letter more before its closing quote.
fn lengthened(text: &str, string: Range<usize>, seed: Seed) -> (Range<usize>, String) {
    const LETTERS: [&str; 6] = ["s", "g", "k", "m", "w", "z"];
    let value = &text[string.clone()];
    let quote = if value.ends_with("\"\"\"") || value.ends_with("'''") { 3 } else { 1 };
    let at = string.end - quote.min(value.len());
    (at..at, LETTERS[seed.derive("letter").below(LETTERS.len())].to_owned())
}

/// The value in a pair with another one, which nothing equals that equals the value.
fn wrapped(value: &str, range: Range<usize>, more: usize) -> (Range<usize>, String) {
    (range, format!("({value}, {more})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed_to(value: &str) -> String {
        let text = format!("x = {value}\n");
        let tree = GRAMMAR.parse(&text).unwrap();
        let assignment = tree.root_node().named_child(0).unwrap().named_child(0).unwrap();
        let node = assignment.named_child(1).unwrap();
        let (range, new) = changed(&text, node, Seed::new(1));
        let after = [&text[..range.start], &new, &text[range.end..]].concat();
        assert!(!GRAMMAR.parse(&after).unwrap().root_node().has_error(), "{after}");
        after.trim().trim_start_matches("x = ").to_owned()
    }

    #[test]
    fn values_keep_their_type_where_they_are_literals() {
        let more = 1 + Seed::new(1).derive("more").below(8);
        assert_eq!(changed_to("4"), (4 + more).to_string());
        assert_eq!(changed_to("-4"), (more as i64 - 4).to_string());
        assert_eq!(changed_to("True"), "False");
        let element = 7000 + more;
        assert_eq!(changed_to("[]"), format!("[{element}]"));
        assert_eq!(changed_to("()"), format!("({element},)"));
        assert_eq!(changed_to("(1,)"), format!("(1, {element},)"));
        assert_eq!(changed_to("[1, [2],\n]"), format!("[1, [2], {element},\n]"));
        assert_eq!(changed_to("{1: 2}"), format!("{{1: 2, {element}: {more}}}"));
        assert_eq!(changed_to("{1}"), format!("{{1, {element}}}"));
        assert_eq!(changed_to("f(y)"), format!("(f(y), {more})"));
        assert_eq!(changed_to("1.5"), format!("(1.5, {more})"));
        for (value, start, end) in [
            ("'a'", "'a", "'"),
            ("rb\"\"", "rb\"", "\""),
            ("'''a\nb'''", "'''a\nb", "'''"),
            ("'a' 'b'", "'a' 'b", "'"),
        ] {
            let new = changed_to(value);
            assert!(new.starts_with(start) && new.ends_with(end), "{new}");
            assert_eq!(new.len(), value.len() + 1);
        }
    }
}
