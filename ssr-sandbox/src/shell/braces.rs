//! Brace expansions that are too large for bashkit, which would cut them short without a word.
//!
//! They are expanded in the text of the script before it runs. Bash expands braces before anything
//! else and only where they stand unquoted in the text, so this changes nothing but the size that is
//! possible. What `eval`, `bash -c` and `source` read later is not seen here.

use std::borrow::Cow;

/// The most words that one word may become.
const MAX_WORDS: u128 = 100_000;
/// The most bytes that they may have together.
const MAX_BYTES: u128 = 8 << 20;
/// Bashkit expands a range of so many words by itself, and takes a longer one literally.
const OWN_RANGE: u128 = 10_000;
/// Below so many words and bytes, each counted once for every pair of braces, bashkit expands all.
const OWN_WORDS: u128 = 90_000;
const OWN_BYTES: u128 = 8_000_000;
/// Longer words are left alone: looking for pairs takes the square of their length.
const LONGEST_WORD: usize = 4096;

/// The script with its large brace expansions carried out.
///
/// # Errors
/// A message for an expansion that is too large for this sandbox.
pub(super) fn expand_large(script: &str) -> Result<Cow<'_, str>, String> {
    let is_large = |word: &str| {
        let plain: Vec<Part<'_>> = word.chars().map(Part::Char).collect();
        word.contains('{') && Size::of(&plain).is_large()
    };
    if !script.contains('{') || !script.split_whitespace().any(is_large) {
        return Ok(Cow::Borrowed(script));
    }
    let mut scan = Scan { text: script, at: 0, out: String::new(), documents: Vec::new() };
    scan.commands()?;
    // A parenthesis without its pair: the shell says what it thinks of it.
    scan.copy_to(script.len());
    Ok(Cow::Owned(scan.out))
}

/// A piece of a word: a character that may belong to a brace expression, or something quoted.
#[derive(Clone, Copy)]
enum Part<'a> {
    Char(char),
    Whole(&'a str),
}

impl Part<'_> {
    fn is(&self, wanted: char) -> bool {
        matches!(self, Self::Char(c) if *c == wanted)
    }

    fn push_to(&self, out: &mut String) {
        match self {
            Self::Char(c) => out.push(*c),
            Self::Whole(text) => out.push_str(text),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Char(c) => c.len_utf8(),
            Self::Whole(text) => text.len(),
        }
    }
}

/// What stands between a pair of braces.
enum Group<'p, 'a> {
    List(Vec<&'p [Part<'a>]>),
    Numbers { first: i64, count: u64, step: i64, width: usize },
    Letters { first: u8, count: u8, step: i16 },
}

impl Group<'_, '_> {
    fn read<'p, 'a>(inside: &'p [Part<'a>]) -> Option<Group<'p, 'a>> {
        let (mut items, mut depth, mut start) = (Vec::new(), 0usize, 0);
        for (at, part) in inside.iter().enumerate() {
            match part {
                Part::Char('{') => depth += 1,
                Part::Char('}') => depth = depth.saturating_sub(1),
                Part::Char(',') if depth == 0 => {
                    items.push(&inside[start..at]);
                    start = at + 1;
                }
                _ => {}
            }
        }
        if !items.is_empty() {
            items.push(&inside[start..]);
            return Some(Group::List(items));
        }
        let text: Option<String> = inside
            .iter()
            .map(|part| if let Part::Char(c) = part { Some(*c) } else { None })
            .collect();
        range(&text?)
    }
}

/// `1..5`, `01..10..2` or `a..e`.
fn range<'p, 'a>(text: &str) -> Option<Group<'p, 'a>> {
    let mut ends = text.split("..");
    let (first, last) = (ends.next()?, ends.next()?);
    let step: i64 = ends.next().map_or(Some(1), |step| step.parse().ok())?;
    if ends.next().is_some() {
        return None;
    }
    let step = step.checked_abs()?.max(1);
    if let (Ok(from), Ok(to)) = (first.parse::<i64>(), last.parse::<i64>()) {
        let padded = |text: &str| {
            let digits = text.trim_start_matches(['-', '+']);
            digits.len() > 1 && digits.starts_with('0')
        };
        let width = if padded(first) || padded(last) { first.len().max(last.len()) } else { 0 };
        let count = from.abs_diff(to) / step.unsigned_abs() + 1;
        let step = if from <= to { step } else { -step };
        return Some(Group::Numbers { first: from, count, step, width });
    }
    let letter = |text: &str| match text.as_bytes() {
        [letter] if letter.is_ascii_alphabetic() => Some(*letter),
        _ => None,
    };
    let (from, to) = (letter(first)?, letter(last)?);
    let step = i16::try_from(step).ok()?.min(i16::from(u8::MAX));
    let count = u8::try_from(i16::from(from.abs_diff(to)) / step + 1).ok()?;
    Some(Group::Letters { first: from, count, step: if from <= to { step } else { -step } })
}

