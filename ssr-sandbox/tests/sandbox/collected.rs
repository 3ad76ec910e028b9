//! Runs that go on from collected tests do what runs from the start do.

use ssr_core::{Command, Exit, Outcome, Output, Sandbox, TestId, TestSelection, Tree, Workspace};
use ssr_sandbox::WasiSandbox;

use crate::sessions::without_addresses;
use crate::support::{file, own_sandbox, path, sandbox, tree};

/// Runs `command` on `tree` and tells whether it started from collected tests.
fn run(sandbox: &WasiSandbox, tree: &Tree, command: &Command) -> (bool, Output) {
    let before = sandbox.counters();
    let output = sandbox.open(tree).unwrap().run(command).unwrap();
    let after = sandbox.counters();
    (after.collected > before.collected, without_addresses(output))
}

fn all() -> Command {
    Command::tests(TestSelection::All)
}

const CODE: &str = r#"
"""A module in which much can change."""
import functools
import inspect, itertools
if True:
    import operator
from collections import OrderedDict as Ordered

REGISTRY = []

def register(function):
    """Runs while the module is imported."""
    REGISTRY.append(function.__name__)
    return function

def generate(n):
    for i in itertools.count():
        if i == n:
            return
        yield operator.add(i, 1)

waiting = generate(5)
next(waiting)

def typed(x: int) -> "int":
    return sum(map(lambda a: a + 1, filter(lambda a: a, [x, Ordered() and 1])))

kept = typed.__code__

@register
@functools.lru_cache(maxsize=None)
def plain(x, y=2, *rest, key=None, **more):
    """Adds."""
    total = x + y
    return total

def make(n):
    def inner(x):
        return x * n
    return inner

double = make(2)

def pair(): return (lambda: 1)() + (lambda: 2)()

class Shape:
    """Has sides."""
    sides = 4

    def __init__(self, size):
        self.size = size

    def area(self):
        return self.size ** 2

    @property
    def name(self):
        return f"{self.sides}-{self.size}"

    class Inner:
        def deep(self):
            return super().__repr__()[:1]

class Late(Shape):
    def area(self):
        return super().area() + 1

async def later():
    return 1

def fails(x: int):
    y = x + 1
    raise ValueError(y)

def last(x):
    return x
"#;

const TESTS: &str = r#"
import inspect, pytest, subject as c

def test_plain():
    assert c.plain(1) == 3

def test_double():
    assert c.double(4) == 8

def test_typed():
    assert c.typed(1) == 2

def test_pair():
    assert c.pair() == 3

def test_shape():
    assert (c.Shape(3).area(), c.Shape(3).name, c.Late(2).area()) == (9, "4-3", 5)

def test_deep():
    assert c.Shape.Inner().deep() == "<"

def test_fails():
    c.fails(1)

def test_waiting():
    assert list(c.waiting) == [2, 3, 4, 5]

def test_generate():
    assert list(c.generate(2)) == [1, 2]

def test_lines():
    assert c.last.__code__.co_firstlineno == c.Late.__firstlineno__, inspect.getsource(c.last)

def test_kept():
    assert c.kept is c.typed.__code__

def test_registry():
    assert c.REGISTRY == ["plain"] and inspect.signature(c.plain).parameters["y"].default == 2
"#;

fn repository() -> Tree {
    let code = CODE.trim_start();
    tree(&[("subject.py", code), ("tests/test_code.py", TESTS)])
}

