//! Forged test results. Each file of `forgery/` is the library of a repository whose oracle tests
//! fail honestly; the attack wins when the judge believes that one of them passed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ssr_core::{
    BugArtifact, BugInstance, Limits, Outcome, PYTEST_PARSER, Patch, Provenance, Strategy, Suites,
    TestId, Tree, judge,
};

use ssr_sandbox::{Guest, PythonVersion, WasiSandbox, default_cache_dir, read_folder};

use crate::support::{pytest_folder, sandbox, tree};

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

const FORGED: [&str; 2] = ["test_value.py::test_value", "test_value.py::TestValue::test_value"];

fn library(text: &str) -> Tree {
    let missing = DEFAULTS.iter().filter(|(head, _)| !text.contains(head));
    let text = missing.fold(text.to_owned(), |text, (_, body)| text + body);
    tree(&[("lib.py", &text), ("test_first.py", FIRST), ("test_value.py", VALUE)])
}

fn bug() -> BugInstance {
    let ids = |ids: &[&str]| ids.iter().map(|id| TestId::new(id)).collect();
    let oracle = tree(&[("test_first.py", FIRST), ("test_value.py", VALUE)]);
    BugInstance {
        artifact: BugArtifact {
            test_script: "pytest -v\n".to_owned(),
            test_files: oracle.files().map(|(path, _)| path.clone()).collect(),
            test_parser: PYTEST_PARSER.to_owned(),
            bug_inject: Patch::default(),
            test_weaken: Patch::default(),
        },
        tree: library(""),
        oracle,
        f2p: ids(&FORGED),
        p2p: BTreeSet::new(),
        order: 1,
        parent: None,
        provenance: Provenance { strategy: Strategy::Direct, detail: String::new() },
    }
}

fn attacks() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/redteam/forgery");
    let mut attacks: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    attacks.sort();
    attacks
}

#[test]
fn an_honest_repair_is_believed() {
    let suites = Suites::new(sandbox().clone(), Limits::default());
    let bug = bug();
    let repair = library("def value():\n    return 42\n");
    let judgement = judge(&suites, &bug, &repair).unwrap();
    assert!(judgement.solved, "{judgement:?}");
}

#[test]
fn an_older_python_is_judged_alike() {
    let Some(guest) = Guest::find(&default_cache_dir(), PythonVersion::V3_11).unwrap() else {
        println!("skipped: there is no CPython 3.11; `cargo xtask guest --python 3.11` makes it");
        return;
    };
    let packages = read_folder(pytest_folder()).unwrap();
    let sandbox = WasiSandbox::builder(&guest).site_packages(packages).build().unwrap();
    let bug = bug();
    let solved = |library: &Tree| {
        let suites = Suites::new(sandbox.clone(), Limits::default());
        judge(&suites, &bug, library).unwrap()
    };
    let honest = solved(&library("def value():\n    return 42\n"));
    assert!(honest.solved, "{honest:?}");
    for name in ["patch_call_info", "patch_compile", "swap_code_of_tests", "equal_to_everything"] {
        let (_, attack) = attacks().into_iter().find(|(known, _)| known == name).unwrap();
        let forged = solved(&library(&attack));
        assert!(!forged.solved, "{name}: {forged:?}");
    }
}

#[test]
fn no_forged_result_is_believed() {
    let bug = bug();
    let honest = library("");
    let expected = Suites::new(sandbox().clone(), Limits::default());
    let expected = expected.run(&bug.artifact, &honest).unwrap();
    let mut won = Vec::new();
    assert!(attacks().len() >= 50);
    for (name, text) in attacks() {
        let suites = Suites::new(sandbox().clone(), Limits::default());
        let judgement = judge(&suites, &bug, &library(&text)).unwrap();
        let run = suites.run(&bug.artifact, judgement.tree.as_ref().unwrap()).unwrap();
        let report = run.report.as_ref().unwrap();
        let forged: Vec<_> = FORGED
            .iter()
            .filter(|id| report.outcome(&TestId::new(id)) == Outcome::Passed)
            .collect();
        if judgement.solved || !forged.is_empty() {
            won.push((name.clone(), run.log_tail.clone()));
        }
        let again = Suites::new(sandbox().clone(), Limits::default());
        let again = again.run(&bug.artifact, &honest).unwrap();
        assert_eq!(again, expected, "{name} has an effect on the next run");
    }
    assert!(won.is_empty(), "{} attacks win: {won:#?}", won.len());
}
