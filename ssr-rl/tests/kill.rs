//! A run in a process that is really killed (SIGKILL) at one moment after another goes on as if
//! nothing had happened.
//!
//! The test starts itself as the process to be killed, which is why it has its own `main`.

mod toy;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ssr_rl::{Event, Start};
use toy::{config, contents, play};

const FOLDER: &str = "SSR_TOY_RUN";

fn main() {
    match std::env::var_os(FOLDER) {
        Some(folder) => run(Path::new(&folder)),
        None => killed_again_and_again_a_run_ends_the_same(),
    }
}

/// The process to be killed: starts or resumes a run, says whatever happens in it, and waits to be
/// told to go on.
fn run(folder: &Path) {
    let known = folder.join("run.toml").exists();
    let start = if known { Start::Resume } else { Start::Fresh };
    let progress = |event: Event<'_>| {
        println!("{event:?}");
        // An end of the input says to go on, too.
        let _ = std::io::stdin().read_line(&mut String::new());
    };
    play(config()).run(folder, start, &progress).unwrap();
}

fn start(folder: &Path, stdin: Stdio) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(FOLDER, folder).stdin(stdin).stdout(Stdio::piped()).spawn().unwrap()
}

fn killed_again_and_again_a_run_ends_the_same() {
    let root = tempfile::tempdir().unwrap();
    let [whole, killed] = ["whole", "killed"].map(|name| root.path().join(name));
    let output = start(&whole, Stdio::null()).wait_with_output().unwrap();
    assert!(output.status.success());

    let mut kills = 0;
    // Each process lives a few events longer than the one before it.
    for events in (3..).step_by(4) {
        let mut child = start(&killed, Stdio::piped());
        let mut go_on = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // It is killed on its way to the event after the last one that it may pass.
        let heard = lines.take(events).filter(|_| writeln!(go_on).is_ok()).count();
        if heard < events {
            assert!(child.wait().unwrap().success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    assert!(kills >= 3, "the run was over after {kills} kills");
    for name in ["bugs", "episodes", "checkpoints"] {
        let same = contents(&whole.join(name)) == contents(&killed.join(name));
        assert!(same, "{name} differs after {kills} kills");
    }
    println!("equal after {kills} kills");
}
