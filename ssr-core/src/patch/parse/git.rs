//! Headers that start with `diff --git`.

use std::borrow::Cow;

use memchr::memchr;

use crate::patch::header::{GitHeader, Index, Similarity};
use crate::patch::name::{NameEnd, is_dev_null, name_on_line, push_quoted, repeated_name};
use crate::patch::{FileChange, FileMode};
use crate::{RepoPath, Result};

/// The lines between `diff --git` and the hunks.
#[derive(Default)]
pub struct HeaderLines<'a> {
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

impl<'a> HeaderLines<'a> {
    pub fn new(names: &'a [u8], strip: usize) -> Self {
        Self { names, strip, ..Self::default() }
    }

    /// Takes one line; false when it is no header line.
    pub fn read(&mut self, line: &[u8]) -> Result<bool, Problem> {
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

    pub fn change(&self) -> Result<RawChange, Problem> {
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

    pub fn modes(
        &self,
        change: &FileChange,
    ) -> Result<(Option<FileMode>, Option<FileMode>), Problem> {
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
    pub fn header(&self, names: &[u8], old: &str, new: &str) -> GitHeader {
        let similarity = self.similarity;
        let index = self.index.clone();
        let prefixes = |quote_non_ascii| {
            let start = |text: &[u8]| match self.strip {
                // Nothing was removed because of an earlier plain diff: print the usual prefixes.
                0 => None,
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
#[derive(PartialEq, Eq)]
pub enum RawChange {
    Modify(Vec<u8>),
    Create(Vec<u8>),
    Delete(Vec<u8>),
    Rename(Vec<u8>, Vec<u8>),
    Copy(Vec<u8>, Vec<u8>),
}

impl RawChange {
    pub fn try_map(&self, path: impl Fn(&[u8]) -> Result<RepoPath>) -> Result<FileChange> {
        Ok(match self {
            Self::Modify(name) => FileChange::Modify { path: path(name)? },
            Self::Create(name) => FileChange::Create { path: path(name)? },
            Self::Delete(name) => FileChange::Delete { path: path(name)? },
            Self::Rename(from, to) => FileChange::Rename { from: path(from)?, to: path(to)? },
            Self::Copy(from, to) => FileChange::Copy { from: path(from)?, to: path(to)? },
        })
    }

    pub fn reverse(self) -> Self {
        match self {
            Self::Create(name) => Self::Delete(name),
            Self::Delete(name) => Self::Create(name),
            Self::Rename(from, to) => Self::Rename(to, from),
            Self::Copy(from, to) => Self::Copy(to, from),
            Self::Modify(name) => Self::Modify(name),
        }
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
