//! Which files are sources in the languages with braces, by their paths.

use ssr_core::RepoPath;

/// Directories that hold no code of the project's own, in any language.
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
    "build",
    "dist",
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
    "node_modules",
    "bower_components",
    "generated",
    "gen",
];

pub(super) fn is_of(path: &RepoPath, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|extension| extensions.contains(&extension))
}

pub(super) fn is_foreign(path: &RepoPath) -> bool {
    directories(path).any(|d| FOREIGN.contains(&d) || d.starts_with('.'))
}

/// The directories above the file.
pub(super) fn directories(path: &RepoPath) -> impl Iterator<Item = &str> {
    path.parent().into_iter().flat_map(|parent| parent.split('/'))
}

/// Whether the file lies below a directory of one of these names.
pub(crate) fn in_directory(path: &RepoPath, names: &[&str]) -> bool {
    directories(path).any(|directory| names.contains(&directory))
}
