//! Runs that leave out the tests that a change cannot reach report what runs of every test do.

use std::sync::MutexGuard;

use ssr_core::{
    Command, Limits, Outcome, Output, Sandbox, TestId, TestRun, TestRunner, TestSelection, Tree,
    Workspace,
};
use ssr_sandbox::WasiSandbox;

use crate::support::{file, own_sandbox, path, sandbox, tree};

const CODE: &str = r#"
import functools

LOADED = []

def area(size):
    return size ** 2

def volume(size):
    return size * area(size)

@functools.lru_cache
def slow(n):
    return n + 1

def load(name):
    LOADED.append(name)
    return len(LOADED)

def label():
    return "label"

def unused():
    return 0

class Shape:
    def __init__(self, size):
        self.size = size

    def grown(self):
        return Shape(self.size + 1)
"#;

const TESTS: &str = r#"
import inspect, pathlib
import pytest
import code_
from code_ import area, volume, slow, Shape

@pytest.fixture(scope="session")
def name():
    return code_.label()

def test_area():
    assert area(3) == 9

def test_volume():
    assert volume(2) == 8

def test_first_slow():
    assert slow(1) == 2

def test_second_slow():
    assert slow(1) == 2

def test_name(name):
    assert name == "label"

def test_same_name(name):
    assert name.startswith("la")

@pytest.mark.parametrize("n", [1, 2, 3])
def test_shape(n):
    assert Shape(n).grown().size == n + 1

def test_source():
    assert "return 0" in inspect.getsource(code_.unused)

def test_data():
    assert pathlib.Path(__file__).with_name("data.txt").read_text() == "data"

def test_lazy():
    import lazy
    assert lazy.value() == 1

@pytest.mark.skip
def test_skipped():
    assert area(1) == 2

@pytest.mark.xfail
def test_expected():
    assert area(1) == 2
"#;

/// Tests that end as they do because of those before them.
const IN_ORDER: &str = "import code_\n\ndef test_one():\n    assert code_.load('a') == 1\n\n\
                        def test_two():\n    assert code_.load('b') == 2\n";

fn repository() -> Tree {
    tree(&[
        ("code_.py", CODE.trim_start()),
        ("lazy.py", "def value():\n    return 1\n"),
        ("tests/test_code.py", TESTS.trim_start()),
        ("tests/test_order.py", IN_ORDER),
        ("tests/data.txt", "data"),
    ])
}

fn every() -> TestRun {
    let words = ["-v", "tests/test_code.py", "tests/test_order.py"].map(str::to_owned);
    TestRun::new(TestRunner::Pytest, TestSelection::CommandLine(words.to_vec()))
}

fn affected() -> TestRun {
    every().with_affected_only(true)
}

fn run(sandbox: &WasiSandbox, tree: &Tree, run: TestRun) -> Output {
    let limits = Limits::default().with_per_test(std::time::Duration::from_secs(2));
    sandbox.open(tree).unwrap().run(&Command::tests(run).with_limits(limits)).unwrap()
}

/// The names of the tests that pytest says it ran, in its order.
fn ran(output: &Output) -> Vec<String> {
    let text = output.stdout_text().into_owned();
    let of_line = |line: &str| Some(line.split_once("::")?.1.split(' ').next()?.to_owned());
    let progress = text.lines().filter(|line| line.ends_with("%]"));
    progress.filter_map(of_line).collect()
}

fn warm(original: &Tree) -> MutexGuard<'static, WasiSandbox> {
    let warm = own_sandbox();
    warm.warm(original, &Command::tests(every())).unwrap();
    warm
}

#[test]
fn only_tests_that_a_change_can_reach_run() {
    let original = repository();
    let warm = warm(&original);
    let (code, test) = ("code_.py", "tests/test_code.py");
    let shapes = ["test_shape[1]", "test_shape[2]", "test_shape[3]"];
    let cases: &[(&str, &str, &str, &str, &[&str])] = &[
        (
            "a function that others call",
            code,
            "size ** 2",
            "size ** 3",
            &["test_area", "test_volume", "test_source"],
        ),
        (
            "a function that one test calls",
            code,
            "size * area",
            "size + area",
            &["test_volume", "test_source"],
        ),
        (
            "what a cache keeps",
            code,
            "n + 1",
            "n + 2",
            &["test_first_slow", "test_second_slow", "test_source"],
        ),
        (
            "what a fixture of the session keeps",
            code,
            "\"label\"",
            "\"other\"",
            &["test_name", "test_same_name", "test_source"],
        ),
        (
            "a method",
            code,
            "self.size + 1",
            "self.size + 2",
            &[shapes[0], shapes[1], shapes[2], "test_source"],
        ),
        (
            "state that tests share",
            code,
            "return len(LOADED)",
            "return len(LOADED) + 1",
            &["test_source", "test_one", "test_two"],
        ),
        ("a function that no test calls", code, "return 0", "return 1", &["test_source"]),
        ("a test", test, "area(3) == 9", "area(3) == 8", &["test_area"]),
        ("a fixture", test, "code_.label()", "'x'", &["test_name", "test_same_name"]),
        ("a parameter", test, "[1, 2, 3]", "[1, 2, 4]", &[shapes[0], shapes[1], "test_shape[4]"]),
        ("a mark", test, "@pytest.mark.skip\n", "", &[]),
        ("a test that goes", test, "def test_data():", "def no_data():", &[]),
        (
            "a test that comes",
            test,
            "def test_lazy",
            "def test_new():\n    assert area(2) == 4\n\ndef test_lazy",
            &["test_new", "test_lazy"],
        ),
    ];
    for (what, name, old, new, expected) in cases {
        let text = original.get(name).unwrap().text().unwrap().replacen(old, new, 1);
        let changed = original.with(path(name), file(&text)).unwrap();
        let ours = run(&warm, &changed, affected());
        let whole = run(sandbox(), &changed, every());
        assert_eq!(ours.report, whole.report, "{what}");
        // For a test that is skipped, or fails as expected, pytest reads sources.
        let mut ran = ran(&ours);
        ran.retain(|name| name != "test_expected" && name != "test_skipped");
        assert_eq!(ran, *expected, "{what}:\n{}", ours.stdout_text());
    }
}

