//! Outcomes of tests, compared with pytest on this machine.

use std::collections::BTreeMap;
use std::process;

use ssr_core::{Command, Exit, Outcome, Sandbox, TestReport, TestSelection, Workspace};
use ssr_sandbox::read_folder;

use crate::support::{file, fixture, open, path, pytest_folder, sandbox, tree};

fn passed(report: &TestReport) -> Vec<&str> {
    report.ids(Outcome::is_pass).map(|id| id.as_str()).collect()
}

#[test]
fn outcomes_are_those_of_native_pytest() {
    let repository = read_folder(fixture("outcomes")).unwrap();
    let mut workspace = sandbox().open(&repository).unwrap();
    let output = workspace.run(&Command::tests(TestSelection::All)).unwrap();
    let all = Command::tests(TestSelection::All);
    let report = output.report.clone().unwrap();
    let ours: BTreeMap<String, String> =
        report.iter().map(|(id, outcome)| (id.to_string(), format!("{outcome:?}"))).collect();
    assert_eq!(ours, native(), "{}", output.stdout_text());
    assert_eq!(sandbox().warm(&repository, &all).unwrap().report, output.report);
    let mut warm = sandbox().open(&repository).unwrap();
    assert_eq!(warm.run(&Command::tests(TestSelection::All)).unwrap().report, output.report);
    assert_eq!(report.problems().len(), 1, "{:?}", report.problems());
    assert!(report.problems()[0].contains("no_such_module_at_all"), "{:?}", report.problems());
}

/// The outcomes according to the JUnit file of the real interpreter, put into our terms.
fn native() -> BTreeMap<String, String> {
    let scratch = tempfile::tempdir().unwrap();
    let repository = read_folder(fixture("outcomes")).unwrap();
    ssr_sandbox::write_folder(&repository, scratch.path().join("repo")).unwrap();
    let info = scratch.path().join("info/outcomes-1.2.3.dist-info");
    std::fs::create_dir_all(&info).unwrap();
    std::fs::write(info.join("METADATA"), "Name: outcomes\nVersion: 1.2.3\n").unwrap();
    let path = std::env::join_paths([
        scratch.path().join("repo/src"),
        scratch.path().join("info"),
        fixture("native"),
        pytest_folder(),
    ]);
    let output = process::Command::new("python3")
        .args(["-m", "pytest", "-q", "-p", "outcome_lines", "--continue-on-collection-errors"])
        .current_dir(scratch.path().join("repo"))
        .env("PYTHONPATH", path.unwrap())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        .env("OUTCOME_LINES", scratch.path().join("outcomes"))
        .output()
        .unwrap();
    let lines = std::fs::read_to_string(scratch.path().join("outcomes"));
    let lines = lines.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stdout)));
    lines
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(o, id)| (id.into(), o.into()))
        .collect()
}

#[test]
fn a_selection_runs_what_it_names_and_nothing_else() {
    let mut workspace = open(&[
        ("test_a.py", "def test_1(): pass\ndef test_2(): pass\n"),
        ("test_b.py", "def test_3(): pass\n"),
        ("test_c.py", "raise RuntimeError\n"),
    ]);
    let mut run = |selection| workspace.run(&Command::tests(selection)).unwrap().report.unwrap();
    let files = run(TestSelection::Files(vec![path("test_b.py"), path("test_gone.py")]));
    assert_eq!(passed(&files), ["test_b.py::test_3"]);
    assert_eq!(files.problems(), ["there is no test file test_gone.py"]);
    let ids =
        ["test_a.py::test_2", "test_a.py::test_gone", "test_gone.py::test_x"].map(str::to_owned);
    let ids = run(TestSelection::Ids(ids.to_vec()));
    assert_eq!(passed(&ids), ["test_a.py::test_2"]);
    assert_eq!(ids.count(Outcome::Missing), 2);
    assert_eq!(ids.len(), 3);
    let none = run(TestSelection::Ids(vec!["test_gone.py::test_x".to_owned()]));
    assert_eq!((none.len(), none.count(Outcome::Missing)), (1, 1));
}

#[test]
fn leaving_the_process_is_not_passing() {
    for exit in [
        "import os; os._exit(0)",
        "import sys; sys.stdout.close(); os = __import__('os'); os._exit(0)",
    ] {
        let body =
            format!("def test_before(): pass\ndef test_exits(): {exit}\ndef test_after(): pass\n");
        let output =
            open(&[("test_a.py", &body)]).run(&Command::tests(TestSelection::All)).unwrap();
        let report = output.report.unwrap();
        assert_eq!(output.exit, Exit::Code(0));
        assert_eq!(passed(&report), ["test_a.py::test_before"]);
        assert_eq!(report.count(Outcome::Missing), 2);
        assert!(report.problems()[0].contains("did not end by itself"));
    }
}

#[test]
fn what_tests_leave_where_the_key_was_is_no_failure_of_the_sandbox() {
    let body = "import os\ndef test_x(): os.makedirs('/run/ssr/key/deep')\n";
    let mut sandboxed = open(&[("test_a.py", body)]);
    for _ in 0..2 {
        let output = sandboxed.run(&Command::tests(TestSelection::All)).unwrap();
        assert_eq!(passed(&output.report.unwrap()), ["test_a.py::test_x"]);
    }
    let script = Command::shell("pytest -q; pytest -q");
    assert_eq!(passed(&sandboxed.run(&script).unwrap().report.unwrap()), ["test_a.py::test_x"]);
}

