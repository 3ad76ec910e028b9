//! Names in headers: git's C-style quotes, prefixes, and the labels of plain diffs.

use memchr::memchr;

/// Appends `diff --git a/… b/…` and a newline.
pub(super) fn push_git_names(
    out: &mut Vec<u8>,
    old: [&str; 2],
    new: [&str; 2],
    quote_non_ascii: bool,
) {
    out.extend_from_slice(b"diff --git ");
    push_quoted(out, old, quote_non_ascii);
    out.push(b' ');
    push_quoted(out, new, quote_non_ascii);
    out.push(b'\n');
}

/// Appends what follows `--- ` or `+++ `. A name with a space gets a tab after it, so that other
/// tools do not take the end of the name for a date.
pub(super) fn push_label(out: &mut Vec<u8>, name: Option<[&str; 2]>, quote_non_ascii: bool) {
    let Some(name) = name else {
        out.extend_from_slice(b"/dev/null");
        return;
    };
    push_quoted(out, name, quote_non_ascii);
    if name.iter().any(|part| part.contains(' ')) {
        out.push(b'\t');
    }
}

/// Appends prefix and name the way git's `core.quotePath` asks for.
pub(crate) fn push_quoted(out: &mut Vec<u8>, name: [&str; 2], quote_non_ascii: bool) {
    let name = name.map(str::as_bytes);
    let special = |byte: &u8| {
        *byte < 0x20 || matches!(*byte, b'"' | b'\\' | 0x7f) || (quote_non_ascii && *byte >= 0x80)
    };
    if !name.iter().copied().flatten().any(special) {
        name.iter().for_each(|part| out.extend_from_slice(part));
        return;
    }
    out.push(b'"');
    for byte in name.iter().copied().flatten() {
        if !special(byte) {
            out.push(*byte);
            continue;
        }
        out.push(b'\\');
        match ESCAPES.iter().find(|(_, raw)| raw == byte) {
            Some((letter, _)) => out.push(*letter),
            None => out.extend([byte >> 6, (byte >> 3) & 7, byte & 7].map(|digit| b'0' + digit)),
        }
    }
    out.push(b'"');
}

const ESCAPES: [(u8, u8); 9] = [
    (b'a', 0x07),
    (b'b', 0x08),
    (b't', b'\t'),
    (b'n', b'\n'),
    (b'v', 0x0b),
    (b'f', 0x0c),
    (b'r', b'\r'),
    (b'"', b'"'),
    (b'\\', b'\\'),
];

/// Reads a quoted name from the start of `text`; returns it with what follows the closing quote.
pub(crate) fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut name = Vec::new();
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'"' => return Some((name, rest)),
            b'\\' => {
                let (&letter, after) = rest.split_first()?;
                rest = after;
                if let Some((_, raw)) = ESCAPES.iter().find(|(escape, _)| *escape == letter) {
                    name.push(*raw);
                } else {
                    let (&second, after) = rest.split_first()?;
                    let (&third, after) = after.split_first()?;
                    rest = after;
                    name.push(octal(letter, second, third)?);
                }
            }
            _ => name.push(byte),
        }
    }
}

fn octal(first: u8, second: u8, third: u8) -> Option<u8> {
    let digit = |byte: u8, most: u8| (b'0'..=most).contains(&byte).then(|| byte - b'0');
    Some(digit(first, b'3')? << 6 | digit(second, b'7')? << 3 | digit(third, b'7')?)
}

/// Where the name of a header line ends when it is not quoted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NameEnd {
    /// At a tab, after which a plain diff has a date.
    Tab,
    /// At the end of the line.
    Line,
}

/// The name on a header line, without its first `strip` components.
pub(super) fn name_on_line(text: &[u8], strip: usize, end: NameEnd) -> Option<Vec<u8>> {
    if text.first() == Some(&b'"') {
        return strip_components(&unquote(text)?.0, strip).map(<[u8]>::to_vec);
    }
    let ends = |byte: &u8| match byte {
        b'\t' => end == NameEnd::Tab,
        b'\r' | b'\n' | 0x0b | 0x0c => true,
        _ => false,
    };
    let length = text.iter().position(ends).unwrap_or(text.len());
    strip_components(&text[..length], strip).map(<[u8]>::to_vec)
}

pub(super) fn strip_components(name: &[u8], strip: usize) -> Option<&[u8]> {
    let mut rest = name;
    for _ in 0..strip {
        rest = &rest[memchr(b'/', rest)? + 1..];
    }
    (!rest.is_empty()).then_some(rest)
}

