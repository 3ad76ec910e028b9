//! Tests of unittest, compared with CPython on this machine.

use std::collections::BTreeMap;
use std::process;
use std::time::Duration;

use ssr_core::{
    Command, Exit, Limits, Outcome, Sandbox, TestReport, TestRun, TestRunner, TestSelection,
    Workspace,
};
use ssr_sandbox::read_folder;

use crate::support::{fixture, open, path, sandbox};

fn unittest(selection: TestSelection) -> Command {
    Command::tests(TestRun::new(TestRunner::Unittest, selection))
}

fn by_name(report: &TestReport) -> BTreeMap<String, String> {
    report.iter().map(|(id, outcome)| (id.to_string(), format!("{outcome:?}"))).collect()
}

#[test]
fn outcomes_are_those_of_native_unittest() {
    let repository = read_folder(fixture("cases")).unwrap();
    let mut workspace = sandbox().open(&repository).unwrap();
    let output = workspace.run(&unittest(TestSelection::All)).unwrap();
    assert_eq!(output.exit, Exit::Code(1));
    let report = output.report.clone().unwrap();
    let mut ours = by_name(&report);
    // The real one says nothing about tests whose class or module could not be set up.
    for (id, outcome) in [
        ("test_fixtures.BrokenClass.test_1", "Error"),
        ("test_fixtures.BrokenClass.test_2", "Error"),
        ("test_fixtures.SkippedClass.test_1", "Skipped"),
        ("test_module.Below.test_1", "Error"),
    ] {
        assert_eq!(ours.remove(id).as_deref(), Some(outcome), "{id}");
    }
    assert_eq!(ours, native(), "{}", output.stderr_text());
    let shell = Command::shell("python -m unittest discover -v");
    assert_eq!(workspace.run(&shell).unwrap().report, output.report);
    let unimportable = "unittest.loader._FailedTest.checks.test_cannot_be_imported";
    assert!(report.problems().iter().any(|problem| {
        problem.contains(unimportable)
            && problem.contains("No module named 'no_such_module_at_all'")
    }));
}

fn native() -> BTreeMap<String, String> {
    let scratch = tempfile::tempdir().unwrap();
    let output = process::Command::new("python3")
        .arg(fixture("native/case_lines.py"))
        .arg("discover")
        .current_dir(fixture("cases"))
        .env("PYTHONPATH", fixture("cases"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("OUTCOME_LINES", scratch.path().join("outcomes"))
        .output()
        .unwrap();
    let lines = std::fs::read_to_string(scratch.path().join("outcomes"));
    let lines = lines.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let line = |line: &str| line.split_once('\t').map(|(o, id)| (id.to_owned(), o.to_owned()));
    lines.lines().filter_map(line).collect()
}

#[test]
fn a_selection_runs_what_it_names_and_nothing_else() {
    let class = "import unittest\nclass A(unittest.TestCase):\n  def test_1(self): pass\n  def test_2(self): pass\nclass B(A): pass\n";
    let mut workspace =
        open(&[("test_a.py", class), ("pkg/__init__.py", ""), ("pkg/test_b.py", class)]);
    let mut run = |selection| {
        let output = workspace.run(&unittest(selection)).unwrap();
        by_name(&output.report.unwrap())
    };
    let files = run(TestSelection::Files(vec![path("pkg/test_b.py")]));
    let expected = ["A.test_1", "A.test_2", "B.test_1", "B.test_2"];
    assert!(files.keys().eq(expected.map(|name| format!("pkg.test_b.{name}")).iter()), "{files:?}");
    let wanted = ["pkg.test_b.B.test_2", "test_a.A.test_1", "test_a.A.test_gone"];
    let ids = run(TestSelection::Ids(wanted.map(str::to_owned).to_vec()));
    let outcomes: Vec<_> = ids.iter().map(|(id, o)| (id.as_str(), o.as_str())).collect();
    let expected = ["Passed", "Passed", "Missing"];
    assert!(outcomes.into_iter().eq(wanted.into_iter().zip(expected)), "{ids:?}");
}

#[test]
fn an_endless_test_times_out_and_the_others_still_run() {
    let body = "import os, unittest
class A(unittest.TestCase):
  def test_1(self): pass
  def test_2(self):
    while True: pass
  def test_3(self): pass
class B(unittest.TestCase):
  @classmethod
  def setUpClass(cls):
    while True: pass
  def test_4(self): pass
class C(unittest.TestCase):
  def test_5(self): pass
";
    let per_test = Some(Duration::from_secs(1));
    let limits = Limits::default().with_per_test(per_test);
    for command in [unittest(TestSelection::All), Command::shell("python -m unittest -v test_a")] {
        let output = open(&[("test_a.py", body)]).run(&command.with_limits(limits)).unwrap();
        assert_eq!(output.exit, Exit::Code(1));
        let report = output.report.clone().unwrap();
        let outcomes: Vec<_> = report.iter().map(|(_, outcome)| outcome).collect();
        let (passed, timeout) = (Outcome::Passed, Outcome::Timeout);
        assert_eq!(outcomes, [passed, timeout, passed, timeout, passed], "{report:?}");
        assert_eq!(report.problems(), [] as [&str; 0]);
        let text = output.stderr_text();
        assert!(text.contains("\ntest_a.A.test_2 ... FAIL\nTimeout: "), "{text}");
    }
}

#[test]
fn leaving_the_process_is_not_passing() {
    let body = |exit: &str| {
        format!(
            "import os, sys, unittest\nclass A(unittest.TestCase):\n  def test_1(self): pass\nclass B(unittest.TestCase):\n  @classmethod\n  def setUpClass(cls): {exit}\n  def test_2(self): pass\n"
        )
    };
    for exit in ["os._exit(0)", "sys.exit(0)"] {
        let output =
            open(&[("test_a.py", &body(exit))]).run(&unittest(TestSelection::All)).unwrap();
        let report = output.report.unwrap();
        assert_eq!(output.exit, Exit::Code(0));
        assert_eq!(report.outcome(&"test_a.A.test_1".into()), Outcome::Passed);
        assert_eq!(report.outcome(&"test_a.B.test_2".into()), Outcome::Missing);
        assert!(report.problems()[0].contains("did not end by itself"), "{:?}", report.problems());
    }
}

#[test]
fn a_repository_without_tests_says_so() {
    let output = open(&[("a.py", "")]).run(&unittest(TestSelection::All)).unwrap();
    let report = output.report.unwrap();
    assert!(report.is_empty());
    assert_eq!(report.problems(), ["unittest ended with status 5: no tests were collected"]);
}

#[test]
fn equal_runs_give_equal_bytes() {
    let repository = read_folder(fixture("cases")).unwrap();
    let run = || {
        let mut workspace = sandbox().open(&repository).unwrap();
        workspace.run(&unittest(TestSelection::All)).unwrap()
    };
    assert_eq!(run(), run());
}
