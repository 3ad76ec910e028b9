//! What every sandbox does alike: each function takes any implementation of the traits.

use std::time::Duration;

use ssr_core::{
    Command, Exit, File, Limits, Outcome, RepoPath, Sandbox, SandboxError, TestReport,
    TestSelection, Tree, Workspace,
};

/// Makes a test of each behaviour for one sandbox; `None` skips it.
macro_rules! tests {
    ($sandbox:expr) => {
        crate::behaviour::tests!($sandbox,
            what_tests_write_is_discarded_and_what_scripts_write_stays,
            forks_do_not_see_each_other,
            files_can_be_written_replaced_and_removed,
            processes_do_not_outlive_a_command,
            programs_get_input_arguments_and_variables,
            a_selection_runs_what_it_names_and_nothing_else,
            outcomes_are_those_of_pytest,
            leaving_the_process_is_not_passing,
            a_repository_without_tests_says_so,
            a_test_script_reports_beside_its_output,
            a_patched_source_never_runs_its_old_bytecode,
            an_endless_program_keeps_what_it_printed,
            an_endless_test_times_out_and_the_others_run,
            output_is_limited_and_says_so,
            memory_is_limited,
        );
    };
    ($sandbox:expr, $($name:ident,)*) => {
        $(
            #[test]
            fn $name() {
                if let Some(sandbox) = $sandbox {
                    crate::behaviour::$name(sandbox);
                }
            }
        )*
    };
}

pub(crate) use tests;

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

fn file(text: &str) -> File {
    File::new(text.as_bytes())
}

fn tree(files: &[(&str, &str)]) -> Tree {
    Tree::from_files(files.iter().map(|(name, text)| (path(name), file(text)))).unwrap()
}

fn all() -> Command {
    Command::tests(TestSelection::All)
}

fn seconds(time: u64) -> Limits {
    Limits::default().with_cpu(Duration::from_secs(time))
}

fn passed(report: &TestReport) -> Vec<&str> {
    report.ids(Outcome::is_pass).map(|id| id.as_str()).collect()
}

pub fn what_tests_write_is_discarded_and_what_scripts_write_stays(sandbox: &impl Sandbox) {
    let body = "def test_x():\n  open('left.txt', 'w').write('x')\n";
    let mut workspace = sandbox.open(&tree(&[("test_a.py", body)])).unwrap();
    let before = workspace.tree().unwrap();
    let report = workspace.run(&all()).unwrap().report.unwrap();
    assert_eq!(passed(&report), ["test_a.py::test_x"], "{:?}", report.problems());
    assert_eq!(workspace.tree().unwrap(), before);
    workspace.run(&Command::python("open('left.txt', 'w').write('x')")).unwrap();
    assert_eq!(workspace.read(&path("left.txt")).unwrap(), Some(file("x")));
    workspace.run(&all()).unwrap();
    workspace.run(&Command::shell("python3 -m pytest -q; rm left.txt")).unwrap();
    assert!(workspace.diff().unwrap().is_empty());
}

pub fn forks_do_not_see_each_other(sandbox: &impl Sandbox) {
    let mut one = sandbox.open(&tree(&[("a.txt", "1")])).unwrap();
    one.write(&path("a.txt"), Some(file("2"))).unwrap();
    let mut two = one.fork().unwrap();
    two.run(&Command::shell("echo 3 > a.txt; mkdir -p d; echo x > d/new; echo t > /tmp/t"))
        .unwrap();
    one.run(&Command::python("import os; assert not os.path.exists('/tmp/t'); os.remove('a.txt')"))
        .unwrap();
    assert_eq!(one.tree().unwrap(), tree(&[]));
    assert_eq!(two.tree().unwrap(), tree(&[("a.txt", "3\n"), ("d/new", "x\n")]));
    assert_eq!(two.base(), one.base());
    // What is outside of the repository is forked, too.
    let mut three = two.fork().unwrap();
    two.run(&Command::shell("rm -r d /tmp/t")).unwrap();
    let output = three.run(&Command::shell("cat /tmp/t d/new")).unwrap();
    assert_eq!(output.stdout_text(), "t\nx\n");
}

