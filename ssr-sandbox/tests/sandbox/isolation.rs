use std::thread;

use ssr_core::{Command, Exit, Sandbox, SandboxError, TestSelection, Workspace};

use crate::support::{file, open, path, sandbox, tree};

#[test]
fn what_tests_write_is_discarded_and_what_scripts_write_stays() {
    let body = "def test_x():\n  open('left.txt', 'w').write('x')\n";
    let mut workspace = open(&[("test_a.py", body)]);
    let before = workspace.tree().unwrap();
    workspace.run(&Command::tests(TestSelection::All)).unwrap();
    assert_eq!(workspace.tree().unwrap(), before);
    workspace.run(&Command::python("open('left.txt', 'w').write('x')")).unwrap();
    assert_eq!(workspace.read(&path("left.txt")).unwrap(), Some(file("x")));
    workspace.run(&Command::shell("python -m pytest -q; rm left.txt")).unwrap();
    assert!(workspace.diff().unwrap().is_empty());
}

#[test]
fn forks_do_not_see_each_other() {
    let mut one = open(&[("a.txt", "1")]);
    one.write(&path("a.txt"), Some(file("2"))).unwrap();
    let mut two = one.fork().unwrap();
    two.run(&Command::shell("echo 3 > a.txt; mkdir -p d; echo x > d/new; echo t > /tmp/t"))
        .unwrap();
    one.run(&Command::python("import os; assert not os.path.exists('/tmp/t'); os.remove('a.txt')"))
        .unwrap();
    assert_eq!(one.tree().unwrap(), tree(&[]));
    assert_eq!(two.tree().unwrap(), tree(&[("a.txt", "3\n"), ("d/new", "x\n")]));
    assert_eq!(two.base(), one.base());
}

#[test]
fn files_can_be_written_replaced_and_removed() {
    let mut workspace = open(&[("d/a.txt", "1")]);
    workspace.write(&path("d/e/b.sh"), Some(file("2").with_executable(true))).unwrap();
    workspace.write(&path("d/a.txt"), None).unwrap();
    workspace.write(&path("never/there"), None).unwrap();
    let read = workspace.read(&path("d/e/b.sh")).unwrap().unwrap();
    assert!(read.executable());
    assert_eq!(workspace.read(&path("d")).unwrap(), None);
    assert_eq!(workspace.tree().unwrap().len(), 1);
    let refused = workspace.write(&path("d/e"), Some(file("x")));
    assert!(matches!(refused, Err(SandboxError::Refused(_))), "{refused:?}");
}

#[test]
fn memory_does_not_outlive_a_command() {
    let mut workspace = open(&[]);
    workspace.run(&Command::python("import sys, json; sys.leaked = json.leaked = 1")).unwrap();
    let output = workspace.run(&Command::python(
        "import sys, json; print(hasattr(sys, 'leaked') or hasattr(json, 'leaked'))",
    ));
    assert_eq!(output.unwrap().stdout, b"False\n");
}

#[test]
fn a_sandbox_serves_many_threads() {
    let body = "import a\ndef test_x(): assert a.n == 1\n";
    let trees = [1, 2].map(|n| tree(&[("a.py", &format!("n = {n}\n")), ("test_a.py", body)]));
    thread::scope(|scope| {
        for round in 0..6 {
            let tree = &trees[round % 2];
            scope.spawn(move || {
                let mut workspace = sandbox().open(tree).unwrap();
                let output = workspace.run(&Command::tests(TestSelection::All)).unwrap();
                assert_eq!(output.exit, Exit::Code((round % 2) as i32));
            });
        }
    });
}
