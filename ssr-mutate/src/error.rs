//! The errors of mutation and weakening, with their causes and their kinds.

use ssr_core::{RepoPath, TestId};

/// What `ssr-mutate` returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The cause of an [`Error`], without the type of the library that it comes from.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why something could not be mutated or weakened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operator id that no compiled-in language has.
    #[error("no operator is called {id:?}; the operators of this build are {known}")]
    UnknownOperator {
        /// The id as given.
        id: String,
        /// The ids that exist, separated by commas.
        known: String,
    },
    /// A coverage report that cannot be read.
    #[error("the coverage report cannot be read: {problem}")]
    #[non_exhaustive]
    Coverage {
        /// What is wrong and what is expected instead.
        problem: String,
        /// What the JSON parser says, if it refused the text.
        #[source]
        source: Option<Cause>,
    },
    /// A git repository that cannot be read.
    #[error(
        "the history of {repository} cannot be read: {problem}; it has to be a git repository with a commit"
    )]
    #[non_exhaustive]
    History {
        /// The path as given.
        repository: String,
        /// The message of libgit2.
        problem: String,
        /// The error of libgit2.
        #[source]
        source: Cause,
    },
    /// Tests whose definitions were not found. Nothing was weakened.
    #[error("{}; leave these ids out or delete the tests by hand", list(missing))]
    TestsNotFound {
        /// Each id with the reason, in the order of the ids.
        missing: Vec<(TestId, NotFound)>,
    },
    /// A weakened file would have more syntax errors than before.
    #[error("weakening {path} would break its syntax; delete its tests by hand")]
    WeakenedSyntax {
        /// The test file.
        path: RepoPath,
    },
    /// A path, a file or a set of edits that `ssr-core` refuses.
    #[error(transparent)]
    Core(#[from] ssr_core::Error),
}

/// The kinds of [`Error`], for callers that decide what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MutateErrorKind {
    /// An argument or a text that was given cannot be used. Correct it.
    Input,
    /// The git repository cannot be read.
    Repository,
    /// Tests cannot be weakened. Leave them out, or use another [`Style`](crate::Style).
    Weakening,
}

impl Error {
    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> MutateErrorKind {
        match self {
            Self::UnknownOperator { .. } | Self::Coverage { .. } | Self::Core(_) => {
                MutateErrorKind::Input
            }
            Self::History { .. } => MutateErrorKind::Repository,
            Self::TestsNotFound { .. } | Self::WeakenedSyntax { .. } => MutateErrorKind::Weakening,
        }
    }
}

/// Why the definition of a test was not found, or cannot be weakened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum NotFound {
    /// The id is not of the form `path::test` or `path::Class::test`, or names no Python file.
    #[error("is not the id of a Python test function")]
    NotAFunction,
    /// The file is no test file by its path, and a weakening changes test files alone: see
    /// [`is_test_file`](crate::is_test_file).
    #[error("is in a file that holds no tests by its name")]
    Source,
    /// Tests in this language cannot be weakened; only tests in Python can.
    #[error("is in a language whose tests cannot be weakened; only Python's can")]
    Language,
    /// The tree has no such file, or it is not UTF-8.
    #[error("names a file that the tree lacks or that is not UTF-8")]
    File,
    /// The file has no such class.
    #[error("names a class that its file does not define")]
    Class,
    /// The file defines no such function: the test is generated, imported or a doctest.
    #[error("names a function that its file does not define (generated, imported or a doctest)")]
    Function,
    /// The class neither defines nor inherits the method: the test is generated.
    #[error("names a method that its class neither defines nor inherits (generated)")]
    Method,
}

fn list(missing: &[(TestId, NotFound)]) -> String {
    let each: Vec<_> = missing.iter().map(|(id, reason)| format!("{id} {reason}")).collect();
    each.join("; ")
}
