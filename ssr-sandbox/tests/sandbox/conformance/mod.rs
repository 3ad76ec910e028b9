//! What code agents type, in our shell and in real bash with real git.

mod case;
mod native;

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ssr_core::{Command, Exit, Sandbox, Tree, Workspace};
use ssr_sandbox::read_folder;

use crate::support::{fixture, sandbox};
use case::Case;
use native::Native;

/// What a script left that is compared; the text of standard error is not.
#[derive(PartialEq)]
struct Seen {
    stdout: Vec<u8>,
    code: i32,
    tree: Tree,
}

fn check(table: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox/conformance");
    let cases = Case::parse(&fs::read_to_string(folder.join(table)).unwrap());
    let repository = read_folder(fixture("agent")).unwrap();
    let native = Native::new(&repository);
    let (next, problems) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(tool) = case.needs.iter().find(|tool| !native.has(tool)) {
                eprintln!("skipped, because this machine lacks {tool}: {}", case.script);
                continue;
            }
            if let Some(problem) = judge(case, &ours(&repository, case), &native.run(case)) {
                problems.lock().unwrap().push(problem);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let problems = problems.into_inner().unwrap();
    let (count, all) = (problems.len(), cases.len());
    assert!(problems.is_empty(), "{}\n{count} of {all} cases are wrong", problems.concat());
}

fn ours(repository: &Tree, case: &Case) -> Seen {
    let mut workspace = sandbox().open(repository).unwrap();
    let output = workspace.run(&Command::shell(&case.script)).unwrap();
    let code = if let Exit::Code(code) = output.exit { code } else { -1 };
    Seen { stdout: output.stdout, code, tree: workspace.tree().unwrap() }
}

fn judge(case: &Case, ours: &Seen, theirs: &Seen) -> Option<String> {
    match (&case.differs, ours == theirs) {
        (None, true) | (Some(_), false) => return None,
        (Some(reason), true) => {
            return Some(format!("\n── {}\nno longer differs: {reason}\n", case.script));
        }
        (None, false) => {}
    }
    let mut text = format!("\n── {}\n", case.script);
    if ours.stdout != theirs.stdout {
        let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (ours, theirs) = (show(&ours.stdout), show(&theirs.stdout));
        writeln!(text, "stdout is\n{ours}\nand should be\n{theirs}").unwrap();
    }
    if ours.code != theirs.code {
        writeln!(text, "exit status is {} and should be {}", ours.code, theirs.code).unwrap();
    }
    if ours.tree != theirs.tree {
        let patch = theirs.tree.diff(&ours.tree);
        writeln!(text, "files differ from what they should be by\n{patch}").unwrap();
    }
    Some(text)
}

#[test]
fn files_are_handled_as_bash_does() {
    check("files.txt");
}

#[test]
fn text_is_handled_as_bash_does() {
    check("text.txt");
}

#[test]
fn scripts_and_programs_run_as_in_bash() {
    check("shell.txt");
}

#[test]
fn git_does_what_git_does() {
    check("git.txt");
}

#[test]
fn diff_and_patch_do_what_gnu_diff_and_patch_do() {
    check("diff.txt");
}