#[test]
fn changed_functions_are_exchanged_and_everything_else_starts_anew() {
    let (warm, cold) = (own_sandbox(), sandbox());
    let original = repository();
    warm.warm(&original, &all()).unwrap();
    let code = original.get("subject.py").unwrap().text().unwrap().to_owned();
    let changes = [
        ("a body", true, "total = x + y", "total = x - y"),
        ("more lines", true, "total = x + y", "total = x\n\n    # why\n    total += y"),
        ("fewer lines", true, "    y = x + 1\n    raise ValueError(y)", "    raise ValueError(x)"),
        (
            "a line at the end of a function",
            true,
            "    return total\n",
            "    return total\n    pass\n",
        ),
        ("a comment between functions", true, "\ndef make(", "\n# makes\ndef make("),
        ("an inner function of a called one", true, "return x * n", "return x + n"),
        ("a method", true, "return self.size ** 2", "return self.size ** 3"),
        ("a property", true, "{self.sides}-{self.size}", "{self.size}-{self.sides}"),
        ("a method of an inner class", true, "__repr__()[:1]", "__repr__()[1:2]"),
        ("a method with super", true, "super().area() + 1", "super().area() + 2"),
        ("a call of an import", true, "    return x\n", "    return itertools.chain((x,))\n"),
        ("a new local import", true, "    return x\n", "    import json\n    return json\n"),
        ("the last function", true, "    return x\n", "    return [x]\n"),
        ("a new attribute of a method", false, "self.size = size", "self.size = self.n = size"),
        (
            "more lines above code that somebody keeps",
            false,
            "def generate(n):\n",
            "def generate(n):\n\n",
        ),
        ("a function that was called", false, "REGISTRY.append(", "REGISTRY.insert(0, "),
        ("a function that waits", false, "yield operator.add(i, 1)", "yield i"),
        ("code that somebody keeps", false, "lambda a: a + 1", "lambda a: a + 2"),
        ("one of two on a line", false, "(lambda: 2)()", "(lambda: 3)()"),
        ("a default", false, "y=2", "y=3"),
        ("a parameter", false, "def last(x)", "def last(x, z=1)"),
        (
            "the name of a parameter",
            false,
            "def last(x):\n    return x",
            "def last(z):\n    return z",
        ),
        ("a docstring", false, "Adds.", "Subtracts."),
        ("a decorator", false, "@register\n", ""),
        ("an annotation", true, "fails(x: int)", "fails(x: str)"),
        ("a generator", false, "    return x\n", "    yield x\n"),
        ("a statement of the module", false, "double = make(2)", "double = make(3)"),
        ("a statement of a class", false, "sides = 4", "sides = 5"),
        ("a new function", false, "\ndef last(", "\ndef first(x): return x\n\ndef last("),
        ("a second function", false, "    return x\n", "    return x\n\ndef more(): pass\n"),
        ("the head", false, "A module in which", "Something in which"),
        ("a syntax error", false, "total = x + y", "total = x +"),
        ("indentation", true, "    return x\n", "  return x\n   \n"),
        ("a bracket that swallows the rest", false, "total = x + y", "total = (x + y"),
        ("a string that swallows the rest", false, "total = x + y", "total = '''"),
        ("a warning of the compiler", false, "total = x + y", "total = x + y; '\\d'"),
        ("a null", false, "total = x + y", "total = x + y # \0"),
    ];
    // The first run after the warming collects.
    assert!(run(&warm, &original, &all()).0);
    for (what, exchanged, old, new) in changes {
        assert!(code.contains(old), "{what}");
        let at = code.rfind(old).unwrap();
        let changed = format!("{}{new}{}", &code[..at], &code[at + old.len()..]);
        let tree = original.with(path("subject.py"), file(&changed)).unwrap();
        let (collected, ours) = run(&warm, &tree, &all());
        assert_eq!(ours, run(cold, &tree, &all()).1, "{what}");
        assert_eq!(collected, exchanged, "{what}");
    }
}

#[test]
fn each_selection_is_collected_at_its_second_run() {
    let warm = own_sandbox();
    let original = repository();
    warm.warm(&original, &all()).unwrap();
    let patched = |text: &str| {
        let code = CODE.trim_start().replace("return self.size ** 2", text);
        original.with(path("subject.py"), file(&code)).unwrap()
    };
    let id = "tests/test_code.py::test_shape";
    let one = Command::tests(TestSelection::Ids(vec![id.to_owned()]));
    let script = Command::shell("cd tests && python -m pytest -q; echo done");
    for command in [&one, &script] {
        let runs: Vec<_> =
            (2..6).map(|n| run(&warm, &patched(&format!("return {n}")), command)).collect();
        let expected = if *command == one { vec![false, true, true, true] } else { vec![false; 4] };
        assert_eq!(runs.iter().map(|(collected, _)| *collected).collect::<Vec<_>>(), expected);
        for (n, (_, output)) in (2..6).zip(runs) {
            assert_eq!(output, run(sandbox(), &patched(&format!("return {n}")), command).1, "{n}");
        }
    }
    // A script that the sandbox was warmed for has a session to go on from.
    warm.warm(&original, &script).unwrap();
    let ours = run(&warm, &patched("return 9"), &script);
    assert_eq!(ours, (true, run(sandbox(), &patched("return 9"), &script).1));
    let shape = TestId::new("test_code.py::test_shape");
    assert_eq!(ours.1.report.unwrap().outcome(&shape), Outcome::Failed);
}

#[test]
fn a_run_that_pytest_ends_by_itself_while_it_collects_stays_the_same() {
    let warm = own_sandbox();
    let original = repository();
    let absent = Command::shell("python -m pytest -q nosuch.py; echo $?");
    let option = Command::shell("python -m pytest --nosuch; echo $?");
    let inside = Command::shell("python -m pytest -q subject.py::nosuch tests; echo $?");
    for command in [&absent, &option, &inside] {
        let cold = run(sandbox(), &original, command);
        assert!(cold.1.stdout_text().ends_with("4\n"), "{}", cold.1.stdout_text());
        for warmed_for in [all(), command.clone()] {
            warm.warm(&original, &warmed_for).unwrap();
            for time in 1..=4 {
                assert_eq!(run(&warm, &original, command), cold, "{time} after {warmed_for:?}");
            }
        }
    }
}

