//! One changed place of a file.

use memchr::memchr;

use super::{HunkPlan, HunkSyntax};
use crate::{Error, Result};

pub(super) const NO_NEWLINE: &[u8] = b"\\ No newline at end of file\n";

/// One changed place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    pub(super) range: HunkRange,
    /// What follows the second `@@`, with the space before it.
    pub(super) section: Vec<u8>,
    /// The lines as printed, each with its marker, every one ending in a newline.
    pub(super) body: Vec<u8>,
}

/// The numbers of `@@ -old_start,old_lines +new_start,new_lines @@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HunkRange {
    pub old_start: usize,
    pub old_lines: usize,
    pub new_start: usize,
    pub new_lines: usize,
}

impl HunkRange {
    /// Appends `@@ -1,2 +3,4 @@`, leaving out counts of one as git does.
    pub fn push(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"@@ -");
        push_side(out, self.old_start, self.old_lines);
        out.extend_from_slice(b" +");
        push_side(out, self.new_start, self.new_lines);
        out.extend_from_slice(b" @@");
    }
}

fn push_side(out: &mut Vec<u8>, start: usize, lines: usize) {
    push_number(out, start);
    if lines != 1 {
        out.push(b',');
        push_number(out, lines);
    }
}

/// `write!` would dominate the time of rendering a one-line edit.
fn push_number(out: &mut Vec<u8>, mut number: usize) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

impl Hunk {
    /// A hunk with these lines in order; the numbers of lines follow from them. `old_start` and
    /// `new_start` are as [`Hunk::old_start`] and [`Hunk::new_start`] say.
    ///
    /// # Errors
    /// [`Error::PatchSyntax`] names the line of the hunk's text: a newline inside a line, one that
    /// is missing before the end of a side, or a hunk that changes nothing.
    pub fn new<'a>(
        old_start: usize,
        new_start: usize,
        lines: impl IntoIterator<Item = HunkLine<'a>>,
    ) -> Result<Self> {
        let mut range = HunkRange { old_start, old_lines: 0, new_start, new_lines: 0 };
        let mut body = Vec::new();
        for line in lines {
            range.old_lines += usize::from(line.kind != LineKind::Added);
            range.new_lines += usize::from(line.kind != LineKind::Removed);
            push_line(&mut body, line.kind, line.bytes);
        }
        Self { range, section: Vec::new(), body }.checked()
    }

    /// The same hunk with this text after the second `@@`.
    ///
    /// # Errors
    /// [`Error::PatchSyntax`] when the text is not one line, or the hunk is none of git's.
    pub fn with_section(self, section: &[u8]) -> Result<Self> {
        let section = if section.is_empty() { Vec::new() } else { [b" ", section].concat() };
        Self { section, ..self }.checked()
    }

    /// Only what the parser reads back may exist.
    fn checked(self) -> Result<Self> {
        let text = self.to_bytes();
        match Self::parse(&text, HunkSyntax::Git)? {
            (same, length) if same == self && length == text.len() => Ok(self),
            _ => {
                let problem = "the hunk reads back as another one".to_owned();
                Err(Error::PatchSyntax { line: 1, problem })
            }
        }
    }

    /// The text that [`Hunk::parse`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.push(&mut out);
        out
    }

    /// The first line before the change, counted from 1; the line before it where none is removed.
    pub fn old_start(&self) -> usize {
        self.range.old_start
    }

    /// The number of lines before the change, context included.
    pub fn old_lines(&self) -> usize {
        self.range.old_lines
    }

    /// The first line after the change, counted from 1.
    pub fn new_start(&self) -> usize {
        self.range.new_start
    }

    /// The number of lines after the change, context included.
    pub fn new_lines(&self) -> usize {
        self.range.new_lines
    }

    /// What stands after the second `@@`, usually the enclosing function; often empty.
    pub fn section(&self) -> &[u8] {
        self.section.strip_prefix(b" ").unwrap_or(&self.section)
    }

    /// The lines in order.
    pub fn lines(&self) -> impl Iterator<Item = HunkLine<'_>> {
        Lines { rest: &self.body }
    }

    pub(crate) fn from_plan(plan: &HunkPlan<'_>) -> Self {
        let mut body = Vec::new();
        plan.push_body(&mut body);
        Self { range: plan.range, section: Vec::new(), body }
    }

    /// The lines before the change.
    pub(super) fn old_side(&self) -> impl Iterator<Item = &[u8]> {
        self.lines().filter(|line| line.kind != LineKind::Added).map(|line| line.bytes)
    }

    /// The lines after the change.
    pub(super) fn new_side(&self) -> impl Iterator<Item = &[u8]> {
        self.lines().filter(|line| line.kind != LineKind::Removed).map(|line| line.bytes)
    }

    /// The number of context lines after the last change.
    pub(super) fn trailing_context(&self) -> usize {
        self.lines().fold(0, |count, line| match line.kind {
            LineKind::Context => count + 1,
            LineKind::Added | LineKind::Removed => 0,
        })
    }

    pub(super) fn push(&self, out: &mut Vec<u8>) {
        self.range.push(out);
        out.extend_from_slice(&self.section);
        out.push(b'\n');
        out.extend_from_slice(&self.body);
    }

    /// The hunk that takes back what this one does.
    #[must_use]
    pub fn reverse(&self) -> Self {
        let mut body = Vec::with_capacity(self.body.len());
        // Removed lines come before added ones: hold them back until the run of changes ends.
        let mut added = Vec::new();
        for line in self.lines() {
            match line.kind {
                LineKind::Added => push_line(&mut body, LineKind::Removed, line.bytes),
                LineKind::Removed => push_line(&mut added, LineKind::Added, line.bytes),
                LineKind::Context => {
                    body.append(&mut added);
                    push_line(&mut body, LineKind::Context, line.bytes);
                }
            }
        }
        body.append(&mut added);
        let HunkRange { old_start, old_lines, new_start, new_lines } = self.range;
        let range = HunkRange {
            old_start: new_start,
            old_lines: new_lines,
            new_start: old_start,
            new_lines: old_lines,
        };
        Self { range, section: self.section.clone(), body }
    }
}

