//! What a patch does with one file.

use std::fmt;

use super::header::Header;
use super::{Hunk, parse, print};
use crate::{Error, RepoPath, Result};

/// What happens to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePatch {
    pub(super) change: FileChange,
    pub(super) old_mode: Option<FileMode>,
    pub(super) new_mode: Option<FileMode>,
    pub(super) header: Header,
    pub(super) hunks: Vec<Hunk>,
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

    /// A change of the content of `path`.
    ///
    /// ```
    /// use ssr_core::{FilePatch, Hunk, HunkLine, LineKind, Patch, RepoPath};
    ///
    /// let lines = [(LineKind::Removed, "x = 1\n"), (LineKind::Added, "x = 2\n")];
    /// let hunk = Hunk::new(3, 3, lines.map(|(kind, text)| HunkLine { kind, bytes: text.as_bytes() }))?;
    /// let patch: Patch = [FilePatch::modify(RepoPath::new("a.py")?, vec![hunk])?].into_iter().collect();
    /// assert_eq!(patch.to_string().parse::<Patch>()?, patch);
    /// # Ok::<(), ssr_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::PatchSyntax`] when [`Patch::parse`](crate::Patch::parse) would not read the same from
    /// what is printed: no hunk, or one that it refuses. So do all constructors.
    pub fn modify(path: RepoPath, hunks: Vec<Hunk>) -> Result<Self> {
        Self::modified(path, hunks).checked()
    }

    /// A new file; its content is the added lines.
    ///
    /// # Errors
    /// As [`FilePatch::modify`]; a hunk with old lines, too.
    pub fn create(path: RepoPath, mode: FileMode, hunks: Vec<Hunk>) -> Result<Self> {
        let change = FileChange::Create { path };
        Self { new_mode: Some(mode), ..Self::new(change, hunks) }.checked()
    }

    /// The removal of a file, whose whole content is the removed lines.
    ///
    /// # Errors
    /// As [`FilePatch::modify`]; a hunk with new lines, too.
    pub fn delete(path: RepoPath, mode: FileMode, hunks: Vec<Hunk>) -> Result<Self> {
        let change = FileChange::Delete { path };
        Self { old_mode: Some(mode), ..Self::new(change, hunks) }.checked()
    }

    /// A file that moves, with changes or without any.
    ///
    /// # Errors
    /// As [`FilePatch::modify`], but for the lack of hunks.
    pub fn rename(from: RepoPath, to: RepoPath, hunks: Vec<Hunk>) -> Result<Self> {
        Self::new(FileChange::Rename { from, to }, hunks).checked()
    }

    /// A new file that starts as a copy of another, with changes or without any.
    ///
    /// # Errors
    /// As [`FilePatch::rename`].
    pub fn copy(from: RepoPath, to: RepoPath, hunks: Vec<Hunk>) -> Result<Self> {
        Self::new(FileChange::Copy { from, to }, hunks).checked()
    }

    /// A change of nothing but the mode of `path`.
    ///
    /// # Errors
    /// [`Error::PatchSyntax`] when both modes are the same.
    pub fn change_mode(path: RepoPath, old: FileMode, new: FileMode) -> Result<Self> {
        let change = FileChange::Modify { path };
        Self { old_mode: Some(old), new_mode: Some(new), ..Self::new(change, Vec::new()) }.checked()
    }

    /// A modification that is known to be sound, with the usual git header.
    pub(crate) fn modified(path: RepoPath, hunks: Vec<Hunk>) -> Self {
        Self::new(FileChange::Modify { path }, hunks)
    }

    fn new(change: FileChange, hunks: Vec<Hunk>) -> Self {
        Self { change, old_mode: None, new_mode: None, header: Header::default(), hunks }
    }

    /// Only what the parser reads back may exist: then printing, parsing and applying agree without
    /// a second set of rules here.
    fn checked(self) -> Result<Self> {
        let mut text = Vec::new();
        print::push_files(&mut text, std::slice::from_ref(&self));
        match parse::parse(&text)?.as_slice() {
            [same] if *same == self => Ok(self),
            _ => {
                let problem = format!("{}: the change reads back as another one", self.path());
                Err(Error::PatchSyntax { line: 1, problem })
            }
        }
    }

    pub(super) fn reverse(&self) -> Self {
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
    /// The file is removed; the hunks hold its whole content.
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
    pub(super) fn path(&self) -> &RepoPath {
        match self {
            Self::Modify { path } | Self::Create { path } | Self::Delete { path } => path,
            Self::Rename { to, .. } | Self::Copy { to, .. } => to,
        }
    }

    pub(super) fn old_path(&self) -> Option<&RepoPath> {
        match self {
            Self::Create { .. } => None,
            Self::Modify { path } | Self::Delete { path } => Some(path),
            Self::Rename { from, .. } | Self::Copy { from, .. } => Some(from),
        }
    }

    pub(super) fn new_path(&self) -> Option<&RepoPath> {
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
