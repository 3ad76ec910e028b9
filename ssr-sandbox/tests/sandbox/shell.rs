//! Bash scripts in a workspace.

use std::time::Duration;

use ssr_core::{Command, Exit, Limits, Outcome, Output, Workspace};

use crate::support::{open, path};

const TESTS: &str = "def test_1(): pass\ndef test_2(): assert 0\n";

fn run(script: &str) -> Output {
    open(&[("test_a.py", TESTS), ("pkg/__init__.py", ""), ("b c.txt", "x\ny\n")])
        .run(&Command::shell(script))
        .unwrap()
}

#[track_caller]
fn check(script: &str, stdout: &str, code: i32) {
    let output = run(script);
    let got = (output.stdout_text().into_owned(), output.exit.clone());
    assert_eq!(got, (stdout.to_owned(), Exit::Code(code)), "{script}: {}", output.stderr_text());
}

#[test]
fn statuses_follow_bash() {
    check("python -c 'import sys; sys.exit(3)'; echo $?", "3\n", 0);
    check("set -e; python -c 'raise SystemExit(4)'; echo never", "", 4);
    check("python -c pass && echo yes || echo no", "yes\n", 0);
    check("python -c 'raise SystemExit(1)' | cat; echo ${PIPESTATUS[0]}", "1\n", 0);
    check("set -o pipefail; python -c 'raise SystemExit(5)' | cat", "", 5);
    check("exit 9", "", 9);
    check("no_such_command_here", "", 127);
}

#[test]
fn the_interpreter_takes_programs_in_every_way() {
    check("python - a <<'EOF'\nimport sys\nprint(sys.argv)\nEOF", "['-', 'a']\n", 0);
    check("echo 'print(1)' | python", "1\n", 0);
    check(
        "echo 'import sys; print(sys.argv[1:])' > s.py; python3 s.py x 'y z'",
        "['x', 'y z']\n",
        0,
    );
    check("echo in | python -c 'import sys; print(sys.stdin.read().upper(), end=\"\")'", "IN\n", 0);
    check("mkdir d; cd d; python -c 'import os; print(os.getcwd())'", "/testbed/d\n", 0);
    check("X=1 python -c 'import os; print(os.environ[\"X\"])'", "1\n", 0);
    check("export Y=2; python -c 'import os; print(os.environ[\"Y\"])'", "2\n", 0);
    check("python missing.py; echo $?", "2\n", 0);
    check("python -m pkg.missing 2>/dev/null; echo $?", "1\n", 0);
    check("x=$(python -c 'print(6 * 7)'); echo \"<$x>\"", "<42>\n", 0);
    check("python -c 'import sys; print(1); print(2, file=sys.stderr)' 2>&1 >/dev/null", "2\n", 0);
    check("python --version", "Python 3.14.0\n", 0);
}

#[test]
fn files_are_shared_between_shell_and_programs() {
    check("echo hi > a.txt; python -c 'print(open(\"a.txt\").read(), end=\"\")'", "hi\n", 0);
    check("python -c 'open(\"n.txt\", \"w\").write(\"1\\n2\\n\")'; wc -l < n.txt", "2\n", 0);
    check("ls *.txt; cat 'b c.txt' | grep -c .", "b c.txt\n2\n", 0);
    check(
        "cat > f.py <<'EOF'\nprint('f')\nEOF\npython f.py >> out; python f.py >> out; cat out",
        "f\nf\n",
        0,
    );
    check("echo x > /dev/null; echo y 2>/dev/null; ls /testbed/pkg", "y\n__init__.py\n", 0);
    check(
        "sed -i 's/x/z/' 'b c.txt'; head -1 'b c.txt'; find . -name '*.py' | sort",
        "z\n./pkg/__init__.py\n./test_a.py\n",
        0,
    );
    check(
        "ln -s test_a.py l.py; head -c 10 l.py; rm l.py; test -e test_a.py && echo kept",
        "def test_1kept\n",
        0,
    );
}

