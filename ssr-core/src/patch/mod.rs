//! Git's unified diff as data: parse, print, apply, reverse, and make one.

mod apply;
mod diff;
mod header;
mod hunk;
mod image;
mod name;
mod parse;
mod print;

use std::collections::BTreeSet;
use std::fmt;

use crate::{RepoPath, Result};

pub(crate) use diff::{Change, HunkPlan, plan_hunks};
pub use hunk::{Hunk, HunkLine, LineKind};
pub(crate) use name::{push_quoted, unquote};
pub(crate) use print::push_file_header;

use header::Header;

/// A change of a whole tree in git's unified diff format: one [`FilePatch`] per file.
///
/// ```
/// use ssr_core::{File, Patch, RepoPath, Tree};
///
/// let tree = Tree::from_files([(RepoPath::new("a.py")?, File::new(*b"x = 1\n"))])?;
/// let patch = Patch::parse(b"--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n")?;
/// let changed = tree.apply(&patch)?;
/// assert_eq!(changed.get("a.py").unwrap().bytes(), b"x = 2\n");
/// assert_eq!(changed.apply(&patch.reverse())?, tree);
/// # Ok::<(), ssr_core::Error>(())
/// ```
///
/// # Where this differs from `git apply`
///
/// Parsing and applying agree with `git apply` (exact context, searched offset, never fuzz); the
/// tests compare outcome and bytes with those of a real git. Where the two differ, this side is
/// stricter, but for the first row:
///
/// | input | `git apply` | here | why |
/// |---|---|---|---|
/// | no bytes at all | error | an empty patch | two equal trees have a diff, too |
/// | symbolic link (120000), submodule (160000) | written | error | a link can lead out of the tree |
/// | modes other than 100644 and 100755 | reduced to the executable bit | error | a [`Tree`](crate::Tree) has two modes |
/// | paths that are not UTF-8, hold a backslash or `//`, or could name `.git` on any system | written on some systems | error | see [`RepoPath`] |
/// | quotes around a name that are broken, a date after a name without a tab | guesses the name | error or the name as written | a guess can hit another file |
/// | `GIT binary patch` | applied when complete | error | a reviewable patch is text |
/// | `Binary files … differ` outside of a git header | skipped | error | a change would be lost silently |
/// | after a hunk, a line that begins with `@@ -` and is no hunk header | skipped, with the rest of the file's hunks | error | the same |
/// | `diff --git` with two names and neither rename nor copy | treated as a rename | error | the target may exist |
/// | `diff --git` with no header line after it, before a file that comes, goes, moves or has other names | error, assertion, or the wrong file | error | damaged patch |
/// | only one of `old mode` and `new mode` | accepted | error | cannot be reversed |
/// | `\ No newline at end of file` before the end of a side, or twice | joins lines, or ignores it | error | damaged patch |
/// | `\ No newline at end of file` after an empty line | takes any blanks for it and drops them | error | no file has such a line |
/// | old side without a newline at its end where the file goes on or ends in a newline | joins lines, or drops the newline | does not apply | the context is not what was expected |
/// | a hunk that would put text after an unfinished line | joins lines | does not apply | the same |
/// | a path created twice, or changed and then removed or renamed, in one patch | the last write wins | error; successive modifications are fine | depends on the order of writes |
/// | more than 256 MiB, 2^17 hunks, numbers above 2^31 − 1, 2^28 compared lines | slow | error | hostile input |
///
/// Not read, as in git: combined diffs (`diff --cc`), context diffs, ed scripts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patch {
    files: Vec<FilePatch>,
}

impl Patch {
    /// Reads what `git diff`, `git format-patch` or `diff -u` printed. Text before and between the
    /// files is skipped, as git does; one leading path component (`a/`, `b/`) is removed, or none
    /// where plain diffs have names without a slash.
    ///
    /// # Errors
    /// [`Error::PatchSyntax`](crate::Error::PatchSyntax) names the line and what is wrong there;
    /// the [table](Patch) lists what is refused for safety.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        parse::parse(bytes).map(|files| Self { files })
    }

    /// The text that [`Patch::parse`] reads. What git printed comes back byte for byte, apart from
    /// text between the files; other patches come back in git's spelling.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        print::push_files(&mut out, &self.files);
        out
    }

    /// The patch that takes back what this one does.
    ///
    /// As in git, a copy cannot be taken back, because the patch does not hold the content that
    /// would be deleted: its reverse does not apply ("already exists").
    pub fn reverse(&self) -> Self {
        self.files.iter().rev().map(FilePatch::reverse).collect()
    }

    /// The changes, in the order of the patch.
    pub fn files(&self) -> &[FilePatch] {
        &self.files
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Every path that is written or removed; the source of a copy is not.
    pub fn touched_paths(&self) -> BTreeSet<RepoPath> {
        let touched = |file: &FilePatch| match &file.change {
            FileChange::Rename { from, to } => vec![from.clone(), to.clone()],
            change => vec![change.path().clone()],
        };
        self.files.iter().flat_map(touched).collect()
    }

    /// The lines added and removed over all files.
    pub fn line_counts(&self) -> (usize, usize) {
        let lines = self.files.iter().flat_map(FilePatch::hunks).flat_map(Hunk::lines);
        lines.fold((0, 0), |(added, removed), line| match line.kind {
            LineKind::Added => (added + 1, removed),
            LineKind::Removed => (added, removed + 1),
            LineKind::Context => (added, removed),
        })
    }
}

