//! Limits of commands and of single tests.

use std::time::Duration;

use ssr_core::{Command, Exit, Limits, Outcome, Program, TestSelection, Workspace};

use crate::support::open;

fn seconds(time: f64) -> Limits {
    Limits::default().with_cpu(Duration::from_secs_f64(time))
}

/// Limits for one test and for all of them.
fn per_test(one: f64, all: f64) -> Limits {
    seconds(all).with_per_test(Duration::from_secs_f64(one))
}

const ENDLESS: &str = "def test_1(): pass\ndef test_2():\n  print('here')\n  while True: pass\ndef test_3(): pass\ndef test_4():\n  sum(iter(int, 1))\ndef test_5(): assert 0\n";

#[test]
fn a_suite_that_runs_out_of_time_keeps_the_outcomes_so_far() {
    let command = Command::tests(TestSelection::All).with_limits(seconds(1.5));
    let output = open(&[("test_a.py", ENDLESS)]).run(&command).unwrap();
    assert_eq!(output.exit, Exit::Timeout);
    let report = output.report.unwrap();
    assert_eq!(report.outcome(&"test_a.py::test_1".into()), Outcome::Passed);
    assert_eq!(report.outcome(&"test_a.py::test_2".into()), Outcome::Timeout);
    assert_eq!(report.count(Outcome::Missing), 3);
    assert_eq!(report.problems().len(), 1);
}

#[test]
fn an_endless_test_times_out_and_the_others_still_run() {
    let outcomes = [
        ("test_a.py::test_1", Outcome::Passed),
        ("test_a.py::test_2", Outcome::Timeout),
        ("test_a.py::test_3", Outcome::Passed),
        ("test_a.py::test_4", Outcome::Timeout),
        ("test_a.py::test_5", Outcome::Failed),
    ];
    let files = [("test_a.py", ENDLESS)];
    for command in [Command::tests(TestSelection::All), Command::shell("pytest -v")] {
        let output = open(&files).run(&command.with_limits(per_test(1.0, 90.0))).unwrap();
        assert_eq!(output.exit, Exit::Code(1), "{}", output.stdout_text());
        let report = output.report.clone().unwrap();
        assert_eq!(report, outcomes.into_iter().map(|(id, o)| (id.into(), o)).collect());
        let text = output.stdout_text();
        assert!(text.contains("FAILED test_a.py::test_4 - Timeout: it ran past"), "{text}");
        assert!(text.contains("\nFAILED test_a.py::test_5 - assert 0\n"), "{text}");
    }
}

#[test]
fn an_endless_file_does_not_hide_the_others() {
    let mut workspace = open(&[
        ("test_a.py", "def test_1(): pass\n"),
        ("test_b.py", "while True: pass\n"),
        ("test_c.py", "def test_3(): pass\n"),
    ]);
    let command = Command::tests(TestSelection::All).with_limits(per_test(1.0, 90.0));
    let output = workspace.run(&command).unwrap();
    let report = output.report.unwrap();
    let outcomes: Vec<_> = report.iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, [Outcome::Passed, Outcome::Timeout, Outcome::Passed], "{report:?}");
}

#[test]
fn a_test_that_crashes_the_interpreter_does_not_take_the_others_with_it() {
    let body = "def test_1(): pass\ndef test_2():\n  x = ()\n  for _ in range(10**6): x = (x,)\n  hash(x)\ndef test_3(): pass\n";
    let output = open(&[("test_a.py", body)]).run(&Command::tests(TestSelection::All)).unwrap();
    assert_eq!(output.exit, Exit::Code(1));
    let report = output.report.unwrap();
    let outcomes: Vec<_> = report.iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, [Outcome::Passed, Outcome::Error, Outcome::Passed]);
    assert!(report.problems().is_empty(), "{:?}", report.problems());
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
    let limits = Limits::default().with_memory(100 << 20);
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
    let limits = seconds(60.0).with_output(1000);
    let loops = Command::shell("for i in $(seq 1000); do printf '%099d\\n' 0; done").program;
    for command in [
        Command::python("for _ in range(10000): print('x' * 99)"),
        Command::shell("python -c \"for _ in range(10000): print('x' * 99)\""),
        Command::new(loops.clone()),
    ] {
        let output = open(&[]).run(&command.clone().with_limits(limits)).unwrap();
        assert_eq!(output.exit, Exit::Code(0), "{command:?}");
        let (kept, mark) = output.stdout.split_at(1000);
        assert!(output.truncated && !kept.contains(&b'['), "{command:?}");
        if matches!(command.program, Program::Shell { .. }) {
            let dropped = if command.program == loops { 99_000 } else { 999_000 };
            let expected = format!("[output truncated: {dropped} bytes dropped]\n");
            assert_eq!(String::from_utf8_lossy(mark), expected, "{command:?}");
        }
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
