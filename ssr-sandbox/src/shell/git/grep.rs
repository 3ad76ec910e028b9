//! `git grep`, as a run of the shell's grep over the files of the index.

use bashkit::ExecutionPlan;

use super::history::Repository;
use super::pathspec::{Pathspec, relative};
use super::{Fatal, Result};

/// Whether a name is that of a commit and of no file.
fn is_revision(repo: &Repository, name: &str, prefix: &str) -> bool {
    let path = super::pathspec::locate(name, prefix).unwrap_or_default();
    let is_file = repo.index.files().any(|(file, _)| super::stage::below(file.as_str(), &path));
    !is_file && repo.try_revision(name).is_some()
}

/// `git grep` as a run of grep over the files of the index.
pub(super) fn plan(repo: &Repository, args: &[String], prefix: &str) -> Result<ExecutionPlan> {
    let (mut options, mut patterns, mut names) = (vec!["-I".to_owned()], Vec::new(), Vec::new());
    let mut hide_names = false;
    let mut rest = args;
    while let Some((arg, after)) = rest.split_first() {
        rest = after;
        match arg.as_str() {
            "--" => {
                names.extend_from_slice(rest);
                break;
            }
            "-e" | "-A" | "-B" | "-C" | "-m" => {
                let (value, after) = rest.split_first().ok_or_else(|| {
                    Fatal::usage(format!("switch `{}' requires a value", &arg[1..]))
                })?;
                rest = after;
                let list = if arg == "-e" { &mut patterns } else { &mut options };
                list.extend([arg.clone(), value.clone()]);
            }
            "-h" => hide_names = true,
            "--no-color" | "--color=never" | "--full-name" | "-r" | "--recursive" | "-I"
            | "--no-index" => {}
            "--name-only" | "--files-with-matches" => options.push("-l".to_owned()),
            option if option.starts_with('-') && option.len() > 1 => options.push(arg.clone()),
            _ if patterns.is_empty() => patterns.extend(["-e".to_owned(), arg.clone()]),
            _ => names.push(arg.clone()),
        }
    }
    if patterns.is_empty() {
        return Err(Fatal::new("no pattern given"));
    }
    options.push(if hide_names { "-h" } else { "-H" }.to_owned());
    // Without paths it searches below the current directory.
    if names.is_empty() {
        names.push(".".to_owned());
    }
    if let Some(name) = names.iter().find(|name| is_revision(repo, name, prefix)) {
        return Err(Fatal::new(format!(
            "git grep searches the files of the index in this sandbox, not {name}; use git show \
             {name}:<file> | grep"
        )));
    }
    let spec = Pathspec::new(&names, prefix)?;
    let files = spec.of(&repo.index).map(|path| relative(path.as_str(), prefix));
    let args = options.into_iter().chain(patterns).chain(["--".to_owned()]).chain(files);
    let mut args: Vec<_> = args.collect();
    if args.last().is_some_and(|last| last == "--") {
        args.push("/dev/null".to_owned());
    }
    // Grep counts every file, git only those with matches.
    let counts = args.iter().take_while(|arg| *arg != "--").any(|arg| {
        arg == "--count" || (arg.starts_with('-') && !arg.starts_with("--") && arg.contains('c'))
    });
    let (name, args) = match counts {
        false => ("grep", args),
        true => {
            let script = "grep \"$@\" | grep -v ':0$'".to_owned();
            let lead = ["-c".to_owned(), script, "grep".to_owned()];
            ("bash", lead.into_iter().chain(args).collect())
        }
    };
    let grep =
        bashkit::SubCommand { name: name.to_owned(), args, stdin: None, assignments: Vec::new() };
    Ok(ExecutionPlan::Batch { commands: vec![grep] })
}