#[test]
fn a_test_script_reports_beside_its_output() {
    let script = "#!/bin/bash\nset -euo pipefail\ncd /testbed\npython -m pytest -v test_a.py 2>&1 | tee log\necho done\n";
    let mut workspace = open(&[("test_a.py", TESTS), ("test_script.sh", script)]);
    let output = workspace.run(&Command::shell("bash test_script.sh")).unwrap();
    assert_eq!(output.exit, Exit::Code(1));
    assert!(output.stdout_text().contains("test_a.py::test_1 PASSED"), "{}", output.stdout_text());
    let log = workspace.read(&path("log")).unwrap().unwrap();
    assert_eq!(log.bytes(), output.stdout);
    let report = output.report.unwrap();
    assert_eq!(report.outcome(&"test_a.py::test_1".into()), Outcome::Passed);
    assert_eq!(report.outcome(&"test_a.py::test_2".into()), Outcome::Failed);
    assert!(report.problems().is_empty(), "{:?}", report.problems());
}

#[test]
fn several_test_runs_make_one_report_in_which_the_worst_wins() {
    let output = run("pytest -q test_a.py; sed -i s/assert.0/pass/ test_a.py; pytest -q; echo $?");
    let report = output.report.unwrap();
    assert_eq!(report.outcome(&"test_a.py::test_2".into()), Outcome::Failed);
    assert!(output.stdout.ends_with(b"0\n"));
    assert_eq!(run("echo 'test_a.py::test_2 PASSED'").report, None);
}

#[test]
fn what_the_shell_cannot_read_is_bash_status_2() {
    let output = run("echo before; if then fi");
    assert_eq!(output.exit, Exit::Code(2));
    assert!(output.stderr_text().contains("syntax error"), "{}", output.stderr_text());
}

#[test]
fn what_is_too_large_for_the_shell_is_an_error() {
    let output = run(&format!("echo before; echo {} | wc -w", "{a,b}".repeat(30)));
    assert_eq!((output.exit, output.stdout.as_slice()), (Exit::Code(2), &b""[..]));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("makes 1073741824 words, and the most"), "{said}");
    let output = run("f() { f; }; f");
    assert!(matches!(output.exit, Exit::Trapped(_)), "{output:?}");
    assert!(output.stderr_text().contains("nest at most 16 deep"), "{}", output.stderr_text());
    // What doubles is stopped long before it is as large as the memory of a command.
    let output = run("a=x; for i in {1..60}; do a=$a$a; done; echo ${#a}");
    assert!(matches!(output.exit, Exit::Trapped(_)), "{output:?}");
    let said = output.stderr_text();
    assert!(said.contains(&format!("byte limit ({})", 64 << 20)), "{said}");
}

#[test]
fn a_script_that_only_computes_ends_with_its_time() {
    let scripts = [
        "echo first; x=$(printf 'x%.0s' {1..9000}); while :; do y=${x//x/yy}; done",
        "echo first; while :; do :; done",
        "echo first; f() { for i in {1..9000}; do z=$((i * i)); done; }; while f; do :; done",
    ];
    for script in scripts {
        let limits = Limits::default().with_cpu(Duration::from_millis(500));
        let output = open(&[]).run(&Command::shell(script).with_limits(limits)).unwrap();
        let got = (output.stdout_text().into_owned(), output.exit.clone());
        assert_eq!(got, ("first\n".to_owned(), Exit::Timeout), "{script}");
    }
}

#[test]
fn loops_keep_their_input() {
    check("printf 'a\\nb\\n' | while read x; do python -c \"print('$x')\"; done", "a\nb\n", 0);
    check("for i in 1 2; do python -c \"print($i)\"; done", "1\n2\n", 0);
    check("yes | head -n 3", "y\ny\ny\n", 0);
    check(
        "seq 5 | xargs -n 2 python -c 'import sys; print(sys.argv[1:])'",
        "['1', '2']\n['3', '4']\n['5']\n",
        0,
    );
}

#[test]
fn timeout_ends_programs_and_scripts() {
    check("timeout 0.3 python -c 'while True: pass'; echo $?", "124\n", 0);
    check(
        "echo 'python -c \"while True: pass\"' > s.sh; timeout 0.3 bash s.sh; echo $?",
        "124\n",
        0,
    );
    check(
        "timeout 60 python -c 'import os; print([n for n in os.environ if \"SSR\" in n])'",
        "[]\n",
        0,
    );
    check(
        "timeout 60 python -c 'raise SystemExit(3)'; echo $?; timeout 1s true && echo ok",
        "3\nok\n",
        0,
    );
    check("echo in | timeout 60 python -c 'print(input())'", "in\n", 0);
    check("timeout x ls 2>&1; echo $?", "timeout: invalid time interval 'x'\n125\n", 0);
}