/// Whether the label says that this side does not exist.
pub(super) fn is_dev_null(label: &[u8]) -> bool {
    label
        .strip_prefix(b"/dev/null")
        .is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
}

/// The one name of `diff --git a/NAME b/NAME`, which stands there twice when the header has no
/// other line with it: a change of mode, an empty file that appears or goes.
pub(super) fn repeated_name(text: &[u8], strip: usize) -> Option<Vec<u8>> {
    let (first, second) = if text.first() == Some(&b'"') {
        let (first, rest) = unquote(text)?;
        let rest = rest.strip_prefix(b" ")?;
        let second = if rest.first() == Some(&b'"') { unquote(rest)?.0 } else { rest.to_vec() };
        (first, second)
    } else if text.last() == Some(&b'"') {
        let at = memchr::memmem::find(text, b" \"")?;
        (text[..at].to_vec(), unquote(&text[at + 1..])?.0)
    } else {
        let same = |at: &usize| {
            let first = strip_components(&text[..*at], strip);
            first.is_some() && first == strip_components(&text[at + 1..], strip)
        };
        let at = memchr::memchr2_iter(b' ', b'\t', text).find(same)?;
        (text[..at].to_vec(), text[at + 1..].to_vec())
    };
    let name = strip_components(&first, strip)?;
    (Some(name) == strip_components(&second, strip)).then(|| name.to_vec())
}

/// Whether a plain diff's label dates the file to the Unix epoch, which is how `diff -N` writes
/// that it does not exist: `1970-01-01 00:00:00.000000000 +0000` in any zone.
pub(super) fn is_dated_to_epoch(label: &[u8]) -> bool {
    let stamp =
        memchr::memrchr(b'\t', label).and_then(|at| std::str::from_utf8(&label[at + 1..]).ok());
    stamp.and_then(is_epoch).unwrap_or(false)
}

fn is_epoch(stamp: &str) -> Option<bool> {
    let mut parts = stamp.split_ascii_whitespace();
    let (date, time, zone) = (parts.next()?, parts.next()?, parts.next()?);
    let day = match date {
        "1970-01-01" => 0,
        "1969-12-31" => -24 * 60,
        _ => return Some(false),
    };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let clock = clock.strip_suffix(":00")?;
    if !fraction.bytes().all(|byte| byte == b'0') {
        return Some(false);
    }
    let minutes = |text: &str| {
        let (hours, minutes) = text.split_once(':').or_else(|| text.split_at_checked(2))?;
        Some(hours.parse::<u8>().ok()? as i32 * 60 + minutes.parse::<u8>().ok()? as i32)
    };
    let offset = match zone.split_at_checked(1)? {
        ("+", zone) => minutes(zone)?,
        ("-", zone) => -minutes(zone)?,
        _ => return None,
    };
    Some(day + minutes(clock)? == offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_names_come_back() {
        for name in ["plain", "a b", "ü", "tab\t", "\u{1}\u{7f}\"", "line\nend\r"] {
            for quote_non_ascii in [false, true] {
                let mut text = Vec::new();
                push_quoted(&mut text, ["a/", name], quote_non_ascii);
                text.extend_from_slice(b" rest");
                let read = match unquote(&text) {
                    Some((name, rest)) => (name, rest),
                    None => (text[..text.len() - 5].to_vec(), &b" rest"[..]),
                };
                assert_eq!(read, (format!("a/{name}").into_bytes(), &b" rest"[..]));
            }
        }
        for broken in [&b"\"a"[..], b"\"\\", b"\"\\4", b"\"\\400\"", b"\"\\08\"", b"a\""] {
            assert_eq!(unquote(broken), None);
        }
    }

    #[test]
    fn the_epoch_is_found_in_any_zone() {
        for (stamp, epoch) in [
            ("1970-01-01 00:00:00.000000000 +0000", true),
            ("1970-01-01 01:00:00 +0100", true),
            ("1969-12-31 19:00:00.000000000 -0500", true),
            ("1969-12-31 20:30:00 -03:30", true),
            ("1970-01-01 00:00:01.000000000 +0000", false),
            ("1970-01-01 00:00:00.5 +0000", false),
            ("1970-01-01 01:00:00 +0000", false),
            ("2024-01-01 00:00:00 +0000", false),
            ("1970-01-01", false),
            ("1970-01-01 0:0:00 x", false),
        ] {
            assert_eq!(is_dated_to_epoch(format!("a/f\t{stamp}").as_bytes()), epoch, "{stamp}");
        }
    }
}
