//! Reads patches as git and `diff -u` print them.

mod git;
mod hunk;
mod plain;

use std::borrow::Cow;

use memchr::memchr;

use super::header::Header;
use super::{FileChange, FilePatch, Hunk};
use crate::{Error, RepoPath, Result};

use git::HeaderLines;
pub use hunk::HunkSyntax;
use hunk::parse_range;

const MAX_BYTES: usize = 1 << 28;
const MAX_HUNKS: usize = 1 << 17;

pub(super) fn parse(bytes: &[u8]) -> Result<Vec<FilePatch>> {
    let mut parser = Parser { rest: bytes, line: 1, strip: Strip::Unknown, hunks: 0, lone: None };
    if bytes.len() > MAX_BYTES {
        return Err(parser.error(format!("more than {MAX_BYTES} bytes; split the patch")));
    }
    let mut files = Vec::new();
    while let Some(file) = parser.next_file()? {
        files.push(file);
    }
    if files.is_empty() && !bytes.is_empty() {
        let problem = "no change found; expected lines as `git diff` prints them";
        return Err(parser.error(problem));
    }
    Ok(files)
}

struct Parser<'a> {
    rest: &'a [u8],
    line: usize,
    strip: Strip,
    hunks: usize,
    /// What followed the last `diff --git` if no header line did.
    lone: Option<&'a [u8]>,
}

/// How many leading components names have. Git guesses from the first plain diff (none when its
/// names have no slash) and then stays with it.
#[derive(Clone, Copy)]
enum Strip {
    Unknown,
    None,
}

impl Strip {
    fn components(self) -> usize {
        match self {
            Self::Unknown => 1,
            Self::None => 0,
        }
    }
}

impl<'a> Parser<'a> {
    fn error(&self, problem: impl Into<String>) -> Error {
        Error::PatchSyntax { line: self.line, problem: problem.into() }
    }

    /// The next line with its newline, empty at the end.
    fn peek(&self) -> &'a [u8] {
        line_of(self.rest)
    }

    fn skip(&mut self, line: &[u8]) {
        self.rest = &self.rest[line.len()..];
        self.line += 1;
    }

    fn next_file(&mut self) -> Result<Option<FilePatch>> {
        loop {
            let line = self.peek();
            let after = &self.rest[line.len()..];
            if line.is_empty() {
                return Ok(None);
            }
            if line.starts_with(b"@@ -") && parse_range(line, HunkSyntax::Git).is_some() {
                return Err(self.error("a hunk without a file header before it"));
            }
            if let Some(text) = line.strip_prefix(b"diff --git ") {
                if let Some(file) = self.git_file(line, text)? {
                    return Ok(Some(file));
                }
            } else if line.starts_with(b"--- ")
                && after.starts_with(b"+++ ")
                && after[line_of(after).len()..].starts_with(b"@@ -")
            {
                return self.plain_file().map(Some);
            } else if let Some(names) = binary_marker(line, b"Binary files ") {
                return Err(self.error(binary(names)));
            } else {
                self.skip(line);
            }
        }
    }

    /// What follows `--- ` or `+++ ` on the next line.
    fn label(&mut self) -> &'a [u8] {
        let line = self.peek();
        self.skip(line);
        trim_newline(&line[4..])
    }

    fn plain_file(&mut self) -> Result<FilePatch> {
        let (old, new) = (self.label(), self.label());
        if plain::is_bare(new) {
            self.strip = Strip::None;
        }
        let strip = self.strip.components();
        let change = plain::change(old, new, strip)
            .ok_or_else(|| self.error("no file name; expected `--- a/NAME` and `+++ b/NAME`"))?;
        let change = change.try_map(|name| self.path(name))?;
        self.check_lone(&change, None)?;
        let header = plain::header(old, new, strip, &change);
        let hunks = self.hunks(&change)?;
        Ok(FilePatch { change, old_mode: None, new_mode: None, header, hunks })
    }

    /// Reads the file that starts with the `diff --git` line, `None` when no header line follows.
    fn git_file(&mut self, line: &'a [u8], names: &'a [u8]) -> Result<Option<FilePatch>> {
        let start = self.line;
        self.skip(line);
        let names = trim_newline(names);
        let strip = self.strip.components();
        let mut lines = HeaderLines::new(names, strip);
        let mut any = false;
        while self.peek().ends_with(b"\n") {
            let line = self.peek();
            if line.starts_with(b"@@ -") {
                break;
            }
            match lines.read(trim_newline(line)) {
                Ok(true) => any = true,
                Ok(false) => break,
                Err(problem) => {
                    let name = String::from_utf8_lossy(names);
                    return Err(self.error(format!("{name}: {problem}")));
                }
            }
            self.skip(line);
        }
        let header_error = |problem: String| Error::PatchSyntax { line: start, problem };
        let change = lines.change().map_err(|problem| {
            header_error(format!("{}: {problem}", String::from_utf8_lossy(names)))
        })?;
        if !any {
            self.lone = Some(names);
            return Ok(None);
        }
        let change = change.try_map(|name| self.path(name))?;
        self.check_lone(&change, Some(names))?;
        let path = change.path().clone();
        let (old_mode, new_mode) =
            lines.modes(&change).map_err(|problem| header_error(format!("{path}: {problem}")))?;
        let hunks = self.hunks(&change)?;
        if hunks.is_empty() {
            let next = self.peek();
            let marker = |start| binary_marker(next, start).is_some();
            if next == b"GIT binary patch\n" || marker(b"Binary files ") || marker(b"Files ") {
                return Err(self.error(binary(path.as_str())));
            }
            if old_mode == new_mode && matches!(change, FileChange::Modify { .. }) {
                return Err(self.error(format!("{path}: header without a change after it")));
            }
        }
        let old = change.old_path().unwrap_or(&path).as_str();
        let header = Header::Git(lines.header(names, old, path.as_str()));
        Ok(Some(FilePatch { change, old_mode, new_mode, header, hunks }))
    }

    /// Git mixes up the names of a `diff --git` line that stands alone with those of the next file,
    /// unless that is a modification with the same names.
    fn check_lone(&mut self, change: &FileChange, names: Option<&[u8]>) -> Result<()> {
        let Some(lone) = self.lone.take() else { return Ok(()) };
        if matches!(change, FileChange::Modify { .. }) && names.is_none_or(|names| names == lone) {
            return Ok(());
        }
        let lone = String::from_utf8_lossy(lone);
        Err(self.error(format!("`diff --git {lone}` has no change of its own before this file")))
    }

    fn path(&self, name: &[u8]) -> Result<RepoPath> {
        let Ok(name) = std::str::from_utf8(name) else {
            let name = String::from_utf8_lossy(name);
            return Err(self.error(format!("path {name:?} is not UTF-8; rename the file")));
        };
        RepoPath::new(name).map_err(|error| self.error(error.to_string()))
    }

    fn hunks(&mut self, change: &FileChange) -> Result<Vec<Hunk>> {
        let path = change.path();
        let mut hunks = Vec::new();
        while self.peek().starts_with(b"@@ -") {
            let hunk = self.hunk(path)?;
            let kept_side = match change {
                FileChange::Create { .. } if hunk.range.old_lines > 0 => "new file has old lines",
                FileChange::Delete { .. } if hunk.range.new_lines > 0 => "deleted file keeps lines",
                _ => "",
            };
            if !kept_side.is_empty() {
                return Err(self.error(format!("{path}: the {kept_side}")));
            }
            self.hunks += 1;
            if self.hunks > MAX_HUNKS {
                return Err(self.error(format!("more than {MAX_HUNKS} hunks; split the patch")));
            }
            hunks.push(hunk);
        }
        Ok(hunks)
    }

    fn hunk(&mut self, path: &RepoPath) -> Result<Hunk> {
        let read = hunk::read(self.rest, HunkSyntax::Git).map_err(|fault| {
            let problem = format!("{path}: {}", fault.problem);
            Error::PatchSyntax { line: self.line + fault.line, problem }
        })?;
        self.rest = &self.rest[read.bytes..];
        self.line += read.lines;
        Ok(read.hunk)
    }
}

