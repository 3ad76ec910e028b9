use std::borrow::Cow;

use memchr::memchr;

use super::header::{GitHeader, Header, Index, Similarity};
use super::hunk::{HunkRange, LineKind, NO_NEWLINE};
use super::name::{
    NameEnd, is_dated_to_epoch, is_dev_null, name_on_line, push_quoted, repeated_name,
};
use super::{FileChange, FileMode, FilePatch, Hunk};
use crate::{Error, RepoPath, Result};

const MAX_BYTES: usize = 1 << 28;
const MAX_HUNKS: usize = 1 << 17;
const MAX_NUMBER: usize = i32::MAX as usize;

pub(super) fn parse(bytes: &[u8]) -> Result<Vec<FilePatch>> {
    let mut parser = Parser { rest: bytes, line: 1, strip: Strip::Unknown, hunks: 0 };
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
            if line.starts_with(b"@@ -") && parse_range(line).is_some() {
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
        let bare = |label: &[u8]| {
            let name = name_on_line(label, 0, NameEnd::Tab);
            (!is_dev_null(label)).then(|| name.is_some_and(|name| !name.contains(&b'/')))
        };
        match (bare(old), bare(new)) {
            (Some(true), Some(true) | None) | (None, Some(true)) => self.strip = Strip::None,
            _ => {}
        }
        let strip = self.strip.components();
        let name = |label: &[u8]| name_on_line(label, strip, NameEnd::Tab);
        let missing = || self.error("no file name; expected `--- a/NAME` and `+++ b/NAME`");
        let (creates, deletes) = if is_dev_null(old) {
            (true, false)
        } else if is_dev_null(new) {
            (false, true)
        } else {
            (is_dated_to_epoch(old), is_dated_to_epoch(new) && !is_dated_to_epoch(old))
        };
        let path = if is_dev_null(old) {
            name(new)
        } else if is_dev_null(new) {
            name(old)
        } else {
            shorter_name(name(old), name(new))
        };
        let path = self.path(&path.ok_or_else(missing)?)?;
        let change = match (creates, deletes) {
            (true, _) => FileChange::Create { path },
            (_, true) => FileChange::Delete { path },
            _ => FileChange::Modify { path },
        };
        let header = Header::Plain { old: old.to_vec(), new: new.to_vec() };
        let hunks = self.hunks(&change)?;
        Ok(FilePatch { change, old_mode: None, new_mode: None, header, hunks })
    }

    /// Reads the file that starts with the `diff --git` line, `None` when no header line follows.
    fn git_file(&mut self, line: &'a [u8], names: &'a [u8]) -> Result<Option<FilePatch>> {
        let start = self.line;
        self.skip(line);
        let names = trim_newline(names);
        let strip = self.strip.components();
        let mut lines = HeaderLines { strip, names, ..HeaderLines::default() };
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
            return Ok(None);
        }
        let change = change.try_map(|name| self.path(name))?;
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
        let header = self.peek();
        let Some((range, section)) = parse_range(header) else {
            let problem = "broken hunk header; expected `@@ -START,LINES +START,LINES @@`";
            return Err(self.error(format!("{path}: {problem}")));
        };
        self.skip(header);
        let mut sides = Sides { old: Side::new(range.old_lines), new: Side::new(range.new_lines) };
        let mut body = Vec::new();
        let mut last = None;
        let mut changes = false;
        while sides.old.left > 0 || sides.new.left > 0 {
            let line = self.peek();
            let step = if line.ends_with(b"\n") {
                sides.step(line, &mut last)
            } else if line.is_empty() {
                Err("the hunk has fewer lines than its header says")
            } else {
                Err("the last line of the patch has no newline; the patch is cut off")
            };
            let kind = step.map_err(|problem| self.error(format!("{path}: {problem}")))?;
            match kind {
                None => body.extend_from_slice(NO_NEWLINE),
                // GNU diff can leave out the space of an empty context line.
                Some(LineKind::Context) if line == b"\n" => body.extend_from_slice(b" \n"),
                Some(kind) => {
                    changes |= kind != LineKind::Context;
                    body.extend_from_slice(line);
                }
            }
            self.skip(line);
        }
        let line = self.peek();
        if is_no_newline(line) {
            let end = sides.end(&mut last);
            end.map_err(|problem| self.error(format!("{path}: {problem}")))?;
            body.extend_from_slice(NO_NEWLINE);
            self.skip(line);
        }
        if !changes {
            return Err(self.error(format!("{path}: the hunk before this line changes nothing")));
        }
        Ok(Hunk { range, section: section.to_vec(), body })
    }
}