#[test]
fn what_others_read_or_a_test_changes_is_not_exchanged() {
    let warm = own_sandbox();
    let reads = "import inspect, lib\nSOURCE = inspect.getsource(lib)\ndef f(): return lib.g()\n";
    let original = tree(&[
        ("reads.py", reads),
        ("lib.py", "import os\n\ndef g():\n    return 1\n"),
        ("other.py", "import os\n\ndef h():\n    return 1\n"),
        ("test_a.py", "import reads, other\n\ndef test_a(): assert reads.f() == other.h() == 1\n"),
    ]);
    warm.warm(&original, &all()).unwrap();
    let two = "import os\n\ndef g():\n    return 2\n";
    let cases = [
        ("a module whose source was read", false, "lib.py", two.to_owned()),
        ("another one", true, "other.py", two.replace('g', "h")),
        ("a test", true, "test_a.py", "import reads, other\n\ndef test_a(): assert 0\n".to_owned()),
        ("a new module", false, "new.py", two.to_owned()),
    ];
    assert!(run(&warm, &original, &all()).0);
    for (what, exchanged, name, text) in cases {
        let tree = original.with(path(name), file(&text)).unwrap();
        let ours = run(&warm, &tree, &all());
        assert_eq!(ours, (exchanged, run(sandbox(), &tree, &all()).1), "{what}");
    }
    let gone = original.without(&path("other.py"));
    assert_eq!(run(&warm, &gone, &all()), (false, run(sandbox(), &gone, &all()).1));
}

#[test]
fn a_file_that_a_program_wrote_is_exchanged_as_well() {
    let warm = own_sandbox();
    let original = repository();
    warm.warm(&original, &all()).unwrap();
    assert!(run(&warm, &original, &all()).0);
    let edit = "sed 's/size .. 2/size ** 4/' subject.py > /tmp/new; cat /tmp/new > subject.py";
    let runs = [&*warm, sandbox()].map(|sandbox| {
        let mut workspace = sandbox.open(&original).unwrap();
        assert_eq!(workspace.run(&Command::shell(edit)).unwrap().exit, Exit::Code(0));
        let before = sandbox.counters().collected;
        let output = without_addresses(workspace.run(&all()).unwrap());
        (sandbox.counters().collected - before, output)
    });
    let [(exchanged, ours), (_, theirs)] = runs;
    assert_eq!((exchanged, &ours), (1, &theirs));
    let id = TestId::new("tests/test_code.py::test_shape");
    assert_eq!(ours.report.unwrap().outcome(&id), Outcome::Failed);
}

#[test]
fn leaving_with_the_status_of_a_refusal_is_no_refusal() {
    let warm = own_sandbox();
    let leave = "import os\n\ndef leave():\n    pass\n";
    let test = "import lib\n\ndef test_a():\n    lib.leave()\n";
    let original = tree(&[("lib.py", leave), ("test_a.py", test)]);
    warm.warm(&original, &all()).unwrap();
    assert!(run(&warm, &original, &all()).0);
    let leaves =
        original.with(path("lib.py"), file(&leave.replace("pass", "os._exit(113)"))).unwrap();
    let ours = run(&warm, &leaves, &all());
    assert_eq!(ours, (true, run(sandbox(), &leaves, &all()).1));
    assert_eq!(ours.1.exit, Exit::Code(113));
    let at_once = original.with(path("lib.py"), file("import os\nos._exit(113)\n")).unwrap();
    assert_eq!(run(&warm, &at_once, &all()), (false, run(sandbox(), &at_once, &all()).1));
}

#[test]
fn tampering_in_an_exchanged_function_is_noticed() {
    let warm = own_sandbox();
    let original = repository();
    warm.warm(&original, &all()).unwrap();
    assert!(run(&warm, &original, &all()).0);
    let replaced = "import _pytest.reports as r; r.TestReport.longreprtext = None";
    for attack in ["import sys; sys.settrace(print); sys.settrace(None)", replaced] {
        let new = format!("{attack}; return 9");
        let code = CODE.trim_start().replace("return self.size ** 2", &new);
        let tree = original.with(path("subject.py"), file(&code)).unwrap();
        let ours = run(&warm, &tree, &all());
        assert_eq!(ours, (true, run(sandbox(), &tree, &all()).1), "{attack}");
        let report = ours.1.report.unwrap();
        assert!(!report.tampering().is_empty(), "{attack}");
        assert_eq!(report.counts().passed, 0, "{attack}");
    }
}