pub fn files_can_be_written_replaced_and_removed(sandbox: &impl Sandbox) {
    let mut workspace = sandbox.open(&tree(&[("d/a.txt", "1"), ("x", "f")])).unwrap();
    workspace.write(&path("d/e/b.sh"), Some(file("echo 2").with_executable(true))).unwrap();
    workspace.write(&path("d/a.txt"), None).unwrap();
    workspace.write(&path("never/there"), None).unwrap();
    let read = workspace.read(&path("d/e/b.sh")).unwrap().unwrap();
    assert!(read.executable());
    assert_eq!(workspace.read(&path("d")).unwrap(), None);
    let refused = workspace.write(&path("d/e"), Some(file("x")));
    assert!(matches!(refused, Err(SandboxError::Refused(_))), "{refused:?}");
    let output = workspace.run(&Command::shell("bash d/e/b.sh; ls d; cp x y")).unwrap();
    assert_eq!(output.stdout_text(), "2\ne\n", "{output:?}");
    // After a command, too, and a folder where a file was.
    workspace.write(&path("x"), None).unwrap();
    workspace.write(&path("x/z"), Some(file("below"))).unwrap();
    let output = workspace.run(&Command::shell("cat x/z y; rm -r d x")).unwrap();
    assert_eq!(output.stdout_text(), "belowf", "{output:?}");
    assert_eq!(workspace.tree().unwrap(), tree(&[("y", "f")]));
}

pub fn processes_do_not_outlive_a_command(sandbox: &impl Sandbox) {
    let mut workspace = sandbox.open(&tree(&[])).unwrap();
    workspace.run(&Command::python("import sys, json; sys.leaked = json.leaked = 1")).unwrap();
    let output = workspace.run(&Command::python(
        "import sys, json; print(hasattr(sys, 'leaked') or hasattr(json, 'leaked'))",
    ));
    assert_eq!(output.unwrap().stdout, b"False\n");
}

pub fn programs_get_input_arguments_and_variables(sandbox: &impl Sandbox) {
    let mut workspace = sandbox.open(&tree(&[])).unwrap();
    let mut command = Command::python(
        "import os, sys; print(sys.argv, os.environ['X'], os.getcwd(), sys.stdin.read())",
    )
    .with_stdin("in ü");
    command.env.insert("X".to_owned(), "a b".to_owned());
    if let ssr_core::Program::Python { args, .. } = &mut command.program {
        args.push("c d".to_owned());
    }
    let output = workspace.run(&command).unwrap();
    assert_eq!(output.stdout_text(), "['-c', 'c d'] a b /testbed in ü\n");
    // More than a pipe holds, to a program that does not read it.
    let unread = Command::shell("exit 3").with_stdin(vec![b'x'; 1 << 20]);
    assert_eq!(workspace.run(&unread).unwrap().exit, Exit::Code(3));
    let counted = Command::python("import sys; print(len(sys.stdin.read()))");
    let output = workspace.run(&counted.with_stdin(vec![b'x'; 1 << 20])).unwrap();
    assert_eq!(output.stdout_text(), "1048576\n");
}

