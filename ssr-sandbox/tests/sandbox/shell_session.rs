//! A shell that stays open.

use std::time::Duration;

use ssr_core::{Command, Exit, Limits, Workspace};
use ssr_sandbox::{OutputStream, ShellSession};

use crate::support::{open, path};

fn shell() -> ShellSession {
    open(&[("a.txt", "one\n"), ("d/b.txt", "two\n")]).shell()
}

#[track_caller]
fn check(shell: &mut ShellSession, script: &str, stdout: &str) {
    let output = shell.run(script).unwrap();
    assert_eq!(output.stdout_text(), stdout, "{script}: {}", output.stderr_text());
}

#[test]
fn what_a_command_sets_is_there_for_the_next() {
    let mut shell = shell();
    check(&mut shell, "cd d; x=1; export Y=2; arr=(a 'b c'); f() { echo \"f $1 $x\"; }", "");
    check(&mut shell, "pwd; f z; echo ${arr[1]}; bash -c 'echo $Y'", "/testbed/d\nf z 1\nb c\n2\n");
    assert_eq!(shell.cwd().to_str(), Some("/testbed/d"));
    check(
        &mut shell,
        "python -c 'import os; print(os.getcwd(), os.environ[\"Y\"])'",
        "/testbed/d 2\n",
    );
    check(&mut shell, "false", "");
    check(&mut shell, "echo $?; alias g='echo aliased'; shopt -s expand_aliases nullglob", "1\n");
    check(&mut shell, "echo *.nothing; cat b.txt >> ../a.txt", "\n");
    let file = shell.workspace().read(&path("a.txt")).unwrap().unwrap();
    assert_eq!(file.bytes(), b"one\ntwo\n");
}

#[test]
fn history_persists_and_forks_with_the_files() {
    let mut shell = shell();
    check(&mut shell, "echo x >> a.txt; git add a.txt; git commit -qm second; x=1", "");
    let mut fork = shell.fork().unwrap();
    check(
        &mut fork,
        "x=2; git checkout -q -b side; echo y > y; git add y; git commit -qm third",
        "",
    );
    check(&mut fork, "git log --format=%s; echo $x", "third\nsecond\ninitial\n2\n");
    check(
        &mut shell,
        "git log --format=%s; git branch; echo $x; ls",
        "second\ninitial\n* main\n1\na.txt\nd\n",
    );
    let mut again = fork.into_workspace().shell();
    check(&mut again, "git branch --show-current; echo ${x-unset}", "side\nunset\n");
}

#[test]
fn output_is_heard_while_a_command_runs() {
    let mut shell = shell();
    let mut heard = Vec::new();
    let script = "echo one; python -c 'print(\"two\")'; echo three >&2";
    let output = shell
        .run_command(&Command::shell(script), &mut |stream, bytes| {
            heard.push((stream, String::from_utf8_lossy(bytes).into_owned()));
        })
        .unwrap();
    assert_eq!(output.stdout_text(), "one\ntwo\n");
    let of = |wanted: OutputStream| -> String {
        let chunks = heard.iter().filter(|(stream, _)| *stream == wanted);
        chunks.map(|(_, text)| text.as_str()).collect()
    };
    assert_eq!(
        (of(OutputStream::Stdout), of(OutputStream::Stderr)),
        ("one\ntwo\n".into(), "three\n".into())
    );
}

#[test]
fn every_command_has_limits_of_its_own() {
    let mut shell = shell();
    let limits = Limits::default().with_cpu(Duration::from_millis(300));
    let endless = Command::shell("x=kept; echo said; while :; do :; done").with_limits(limits);
    let output = shell.run_command(&endless, &mut |_, _| {}).unwrap();
    assert_eq!((output.exit, output.stdout.as_slice()), (Exit::Timeout, b"said\n".as_slice()));
    check(&mut shell, "echo $x", "kept\n");
    let flood =
        Command::shell("yes | head -c 5000").with_limits(Limits::default().with_output(100));
    let output = shell.run_command(&flood, &mut |_, _| {}).unwrap();
    assert!(output.truncated);
    assert!(output.stdout.ends_with(b"\n[output truncated: 4900 bytes dropped]\n"));
    let output = shell.run("yes | head -c 5000").unwrap();
    assert_eq!((output.stdout.len(), output.truncated), (5000, false));
    let endless = Command::shell("yes > /dev/null").with_limits(limits);
    assert_eq!(shell.run_command(&endless, &mut |_, _| {}).unwrap().exit, Exit::Timeout);
}

#[test]
fn exit_ends_the_command_and_not_the_session() {
    let mut shell = shell();
    assert_eq!(shell.run("cd d; exit 3; echo never").unwrap().exit, Exit::Code(3));
    check(&mut shell, "pwd", "/testbed/d\n");
}

#[test]
fn a_script_that_is_not_finished_is_recognised() {
    for unfinished in ["for i in 1 2", "echo 'a", "if true; then", "cat <<EOF\na", "f() {"] {
        assert!(!ShellSession::is_complete(unfinished), "{unfinished}");
    }
    for complete in ["ls", "for i in 1 2; do echo; done", "fi", "cat <<EOF\na\nEOF", ""] {
        assert!(ShellSession::is_complete(complete), "{complete}");
    }
}
