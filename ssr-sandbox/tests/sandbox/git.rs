//! What `git` in the shell does that the tables of commands cannot say: errors, limits, many files.

use std::fmt::Write;
use std::time::{Duration, Instant};

use ssr_core::{Command, Exit, Limits, Output, Workspace};
use ssr_sandbox::WasiWorkspace;

use crate::support::open;

const FILES: usize = 2000;

/// Files that have most of their lines in common, so that any could be any other one renamed.
fn many() -> WasiWorkspace {
    let common: String = (0..100).map(|line| format!("line {line}\n")).collect();
    let mut files = Vec::new();
    for file in 0..FILES {
        let mut text = format!("file {file}\n");
        text += &common;
        writeln!(text, "end of {file}").unwrap();
        files.push((format!("a/{file}"), text));
    }
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    open(&files)
}

fn run(workspace: &mut WasiWorkspace, script: &str, time: Duration) -> Output {
    let limits = Limits::default().with_cpu(time);
    workspace.run(&Command::shell(script).with_limits(limits)).unwrap()
}

#[test]
fn looking_for_renames_among_thousands_of_files_ends_in_time() {
    let mut workspace = many();
    let minutes = Duration::from_secs(600);
    let moved = "mv a b; for i in b/*; do mv $i ${i}x; echo more >> ${i}x; done; git add -A";
    run(&mut workspace, moved, minutes);

    // As in git, so many files are not compared at all without a higher limit.
    let output = run(&mut workspace, "git diff --cached --shortstat", minutes);
    assert!(output.stdout_text().starts_with(" 4000 files changed, "), "{output:?}");
    let warning = "warning: exhaustive rename detection was skipped due to too many files.\n\
                   warning: you may want to set your diff.renameLimit variable to at least 2000 \
                   and retry the command.\n";
    assert_eq!(output.stderr_text(), warning);

    let start = Instant::now();
    let compare = "git -c diff.renameLimit=0 diff --cached --shortstat";
    let output = run(&mut workspace, compare, Duration::from_millis(100));
    assert_eq!(output.exit, Exit::Timeout, "{output:?}");
    let script = format!("timeout 0.1 {compare}; echo $?");
    let output = run(&mut workspace, &script, minutes);
    assert_eq!(output.stdout_text(), "124\n", "{output:?}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());

    let output = run(&mut workspace, compare, minutes);
    assert_eq!(output.stdout_text(), " 2000 files changed, 2000 insertions(+)\n", "{output:?}");
}

#[test]
fn what_git_lacks_here_is_an_error_that_names_what_there_is() {
    let mut workspace = open(&[("a.txt", "1\n")]);
    for (command, code, expected) in [
        ("bisect", 1, "not a git command of this sandbox, which has add, apply, blame,"),
        ("reflog", 1, "not a git command of this sandbox, which has add, apply, blame,"),
        ("describe --contains", 129, "no option --contains in this sandbox; use --tags, --all,"),
        ("grep x HEAD", 128, "not HEAD; use git show HEAD:<file> | grep"),
        ("remote add origin x", 1, "no remote repositories in this sandbox"),
        ("log --pretty=raw", 128, "this sandbox has oneline, medium, fuller, format:<text>"),
        ("log --format=%f", 128, "no placeholder %f in this sandbox, which has %H %h %T"),
        ("log --date=human", 128, "this sandbox has default, iso, iso-strict, rfc, short, unix"),
        ("log -Gx", 129, "no option -G in this sandbox; use -S<text>"),
        ("diff --raw", 129, "no option --raw in this sandbox; use --stat, --numstat,"),
        ("blame -p a.txt", 129, "no option -p in this sandbox; use -s, -e, -l or --date"),
    ] {
        let output = workspace.run(&Command::shell(format!("git {command}"))).unwrap();
        assert_eq!(
            (&output.exit, output.stdout_text().as_ref()),
            (&Exit::Code(code), ""),
            "{command}"
        );
        let said = output.stderr_text();
        assert!(said.contains(expected) && said.lines().count() == 1, "{command}: {said}");
    }
}
