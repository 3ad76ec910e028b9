//! Equal inputs give equal outputs.

use std::thread;

use ssr_core::{Command, Output, Sandbox, TestSelection, Tree, Workspace};

use crate::support::{sandbox, tree};

/// Everything that usually differs from run to run.
const VARIOUS: &str = "
import os, random, tempfile, threading, time, uuid


def test_prints(tmp_path, capsys):
    seen = [random.random(), uuid.uuid4(), os.urandom(4), time.time(), time.monotonic()]
    seen += [hash('text'), id(object()), list({'a', 'b', 'c'}), tmp_path, tempfile.mkdtemp()]
    seen += [os.getpid(), os.listdir('/tmp'), threading.get_ident(), os.stat(__file__)]
    with capsys.disabled():
        print(*seen, sep='\\n')


def test_fails():
    assert object() == random.random()
";

const SCRIPT: &str = "
python - <<'END'
import random, time
with open('made.txt', 'w') as file:
    file.write(f'{random.random()} {time.time()} {id(file)}')
END
echo $RANDOM $$ >> made.txt
date >> made.txt
touch made.txt
stat made.txt > stat.txt
python -m pytest -p no:randomly test_various.py
ls -l /tmp . | sort > listing.txt
";

/// What two programs leave on a new workspace.
fn everything(repository: &Tree) -> (Output, Output, Tree) {
    let mut workspace = sandbox().open(repository).unwrap();
    let tests = workspace.run(&Command::tests(TestSelection::All)).unwrap();
    let script = workspace.run(&Command::shell(SCRIPT)).unwrap();
    (tests, script, workspace.tree().unwrap())
}

#[test]
fn a_hundred_runs_on_one_and_on_several_threads_are_the_same_run() {
    let repository = tree(&[("test_various.py", VARIOUS)]);
    let first = everything(&repository);
    assert_eq!(first.0.report.as_ref().map(|report| report.len()), Some(2), "{first:?}");
    assert_eq!(first.0.report, first.1.report);
    let run = |runs: usize| {
        for _ in 0..runs {
            let again = everything(&repository);
            let changed = first.2.diff(&again.2).to_string();
            assert_eq!(changed, "");
            assert_eq!(again, first);
        }
    };
    run(20);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| run(20));
        }
    });
}
