//! What code agents type, in our shell and as recorded of real bash, git and GNU tools.
//!
//! The tables hold the scripts, with blank lines between them; `~` is a blank line inside of one. A
//! line `#!differs REASON` says that a case differs from the recorded one: it must differ, so that
//! it is taken off this list when it no longer does. `#!refused TEXT` says that the sandbox refuses it
//! with a message that holds TEXT. `make.py` makes `recorded/`.

mod recorded;
mod table;

use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ssr_core::{Command, Exit, Sandbox, Tree, Workspace};
use ssr_sandbox::read_folder;

use crate::support::{fixture, sandbox};
use recorded::{Seen, recorded};
use table::{Case, Verdict};

/// All tables; a test each.
const TABLES: [&str; 8] = ["bash", "diff", "edit", "files", "git", "search", "shell", "text"];

fn check(table: &str) {
    let cases = Case::read(table);
    let repository = read_folder(fixture("agent")).unwrap();
    let expected = recorded(table, &repository);
    let (next, problems) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let problem = match expected.get(&case.script) {
                Some(theirs) => judge(case, &ours(&repository, case), theirs),
                None => Some(format!("\n── {}\nis not recorded; run make.py\n", case.script)),
            };
            problems.lock().unwrap().extend(problem);
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

/// What a script left in our shell, and what it said on standard error.
fn ours(repository: &Tree, case: &Case) -> (Seen, String) {
    let mut workspace = sandbox().open(repository).unwrap();
    let output = workspace.run(&Command::shell(&case.script)).unwrap();
    let code = if let Exit::Code(code) = output.exit { code } else { -1 };
    let said = output.stderr_text().into_owned();
    (Seen { stdout: output.stdout, code, tree: workspace.tree().unwrap() }, said)
}

fn judge(case: &Case, (ours, said): &(Seen, String), theirs: &Seen) -> Option<String> {
    let same = ours == theirs;
    let problem = match &case.verdict {
        Verdict::Same if same => return None,
        Verdict::Same => String::new(),
        Verdict::Differs(_) if !same => return None,
        Verdict::Refused(text) if !same && said.contains(text) => return None,
        Verdict::Refused(text) if !same => format!("did not say {text:?} but {said:?}\n"),
        Verdict::Differs(reason) | Verdict::Refused(reason) => {
            return Some(format!("\n── {}\nno longer differs: {reason}\n", case.script));
        }
    };
    let mut text = format!("\n── {}\n{problem}", case.script);
    if ours.stdout != theirs.stdout {
        let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (ours, theirs) = (show(&ours.stdout), show(&theirs.stdout));
        writeln!(text, "stdout is\n{ours}\nand should be\n{theirs}\nstderr is\n{said}").unwrap();
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
fn scripts_run_as_in_bash() {
    check("bash");
}

#[test]
fn programs_run_as_in_bash() {
    check("shell");
}

#[test]
fn files_are_handled_as_bash_does() {
    check("files");
}

#[test]
fn text_is_searched_and_found_as_gnu_tools_do() {
    check("search");
}

#[test]
fn text_is_edited_as_gnu_tools_do() {
    check("edit");
}

#[test]
fn text_is_handled_as_gnu_tools_do() {
    check("text");
}

#[test]
fn git_does_what_git_does() {
    check("git");
}

#[test]
fn diff_and_patch_do_what_gnu_diff_and_patch_do() {
    check("diff");
}

/// Of all commands at least 99 in 100 do the same as the real ones or say that they cannot.
#[test]
fn few_commands_differ_without_a_word() {
    let cases: Vec<Case> = TABLES.iter().flat_map(|table| Case::read(table)).collect();
    let silent = cases.iter().filter(|case| matches!(case.verdict, Verdict::Differs(_))).count();
    assert!(cases.len() >= 400, "{} commands", cases.len());
    assert!(silent * 100 <= cases.len(), "{silent} of {} differ", cases.len());
}
