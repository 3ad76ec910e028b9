//! Mistyped text.

use tree_sitter::Node;

use crate::python::grammar::{Field, Kind, children};
use crate::python::walk::Walk;
use crate::python::{Rule, calls};
use crate::{Difficulty, Family, Operator};

/// Methods and functions that look up their string argument.
const LOOKUPS: &[&str] = &[
    "get",
    "pop",
    "setdefault",
    "getattr",
    "hasattr",
    "setattr",
    "delattr",
    "startswith",
    "endswith",
    "removeprefix",
    "removesuffix",
    "split",
    "rsplit",
    "partition",
    "rpartition",
    "find",
    "rfind",
    "index",
    "rindex",
    "count",
    "replace",
    "strip",
    "lstrip",
    "rstrip",
    "strftime",
    "strptime",
];

/// Punctuation marks and similar ones.
pub(in crate::python) const MARKS: &[(&str, &str)] = &[
    (",", ";"),
    (";", ","),
    (".", ","),
    (":", ";"),
    ("-", "_"),
    ("_", "-"),
    (" ", "_"),
    ("/", "|"),
    ("|", "/"),
    ("=", ":"),
    ("*", "+"),
    ("+", "*"),
];

pub(super) static RULES: &[Rule] = &[Rule {
    operator: Operator {
        id: "STR",
        version: 1,
        family: Family::Constants,
        difficulty: Difficulty::Medium,
        description: "A typing mistake in a key, in text that is compared or looked up, or in \
                          the width of a format",
        examples: &[
            ("x = d[\"name\"]\n", "x = d[\"nmae\"]\n"),
            ("d = {'aa': b}\n", "d = {'a': b}\n"),
            ("ok = mode in (\"rb\", \"wb\")\n", "ok = mode in (\"br\", \"wb\")\n"),
            ("parts = line.split(\",\")\n", "parts = line.split(\";\")\n"),
            ("text = \" \".join(xs)\n", "text = \"_\".join(xs)\n"),
            ("cell = f\"{a}: {x:>9.2f}\"\n", "cell = f\"{a}: {x:>9.3f}\"\n"),
        ],
        untouched: &[
            "\"\"\"Doc.\"\"\"\n",
            "x = \"name\"\n",
            "x = f(\"name\")\n",
            "raise KeyError(d[\"name\"])\n",
            "logger.info(d[\"name\"])\n",
            "ok = a == \"\"\n",
            "ok = a == \"\\n\"\n",
            "x: Literal[\"name\"] = y\n",
            "text = f\"{x}\"\n",
        ],
        structural: false,
    },
    kinds: &[Kind::String],
    find: mistype,
}];

fn mistype<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let text = walk.text(node);
    if text.starts_with(['f', 'F']) {
        if let Some(at) = children(node).into_iter().find_map(|part| last_width(walk, part)) {
            let digit = walk.text.as_bytes()[at] - b'0';
            walk.propose(node, at..at + 1, ((digit + 1) % 10).to_string());
        }
        return;
    }
    let quote = if text.starts_with('"') { '"' } else { '\'' };
    let content = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    let Some(content) = content.filter(|content| is_plain(content)) else { return };
    if let Some(typo) = typo(content)
        && is_looked_up(walk, node)
    {
        walk.replace(node, format!("{quote}{typo}{quote}"));
    }
}

/// The position of the last digit in the format of an interpolation: that of `3` in `{x:>8.3f}`.
pub(in crate::python) fn last_width<'t>(walk: &Walk<'t, '_>, part: Node<'t>) -> Option<usize> {
    let format = walk.field(part, Field::FormatSpecifier)?;
    let digit = walk.text(format).rfind(|c: char| c.is_ascii_digit())?;
    // A nested format has digits of its own.
    (format.named_child_count() == 0).then_some(format.start_byte() + digit)
}

/// Whether the text is on one line, without escapes and placeholders.
pub(in crate::python) fn is_plain(content: &str) -> bool {
    let plain = |byte: u8| (b' '..0x7f).contains(&byte) && !br#"\{}%"'"#.contains(&byte);
    content.bytes().all(plain)
}

/// The text with two letters exchanged near its middle, or without its last letter.
pub(in crate::python) fn typo(content: &str) -> Option<String> {
    let bytes = content.as_bytes();
    if let Some((_, typo)) = MARKS.iter().find(|(mark, _)| *mark == content) {
        return Some((*typo).to_owned());
    }
    let letters = |pair: &[u8]| pair.iter().all(u8::is_ascii_alphanumeric) && pair[0] != pair[1];
    let middle = bytes.len().saturating_sub(2);
    let exchangeable = bytes.windows(2).enumerate().filter(|(_, pair)| letters(pair));
    match exchangeable.min_by_key(|(at, _)| (2 * at).abs_diff(middle)) {
        Some((at, pair)) => {
            let (a, b) = (char::from(pair[0]), char::from(pair[1]));
            Some(format!("{}{b}{a}{}", &content[..at], &content[at + 2..]))
        }
        None => {
            let last = bytes.last().filter(|byte| byte.is_ascii_alphanumeric());
            last.map(|_| content[..content.len() - 1].to_owned())
        }
    }
}

/// Whether the text is a key, is compared, or is looked up by a call.
pub(in crate::python) fn is_looked_up<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    let Some((parent, kind)) = walk.ancestor_node(0) else { return false };
    let first = || parent.named_child(0) == Some(node);
    let text_of = |field| walk.field(parent, field).map_or("", |part| walk.text(part));
    match kind {
        Kind::ComparisonOperator => true,
        Kind::Tuple | Kind::List | Kind::Set => walk.ancestor(1) == Kind::ComparisonOperator,
        Kind::Subscript => !first(),
        Kind::Pair => walk.field(parent, Field::Key) == Some(node),
        Kind::Attribute => text_of(Field::Attribute) == "join",
        Kind::ArgumentList => {
            let call = walk.ancestor_node(1).map(|(call, _)| call);
            let name = call.and_then(|call| calls::name(walk, call));
            name.is_some_and(|name| LOOKUPS.contains(&name))
        }
        _ => false,
    }
}