/// What is left of the two sides of a hunk.
struct Sides {
    old: Side,
    new: Side,
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
            return Err("`\\ No newline at end of file` stands before the end");
        }
        let left = self.left.checked_sub(1);
        self.left = left.ok_or("the hunk has more lines than its header says")?;
        Ok(())
    }
}

impl Sides {
    /// Counts one line of a hunk; `None` for the marker of a missing newline.
    fn step(
        &mut self,
        line: &[u8],
        last: &mut Option<LineKind>,
    ) -> Result<Option<LineKind>, &'static str> {
        let kind = match line.first() {
            Some(b' ' | b'\n') => LineKind::Context,
            Some(b'-') => LineKind::Removed,
            Some(b'+') => LineKind::Added,
            _ if is_no_newline(line) => return self.end(last).map(|()| None),
            _ => return Err("a line of a hunk must start with ` `, `-`, `+` or `\\`"),
        };
        if kind != LineKind::Added {
            self.old.take()?;
        }
        if kind != LineKind::Removed {
            self.new.take()?;
        }
        *last = Some(kind);
        Ok(Some(kind))
    }

    fn end(&mut self, last: &mut Option<LineKind>) -> Result<(), &'static str> {
        let kind = last.take().ok_or("`\\ No newline at end of file` follows no line")?;
        self.old.ended |= kind != LineKind::Added;
        self.new.ended |= kind != LineKind::Removed;
        let early = |side: &Side| side.ended && side.left > 0;
        if early(&self.old) || early(&self.new) {
            return Err("`\\ No newline at end of file` stands before the end");
        }
        Ok(())
    }
}

/// The lines between `diff --git` and the hunks.
#[derive(Default)]
struct HeaderLines<'a> {
    strip: usize,
    /// What follows `diff --git `.
    names: &'a [u8],
    old: Option<Vec<u8>>,
    new: Option<Vec<u8>>,
    kind: Option<HeaderKind>,
    old_mode: Option<FileMode>,
    new_mode: Option<FileMode>,
    similarity: Option<Similarity>,
    index: Option<Index>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum HeaderKind {
    Create,
    Delete,
    Rename,
    Copy,
}

type Problem = Cow<'static, str>;