/// The text of the patch, with U+FFFD where it is not UTF-8; [`Patch::to_bytes`] is exact.
impl fmt::Display for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

impl FromIterator<FilePatch> for Patch {
    fn from_iter<I: IntoIterator<Item = FilePatch>>(files: I) -> Self {
        Self { files: files.into_iter().collect() }
    }
}

impl IntoIterator for Patch {
    type Item = FilePatch;
    type IntoIter = std::vec::IntoIter<FilePatch>;

    fn into_iter(self) -> Self::IntoIter {
        self.files.into_iter()
    }
}

/// What happens to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePatch {
    change: FileChange,
    old_mode: Option<FileMode>,
    new_mode: Option<FileMode>,
    header: Header,
    hunks: Vec<Hunk>,
}

impl FilePatch {
    /// What is done with which path.
    pub fn change(&self) -> &FileChange {
        &self.change
    }

    /// The path of the file afterwards, or of the deleted file.
    pub fn path(&self) -> &RepoPath {
        self.change.path()
    }

    /// The path before the change, `None` for a new file.
    pub fn old_path(&self) -> Option<&RepoPath> {
        self.change.old_path()
    }

    /// The path after the change, `None` for a deleted file.
    pub fn new_path(&self) -> Option<&RepoPath> {
        self.change.new_path()
    }

    /// The mode before, where the patch changes it or deletes the file.
    pub fn old_mode(&self) -> Option<FileMode> {
        self.old_mode
    }

    /// The mode after, where the patch changes it or creates the file.
    pub fn new_mode(&self) -> Option<FileMode> {
        self.new_mode
    }

    /// The changed places, empty for a pure rename or change of mode.
    pub fn hunks(&self) -> &[Hunk] {
        &self.hunks
    }

    /// A modification with the usual git header.
    pub(crate) fn modify(path: RepoPath, hunks: Vec<Hunk>) -> Self {
        Self {
            change: FileChange::Modify { path },
            old_mode: None,
            new_mode: None,
            header: Header::default(),
            hunks,
        }
    }

    fn reverse(&self) -> Self {
        Self {
            change: self.change.reverse(),
            old_mode: self.new_mode,
            new_mode: self.old_mode,
            header: self.header.reverse(),
            hunks: self.hunks.iter().map(Hunk::reverse).collect(),
        }
    }
}

/// What a [`FilePatch`] does with which path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileChange {
    /// The file stays where it is; its content or mode changes.
    Modify {
        /// The file.
        path: RepoPath,
    },
    /// The file must not exist yet.
    Create {
        /// The new file.
        path: RepoPath,
    },
    /// The file goes away; the hunks hold its whole content.
    Delete {
        /// The deleted file.
        path: RepoPath,
    },
    /// The file moves, perhaps with changes.
    Rename {
        /// Where it was.
        from: RepoPath,
        /// Where it goes; must not exist yet.
        to: RepoPath,
    },
    /// A new file starts as a copy, perhaps with changes.
    Copy {
        /// The file that is copied and stays.
        from: RepoPath,
        /// The new file; must not exist yet.
        to: RepoPath,
    },
}

impl FileChange {
    fn path(&self) -> &RepoPath {
        match self {
            Self::Modify { path } | Self::Create { path } | Self::Delete { path } => path,
            Self::Rename { to, .. } | Self::Copy { to, .. } => to,
        }
    }

    fn old_path(&self) -> Option<&RepoPath> {
        match self {
            Self::Create { .. } => None,
            Self::Modify { path } | Self::Delete { path } => Some(path),
            Self::Rename { from, .. } | Self::Copy { from, .. } => Some(from),
        }
    }

    fn new_path(&self) -> Option<&RepoPath> {
        match self {
            Self::Delete { .. } => None,
            other => Some(other.path()),
        }
    }

    fn reverse(&self) -> Self {
        match self.clone() {
            Self::Modify { path } => Self::Modify { path },
            Self::Create { path } => Self::Delete { path },
            Self::Delete { path } => Self::Create { path },
            Self::Rename { from, to } => Self::Rename { from: to, to: from },
            Self::Copy { from, to } => Self::Copy { from: to, to: from },
        }
    }
}

/// The two modes that a file can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileMode {
    /// 100644.
    Regular,
    /// 100755.
    Executable,
}

impl FileMode {
    /// The mode of a file with or without the executable bit.
    pub fn new(executable: bool) -> Self {
        if executable { Self::Executable } else { Self::Regular }
    }

    /// Whether the executable bit is set.
    pub fn executable(self) -> bool {
        self == Self::Executable
    }

    /// Git's six octal digits.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Regular => "100644",
            Self::Executable => "100755",
        }
    }
}

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