pub fn a_selection_runs_what_it_names_and_nothing_else(sandbox: &impl Sandbox) {
    let files = [
        ("test_a.py", "def test_1(): pass\ndef test_2(): pass\n"),
        ("test_b.py", "def test_3(): pass\n"),
        ("test_c.py", "raise RuntimeError\n"),
    ];
    let mut workspace = sandbox.open(&tree(&files)).unwrap();
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

pub fn outcomes_are_those_of_pytest(sandbox: &impl Sandbox) {
    let body = r#"
import pytest
@pytest.mark.parametrize("x", ["a b", "c::d", "[e]"])
def test_names(x): pass
def test_fails(): print("PASSED test_a.py::test_fails"); assert False
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.xfail
def test_xfails(): assert False
@pytest.mark.xfail
def test_xpasses(): pass
@pytest.fixture
def broken(): raise RuntimeError
def test_setup(broken): pass
@pytest.fixture
def breaks():
    yield
    raise RuntimeError
def test_teardown(breaks): pass
"#;
    let mut workspace = sandbox.open(&tree(&[("test_a.py", body)])).unwrap();
    let output = workspace.run(&all()).unwrap();
    let report = output.report.clone().unwrap();
    let got: Vec<String> = report.iter().map(|(id, outcome)| format!("{id} {outcome:?}")).collect();
    let expected = [
        "test_a.py::test_fails Failed",
        "test_a.py::test_names[[e]] Passed",
        "test_a.py::test_names[a b] Passed",
        "test_a.py::test_names[c::d] Passed",
        "test_a.py::test_setup Error",
        "test_a.py::test_skipped Skipped",
        "test_a.py::test_teardown Error",
        "test_a.py::test_xfails XFailed",
        "test_a.py::test_xpasses XPassed",
    ];
    assert_eq!(got, expected, "{}", output.stdout_text());
    assert!(report.problems().is_empty(), "{:?}", report.problems());
    assert_eq!(output.exit, Exit::Code(1));
}

pub fn leaving_the_process_is_not_passing(sandbox: &impl Sandbox) {
    let body = "def test_before(): pass\ndef test_exits():\n  import os; os._exit(0)\ndef test_after(): pass\n";
    let output = sandbox.open(&tree(&[("test_a.py", body)])).unwrap().run(&all()).unwrap();
    let report = output.report.unwrap();
    assert_eq!(output.exit, Exit::Code(0));
    assert_eq!(passed(&report), ["test_a.py::test_before"]);
    assert_eq!(report.count(Outcome::Missing), 2);
    assert!(report.problems()[0].contains("did not end by itself"), "{:?}", report.problems());
}

pub fn a_repository_without_tests_says_so(sandbox: &impl Sandbox) {
    let output = sandbox.open(&tree(&[("a.py", "")])).unwrap().run(&all()).unwrap();
    let report = output.report.unwrap();
    assert!(report.is_empty());
    assert_eq!(report.problems(), ["pytest ended with status 5: no tests were collected"]);
}

pub fn a_test_script_reports_beside_its_output(sandbox: &impl Sandbox) {
    let tests = "def test_1(): pass\ndef test_2(): assert 0\n";
    let script = "set -o pipefail\npython3 -m pytest -v test_a.py 2>&1 | tee log\n";
    let files = [("test_a.py", tests), ("test_script.sh", script)];
    let mut workspace = sandbox.open(&tree(&files)).unwrap();
    let output = workspace.run(&Command::shell("bash test_script.sh")).unwrap();
    assert_eq!(output.exit, Exit::Code(1), "{output:?}");
    assert!(output.stdout_text().contains("test_a.py::test_1 PASSED"), "{}", output.stdout_text());
    assert_eq!(workspace.read(&path("log")).unwrap().unwrap().bytes(), output.stdout);
    let report = output.report.unwrap();
    assert_eq!(report.outcome(&"test_a.py::test_1".into()), Outcome::Passed);
    assert_eq!(report.outcome(&"test_a.py::test_2".into()), Outcome::Failed);
    assert!(report.problems().is_empty(), "{:?}", report.problems());
    // Of several runs the worst counts, and text is no report.
    let twice = "python3 -m pytest -q; sed -i s/assert.0/pass/ test_a.py; python3 -m pytest -q";
    let report = workspace.run(&Command::shell(twice)).unwrap().report.unwrap();
    assert_eq!(report.outcome(&"test_a.py::test_2".into()), Outcome::Failed);
    let forged = Command::shell("echo 'test_a.py::test_2 PASSED'");
    assert_eq!(workspace.run(&forged).unwrap().report, None);
}

pub fn a_patched_source_never_runs_its_old_bytecode(sandbox: &impl Sandbox) {
    let test = "import code_under\ndef test_x(): assert code_under.value() == 1\n";
    let files = [("code_under.py", "def value(): return 1\n"), ("test_a.py", test)];
    let mut workspace = sandbox.open(&tree(&files)).unwrap();
    // The same length and, as far as Python looks, the same second.
    for n in [1, 2, 1, 2] {
        let source = file(&format!("def value(): return {n}\n"));
        workspace.write(&path("code_under.py"), Some(source)).unwrap();
        let print = Command::python("import code_under; print(code_under.value())");
        assert_eq!(workspace.run(&print).unwrap().stdout_text(), format!("{n}\n"));
    }
    assert_eq!(workspace.run(&all()).unwrap().exit, Exit::Code(1));
    assert_eq!(workspace.diff().unwrap().touched_paths().len(), 1);
}

pub fn an_endless_program_keeps_what_it_printed(sandbox: &impl Sandbox) {
    let mut workspace = sandbox.open(&tree(&[])).unwrap();
    let program = Command::python("print('first', flush=True)\nwhile True: pass");
    let output = workspace.run(&program.with_limits(seconds(2))).unwrap();
    assert_eq!((&output.exit, output.stdout_text().as_ref()), (&Exit::Timeout, "first\n"));
    let script = Command::shell("echo first; echo err >&2; while :; do :; done");
    let output = workspace.run(&script.with_limits(seconds(2))).unwrap();
    assert_eq!(output.exit, Exit::Timeout);
    assert_eq!(
        (output.stdout_text().as_ref(), output.stderr_text().as_ref()),
        ("first\n", "err\n")
    );
    // The workspace goes on.
    assert_eq!(workspace.run(&Command::shell("echo on")).unwrap().stdout_text(), "on\n");
}

pub fn an_endless_test_times_out_and_the_others_run(sandbox: &impl Sandbox) {
    let body = "def test_1(): pass\ndef test_2():\n  while True: pass\ndef test_3(): pass\n";
    let mut workspace = sandbox.open(&tree(&[("test_a.py", body)])).unwrap();
    let limits = seconds(90).with_per_test(Duration::from_secs(2));
    let output = workspace.run(&all().with_limits(limits)).unwrap();
    assert_eq!(output.exit, Exit::Code(1));
    let report = output.report.unwrap();
    assert_eq!(passed(&report), ["test_a.py::test_1", "test_a.py::test_3"]);
    assert_eq!(report.outcome(&"test_a.py::test_2".into()), Outcome::Timeout);
}

pub fn output_is_limited_and_says_so(sandbox: &impl Sandbox) {
    let limits = seconds(60).with_output(1000);
    let mut workspace = sandbox.open(&tree(&[])).unwrap();
    for command in [
        Command::python("for _ in range(10000): print('x' * 99)"),
        Command::shell("for i in $(seq 1000); do printf '%099d\\n' 0; done"),
    ] {
        let output = workspace.run(&command.clone().with_limits(limits)).unwrap();
        assert_eq!(output.exit, Exit::Code(0), "{command:?}");
        // A shell may add a line that says how much is missing.
        assert!((1000..1100).contains(&output.stdout.len()), "{command:?}");
        assert!(output.truncated, "{command:?}");
    }
}

pub fn memory_is_limited(sandbox: &impl Sandbox) {
    let limits = seconds(60).with_memory(100 << 20);
    let mut workspace = sandbox.open(&tree(&[("a", "1")])).unwrap();
    workspace.run(&Command::shell("echo 2 > a")).unwrap();
    let hog = "print('first', flush=True)\nhog = []\nwhile True: hog.append(bytearray(1 << 20))";
    let output = workspace.run(&Command::python(hog).with_limits(limits)).unwrap();
    assert_eq!((&output.exit, output.stdout_text().as_ref()), (&Exit::OutOfMemory, "first\n"));
    assert_eq!(workspace.read(&path("a")).unwrap(), Some(file("2\n")));
}
