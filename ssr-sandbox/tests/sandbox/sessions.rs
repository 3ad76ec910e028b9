//! Runs that go on from a pytest session that has started.

use ssr_core::{Command, Exit, Outcome, Output, Sandbox, TestId, TestSelection, Tree, Workspace};
use ssr_sandbox::{WasiSandbox, read_folder};

use crate::support::{file, fixture, own_sandbox, path, sandbox, tree};

/// Runs `command` on `tree` and tells whether it started from a prepared session.
fn run(sandbox: &WasiSandbox, tree: &Tree, command: &Command) -> (bool, Output) {
    let before = sandbox.counters();
    let output = sandbox.open(tree).unwrap().run(command).unwrap();
    let after = sandbox.counters();
    (after.resumed > before.resumed, without_addresses(output))
}

/// Objects lie elsewhere in an interpreter that started another way.
pub fn without_addresses(mut output: Output) -> Output {
    let text = output.stdout_text().into_owned();
    let (first, rest) = text.split_once(" at 0x").unwrap_or((&text, ""));
    let is_digit = |c: char| c.is_ascii_hexdigit();
    let rest = rest.split(" at 0x").map(|part| part.trim_start_matches(is_digit));
    output.stdout = std::iter::once(first).chain(rest).collect::<String>().into_bytes();
    output
}

fn repository() -> Tree {
    tree(&[
        ("pytest.ini", "[pytest]\naddopts = -ra\n"),
        ("conftest.py", "import helper, pytest\n@pytest.fixture\ndef one(): return helper.ONE\n"),
        ("helper.py", "ONE = 1\n"),
        ("code.py", "def value(): return 1\n"),
        ("tests/conftest.py", "import pytest\n@pytest.fixture\ndef two(): return 2\n"),
        (
            "tests/test_a.py",
            "import mine\ndef test_a(one, two): assert mine.value() == one < two\n",
        ),
        ("tests/test_b.py", "def test_b(one): assert one == 1\ndef test_c(): assert 0\n"),
        ("mine.py", "def value(): return 1\n"),
    ])
}

#[test]
fn a_session_is_resumed_exactly_while_nothing_that_it_saw_has_changed() {
    let (warm, cold) = (own_sandbox(), sandbox());
    let all = Command::tests(TestSelection::All);
    let repository = repository();
    let first = without_addresses(warm.warm(&repository, &all).unwrap());
    assert_eq!(run(&warm, &repository, &all), (true, first));
    let with = |name: &str, text: &str| repository.with(path(name), file(text)).unwrap();
    let cases = [
        ("code", true, with("mine.py", "def value(): return 0\n")),
        ("a test", true, with("tests/test_b.py", "def test_d(): pass\n")),
        ("a name in a folder that it listed", false, with("tests/new.py", "")),
        ("a conftest", false, with("conftest.py", "import pytest\n")),
        ("what a conftest imports", false, with("helper.py", "ONE = 3\n")),
        ("the configuration", false, with("pytest.ini", "[pytest]\naddopts = -rA\n")),
        ("other configuration", false, with("pytest.toml", "[pytest]\naddopts = [\"-rA\"]\n")),
        ("a deleted conftest", false, repository.without(&path("conftest.py"))),
    ];
    for (what, resumed, tree) in cases {
        let ours = run(&warm, &tree, &all);
        assert_eq!(ours, (resumed, run(cold, &tree, &all).1), "{what}");
    }
}

#[test]
fn a_session_serves_any_selection_that_finds_the_same_configuration() {
    let warm = own_sandbox();
    let repository = repository().with(path("tests/own/pytest.ini"), file("[pytest]\n")).unwrap();
    let repository =
        repository.with(path("tests/own/test_o.py"), file("def test_o(): pass\n")).unwrap();
    let repository = repository.with(path("test_top.py"), file("def test_t(): pass\n")).unwrap();
    warm.warm(&repository, &Command::tests(TestSelection::All)).unwrap();
    let files = |name: &str| Command::tests(TestSelection::Files(vec![path(name)]));
    let ids = Command::tests(TestSelection::Ids(vec!["tests/test_b.py::test_b".to_owned()]));
    let cases = [
        ("tests/test_b.py", true, files("tests/test_b.py")),
        ("an id", true, ids),
        // Without a path pytest loads tests/conftest.py first, with this one it does not.
        ("a file beside", false, files("test_top.py")),
        ("a file with a configuration of its own", false, files("tests/own/test_o.py")),
        ("an absent file", true, files("tests/test_none.py")),
    ];
    for (what, resumed, command) in cases {
        let ours = run(&warm, &repository, &command);
        assert_eq!(ours, (resumed, run(sandbox(), &repository, &command).1), "{what}");
    }
}