/// Appends one line of a hunk; `line` lacks its newline only at the end of a file.
pub(super) fn push_line(out: &mut Vec<u8>, kind: LineKind, line: &[u8]) {
    out.push(kind.marker());
    out.extend_from_slice(line);
    if line.last() != Some(&b'\n') {
        out.push(b'\n');
        out.extend_from_slice(NO_NEWLINE);
    }
}

/// One line of a [`Hunk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HunkLine<'a> {
    /// Which sides have the line.
    pub kind: LineKind,
    /// The line with its newline, which is absent only at the end of a file.
    pub bytes: &'a [u8],
}

/// Which sides of a [`Hunk`] have a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineKind {
    /// Both.
    Context,
    /// Only the old side.
    Removed,
    /// Only the new side.
    Added,
}

impl LineKind {
    fn marker(self) -> u8 {
        match self {
            Self::Context => b' ',
            Self::Removed => b'-',
            Self::Added => b'+',
        }
    }
}

struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = HunkLine<'a>;

    fn next(&mut self) -> Option<HunkLine<'a>> {
        let (&marker, text) = self.rest.split_first()?;
        let kind = match marker {
            b'-' => LineKind::Removed,
            b'+' => LineKind::Added,
            _ => LineKind::Context,
        };
        let end = memchr(b'\n', text).map_or(text.len(), |at| at + 1);
        let (mut bytes, rest) = text.split_at(end);
        self.rest = rest;
        if rest.first() == Some(&b'\\') {
            bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
            self.rest = rest.get(NO_NEWLINE.len()..).unwrap_or_default();
        }
        Some(HunkLine { kind, bytes })
    }
}
