//! What self-play needs to know of a repository.

use std::collections::BTreeSet;

use ssr_core::{BugArtifact, Patch, RepoPath, Tree};

/// What is played with: a repository and how its tests are run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Repository {
    /// What people call it, for example `toolz==0.12.1`.
    pub name: String,
    /// The original tree.
    pub tree: Tree,
    /// The source files: code of the project's own, neither tests nor build scripts nor copies of
    /// the code, such as `build/`, that would give a bug away. Injectors change them, and solvers
    /// are shown them.
    pub sources: BTreeSet<RepoPath>,
    /// The `test_script.sh` of every artifact. It should leave out flaky tests.
    pub test_script: String,
    /// The oracle test files of every artifact.
    pub test_files: BTreeSet<RepoPath>,
    /// The `test_parser.py` of every artifact.
    pub test_parser: String,
}

impl Repository {
    /// A repository without source files and tests.
    pub fn new(name: impl Into<String>, tree: Tree) -> Self {
        Self {
            name: name.into(),
            tree,
            sources: BTreeSet::new(),
            test_script: String::new(),
            test_files: BTreeSet::new(),
            test_parser: String::new(),
        }
    }

    /// Sets the source files. `ssr_mutate::is_source_file` tells them from their paths.
    #[must_use]
    pub fn with_sources(mut self, sources: impl IntoIterator<Item = RepoPath>) -> Self {
        self.sources = sources.into_iter().collect();
        self
    }

    /// Sets the script that runs the tests, the oracle test files, and the parser of its log.
    #[must_use]
    pub fn with_tests(
        mut self,
        script: impl Into<String>,
        files: impl IntoIterator<Item = RepoPath>,
        parser: impl Into<String>,
    ) -> Self {
        self.test_script = script.into();
        self.test_files = files.into_iter().collect();
        self.test_parser = parser.into();
        self
    }

    /// The artifact that a bug and its weakening make.
    pub fn artifact(&self, bug_inject: Patch, test_weaken: Patch) -> BugArtifact {
        BugArtifact {
            test_script: self.test_script.clone(),
            test_files: self.test_files.clone(),
            test_parser: self.test_parser.clone(),
            bug_inject,
            test_weaken,
        }
    }
}