#[test]
fn the_sessions_of_a_script_are_prepared_too() {
    let warm = own_sandbox();
    let script = Command::shell("cd tests && python -m pytest -v test_b.py; python -m pytest -h");
    let repository = repository();
    warm.warm(&repository, &script).unwrap();
    let patched = repository.with(path("mine.py"), file("def value(): return 0\n")).unwrap();
    let ours = run(&warm, &patched, &script);
    assert_eq!(ours, (true, run(sandbox(), &patched, &script).1));
    let id = TestId::new("tests/test_b.py::test_b");
    assert_eq!(ours.1.report.unwrap().outcome(&id), Outcome::Passed);
    // Another command line is another session.
    assert!(!run(&warm, &patched, &Command::shell("python -m pytest -v tests/test_b.py")).0);
}

#[test]
fn suites_give_the_same_from_a_session_and_from_the_start() {
    let warm = own_sandbox();
    let repository = read_folder(fixture("outcomes")).unwrap();
    let all = Command::tests(TestSelection::All);
    warm.warm(&repository, &all).unwrap();
    assert_eq!(run(&warm, &repository, &all), (true, run(sandbox(), &repository, &all).1));
}

#[test]
fn a_conftest_that_fails_or_writes_files_has_no_session() {
    let warm = own_sandbox();
    let all = Command::tests(TestSelection::All);
    for conftest in
        ["raise ValueError\n", "open('made', 'w').close()\n", "import os; os._exit(3)\n"]
    {
        let repository = tree(&[("conftest.py", conftest), ("test_a.py", "def test_a(): pass\n")]);
        let first = warm.warm(&repository, &all).unwrap();
        assert_eq!(run(&warm, &repository, &all), (false, first), "{conftest}");
    }
}

#[test]
fn randomness_of_a_session_does_not_come_twice() {
    let warm = own_sandbox();
    let test = "import conftest, os\ndef test_a(): assert conftest.token != os.urandom(8)\n";
    let repository =
        tree(&[("conftest.py", "import os\ntoken = os.urandom(8)\n"), ("test_a.py", test)]);
    let all = Command::tests(TestSelection::All);
    warm.warm(&repository, &all).unwrap();
    let (resumed, output) = run(&warm, &repository, &all);
    assert_eq!((resumed, output.exit), (true, Exit::Code(0)));
}

#[test]
fn signs_that_the_original_shows_are_no_signs_later() {
    let warm = own_sandbox();
    let test = "import sys\ndef test_a():\n    sys.settrace(None)\n    sys.settrace(lambda *a: None)\n    sys.settrace(None)\n";
    let repository = tree(&[("traced.py", ""), ("test_a.py", test)]);
    let all = Command::tests(TestSelection::All);
    let passes = |output: Output| output.report.unwrap().ids(Outcome::is_pass).count();
    assert_eq!(passes(run(&warm, &repository, &all).1), 0);
    assert_eq!(passes(warm.warm(&repository, &all).unwrap()), 0);
    assert_eq!(passes(run(&warm, &repository, &all).1), 1);
    // Another sign still counts, and so does the same one in another repository.
    let code = "import _pytest.reports\n_pytest.reports.TestReport.passed = True\n";
    let test = format!("import traced\n{test}");
    let other = tree(&[("traced.py", code), ("test_a.py", &test)]);
    assert_eq!(passes(run(&warm, &other, &all).1), 0);
    let foreign = tree(&[("more.py", ""), ("test_a.py", &test.replace("import traced\n", ""))]);
    assert_eq!(passes(run(&warm, &foreign, &all).1), 0);
}
