//! The errors of mutation and weakening, with their causes and their kinds.

use ssr_core::{RepoPath, TestId};

/// What `ssr-mutate` returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be wrong with a request to mutate or to weaken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    Coverage {
        /// What is wrong and what is expected instead.
        problem: String,
    },
    /// A git repository that cannot be read.
    #[error("the history of {repository} cannot be read: {problem}")]
    History {
        /// The path as given.
        repository: String,
        /// What libgit2 says.
        problem: String,
    },
    /// Tests whose definition could not be found, so that nothing was weakened.
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
    /// The edits do not make a patch.
    #[error(transparent)]
    Core(#[from] ssr_core::Error),
}

/// Why a test id leads to no definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum NotFound {
    /// The id is not of the form `path::test` or `path::Class::test`, or names no Python file.
    #[error("is not the id of a Python test function")]
    NotAFunction,
    /// The file holds code, and a weakening changes tests alone: see
    /// [`is_test_file`](crate::is_test_file).
    #[error("is in a file that holds no tests by its name")]
    Source,
    /// Tests of this language cannot be weakened yet: only Python's can.
    #[error("is in a language whose tests cannot be weakened; only Python's can")]
    Language,
    /// The tree has no such file, or it is not UTF-8.
    #[error("names a file that the tree lacks or that is not UTF-8")]
    File,
    /// The file has no such class.
    #[error("names a class that its file does not define")]
    Class,
    /// The file has no such function: it is generated, a doctest, or imported.
    #[error("names a function that its file does not define (generated, imported or a doctest)")]
    Function,
    /// The class is there, without bases, and the method is not: it is generated.
    #[error("names a method that its class neither defines nor inherits (generated)")]
    Method,
}

fn list(missing: &[(TestId, NotFound)]) -> String {
    let each: Vec<_> = missing.iter().map(|(id, reason)| format!("{id} {reason}")).collect();
    each.join("; ")
}