/// The first pair of braces that means something: where it stands and what it holds.
fn first_group<'p, 'a>(parts: &'p [Part<'a>]) -> Option<(usize, usize, Group<'p, 'a>)> {
    let opens = parts.iter().enumerate().filter(|(_, part)| part.is('{'));
    opens.map(|(at, _)| at).find_map(|open| {
        let mut depth = 0usize;
        let close = parts[open..].iter().position(|part| {
            match part {
                Part::Char('{') => depth += 1,
                Part::Char('}') => depth -= 1,
                _ => {}
            }
            depth == 0
        })? + open;
        Some((open, close, Group::read(&parts[open + 1..close])?))
    })
}

/// How much a word becomes.
struct Size {
    words: u128,
    bytes: u128,
    pairs: u128,
    longest_range: u128,
}

impl Size {
    fn of(parts: &[Part<'_>]) -> Self {
        let bytes = parts.iter().map(|part| part.len() as u128).sum();
        let mut size = Self { words: 1, bytes, pairs: 1, longest_range: 0 };
        if parts.len() <= LONGEST_WORD {
            size.words = size.count(parts);
        }
        size.bytes = size.words.saturating_mul(bytes);
        size
    }

    fn count(&mut self, mut parts: &[Part<'_>]) -> u128 {
        let mut words = 1u128;
        while let Some((_, close, group)) = first_group(parts) {
            self.pairs += 1;
            let inside = match group {
                Group::List(items) => {
                    items.into_iter().map(|item| self.count(item)).fold(0u128, u128::saturating_add)
                }
                Group::Numbers { count, .. } => {
                    self.longest_range = self.longest_range.max(count.into());
                    count.into()
                }
                Group::Letters { count, .. } => count.into(),
            };
            words = words.saturating_mul(inside);
            parts = &parts[close + 1..];
        }
        words
    }

    fn is_large(&self) -> bool {
        self.longest_range > OWN_RANGE
            || self.words.saturating_mul(self.pairs) > OWN_WORDS
            || (self.words > 1 && self.bytes.saturating_mul(self.pairs) > OWN_BYTES)
    }
}

/// All words that a word becomes.
fn expand(parts: &[Part<'_>]) -> Vec<String> {
    let plain = |parts: &[Part<'_>]| {
        let mut text = String::new();
        parts.iter().for_each(|part| part.push_to(&mut text));
        text
    };
    let mut words = vec![String::new()];
    let mut rest = parts;
    while let Some((open, close, group)) = first_group(rest) {
        let before = plain(&rest[..open]);
        let inside: Vec<String> = match group {
            Group::List(items) => items.into_iter().flat_map(expand).collect(),
            Group::Numbers { first, count, step, width } => (0..count)
                .map(|at| {
                    format!("{:0width$}", i128::from(first) + i128::from(at) * i128::from(step))
                })
                .collect(),
            Group::Letters { first, count, step } => (0..i16::from(count))
                .filter_map(|at| u8::try_from(i16::from(first) + at * step).ok())
                .map(|letter| char::from(letter).to_string())
                .collect(),
        };
        words = words
            .iter()
            .flat_map(|word| inside.iter().map(move |item| (word, item)))
            .map(|(word, item)| format!("{word}{before}{item}"))
            .collect();
        rest = &rest[close + 1..];
    }
    let end = plain(rest);
    words.iter_mut().for_each(|word| word.push_str(&end));
    words
}

/// Goes through a script word by word and copies it.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    out: String,
    /// The last lines of the here-documents that begin on the next line, and whether tabs go.
    documents: Vec<(String, bool)>,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn copy(&mut self, length: usize) {
        self.copy_to(self.at + length);
    }

    fn copy_to(&mut self, end: usize) {
        self.out.push_str(&self.text[self.at..end]);
        self.at = end;
    }

    /// Copies commands up to the end or to a parenthesis that closes more than was opened.
    fn commands(&mut self) -> Result<(), String> {
        let mut depth = 0usize;
        while let Some(next) = self.rest().chars().next() {
            let rest = self.rest();
            match next {
                ')' if depth == 0 => return Ok(()),
                ')' => {
                    depth -= 1;
                    self.copy(1);
                }
                '(' if rest.starts_with("((") => self.copy(arithmetic(rest, 2)),
                '(' => {
                    depth += 1;
                    self.copy(1);
                }
                '#' => self.copy(rest.find('\n').unwrap_or(rest.len())),
                '\n' => self.new_line(),
                '<' if rest.starts_with("<<<") => self.copy(3),
                '<' if rest.starts_with("<<") => self.document(),
                ' ' | '\t' | ';' | '&' | '|' | '<' | '>' => self.copy(1),
                _ => self.word()?,
            }
        }
        Ok(())
    }

    /// Copies a word, or what it becomes when that is much.
    fn word(&mut self) -> Result<(), String> {
        let end = self.at + word_length(self.rest());
        let raw = &self.text[self.at..end];
        let mut parts = Vec::new();
        let mut at = 0;
        while at < raw.len() {
            let length = quoted_length(&raw[at..]);
            match raw[at..].chars().next() {
                Some(c) if length == c.len_utf8() => parts.push(Part::Char(c)),
                _ => parts.push(Part::Whole(&raw[at..at + length])),
            }
            at += length;
        }
        let size = Size::of(&parts);
        if !size.is_large() || is_assignment(raw) {
            self.copy_to(end);
            return Ok(());
        }
        if size.words > MAX_WORDS || size.bytes > MAX_BYTES {
            let shown: String = raw.chars().take(60).collect();
            let more = if shown.len() < raw.len() { "…" } else { "" };
            return Err(format!(
                "brace expansion: {shown}{more} makes {} words, and the most in this sandbox are \
                 {MAX_WORDS} words of {MAX_BYTES} bytes; use a loop or seq",
                size.words
            ));
        }
        self.out.push_str(&expand(&parts).join(" "));
        self.at = end;
        Ok(())
    }

    /// Notes the here-document that begins with the next line.
    fn document(&mut self) {
        let tabs = self.rest().starts_with("<<-");
        self.copy(if tabs { 3 } else { 2 });
        let blanks = self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
        self.copy(blanks);
        let length = word_length(self.rest());
        let end = self.rest()[..length].chars().filter(|c| !matches!(c, '\'' | '"' | '\\'));
        self.documents.push((end.collect(), tabs));
        self.copy(length);
    }

    /// Copies the end of a line and the here-documents that belong to it.
    fn new_line(&mut self) {
        self.copy(1);
        for (end, tabs) in std::mem::take(&mut self.documents) {
            while let Some(line) = self.rest().split_inclusive('\n').next() {
                self.copy(line.len());
                let text = line.trim_end_matches('\n');
                if end == if tabs { text.trim_start_matches('\t') } else { text } {
                    break;
                }
            }
        }
    }
}

/// `name=…`, which bash does not expand.
fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else { return false };
    let name = name.strip_suffix('+').unwrap_or(name);
    let name = name.split('[').next().unwrap_or_default();
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The length of the word at the start of `text`, which is at least one character.
fn word_length(text: &str) -> usize {
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let ends = matches!(next, ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')');
        if ends && at > 0 {
            break;
        }
        at += quoted_length(&text[at..]);
        if ends {
            break;
        }
    }
    at
}

/// The length of the quoted or substituted part at the start of `text`, or of its first character.
fn quoted_length(text: &str) -> usize {
    let mut chars = text.chars();
    let first = chars.next().map_or(0, char::len_utf8);
    let to = |found: Option<usize>| found.map_or(text.len(), |at| at + 1);
    match text.as_bytes() {
        [b'\\', ..] => 1 + chars.next().map_or(0, char::len_utf8),
        [b'\'', rest @ ..] => to(rest.iter().position(|byte| *byte == b'\'').map(|at| at + 1)),
        [b'$', b'\'', ..] => escaped(text, 2, b'\''),
        [b'"', ..] => escaped(text, 1, b'"'),
        [b'`', ..] => escaped(text, 1, b'`'),
        [b'$', b'(', b'(', ..] => arithmetic(text, 3),
        [b'$', b'(', ..] => pair(text, 2, b'(', b')'),
        [b'$', b'{', ..] => pair(text, 2, b'{', b'}'),
        _ => first,
    }
}

/// The length up to an `end` that no backslash stands before.
fn escaped(text: &str, from: usize, end: u8) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            byte if byte == end => return at + 1,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// The length of `((…))`, of which the first `from` bytes are read.
fn arithmetic(text: &str, from: usize) -> usize {
    let open = pair(text, from, b'(', b')');
    if text.as_bytes().get(open) == Some(&b')') { open + 1 } else { open }
}

/// The length up to the byte that closes what the first `from` bytes opened.
fn pair(text: &str, from: usize, open: u8, close: u8) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (from, 1usize);
    while at < bytes.len() {
        let byte = bytes[at];
        at += match byte {
            b'\\' => 2,
            b'\'' | b'"' | b'`' if text.is_char_boundary(at) => quoted_length(&text[at..]),
            _ => 1,
        };
        if byte == open {
            depth += 1;
        } else if byte == close {
            depth -= 1;
            if depth == 0 {
                return at;
            }
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> usize {
        expand_large(script).unwrap().split_whitespace().count()
    }

    #[test]
    fn what_bashkit_can_do_is_left_to_it() {
        for script in ["echo {a,b}{1..9}", "echo {1..10000}", "f() { a,b; }"] {
            assert!(matches!(expand_large(script), Ok(Cow::Borrowed(_))), "{script}");
        }
    }

    #[test]
    fn large_expansions_are_carried_out_in_the_text() {
        assert_eq!(words("for i in {1..20000}; do :; done"), 20_000 + 6);
        assert_eq!(words("echo a{1..11000}b c"), 11_002);
        assert_eq!(words("echo {0..3}{1..11000}"), 44_001);
        let text =
            expand_large("echo \"$d\"/{0001..20001..10000}{,x} ${a:-{1..2}} {1..10001}").unwrap();
        assert!(
            text.starts_with("echo \"$d\"/{0001..20001..10000}{,x} ${a:-{1..2}} 1 2 3 "),
            "{text}"
        );
    }

    #[test]
    fn padding_steps_and_letters_are_those_of_bash() {
        let expanded = |text: &str| {
            let parts: Vec<_> = text.chars().map(Part::Char).collect();
            expand(&parts).join(" ")
        };
        assert_eq!(expanded("{08..10}"), "08 09 10");
        assert_eq!(expanded("{-1..01}"), "-1 00 01");
        assert_eq!(expanded("{a,b{1,2}}c"), "ac b1c b2c");
        assert_eq!(expanded("{x}{a,b}{"), "{x}a{ {x}b{");
        assert_eq!(expanded("{1..x} {a,"), "{1..x} {a,");
    }

    #[test]
    fn quotes_comments_documents_and_assignments_stay_as_they_are() {
        for kept in [
            "echo '{1..20000}' \"{1..20000}\" \\{1..20000}",
            "# {1..20000}\necho",
            "cat <<E\n{1..20000}\nE\n",
            "cat <<-'E' | tr a b\n\t{1..20000}\n\tE\n",
            "x={1..20000}; y[1]+={1..20000}",
            "((x = 1 << 2)); echo $((1 << 3)) # {1..20000}",
            "cat <<< x '{1..20000}'",
        ] {
            assert_eq!(expand_large(kept).unwrap(), kept);
        }
        assert_eq!(words("cat <<E; echo {1..10001}\n{1..20000}\nE\n"), 2 + 1 + 10_001 + 2);
        assert_eq!(words("a=({1..15000}); (echo {1..15000})"), 15_000 + 15_001);
    }

    #[test]
    fn an_expansion_that_no_sandbox_can_hold_is_refused() {
        for script in [format!("echo {}", "{a,b}".repeat(30)), "echo {1..1000000000000}".to_owned()]
        {
            let refused = expand_large(&script).unwrap_err();
            assert!(refused.contains("words"), "{refused}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "([{}(),.a-c0-9'\"$`\\\\<#\n ]|\\{1\\.\\.20000\\}|é){0,40}") {
            if let Ok(Cow::Owned(out)) = expand_large(&text) {
                let large = text.contains("{1..20000}");
                proptest::prop_assert!(large || out.len() >= text.len());
            }
        }
    }
}
