//! The packages that the benchmark measures on, and the change that each round makes to them.

use ssr_core::{File, RepoPath, Tree};
use ssr_examples::{Failure, Result, test_modules};

/// A package that the benchmark measures.
pub struct Case {
    pub requirement: &'static str,
    /// The source file that every round changes.
    pub patched: &'static str,
    /// A line in the body of one of its functions.
    line: &'static str,
    /// Its tests.
    pub tests: &'static str,
    /// The part of the tests that counts as the suite; empty for all.
    suite: &'static [&'static str],
}

pub const CASES: [Case; 3] = [
    Case {
        requirement: "toolz==0.12.1",
        patched: "toolz/itertoolz.py",
        line: "    return itertools.chain([el], seq)\n",
        tests: "toolz/tests/test_itertoolz.py",
        suite: &[],
    },
    Case {
        requirement: "pluggy==1.7.0",
        patched: "src/pluggy/_caller.py",
        line: "        hookimpls = self._hookimpls.copy()\n",
        tests: "testing/test_hookcaller.py",
        suite: &[],
    },
    Case {
        requirement: "mpmath==1.3.0",
        patched: "mpmath/matrices/matrices.py",
        line: "        new = self.ctx.matrix(self.__rows, self.__cols)\n",
        tests: "mpmath/tests/test_matrices.py",
        // The whole suite runs for minutes.
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

/// Where a round changes the source.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Inside of a function, as most bugs and repairs do.
    Function,
    /// At the end of the module, so that the import executes it.
    Module,
}

/// What a round does: where it changes the source, and which tests it runs.
pub type Work = (Place, Extent);

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

    /// The source with one more line. The line differs in each round, so that Python has to compile
    /// the module again.
    pub fn patched(&self, tree: &Tree, round: usize, place: Place) -> Result<File> {
        let lacks = |what: &str| Failure::input(format!("{}: no {what}", self.requirement));
        let file = tree.get(self.patched).ok_or_else(|| lacks(self.patched))?;
        let text = file.text().ok_or_else(|| lacks(self.patched))?;
        let new = format!("_round = {round}\n");
        let at = match place {
            Place::Function => text.find(self.line).ok_or_else(|| lacks(self.line))?,
            Place::Module => text.len(),
        };
        let indent = &self.line[..self.line.len() - self.line.trim_start().len()];
        let (indent, gap) = if place == Place::Function { (indent, "") } else { ("", "\n") };
        let patched = format!("{}{gap}{indent}{new}{}", &text[..at], &text[at..]);
        Ok(File::new(patched.into_bytes()))
    }
}