impl HeaderLines<'_> {
    /// Takes one line; false when it is no header line.
    fn read(&mut self, line: &[u8]) -> Result<bool, Problem> {
        let (word, value) = HEADER_WORDS
            .iter()
            .find_map(|word| Some((*word, line.strip_prefix(word.as_bytes())?)))
            .unwrap_or_default();
        match word {
            "--- " => {
                let absent = self.kind == Some(HeaderKind::Create);
                name_line(&mut self.old, value, self.strip, absent)?;
            }
            "+++ " => {
                let absent = self.kind == Some(HeaderKind::Delete);
                name_line(&mut self.new, value, self.strip, absent)?;
            }
            "old mode " => self.old_mode = Some(parse_mode(value)?),
            "new mode " => self.new_mode = Some(parse_mode(value)?),
            "new file mode " => {
                self.set_kind(HeaderKind::Create)?;
                self.new_mode = Some(parse_mode(value)?);
                self.new = repeated_name(self.names, self.strip);
            }
            "deleted file mode " => {
                self.set_kind(HeaderKind::Delete)?;
                self.old_mode = Some(parse_mode(value)?);
                self.old = repeated_name(self.names, self.strip);
            }
            "rename from " | "rename old " => {
                self.set_kind(HeaderKind::Rename)?;
                self.old = self.moved_name(value)?;
            }
            "rename to " | "rename new " => {
                self.set_kind(HeaderKind::Rename)?;
                self.new = self.moved_name(value)?;
            }
            "copy from " => {
                self.set_kind(HeaderKind::Copy)?;
                self.old = self.moved_name(value)?;
            }
            "copy to " => {
                self.set_kind(HeaderKind::Copy)?;
                self.new = self.moved_name(value)?;
            }
            "similarity index " => self.similarity = parse_percent(value).map(Similarity::Similar),
            "dissimilarity index " => {
                self.similarity = parse_percent(value).map(Similarity::Dissimilar);
            }
            "index " => self.index = parse_index(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_kind(&mut self, kind: HeaderKind) -> Result<(), Problem> {
        if self.kind.is_some_and(|other| other != kind) {
            return Err("inconsistent header lines".into());
        }
        self.kind = Some(kind);
        Ok(())
    }

    /// Names of renames and copies have no prefix, so one component less is removed.
    fn moved_name(&self, value: &[u8]) -> Result<Option<Vec<u8>>, Problem> {
        let name = name_on_line(value, self.strip.saturating_sub(1), NameEnd::Line);
        name.map(Some).ok_or_else(|| "no file name on this line".into())
    }

    fn change(&self) -> Result<RawChange, Problem> {
        let lacks = || Problem::from("the header has no usable file name");
        let repeated = || repeated_name(self.names, self.strip);
        let (old, new) = match (&self.old, &self.new) {
            (None, None) => (repeated(), repeated()),
            (old, new) => (old.clone(), new.clone()),
        };
        Ok(match self.kind {
            Some(HeaderKind::Create) => RawChange::Create(new.ok_or_else(lacks)?),
            Some(HeaderKind::Delete) => RawChange::Delete(old.ok_or_else(lacks)?),
            Some(HeaderKind::Rename) => {
                RawChange::Rename(old.ok_or_else(lacks)?, new.ok_or_else(lacks)?)
            }
            Some(HeaderKind::Copy) => {
                RawChange::Copy(old.ok_or_else(lacks)?, new.ok_or_else(lacks)?)
            }
            None => {
                let (old, new) = (old.ok_or_else(lacks)?, new.ok_or_else(lacks)?);
                if old != new {
                    return Err("two names, but neither `rename from` nor `new file mode`".into());
                }
                RawChange::Modify(new)
            }
        })
    }

    fn modes(&self, change: &FileChange) -> Result<(Option<FileMode>, Option<FileMode>), Problem> {
        match (change, self.old_mode, self.new_mode) {
            (FileChange::Create { .. }, None, new) => Ok((None, new)),
            (FileChange::Delete { .. }, old, None) => Ok((old, None)),
            (FileChange::Create { .. } | FileChange::Delete { .. }, ..) => {
                Err("inconsistent header lines".into())
            }
            (_, Some(_), None) | (_, None, Some(_)) => {
                Err("`old mode` and `new mode` come together".into())
            }
            (_, old, new) => Ok((old, new)),
        }
    }

    /// Recovers how git was told to spell names from the `diff --git` line.
    fn header(&self, names: &[u8], old: &str, new: &str) -> GitHeader {
        let similarity = self.similarity;
        let index = self.index.clone();
        let prefixes = |quote_non_ascii| {
            let start = |text: &[u8]| match self.strip {
                0 => Some(String::new()),
                _ => {
                    let text = text.strip_prefix(b"\"").unwrap_or(text);
                    let prefix = text.get(..memchr(b'/', text)? + 1)?;
                    String::from_utf8(prefix.to_vec()).ok()
                }
            };
            let old_prefix = start(names)?;
            let mut first = Vec::new();
            push_quoted(&mut first, [&old_prefix, old], quote_non_ascii);
            first.push(b' ');
            let rest = names.strip_prefix(first.as_slice())?;
            let new_prefix = start(rest)?;
            let mut second = Vec::new();
            push_quoted(&mut second, [&new_prefix, new], quote_non_ascii);
            (rest == second).then_some(GitHeader {
                old_prefix: old_prefix.into(),
                new_prefix: new_prefix.into(),
                quote_non_ascii,
                similarity,
                index: index.clone(),
            })
        };
        prefixes(true).or_else(|| prefixes(false)).unwrap_or_else(|| GitHeader {
            similarity,
            index: index.clone(),
            ..GitHeader::default()
        })
    }
}

const HEADER_WORDS: [&str; 15] = [
    "--- ",
    "+++ ",
    "old mode ",
    "new mode ",
    "deleted file mode ",
    "new file mode ",
    "copy from ",
    "copy to ",
    "rename old ",
    "rename new ",
    "rename from ",
    "rename to ",
    "similarity index ",
    "dissimilarity index ",
    "index ",
];

/// A [`FileChange`] whose names are not yet known to be safe.
enum RawChange {
    Modify(Vec<u8>),
    Create(Vec<u8>),
    Delete(Vec<u8>),
    Rename(Vec<u8>, Vec<u8>),
    Copy(Vec<u8>, Vec<u8>),
}

impl RawChange {
    fn try_map(&self, path: impl Fn(&[u8]) -> Result<RepoPath>) -> Result<FileChange> {
        Ok(match self {
            Self::Modify(name) => FileChange::Modify { path: path(name)? },
            Self::Create(name) => FileChange::Create { path: path(name)? },
            Self::Delete(name) => FileChange::Delete { path: path(name)? },
            Self::Rename(from, to) => FileChange::Rename { from: path(from)?, to: path(to)? },
            Self::Copy(from, to) => FileChange::Copy { from: path(from)?, to: path(to)? },
        })
    }
}

/// A `---` or `+++` line of a git header must repeat a name that is known already.
fn name_line(
    known: &mut Option<Vec<u8>>,
    label: &[u8],
    strip: usize,
    absent: bool,
) -> Result<(), Problem> {
    if absent {
        return match is_dev_null(label) {
            true => Ok(()),
            false => Err("expected /dev/null on this side".into()),
        };
    }
    let name = name_on_line(label, strip, NameEnd::Tab).ok_or("no file name on this line")?;
    match known {
        Some(known) if *known != name => Err("inconsistent file names".into()),
        _ => {
            *known = Some(name);
            Ok(())
        }
    }
}

fn parse_mode(value: &[u8]) -> Result<FileMode, Problem> {
    match value.trim_ascii_end() {
        b"100644" => Ok(FileMode::Regular),
        b"100755" => Ok(FileMode::Executable),
        b"120000" => Err("symbolic links (mode 120000) are not allowed".into()),
        b"160000" => Err("submodules (mode 160000) are not allowed".into()),
        other => {
            let other = String::from_utf8_lossy(other);
            Err(format!("mode {other:?} is neither 100644 nor 100755").into())
        }
    }
}

fn parse_percent(value: &[u8]) -> Option<u8> {
    let number = std::str::from_utf8(value.strip_suffix(b"%")?).ok()?;
    number.parse().ok().filter(|percent| *percent <= 100)
}

/// Git ignores an index line that it cannot read, but the mode in it counts.
fn parse_index(value: &[u8]) -> Result<Option<Index>, Problem> {
    let Ok(text) = std::str::from_utf8(value) else { return Ok(None) };
    let (hashes, mode) = match text.split_once(' ') {
        Some((hashes, mode)) => (hashes, Some(parse_mode(mode.as_bytes())?)),
        None => (text, None),
    };
    let hash = |text: &str| {
        let valid = text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        valid.then(|| text.into())
    };
    let index = hashes
        .split_once("..")
        .and_then(|(old, new)| Some(Index { old: hash(old)?, new: hash(new)?, mode }));
    Ok(index)
}

/// Reads `@@ -1,2 +3,4 @@`; also returns what follows, without the newline.
fn parse_range(line: &[u8]) -> Option<(HunkRange, &[u8])> {
    let rest = line.strip_suffix(b"\n")?.strip_prefix(b"@@ -")?;
    let (old_start, old_lines, rest) = parse_side(rest)?;
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

/// Of `file` and `file.orig`, git takes the shorter.
fn shorter_name(old: Option<Vec<u8>>, new: Option<Vec<u8>>) -> Option<Vec<u8>> {
    match (old, new) {
        (Some(old), Some(new)) if new.starts_with(&old) => Some(old),
        (old, None) => old,
        (_, new) => new,
    }
}

fn binary_marker<'a>(line: &'a [u8], start: &[u8]) -> Option<Cow<'a, str>> {
    let names = line.strip_prefix(start)?.strip_suffix(b" differ\n")?;
    Some(String::from_utf8_lossy(names))
}

fn binary(names: impl std::fmt::Display) -> String {
    format!("{names}: binary content cannot be patched; exclude the file or diff with `--text`")
}

fn is_no_newline(line: &[u8]) -> bool {
    line.len() >= 12 && line.starts_with(b"\\ ")
}

fn line_of(text: &[u8]) -> &[u8] {
    memchr(b'\n', text).map_or(text, |at| &text[..=at])
}

fn trim_newline(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}
