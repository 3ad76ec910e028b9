use std::collections::BTreeSet;

use ssr_core::{BugArtifact, Patch, RepoPath, Tree};

/// What is played with: a repository and how its tests are run.
#[derive(Debug, Clone)]
pub struct Repository {
    /// What people call it, for example `toolz==0.12.1`.
    pub name: String,
    /// The original tree.
    pub tree: Tree,
    /// The `test_script.sh` of every artifact. It should leave out flaky tests.
    pub test_script: String,
    /// The oracle test files of every artifact.
    pub test_files: BTreeSet<RepoPath>,
    /// The `test_parser.py` of every artifact.
    pub test_parser: String,
}

impl Repository {
    /// The artifact that a bug and its weakening make.
    pub(super) fn artifact(&self, bug_inject: Patch, test_weaken: Patch) -> BugArtifact {
        BugArtifact {
            test_script: self.test_script.clone(),
            test_files: self.test_files.clone(),
            test_parser: self.test_parser.clone(),
            bug_inject,
            test_weaken,
        }
    }
}