#[test]
fn a_change_that_cannot_be_attributed_runs_everything() {
    let original = repository();
    let warm = warm(&original);
    for (what, name, old, new) in [
        ("a line of the module", "code_.py", "LOADED = []", "LOADED = [0]"),
        ("a decorator", "code_.py", "@functools.lru_cache", "@functools.cache"),
        ("a class", "code_.py", "class Shape:", "class Shape:\n    x = 1\n"),
        // What lies beside the tests or at the top is looked at when they are collected.
        ("a file that a test reads", "tests/data.txt", "data", "other"),
        ("a module that a test imports", "lazy.py", "return 1", "return 2"),
        ("an import of a test", "tests/test_code.py", "import code_\n", "import code_, json\n"),
    ] {
        let text = original.get(name).unwrap().text().unwrap().replacen(old, new, 1);
        let changed = original.with(path(name), file(&text)).unwrap();
        let (ours, whole) = (run(&warm, &changed, affected()), run(sandbox(), &changed, every()));
        assert_eq!(ours.report, whole.report, "{what}");
        assert_eq!(ran(&ours), ran(&whole), "{what}");
    }
    let conftest = "import code_\ncode_.area = lambda size: 9\n";
    let added = original.with(path("tests/conftest.py"), file(conftest)).unwrap();
    let (ours, whole) = (run(&warm, &added, affected()), run(sandbox(), &added, every()));
    assert_eq!(ours.report, whole.report);
    assert_eq!(ran(&ours), ran(&whole));
}

#[test]
fn tests_that_depend_on_another_file_always_run_with_it() {
    let original = tree(&[
        ("shared.py", "STATE = []\n\ndef f():\n    return 1\n"),
        ("tests/test_code.py", "import shared\n\ndef test_a():\n    shared.STATE.append(1)\n"),
        (
            "tests/test_order.py",
            "import shared\n\ndef test_b():\n    assert shared.STATE\n\n\
             def test_c():\n    assert shared.f() == 1\n",
        ),
    ]);
    let warm = warm(&original);
    let text = "STATE = []\n\ndef f():\n    return 2\n";
    let changed = original.with(path("shared.py"), file(text)).unwrap();
    let (ours, whole) = (run(&warm, &changed, affected()), run(sandbox(), &changed, every()));
    assert_eq!(ours.report, whole.report);
    assert_eq!(ran(&ours), ["test_a", "test_b", "test_c"]);
}

#[test]
fn a_changed_function_that_hangs_or_crashes_takes_only_its_tests() {
    let original = repository();
    let warm = warm(&original);
    for (new, outcome) in
        [("while True: pass", Outcome::Timeout), ("import os; os.abort()", Outcome::Error)]
    {
        let text = CODE.trim_start().replacen("return size * area(size)", new, 1);
        let changed = original.with(path("code_.py"), file(&text)).unwrap();
        let (ours, whole) = (run(&warm, &changed, affected()), run(sandbox(), &changed, every()));
        assert_eq!(ours.report, whole.report, "{new}");
        let id = TestId::new("tests/test_code.py::test_volume");
        assert_eq!(ours.report.unwrap().outcome(&id), outcome, "{new}");
    }
}

#[test]
fn a_run_ends_at_the_first_required_test_that_fails() {
    let original = repository();
    let warm = warm(&original);
    let id = |name: &str| TestId::new(&format!("tests/test_code.py::{name}"));
    let text = CODE.trim_start().replacen("size ** 2", "size ** 3", 1);
    let changed = original.with(path("code_.py"), file(&text)).unwrap();
    let required = ["test_volume", "test_area", "test_lazy"].map(id);
    // Its tests run first and in this order, since each was seen to end the same when it runs alone.
    let ours = run(&warm, &changed, affected().with_required(required.clone()));
    assert_eq!(ran(&ours), ["test_volume"]);
    let report = ours.report.unwrap();
    assert_eq!(report.outcome(&id("test_volume")), Outcome::Failed);
    assert_eq!(report.outcome(&id("test_area")), Outcome::Missing);
    assert_eq!(report.outcome(&id("test_lazy")), Outcome::Passed);
    // From the start, tests keep their order.
    let ours = run(sandbox(), &changed, every().with_required(required));
    assert_eq!(ran(&ours), ["test_area"]);
    // One that fails and is not required ends nothing.
    let others = ["test_lazy", "test_name"].map(id);
    let ours = run(sandbox(), &changed, every().with_required(others));
    assert_eq!(ours.report, run(sandbox(), &changed, every()).report);
}

#[test]
fn tested_code_cannot_say_that_tests_were_left_out() {
    let original = repository();
    let warm = warm(&original);
    let forged = "import gc, ssr_events\n    for f in gc.get_objects():\n        \
                  if getattr(f, '__qualname__', '') == 'channel.<locals>.emit':\n            \
                  f('selected', run='0')\n    return 9";
    let text = CODE.trim_start().replacen("return size ** 2", forged, 1);
    let changed = original.with(path("code_.py"), file(&text)).unwrap();
    let report = run(&warm, &changed, affected()).report.unwrap();
    assert_eq!(report.counts().passed, 0, "{report:?}");
    assert!(!report.tampering().is_empty());
}
