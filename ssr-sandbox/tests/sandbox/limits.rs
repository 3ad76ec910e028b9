use std::time::Duration;

use ssr_core::{Command, Exit, Limits, Outcome, TestSelection, Workspace};

use crate::support::open;

fn seconds(wall: f64) -> Limits {
    Limits { wall: Duration::from_secs_f64(wall), ..Limits::default() }
}

#[test]
fn an_endless_test_times_out_and_the_others_keep_their_outcomes() {
    let body = "def test_1(): pass\ndef test_2():\n  print('here')\n  while True: pass\ndef test_3(): pass\n";
    let command = Command::tests(TestSelection::All).with_limits(seconds(1.0));
    let output = open(&[("test_a.py", body)]).run(&command).unwrap();
    assert_eq!(output.exit, Exit::Timeout);
    let report = output.report.unwrap();
    assert_eq!(report.outcome(&"test_a.py::test_1".into()), Outcome::Passed);
    assert_eq!(report.count(Outcome::Missing), 2);
    assert_eq!(report.problems().len(), 1);
}

#[test]
fn an_endless_program_keeps_what_it_printed() {
    let program = Command::python("print('first')\nwhile True: pass").with_limits(seconds(0.3));
    let output = open(&[]).run(&program).unwrap();
    assert_eq!((&output.exit, output.stdout_text().as_ref()), (&Exit::Timeout, "first\n"));
}

#[test]
fn an_endless_script_keeps_what_it_printed() {
    for script in [
        "echo first; echo err >&2; while :; do :; done",
        "echo first; echo err >&2; python -c 'while True: pass'; echo second",
        "echo first; echo err >&2; for ((;;)); do x=$((x + 1)); done",
    ] {
        let output = open(&[]).run(&Command::shell(script).with_limits(seconds(0.5))).unwrap();
        assert_eq!(output.exit, Exit::Timeout, "{script}");
        assert_eq!(output.stdout_text(), "first\n", "{script}");
        assert_eq!(output.stderr_text(), "err\n", "{script}");
    }
}

#[test]
fn memory_is_limited() {
    let limits = Limits { memory: 100 << 20, ..Limits::default() };
    let hog = "print('first')\nhog = []\nwhile True: hog.append(bytearray(1 << 20))";
    let output = open(&[]).run(&Command::python(hog).with_limits(limits)).unwrap();
    assert_eq!((&output.exit, output.stdout_text().as_ref()), (&Exit::OutOfMemory, "first\n"));
    let body = "def test_1():\n  hog = []\n  while True: hog.append(bytearray(1 << 20))\ndef test_2(): pass\n";
    let command = Command::tests(TestSelection::All).with_limits(limits);
    let report = open(&[("test_a.py", body)]).run(&command).unwrap().report.unwrap();
    assert!(report.outcome(&"test_a.py::test_1".into()).is_failure());
    assert_eq!(report.outcome(&"test_a.py::test_2".into()), Outcome::Passed);
}

#[test]
fn output_is_limited_and_says_so() {
    let limits = Limits { output: 1000, ..seconds(60.0) };
    for command in [
        Command::python("for _ in range(10000): print('x' * 99)"),
        Command::shell("python -c \"for _ in range(10000): print('x' * 99)\""),
        Command::shell("for i in $(seq 1000); do printf '%099d\\n' 0; done"),
    ] {
        let output = open(&[]).run(&command.clone().with_limits(limits)).unwrap();
        assert_eq!(output.exit, Exit::Code(0), "{command:?}");
        assert_eq!((output.stdout.len(), output.truncated), (1000, true), "{command:?}");
    }
}

#[test]
fn deep_recursion_is_an_error_of_the_program() {
    let recursion = "def f(): f()\ntry: f()\nexcept RecursionError: print('caught')";
    let output = open(&[]).run(&Command::python(recursion)).unwrap();
    assert_eq!(output.stdout_text(), "caught\n");
    // Native recursion that the interpreter does not count: a crash of CPython, a trap here.
    let native = "x = ()\nfor _ in range(10**6): x = (x,)\nprint('built')\nhash(x)";
    let output = open(&[]).run(&Command::python(native)).unwrap();
    assert_eq!(output.exit, Exit::Trapped("stack overflow".to_owned()));
    assert_eq!(output.stdout_text(), "built\n");
}
