//! Which Python files are sources and which are tests, by their paths.

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
    "benchmark",
    "benchmarks",
    "vendor",
    "_vendor",
    "vendored",
    "_vendored",
    "third_party",
    "extern",
    "externals",
    "__pycache__",
    "migrations",
];

/// Scripts and generated modules beside the code.
const SCRIPTS: &[&str] = &[
    "setup.py",
    "conftest.py",
    "noxfile.py",
    "fabfile.py",
    "tasks.py",
    "versioneer.py",
    "_version.py",
    "version.py",
    "__version__.py",
    "__about__.py",
];

/// `test_*.py`, `*_test.py`, `tests.py`, `conftest.py` and every Python file below a directory
/// called `test`, `tests` or `testing`.
pub(super) fn is_test(path: &RepoPath) -> bool {
    let name = path.file_name();
    let Some(stem) = name.strip_suffix(".py") else { return false };
    let by_name = stem.starts_with("test_")
        || stem.ends_with("_test")
        || matches!(stem, "test" | "tests" | "conftest");
    by_name || directories(path).any(|d| matches!(d, "test" | "tests" | "testing"))
}

/// Python files that are neither tests nor scripts, documentation, generated or vendored.
pub(super) fn is_source(path: &RepoPath) -> bool {
    let name = path.file_name();
    name.ends_with(".py")
        && !is_test(path)
        && !SCRIPTS.contains(&name)
        && !name.ends_with("_pb2.py")
        && !name.ends_with("_pb2_grpc.py")
        && !is_copy(path)
        && !directories(path).any(|directory| FOREIGN.contains(&directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).unwrap()
    }

    #[test]
    fn tests_are_told_from_sources_by_their_paths() {
        for test in ["tests/helper.py", "pkg/tests/a.py", "test_a.py", "a_test.py", "conftest.py"] {
            assert!(is_test(&path(test)) && !is_source(&path(test)), "{test}");
        }
        for source in ["pkg/a.py", "testament.py", "src/pkg/contest.py", "pkg/attest.py"] {
            assert!(!is_test(&path(source)) && is_source(&path(source)), "{source}");
        }
    }

    #[test]
    fn scripts_documentation_and_foreign_code_are_no_sources() {
        for other in [
            "setup.py",
            "docs/conf.py",
            "pkg/_vendor/six.py",
            "pkg/_version.py",
            "pkg/a_pb2.py",
            ".github/x.py",
            "pkg/a.pyi",
            "pkg/data.json",
            "examples/a.py",
            "tests/data.txt",
        ] {
            assert!(!is_source(&path(other)), "{other}");
        }
        assert!(!is_test(&path("tests/data.txt")));
    }
}
