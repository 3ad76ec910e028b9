//! What can be wrong with paths, patches and artifacts.

use std::ops::Range;

use crate::RepoPath;

/// What `ssr-core` returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be wrong with paths, patches and artifacts that come from outside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A path that a [`RepoPath`] cannot hold.
    #[error("path {path:?} cannot be used: {rule}; use a relative path inside the repository")]
    Path {
        /// The path as given.
        path: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// A file and a directory claim the same name.
    #[error("{path} is a file and a directory at once; remove one of the two")]
    FileAndDirectory {
        /// The path that has to be both.
        path: RepoPath,
    },
    /// A bug artifact lacks one of its five files or holds an unreadable one.
    #[error("bug artifact: {file}: {problem}")]
    Artifact {
        /// The file of the artifact.
        file: &'static str,
        /// What is wrong and what is expected instead.
        problem: String,
        /// What its content breaks, when the file is there and can be read.
        #[source]
        source: Option<Box<Error>>,
    },
    /// A patch that is not a unified diff, is damaged, or asks for something unsafe.
    #[error("patch line {line}: {problem}")]
    PatchSyntax {
        /// The line of the patch, from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A patch that does not fit the files.
    #[error("patch of {path}{}: {problem}", .hunk.map(|hunk| format!(", hunk {hunk}")).unwrap_or_default())]
    PatchConflict {
        /// The file that does not fit.
        path: RepoPath,
        /// The hunk of that file, from 1, when one is to blame.
        hunk: Option<usize>,
        /// What was expected and what was found.
        problem: String,
    },
    /// An edit that does not fit its file.
    #[error("edit of {path} at bytes {range:?}: {problem}")]
    Edit {
        /// The file.
        path: RepoPath,
        /// The range of the edit.
        range: Range<usize>,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// The kinds of [`Error`](enum@Error).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CoreErrorKind {
    /// A path that no repository may hold.
    InvalidPath,
    /// Text that is no patch, or an unsafe one.
    InvalidPatch,
    /// A bug artifact that lacks a file or holds a broken one.
    InvalidArtifact,
    /// A patch, an edit or a file that is sound and does not fit the tree.
    Conflict,
}

impl Error {
    /// What kind of mistake this is.
    pub fn kind(&self) -> CoreErrorKind {
        match self {
            Self::Path { .. } => CoreErrorKind::InvalidPath,
            Self::PatchSyntax { .. } => CoreErrorKind::InvalidPatch,
            Self::Artifact { .. } => CoreErrorKind::InvalidArtifact,
            Self::FileAndDirectory { .. } | Self::PatchConflict { .. } | Self::Edit { .. } => {
                CoreErrorKind::Conflict
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::{BugArtifact, File, Patch, Tree};

    #[test]
    fn errors_have_a_kind_and_keep_their_cause() {
        let path = |text: &str| RepoPath::new(text).unwrap();
        let kind = |error: Error| error.kind();
        assert_eq!(RepoPath::new("../a").map_err(kind), Err(CoreErrorKind::InvalidPath));
        assert_eq!(Patch::parse(b"x").map_err(kind), Err(CoreErrorKind::InvalidPatch));
        let clash = Tree::from_files(["a", "a/b"].map(|text| (path(text), File::new(*b""))));
        assert_eq!(clash.map_err(kind), Err(CoreErrorKind::Conflict));
        let names = ["test_script.sh", "test_files.txt", "test_parser.py", "test_weaken.diff"];
        let files = names.into_iter().map(|name| (path(name), File::new(*b"a.py\n")));
        let broken = BugArtifact::from_tree(&Tree::from_files(files).unwrap()).unwrap_err();
        assert_eq!(
            (broken.kind(), broken.source().is_none()),
            (CoreErrorKind::InvalidArtifact, true)
        );
        let files = [("test_files.txt", "../a"), ("test_script.sh", "")];
        let files = files.map(|(name, text)| (path(name), File::new(text.as_bytes())));
        let broken = BugArtifact::from_tree(&Tree::from_files(files).unwrap()).unwrap_err();
        let cause = broken.source().and_then(|cause| cause.downcast_ref::<Box<Error>>());
        assert_eq!(cause.map(|cause| cause.kind()), Some(CoreErrorKind::InvalidPath));
    }
}
