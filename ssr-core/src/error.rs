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