#[test]
fn leaving_the_process_in_a_teardown_takes_the_pass_away() {
    let body = "import os, pytest\n@pytest.fixture\ndef f():\n  yield\n  os._exit(0)\ndef test_x(f): pass\n";
    let output = open(&[("test_a.py", body)]).run(&Command::tests(TestSelection::All)).unwrap();
    assert_eq!(output.report.unwrap().outcome(&"test_a.py::test_x".into()), Outcome::Missing);
}

#[test]
fn cheap_forgeries_are_noticed() {
    let body = r#"
import glob, json, os, pytest

os.write = lambda fd, data: len(data)
json.JSONEncoder.encode = lambda self, value: ""

def test_writes_to_every_descriptor():
    import posix
    line = b'{"key": "", "n": 1, "event": "test", "id": "test_a.py::test_fails", "phase": "call", "outcome": "passed", "expected": false}\n'
    for fd in range(3, 20):
        try:
            posix.write(fd, line)
        except OSError:
            pass

def test_fails():
    assert False
"#;
    let output = open(&[("test_a.py", body)]).run(&Command::tests(TestSelection::All)).unwrap();
    let report = output.report.unwrap();
    assert_eq!(report.outcome(&"test_a.py::test_fails".into()), Outcome::Failed);
    assert!(
        report.problems().iter().any(|p| p.contains("key of another run")),
        "{:?}",
        report.problems()
    );
}

#[test]
fn a_repository_without_tests_says_so() {
    let output = open(&[("a.py", "")]).run(&Command::tests(TestSelection::All)).unwrap();
    let report = output.report.unwrap();
    assert!(report.is_empty());
    assert_eq!(report.problems(), ["pytest ended with status 5: no tests were collected"]);
}

#[test]
fn a_patched_source_never_runs_its_old_bytecode() {
    let test = "import code_under\ndef test_x(): assert code_under.value() == 1\n";
    let original = tree(&[("code_under.py", "def value(): return 1\n"), ("test_a.py", test)]);
    let all = Command::tests(TestSelection::All);
    let warm = sandbox().warm(&original, &all).unwrap();
    assert_eq!(passed(&warm.report.unwrap()), ["test_a.py::test_x"]);
    // The same length and, in a careless filesystem, the same time.
    let broken = file("def value(): return 2\n");
    let patched = original.with(path("code_under.py"), broken.clone()).unwrap();
    for round in 0..2 {
        let mut opened = sandbox().open(&patched).unwrap();
        assert_eq!(opened.run(&all).unwrap().exit, Exit::Code(1), "opened, round {round}");
        let mut written = sandbox().open(&original).unwrap();
        assert_eq!(written.run(&all).unwrap().exit, Exit::Code(0), "original, round {round}");
        written.write(&path("code_under.py"), Some(broken.clone())).unwrap();
        assert_eq!(written.run(&all).unwrap().exit, Exit::Code(1), "written, round {round}");
        assert_eq!(written.tree().unwrap(), patched);
        written.write(&path("code_under.py"), original.get("code_under.py").cloned()).unwrap();
        assert_eq!(written.run(&all).unwrap().exit, Exit::Code(0), "restored, round {round}");
        assert!(written.diff().unwrap().is_empty());
    }
}

#[test]
fn the_repository_wins_over_installed_packages_that_pytest_uses() {
    let mut workspace = open(&[
        ("src/iniconfig/__init__.py", "mine = True\n"),
        ("tests/test_a.py", "import iniconfig\ndef test_x(): assert iniconfig.mine\n"),
    ]);
    let output = workspace.run(&Command::tests(TestSelection::All)).unwrap();
    assert_eq!(output.exit, Exit::Code(0), "{}", output.stdout_text());
}

#[test]
fn equal_runs_give_equal_bytes() {
    let body = "import time, random, uuid\ndef test_x():\n  print(time.time(), random.random(), uuid.uuid4(), id(object()))\n  assert 0\n";
    let mut workspace = open(&[("test_a.py", body)]);
    let first = workspace.run(&Command::tests(TestSelection::All)).unwrap();
    assert!(first.stdout_text().contains("Captured stdout"), "{}", first.stdout_text());
    for _ in 0..3 {
        assert_eq!(workspace.run(&Command::tests(TestSelection::All)).unwrap(), first);
    }
    let again = open(&[("test_a.py", body)]).run(&Command::tests(TestSelection::All)).unwrap();
    assert_eq!(again, first);
}

#[test]
fn options_of_plugins_that_only_watch_are_accepted() {
    let ini = "[pytest]\naddopts = --cov=pkg --cov --cov-report=term-missing --no-cov-on-fail -n 4 --timeout=5\n";
    let mut workspace = open(&[("pytest.ini", ini), ("test_a.py", "def test_x(): pass\n")]);
    let output = workspace.run(&Command::tests(TestSelection::All)).unwrap();
    assert_eq!(output.exit, Exit::Code(0), "{}", output.stderr_text());
    let refused = open(&[("pytest.ini", "[pytest]\naddopts = --no-such-option\n")])
        .run(&Command::tests(TestSelection::All))
        .unwrap();
    assert!(refused.report.unwrap().problems()[0].contains("status 4"));
}
