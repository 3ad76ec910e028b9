//! The repository whose tests the forgeries attack, and the forgeries. The test of the audit in
//! `examples` shares this file, so that it uses nothing but `ssr_core`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ssr_core::{
    BugArtifact, BugInstance, File, PYTEST_PARSER, Patch, Provenance, RepoPath, Strategy, TestId,
    Tree,
};

const FIRST: &str = "import lib\n\ndef test_first():\n    pass\n";

const VALUE: &str = "\
import unittest

import lib


def test_before():
    lib.before()


def test_value():
    got = lib.value()
    assert got == 42
    del got


class TestValue(unittest.TestCase):
    def test_value(self):
        self.assertEqual(lib.value(), 42)
";

/// What every library has unless the attack has its own.
const DEFAULTS: [(&str, &str); 2] = [
    ("def before", "\n\ndef before():\n    pass\n"),
    ("def value", "\n\ndef value():\n    return 41\n"),
];

/// The tests that fail honestly, and how they are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// Tests of pytest and of unittest, run by pytest.
    Mixed,
    /// Tests of pytest only.
    Pytest,
    /// Test cases of unittest only, run by pytest.
    TestCases,
    /// The same, run by unittest.
    Unittest,
}

impl Suite {
    pub const ALL: [Self; 4] = [Self::Mixed, Self::Pytest, Self::TestCases, Self::Unittest];

    pub fn failing(self) -> &'static [&'static str] {
        const BOTH: [&str; 2] =
            ["test_value.py::test_value", "test_value.py::TestValue::test_value"];
        match self {
            Self::Mixed => &BOTH,
            Self::Pytest => &["test_value.py::test_value"],
            Self::TestCases => &["test_value.py::TestValue::test_value"],
            Self::Unittest => &["test_value.TestValue.test_value"],
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::Unittest => "python -m unittest -v test_first test_value\n",
            _ => "pytest -v\n",
        }
    }

    /// The bug that the forgeries claim to repair.
    pub fn bug(self) -> BugInstance {
        let oracle = tree(&[("test_first.py", FIRST), ("test_value.py", VALUE)]);
        BugInstance {
            artifact: BugArtifact {
                test_script: self.script().to_owned(),
                test_files: oracle.files().map(|(path, _)| path.clone()).collect(),
                test_parser: PYTEST_PARSER.to_owned(),
                bug_inject: Patch::default(),
                test_weaken: Patch::default(),
            },
            tree: library(""),
            oracle,
            f2p: self.failing().iter().map(|id| TestId::new(id)).collect(),
            p2p: BTreeSet::new(),
            order: 1,
            parent: None,
            provenance: Provenance { strategy: Strategy::Direct, detail: String::new() },
        }
    }
}

fn tree(files: &[(&str, &str)]) -> Tree {
    let file =
        |(name, text): &(&str, &str)| (RepoPath::new(name).unwrap(), File::new(text.as_bytes()));
    Tree::from_files(files.iter().map(file)).unwrap()
}

/// The repository with this library, and with other files of an attack.
fn repository(text: &str, others: &[(String, String)]) -> Tree {
    let missing = DEFAULTS.iter().filter(|(head, _)| !text.contains(head));
    let text = missing.fold(text.to_owned(), |text, (_, body)| text + body);
    let own = [("lib.py", &*text), ("test_first.py", FIRST), ("test_value.py", VALUE)];
    let others = others.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    tree(&own.into_iter().chain(others).collect::<Vec<_>>())
}

/// The repository with this library.
pub fn library(text: &str) -> Tree {
    repository(text, &[])
}

/// The library as it should be.
pub fn honest() -> Tree {
    library("def value():\n    return 42\n")
}

/// Every forgery by its name: a library, or a folder with one and with more files.
pub fn attacks() -> Vec<(String, Tree)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../ssr-sandbox/tests/redteam/forgery");
    let paths =
        entries(Path::new(folder)).into_iter().filter(|path| !path.ends_with("__pycache__"));
    let attack = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.is_file() {
            return (name, library(&fs::read_to_string(&path).unwrap()));
        }
        let mut files = Vec::new();
        let mut open = vec![path.clone()];
        while let Some(folder) = open.pop() {
            for entry in entries(&folder) {
                if entry.is_dir() {
                    open.push(entry);
                } else {
                    let name = entry.strip_prefix(&path).unwrap().to_string_lossy();
                    files.push((name.replace('\\', "/"), fs::read_to_string(&entry).unwrap()));
                }
            }
        }
        let at = files.iter().position(|(name, _)| name == "lib.py").unwrap();
        let (_, text) = files.swap_remove(at);
        (name, repository(&text, &files))
    };
    paths.map(attack).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
