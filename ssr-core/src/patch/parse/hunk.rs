//! Reads one hunk, by the rules of git or by those of GNU patch.

use super::line_of;
use crate::patch::Hunk;
use crate::patch::hunk::{HunkRange, LineKind, NO_NEWLINE};

const MAX_NUMBER: usize = i32::MAX as usize;

/// By whose rules [`Hunk::parse`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum HunkSyntax {
    /// Those of `git apply`: damage of any kind is an error.
    #[default]
    Git,
    /// Those of GNU patch: the last line of the text may lack its newline, any line that begins
    /// with a backslash takes the newline of the line before it, and a hunk may change nothing.
    Gnu,
}

/// A hunk, and how much of the text it took.
pub struct Read {
    pub hunk: Hunk,
    pub bytes: usize,
    pub lines: usize,
}

/// What is wrong with a hunk.
pub struct Fault {
    /// The line of the text, from 0; the number of its lines at the end of the text.
    pub line: usize,
    pub problem: &'static str,
}

/// Reads the hunk at the start of `text`.
pub fn read(text: &[u8], syntax: HunkSyntax) -> Result<Read, Fault> {
    let fault = |line, problem| Fault { line, problem };
    let header = line_of(text);
    let (range, section) = parse_range(header, syntax)
        .ok_or(fault(0, "broken hunk header; expected `@@ -START,LINES +START,LINES @@`"))?;
    let (mut rest, mut lines) = (&text[header.len()..], 1);
    let mut body = Body::new(range, syntax);
    while body.is_open() || (syntax == HunkSyntax::Gnu && rest.starts_with(b"\\")) {
        let line = line_of(rest);
        body.push(line).map_err(|problem| fault(lines, problem))?;
        (rest, lines) = (&rest[line.len()..], lines + 1);
    }
    let line = line_of(rest);
    if is_no_newline(line, syntax) {
        body.end_without_newline().map_err(|problem| fault(lines, problem))?;
        (rest, lines) = (&rest[line.len()..], lines + 1);
    }
    if !body.changes && syntax == HunkSyntax::Git {
        return Err(fault(lines, "the hunk before this line changes nothing"));
    }
    let hunk = Hunk { range, section: section.to_vec(), body: body.text };
    Ok(Read { hunk, bytes: text.len() - rest.len(), lines })
}

/// The lines of a hunk as they are read, and what is still to come.
struct Body {
    syntax: HunkSyntax,
    old: Side,
    new: Side,
    text: Vec<u8>,
    /// The last line, unless it was marked as having no newline.
    last: Option<LineKind>,
    /// Whether the last line was empty: without a newline it would be no line at all.
    empty: bool,
    changes: bool,
}

struct Side {
    left: usize,
    ended: bool,
}

impl Side {
    fn new(left: usize) -> Self {
        Self { left, ended: false }
    }

    fn take(&mut self) -> Result<(), &'static str> {
        if self.ended {
            return Err(EARLY);
        }
        let left = self.left.checked_sub(1);
        self.left = left.ok_or("the hunk has more lines than its header says")?;
        Ok(())
    }
}

const EARLY: &str = "`\\ No newline at end of file` stands before the end";

impl Body {
    fn new(range: HunkRange, syntax: HunkSyntax) -> Self {
        Self {
            syntax,
            old: Side::new(range.old_lines),
            new: Side::new(range.new_lines),
            text: Vec::new(),
            last: None,
            empty: false,
            changes: false,
        }
    }

    fn is_open(&self) -> bool {
        self.old.left > 0 || self.new.left > 0
    }

    /// Takes one line of the text, empty at its end.
    fn push(&mut self, line: &[u8]) -> Result<(), &'static str> {
        if line.is_empty() {
            return Err("the hunk has fewer lines than its header says");
        }
        if !line.ends_with(b"\n") && self.syntax == HunkSyntax::Git {
            return Err("the last line of the patch has no newline; the patch is cut off");
        }
        let kind = match line[0] {
            b' ' | b'\n' => LineKind::Context,
            b'-' => LineKind::Removed,
            b'+' => LineKind::Added,
            _ if is_no_newline(line, self.syntax) => return self.end_without_newline(),
            _ => return Err("a line of a hunk must start with ` `, `-`, `+` or `\\`"),
        };
        if kind != LineKind::Added {
            self.old.take()?;
        }
        if kind != LineKind::Removed {
            self.new.take()?;
        }
        self.empty = matches!(line, [b'\n'] | [_, b'\n']);
        self.last = Some(kind);
        self.changes |= kind != LineKind::Context;
        if line == b"\n" {
            // GNU diff and mailers can leave out the space of an empty context line.
            self.text.push(b' ');
        }
        self.text.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            self.text.push(b'\n');
        }
        Ok(())
    }

    /// The last line has no newline. Git takes that only where a side of the hunk ends.
    fn end_without_newline(&mut self) -> Result<(), &'static str> {
        let last = self.last.take();
        if self.syntax == HunkSyntax::Gnu {
            if last.is_some() {
                self.text.extend_from_slice(NO_NEWLINE);
            }
            return Ok(());
        }
        let kind = last.ok_or("`\\ No newline at end of file` follows no line")?;
        if self.empty {
            return Err("`\\ No newline at end of file` follows an empty line");
        }
        self.old.ended |= kind != LineKind::Added;
        self.new.ended |= kind != LineKind::Removed;
        let early = |side: &Side| side.ended && side.left > 0;
        if early(&self.old) || early(&self.new) {
            return Err(EARLY);
        }
        self.text.extend_from_slice(NO_NEWLINE);
        Ok(())
    }
}

fn is_no_newline(line: &[u8], syntax: HunkSyntax) -> bool {
    match syntax {
        HunkSyntax::Git => line.len() >= 12 && line.starts_with(b"\\ "),
        HunkSyntax::Gnu => line.starts_with(b"\\"),
    }
}

/// Reads `@@ -1,2 +3,4 @@`; also returns what follows, without the newline.
pub fn parse_range(line: &[u8], syntax: HunkSyntax) -> Option<(HunkRange, &[u8])> {
    let line = match (line.strip_suffix(b"\n"), syntax) {
        (None, HunkSyntax::Gnu) => line,
        (line, _) => line?,
    };
    let (old_start, old_lines, rest) = parse_side(line.strip_prefix(b"@@ -")?)?;
    let (new_start, new_lines, rest) = parse_side(rest.strip_prefix(b" +")?)?;
    let section = rest.strip_prefix(b" @@")?;
    Some((HunkRange { old_start, old_lines, new_start, new_lines }, section))
}

fn parse_side(text: &[u8]) -> Option<(usize, usize, &[u8])> {
    let (start, rest) = parse_number(text)?;
    match rest.strip_prefix(b",") {
        None => Some((start, 1, rest)),
        Some(rest) => parse_number(rest).map(|(lines, rest)| (start, lines, rest)),
    }
}

fn parse_number(text: &[u8]) -> Option<(usize, &[u8])> {
    let digits = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let number: usize = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    (number <= MAX_NUMBER).then_some((number, &text[digits..]))
}
