//! Which files are sources in the languages with braces, by their paths.

use ssr_core::RepoPath;

use crate::files::{directories, is_copy};

/// Directories that hold no code of the project's own, beside the copies that
/// [`is_copy`] knows.
const FOREIGN: &[&str] = &[
    "doc",
    "docs",
    "example",
    "examples",
    "bench",
    "benches",
    "benchmark",
    "benchmarks",
    "fuzz",
    "out",
    "target",
    "vendor",
    "vendored",
    "third_party",
    "third-party",
    "thirdparty",
    "extern",
    "external",
    "externals",
    "deps",
    "bower_components",
    "generated",
    "gen",
];

/// Whether the file has one of these extensions.
pub(super) fn is_of(path: &RepoPath, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|extension| extensions.contains(&extension))
}

/// Whether the file lies below a directory of copies, vendored code, documentation or examples.
pub(super) fn is_foreign(path: &RepoPath) -> bool {
    is_copy(path) || directories(path).any(|directory| FOREIGN.contains(&directory))
}

/// Whether the file lies below a directory of one of these names.
pub(crate) fn in_directory(path: &RepoPath, names: &[&str]) -> bool {
    directories(path).any(|directory| names.contains(&directory))
}
