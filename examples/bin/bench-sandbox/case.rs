use ssr_core::{File, RepoPath, Tree};
use ssr_examples::{Failure, Result, test_modules};

/// A package to measure on.
pub struct Case {
    pub requirement: &'static str,
    /// The source that every round changes.
    pub patched: &'static str,
    /// Its tests.
    pub tests: &'static str,
    /// The part of the tests that counts as the suite; empty for all.
    suite: &'static [&'static str],
}

pub const CASES: [Case; 3] = [
    Case {
        requirement: "toolz==0.12.1",
        patched: "toolz/itertoolz.py",
        tests: "toolz/tests/test_itertoolz.py",
        suite: &[],
    },
    Case {
        requirement: "pluggy==1.7.0",
        patched: "src/pluggy/_hooks.py",
        tests: "testing/test_hookcaller.py",
        suite: &[],
    },
    Case {
        requirement: "mpmath==1.3.0",
        patched: "mpmath/matrices/matrices.py",
        tests: "mpmath/tests/test_matrices.py",
        // All of them run for minutes.
        suite: &[
            "mpmath/tests/test_basic_ops.py",
            "mpmath/tests/test_functions.py",
            "mpmath/tests/test_linalg.py",
            "mpmath/tests/test_matrices.py",
        ],
    },
];

/// How much of a package's tests to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    File,
    Suite,
}

impl Case {
    /// The package without its version.
    pub fn name(&self) -> &'static str {
        self.requirement.split("==").next().unwrap_or(self.requirement)
    }

    /// The test files of an extent.
    pub fn files(&self, tree: &Tree, extent: Extent) -> Result<Vec<RepoPath>> {
        Ok(match extent {
            Extent::File => vec![RepoPath::new(self.tests)?],
            Extent::Suite if self.suite.is_empty() => test_modules(tree),
            Extent::Suite => {
                self.suite.iter().map(|file| Ok(RepoPath::new(file)?)).collect::<Result<_>>()?
            }
        })
    }

    /// The source with one more line, so that every round really has new code to compile.
    pub fn patched(&self, tree: &Tree, round: usize) -> Result<File> {
        let file = tree
            .get(self.patched)
            .ok_or_else(|| Failure::input(format!("{}: no {}", self.requirement, self.patched)))?;
        let mut bytes = file.bytes().to_vec();
        bytes.extend_from_slice(format!("\n_round = {round}\n").as_bytes());
        Ok(File::new(bytes))
    }
}
