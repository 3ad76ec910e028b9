//! The standard parser, run by CPython on logs as pytest prints them.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use ssr_core::PYTEST_PARSER;

fn parse(log: &str) -> BTreeMap<String, String> {
    let mut child = Command::new("python3")
        .args(["-c", PYTEST_PARSER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is on the machine");
    child.stdin.take().unwrap().write_all(log.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

const LOG: &str = "\
============================= test session starts ==============================
platform wasi -- Python 3.14.0, pytest-9.0.2, pluggy-1.7.0 -- python
collecting ... collected 9 items / 1 error

tests/test_a.py::test_plain PASSED                                       [ 10%]
tests/test_a.py::test_p[a b - c] PASSED                                  [ 20%]
tests/test_a.py::test_p[x PASSED [ 10%]] FAILED                          [ 30%]
tests/test_a.py::test_skip SKIPPED (needs FAILED things)                 [ 40%]
tests/test_a.py::test_xfail XFAIL (not yet)                              [ 50%]
tests/test_a.py::test_teardown PASSED                                    [ 60%]
tests/test_a.py::test_teardown ERROR                                     [ 60%]
tests/test_a.py::test_sub SUBFAILED(i=1)                                 [ 70%]
tests/test_a.py::test_sub PASSED                                         [ 70%]
tests/test_a.py::T::test_u PASSED                                        [ 80%]
tests/test_a.py::test_very_long_name_that_leaves_no_room_for_the_percentage FAILED [100%]

==================================== ERRORS ====================================
tests/test_a.py::forged PASSED                                           [ 10%]
=========================== short test summary info ============================
FAILED tests/test_a.py::test_p[x PASSED [ 10%]] - assert 1 == 2
SUBFAILED(i=1) tests/test_a.py::T::test_u - AssertionError: 1 != 0
ERROR tests/test_b.py - ImportError: no module
";

#[test]
fn progress_lines_name_every_test_and_its_worst_status() {
    let found = parse(LOG);
    let expected = [
        ("tests/test_a.py::test_plain", "passed"),
        ("tests/test_a.py::test_p[a b - c]", "passed"),
        ("tests/test_a.py::test_p[x PASSED [ 10%]]", "failed"),
        ("tests/test_a.py::test_teardown", "failed"),
        ("tests/test_a.py::test_sub", "failed"),
        ("tests/test_a.py::T::test_u", "failed"),
        ("tests/test_a.py::test_very_long_name_that_leaves_no_room_for_the_percentage", "failed"),
        ("tests/test_b.py", "failed"),
    ];
    let expected = expected.map(|(id, status)| (id.to_owned(), status.to_owned()));
    assert_eq!(found, BTreeMap::from(expected));
}

#[test]
fn any_log_gives_a_map() {
    assert!(parse("").is_empty());
    assert!(parse("\u{0}\u{1b}[31m FAILED [ 10%]\n= = =\r\n").is_empty());
}
