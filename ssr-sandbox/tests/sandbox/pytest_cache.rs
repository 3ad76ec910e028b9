//! Options of pytest that need its cache.

use ssr_core::{Command, Exit, Output, TestReport, TestSelection, Workspace};
use ssr_sandbox::WasiWorkspace;

use crate::support::open;

const TESTS: &str = "def test_1(): pass\ndef test_2(): assert 0\ndef test_3(): pass\n";

fn repository(extra: &[(&str, &str)]) -> WasiWorkspace {
    open(&[&[("test_a.py", TESTS), ("test_b.py", "def test_4(): assert 0\n")], extra].concat())
}

fn shell(workspace: &mut WasiWorkspace, script: &str) -> Output {
    workspace.run(&Command::shell(script)).unwrap()
}

fn ids(report: &TestReport) -> Vec<&str> {
    assert!(report.problems().is_empty(), "{:?}", report.problems());
    assert!(report.tampering().is_empty(), "{:?}", report.tampering());
    report.iter().map(|(id, _)| id.as_str()).collect()
}

#[track_caller]
fn runs(workspace: &mut WasiWorkspace, script: &str, expected: &[&str]) {
    let output = shell(workspace, script);
    let report = output.report.clone().unwrap();
    assert_eq!(ids(&report), expected, "{script}: {}", output.stdout_text());
}

const ALL: [&str; 4] =
    ["test_a.py::test_1", "test_a.py::test_2", "test_a.py::test_3", "test_b.py::test_4"];
const FAILED: [&str; 2] = ["test_a.py::test_2", "test_b.py::test_4"];

#[test]
fn the_shell_knows_what_failed_last_and_the_repository_does_not() {
    let mut workspace = repository(&[]);
    // Nothing is known yet.
    runs(&mut workspace, "pytest -q --lf", &ALL);
    runs(&mut workspace, "pytest -q --lf", &FAILED);
    runs(&mut workspace, "pytest -q", &ALL);
    runs(&mut workspace, "python -m pytest -q --last-failed test_b.py", &FAILED[1..]);
    let output = shell(&mut workspace, "pytest --ff -v | grep :: | head -2 | cut -d' ' -f1");
    assert_eq!(output.stdout_text(), format!("{}\n{}\n", FAILED[0], FAILED[1]));
    let output = shell(&mut workspace, "pytest --cache-show | grep -c test_; git status -s; ls -A");
    assert_eq!(output.stdout_text(), "5\ntest_a.py\ntest_b.py\n");
    // Another selection leaves what is known of the others.
    runs(&mut workspace, "sed -i s/assert.0/pass/ test_b.py; pytest -q test_b.py", &FAILED[1..]);
    runs(&mut workspace, "pytest -q --lf", &FAILED[..1]);
    runs(&mut workspace, "pytest -q --lf --cache-clear", &ALL);
    let mut fork = workspace.fork().unwrap();
    runs(&mut workspace, "sed -i s/assert.0/pass/ test_a.py; pytest -q --lf", &FAILED[..1]);
    runs(&mut workspace, "pytest -q --lf", &ALL);
    runs(&mut fork, "pytest -q --lf", &FAILED[..1]);
    runs(&mut workspace, "pytest -q --nf", &ALL);
    let output = shell(&mut fork, "pytest -q --sw; pytest -q --sw --sw-skip");
    // The second goes on past the first failure, which still is one.
    assert_eq!(output.exit, Exit::Code(1), "{}", output.stdout_text());
    assert!(output.stdout_text().contains("1 failed, 2 passed"), "{}", output.stdout_text());
}

#[test]
fn judging_neither_reads_nor_writes_a_cache() {
    let options = "[tool.pytest.ini_options]\naddopts = '--lf --ff --nf --lfnf=none --sw --strict-config'\ncache_dir = '.cache'\nfaulthandler_timeout = 5\n";
    let mut workspace = repository(&[("pyproject.toml", options)]);
    for _ in 0..2 {
        let output = workspace.run(&Command::tests(TestSelection::All)).unwrap();
        assert_eq!(ids(&output.report.unwrap()), ALL);
        runs(&mut workspace, "pytest -q", &ALL);
    }
    assert!(workspace.diff().unwrap().is_empty());
    assert_eq!(
        shell(&mut workspace, "ls -A").stdout_text(),
        "pyproject.toml\ntest_a.py\ntest_b.py\n"
    );
}
