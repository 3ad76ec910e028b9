//! `git status`, long and short.

use std::collections::BTreeMap;

use super::delta::Delta;
use super::diff::quote;
use super::history::Head;
use super::pathspec::{Pathspec, relative};
use super::{Call, Fatal, Result};

/// What differs between the last commit, the index and the working tree.
struct State {
    staged: Vec<Delta>,
    unstaged: Vec<Delta>,
    untracked: Vec<String>,
    ignored: Vec<String>,
}

#[derive(Default)]
struct Options {
    short: bool,
    porcelain: bool,
    branch: bool,
    zero: bool,
    untracked: Untracked,
    ignored: bool,
}

#[derive(Default, PartialEq)]
enum Untracked {
    #[default]
    Directories,
    Files,
    No,
}

impl Call<'_> {
    pub fn status(&mut self, args: &[String]) -> Result<i32> {
        let mut options = Options::default();
        let mut paths = Vec::new();
        let mut only_paths = false;
        for arg in args {
            match arg.as_str() {
                _ if only_paths => paths.push(arg.clone()),
                "--" => only_paths = true,
                "-s" | "--short" => options.short = true,
                "--porcelain" | "--porcelain=v1" => options.porcelain = true,
                "-sb" => (options.short, options.branch) = (true, true),
                "-b" | "--branch" => options.branch = true,
                "-z" => (options.zero, options.porcelain) = (true, true),
                "-u" | "-uall" | "--untracked-files" | "--untracked-files=all" => {
                    options.untracked = Untracked::Files;
                }
                "-uno" | "--untracked-files=no" => options.untracked = Untracked::No,
                "-unormal" | "--untracked-files=normal" => {}
                "--ignored" => options.ignored = true,
                "--long" | "--no-renames" | "--no-column" | "--ahead-behind" => {}
                option if option.starts_with('-') => return Err(Fatal::option("status", option)),
                _ => paths.push(arg.clone()),
            }
        }
        let spec = Pathspec::new(&paths, &self.prefix)?;
        let state = self.state(&spec, &options)?;
        if options.short || options.porcelain {
            self.short_status(&state, &options);
        } else {
            self.long_status(&state, &options);
        }
        Ok(0)
    }

    /// What `git stash pop` and an empty commit print, too.
    pub fn print_status(&mut self) -> Result<()> {
        let options = Options::default();
        let state = self.state(&Pathspec::default(), &options)?;
        self.long_status(&state, &options);
        Ok(())
    }

    fn state(&self, spec: &Pathspec, options: &Options) -> Result<State> {
        let (head, index) = (self.repo.head_tree(), &self.repo.index);
        let untracked = match options.untracked {
            Untracked::No => Vec::new(),
            Untracked::Files => {
                self.untracked(spec, false)?.iter().map(|path| path.to_string()).collect()
            }
            Untracked::Directories => self.collapse(&self.untracked(spec, false)?),
        };
        let ignored = match options.ignored {
            true => self.collapse(&self.untracked(spec, true)?),
            false => Vec::new(),
        };
        Ok(State {
            staged: self.deltas(&head, index, spec, true)?,
            unstaged: self.deltas(index, &self.tracked(), spec, false)?,
            untracked,
            ignored,
        })
    }

    fn short_status(&mut self, state: &State, options: &Options) {
        let prefix = if options.porcelain { String::new() } else { self.prefix.clone() };
        let shown = |path: &str| {
            let path = relative(path, &prefix);
            match (options.zero, path.contains(' ')) {
                (true, _) => path,
                // Here, unlike elsewhere, a space is unusual.
                (false, true) if !quote("", &path).starts_with('"') => format!("\"{path}\""),
                (false, _) => quote("", &path),
            }
        };
        if options.branch {
            let line = match &self.repo.head {
                Head::Branch(name) => format!("## {name}"),
                Head::Detached(_) => "## HEAD (no branch)".to_owned(),
            };
            self.say(line);
        }
        let mut lines: BTreeMap<String, (char, char, Option<String>)> = BTreeMap::new();
        for delta in &state.staged {
            let from = delta.similarity.map(|_| delta.old_path().to_owned());
            lines.insert(delta.path().to_owned(), (delta.letter(), ' ', from));
        }
        for delta in &state.unstaged {
            lines.entry(delta.path().to_owned()).or_insert((' ', ' ', None)).1 = delta.letter();
        }
        let mut text = String::new();
        let end = if options.zero { '\0' } else { '\n' };
        for (path, (staged, unstaged, from)) in lines {
            let name = match (from, options.zero) {
                (None, _) => shown(&path),
                (Some(from), false) => format!("{} -> {}", shown(&from), shown(&path)),
                (Some(from), true) => format!("{path}\0{from}"),
            };
            text += &format!("{staged}{unstaged} {name}{end}");
        }
        for (mark, paths) in [("??", &state.untracked), ("!!", &state.ignored)] {
            for path in paths {
                text += &format!("{mark} {}{end}", shown(path));
            }
        }
        self.out.extend_from_slice(text.as_bytes());
    }

    fn long_status(&mut self, state: &State, options: &Options) {
        let prefix = self.prefix.clone();
        let shown = |path: &str| quote("", &relative(path, &prefix));
        let line = match &self.repo.head {
            Head::Branch(name) => format!("On branch {name}"),
            Head::Detached(id) => format!("HEAD detached at {}", id.short()),
        };
        self.say(line);
        let word = |delta: &Delta| match delta.letter() {
            'A' => "new file:   ",
            'D' => "deleted:    ",
            'R' => "renamed:    ",
            _ => "modified:   ",
        };
        let name = |delta: &Delta| match delta.similarity {
            Some(_) => format!("{} -> {}", shown(delta.old_path()), shown(delta.path())),
            None => shown(delta.path()),
        };
        let list = |deltas: &[Delta]| -> String {
            deltas.iter().map(|delta| format!("\t{}{}\n", word(delta), name(delta))).collect()
        };
        if !state.staged.is_empty() {
            self.say("Changes to be committed:");
            self.say("  (use \"git restore --staged <file>...\" to unstage)");
            self.say(list(&state.staged));
        }
        if !state.unstaged.is_empty() {
            let gone = state.unstaged.iter().any(|delta| delta.new.is_none());
            let verb = if gone { "add/rm" } else { "add" };
            self.say("Changes not staged for commit:");
            self.say(format!("  (use \"git {verb} <file>...\" to update what will be committed)"));
            self.say("  (use \"git restore <file>...\" to discard changes in working directory)");
            self.say(list(&state.unstaged));
        }
        if !state.untracked.is_empty() {
            let paths = state.untracked.iter().map(|path| format!("\t{}\n", shown(path)));
            let paths: String = paths.collect();
            self.say("Untracked files:");
            self.say("  (use \"git add <file>...\" to include in what will be committed)");
            self.say(paths);
        }
        if !state.ignored.is_empty() {
            let paths = state.ignored.iter().map(|path| format!("\t{}\n", shown(path)));
            let paths: String = paths.collect();
            self.say("Ignored files:");
            self.say("  (use \"git add -f <file>...\" to include in what will be committed)");
            self.say(paths);
        }
        if options.untracked == Untracked::No {
            self.say("Untracked files not listed (use -u option to show untracked files)");
        }
        if !state.staged.is_empty() {
            return;
        }
        let closing = match (state.unstaged.is_empty(), state.untracked.is_empty()) {
            (false, _) => "no changes added to commit (use \"git add\" and/or \"git commit -a\")",
            (true, false) => {
                "nothing added to commit but untracked files present (use \"git add\" to track)"
            }
            (true, true) if options.untracked == Untracked::No => {
                "nothing to commit (use -u to show untracked files)"
            }
            (true, true) => "nothing to commit, working tree clean",
        };
        self.say(closing);
    }
}
