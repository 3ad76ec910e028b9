//! Git's unified diff as data: parse, print, apply, reverse, and make one.

mod apply;
mod diff;
mod file;
mod header;
mod hunk;
mod image;
mod name;
mod parse;
mod print;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::{Error, RepoPath, Result};

pub(crate) use diff::{Change, HunkPlan, plan_hunks};
pub use file::{FileChange, FileMode, FilePatch};
pub use hunk::{Hunk, HunkLine, LineKind};
pub(crate) use name::{push_quoted, unquote};
pub use parse::HunkSyntax;
pub(crate) use print::push_file_header;

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
    #[must_use]
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

/// As [`Patch::parse`].
impl FromStr for Patch {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text.as_bytes())
    }
}