impl Hunk {
    /// Reads the hunk at the start of `text`, which is its `@@` line. Returns it with the number of
    /// bytes that it takes; what follows is not looked at.
    ///
    /// ```
    /// use ssr_core::{Hunk, HunkSyntax};
    ///
    /// let text = b"@@ -1 +1 @@\n-x = 1\n+x = 2\n@@ -9 +9 @@\n";
    /// let (hunk, length) = Hunk::parse(text, HunkSyntax::Git)?;
    /// assert_eq!((hunk.old_start(), length), (1, 26));
    /// assert!(Hunk::is_header(&text[length..]));
    /// # Ok::<(), ssr_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::PatchSyntax`] with the line of `text`, from 1; one more than it has lines when it
    /// ends too early.
    pub fn parse(text: &[u8], syntax: HunkSyntax) -> Result<(Self, usize)> {
        match hunk::read(text, syntax) {
            Ok(read) => Ok((read.hunk, read.bytes)),
            Err(fault) => {
                let (line, problem) = (fault.line + 1, fault.problem.to_owned());
                Err(Error::PatchSyntax { line, problem })
            }
        }
    }

    /// Whether `text` starts with the line of a hunk, `@@ -START,LINES +START,LINES @@`.
    pub fn is_header(text: &[u8]) -> bool {
        parse_range(line_of(text), HunkSyntax::Gnu).is_some()
    }
}

fn binary_marker<'a>(line: &'a [u8], start: &[u8]) -> Option<Cow<'a, str>> {
    let names = line.strip_prefix(start)?.strip_suffix(b" differ\n")?;
    Some(String::from_utf8_lossy(names))
}

fn binary(names: impl std::fmt::Display) -> String {
    format!("{names}: binary content cannot be patched; exclude the file or diff with `--text`")
}

fn line_of(text: &[u8]) -> &[u8] {
    memchr(b'\n', text).map_or(text, |at| &text[..=at])
}

fn trim_newline(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}
