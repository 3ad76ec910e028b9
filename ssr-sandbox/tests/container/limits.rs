//! Limits of commands in a container.

use std::time::Duration;

use ssr_core::{Command, Exit, Limits, Outcome, TestRun, TestRunner, TestSelection, Workspace};

use crate::support::open;

fn seconds(time: u64) -> Limits {
    Limits::default().with_cpu(Duration::from_secs(time))
}

#[test]
fn a_fork_bomb_is_contained_and_the_workspace_goes_on() {
    let Some(mut workspace) = open(&[("a", "1")]) else { return };
    let bomb = Command::shell("echo go; f() { f | f & }; f; sleep 60").with_limits(seconds(4));
    let output = workspace.run(&bomb).unwrap();
    assert_ne!(output.exit, Exit::Code(0));
    assert!(output.stdout_text().starts_with("go"), "{output:?}");
    let output = workspace.run(&Command::shell("cat a; ls /proc | grep -c '^[0-9]'")).unwrap();
    let lines: Vec<_> = output.stdout_text().lines().map(str::to_owned).collect();
    assert!(lines[0].starts_with('1') && output.exit == Exit::Code(0), "{output:?}");
}

#[test]
fn a_program_that_kills_everything_ends_nothing_but_itself() {
    let Some(mut workspace) = open(&[]) else { return };
    let output = workspace.run(&Command::shell("kill -9 $PPID; sleep 60; echo after")).unwrap();
    assert_eq!((&output.exit, output.stdout_text().as_ref()), (&Exit::Code(137), ""));
    let script = "kill -9 1; kill -9 -1; kill -TERM 1; echo on";
    assert!(workspace.run(&Command::shell(script)).is_ok());
    let output = workspace.run(&Command::shell("ls /proc | grep -c '^[0-9]'")).unwrap();
    assert_eq!(output.exit, Exit::Code(0), "{output:?}");
}

#[test]
fn a_test_that_runs_out_of_memory_is_an_error_and_the_others_run() {
    let body = "def test_1(): pass\ndef test_2():\n  hog = []\n  while True: hog.append(bytearray(1 << 20))\ndef test_3(): pass\n";
    let Some(mut workspace) = open(&[("test_a.py", body)]) else { return };
    let limits = seconds(90).with_memory(200 << 20);
    let output = workspace.run(&Command::tests(TestSelection::All).with_limits(limits)).unwrap();
    let report = output.report.unwrap();
    let outcomes: Vec<_> = report.iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, [Outcome::Passed, Outcome::Error, Outcome::Passed], "{report:?}");
}

#[test]
fn one_file_has_a_largest_size() {
    let Some(mut workspace) = open(&[]) else { return };
    let output = workspace.run(&Command::shell("truncate -s 2G big; echo $?; rm -f big")).unwrap();
    assert!(!output.stdout_text().starts_with('0'), "{output:?}");
}

#[test]
fn unittest_reports_from_a_container() {
    let body = "import unittest\nclass T(unittest.TestCase):\n  def test_x(self): pass\n  def test_y(self): self.fail()\n";
    let Some(mut workspace) = open(&[("test_u.py", body)]) else { return };
    let run = TestRun::new(TestRunner::Unittest, TestSelection::All);
    let output = workspace.run(&Command::tests(run)).unwrap();
    let report = output.report.unwrap();
    assert_eq!(report.outcome(&"test_u.T.test_x".into()), Outcome::Passed, "{report:?}");
    assert_eq!(report.outcome(&"test_u.T.test_y".into()), Outcome::Failed);
    assert!(report.problems().is_empty(), "{report:?}");
}
