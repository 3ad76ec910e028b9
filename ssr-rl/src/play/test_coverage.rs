//! Which test executes which lines, and what that says of a failure.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Deserialize;
use ssr_core::{RepoPath, TestId};

/// Which tests of a suite execute which lines of the code. Lines count from 1, as Python counts them.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct TestCoverage {
    /// The tests, by the number that stands for them.
    tests: Vec<TestId>,
    files: BTreeMap<RepoPath, FileCoverage>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
struct FileCoverage {
    /// Lines at which a statement begins.
    statements: BTreeSet<usize>,
    /// Lines that run when the module is imported.
    imported: BTreeSet<usize>,
    /// The tests that execute a line.
    tests: BTreeMap<usize, Vec<usize>>,
}

/// What the failure of some tests says of each line.
pub(super) struct Suspects<'a> {
    coverage: &'a TestCoverage,
    failing: HashSet<usize>,
    /// By file and line: how suspicious it is.
    scores: HashMap<&'a RepoPath, HashMap<usize, f64>>,
}

impl TestCoverage {
    /// How many tests were seen.
    pub fn tests(&self) -> usize {
        self.tests.len()
    }

    /// What the failure of `failing` says: a line is suspicious that they execute and others do not
    /// (Ochiai: failing tests that execute it / √(failing tests · tests that execute it)).
    pub(super) fn suspects(&self, failing: &BTreeSet<TestId>) -> Suspects<'_> {
        let numbered = self.tests.iter().enumerate();
        let failing: HashSet<usize> =
            numbered.filter(|(_, test)| failing.contains(*test)).map(|(at, _)| at).collect();
        let ochiai = |tests: &Vec<usize>| {
            let failed = tests.iter().filter(|test| failing.contains(test)).count() as f64;
            failed / (failing.len() as f64 * tests.len() as f64).sqrt().max(1.0)
        };
        let of_file = |file: &FileCoverage| -> HashMap<usize, f64> {
            file.tests.iter().map(|(line, tests)| (*line, ochiai(tests))).collect()
        };
        let scores = self.files.iter().map(|(path, file)| (path, of_file(file))).collect();
        Suspects { coverage: self, failing, scores }
    }
}

impl Suspects<'_> {
    /// The largest score of some lines, counted from 0; 0 where nothing is known.
    pub(super) fn most_suspicious(
        &self,
        path: &RepoPath,
        lines: impl Iterator<Item = usize>,
    ) -> f64 {
        let Some(scores) = self.scores.get(path) else { return 0.0 };
        lines.filter_map(|line| scores.get(&(line + 1))).copied().fold(0.0, f64::max)
    }

    /// The score of the statement of a line that is counted from 0.
    pub(super) fn of_statement(&self, path: &RepoPath, line: usize) -> f64 {
        let file = self.coverage.files.get(path);
        let start = file.and_then(|file| file.statements.range(..=line + 1).next_back());
        self.most_suspicious(path, start.map_or(line, |start| start - 1)..line + 1)
    }

    /// Whether a failing test, or an import, executes the statement of a line that is counted from 0.
    /// What is not known may be executed.
    pub(super) fn executes(&self, path: &RepoPath, line: usize) -> bool {
        let Some(file) = self.coverage.files.get(path) else { return self.failing.is_empty() };
        let Some(start) = file.statements.range(..=line + 1).next_back() else { return true };
        let tested = || file.tests.get(start).into_iter().flatten();
        self.failing.is_empty()
            || file.imported.contains(start)
            || tested().any(|test| self.failing.contains(test))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coverage() -> TestCoverage {
        let text = r#"{"tests": ["a", "b", "c"], "files": {"m.py": {
            "statements": [1, 2, 5, 6, 9], "imported": [1],
            "tests": {"2": [0, 1, 2], "5": [0], "6": [1]}}}}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_only_failing_tests_execute_is_the_most_suspicious() {
        let (coverage, path) = (coverage(), RepoPath::new("m.py").unwrap());
        let suspects = coverage.suspects(&[TestId::new("a")].into());
        let score = |line: usize| suspects.most_suspicious(&path, [line - 1].into_iter());
        assert_eq!((score(5), score(6), score(9)), (1.0, 0.0, 0.0));
        assert!((score(2) - 1.0 / 3f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn an_edit_stands_where_a_failing_test_passes() {
        let (coverage, path) = (coverage(), RepoPath::new("m.py").unwrap());
        let suspects = coverage.suspects(&[TestId::new("a")].into());
        let executed: Vec<usize> = (1..=10).filter(|l| suspects.executes(&path, l - 1)).collect();
        // Lines 3, 4 continue statement 2; line 1 is imported.
        assert_eq!(executed, [1, 2, 3, 4, 5]);
        let unknown = coverage.suspects(&BTreeSet::new());
        assert!((1..=10).all(|line| unknown.executes(&path, line)));
    }
}
