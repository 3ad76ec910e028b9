//! Commands that change the index: `add`, `rm`, `mv` and `clean`.

use std::collections::HashSet;

use ssr_core::{File, RepoPath, Tree};

use super::pathspec::{Pathspec, locate, relative};
use super::work::directories;
use super::{Call, Fatal, Result};

impl Call<'_> {
    /// Makes the index hold `files` of the working tree, without those that are gone there.
    pub fn stage(&mut self, paths: impl IntoIterator<Item = RepoPath>) -> Result<()> {
        let work = self.work.tree().clone();
        let changes = paths.into_iter().map(|path| {
            let file = work.get(path.as_str()).cloned();
            (path, file)
        });
        self.index_changes(changes)
    }

    /// Changes the index; what is in the way of a new path leaves it.
    pub fn index_changes(
        &mut self,
        changes: impl IntoIterator<Item = (RepoPath, Option<File>)>,
    ) -> Result<()> {
        let changes: Vec<_> = changes.into_iter().collect();
        let known = |path: &RepoPath| self.repo.index.contains(path.as_str());
        let new = changes.iter().filter(|(path, file)| file.is_some() && !known(path));
        let new: HashSet<&str> = new.map(|(path, _)| path.as_str()).collect();
        let above: HashSet<&str> = new.iter().flat_map(|path| directories(path)).collect();
        // A file where a directory has to be, or below what has to be a file.
        let clash = |old: &str| {
            above.contains(format!("{old}/").as_str())
                || directories(old).any(|above| new.contains(above.trim_end_matches('/')))
        };
        let paths = self.repo.index.files().map(|(path, _)| path);
        let in_the_way: Vec<_> = paths
            .filter(|old| !new.is_empty() && clash(old.as_str()))
            .map(|path| (path.clone(), None))
            .collect();
        let changes = in_the_way.into_iter().chain(changes);
        let index = self.repo.index.with_all(changes).map_err(Fatal::new)?;
        self.repo.index = index;
        Ok(())
    }

    pub fn add(&mut self, args: &[String]) -> Result<i32> {
        let (mut paths, mut all, mut update, mut force, mut dry, mut verbose) =
            (Vec::new(), false, false, false, false, false);
        let mut only_paths = false;
        for arg in args {
            match arg.as_str() {
                _ if only_paths => paths.push(arg.clone()),
                "--" => only_paths = true,
                "-A" | "--all" | "--no-ignore-removal" => all = true,
                "-u" | "--update" => update = true,
                "-f" | "--force" => force = true,
                "-n" | "--dry-run" => dry = true,
                "-v" | "--verbose" => verbose = true,
                "--ignore-errors" => {}
                option if option.starts_with('-') && option.len() > 1 => {
                    return Err(Fatal::option("add", option));
                }
                _ => paths.push(arg.clone()),
            }
        }
        if paths.is_empty() && !all && !update {
            self.note("Nothing specified, nothing added.");
            self.note("hint: Maybe you wanted to say 'git add .'?");
            return Ok(0);
        }
        let spec = Pathspec::new(&paths, &self.prefix)?;
        let mut chosen: Vec<RepoPath> = spec.of(&self.repo.index).cloned().collect();
        if !update {
            let new = self.untracked(&spec, false)?;
            let ignored = self.untracked(&spec, true)?;
            let asked = |path: &&RepoPath| {
                paths.iter().any(|arg| locate(arg, &self.prefix).as_deref() == Some(path.as_str()))
            };
            let refused: Vec<_> =
                ignored.iter().filter(asked).map(|path| path.to_string()).collect();
            if force {
                chosen.extend(ignored);
            } else if !refused.is_empty() {
                self.note("The following paths are ignored by one of your .gitignore files:");
                self.note(refused.join("\n"));
                self.note("hint: Use -f if you really want to add them.");
                return Ok(1);
            }
            chosen.extend(new);
        }
        if let Some(text) = spec.unmatched(&[&self.repo.index, self.work.tree()]) {
            let directory =
                locate(text, &self.prefix).is_some_and(|path| self.work.is_directory(&path));
            if !directory {
                return Err(Fatal::new(format!("pathspec '{text}' did not match any files")));
            }
        }
        if dry || verbose {
            let work = self.work.tree().clone();
            for path in &chosen {
                let (old, new) = (self.repo.index.get(path.as_str()), work.get(path.as_str()));
                if old != new {
                    let verb = if new.is_some() { "add" } else { "remove" };
                    self.say(format!("{verb} '{path}'"));
                }
            }
        }
        if !dry {
            self.stage(chosen)?;
        }
        Ok(0)
    }

    pub fn rm(&mut self, args: &[String]) -> Result<i32> {
        let (mut paths, mut cached, mut force, mut recursive, mut quiet, mut lenient) =
            (Vec::new(), false, false, false, false, false);
        let mut only_paths = false;
        for arg in args {
            match arg.as_str() {
                _ if only_paths => paths.push(arg.clone()),
                "--" => only_paths = true,
                "--cached" => cached = true,
                "-f" | "--force" => force = true,
                "-r" => recursive = true,
                "-rf" | "-fr" => (recursive, force) = (true, true),
                "-q" | "--quiet" => quiet = true,
                "--ignore-unmatch" => lenient = true,
                option if option.starts_with('-') => return Err(Fatal::option("rm", option)),
                _ => paths.push(arg.clone()),
            }
        }
        if paths.is_empty() {
            return Err(Fatal::new("No pathspec was given. Which files should I remove?"));
        }
        let spec = Pathspec::new(&paths, &self.prefix)?;
        if let Some(text) = spec.unmatched(&[&self.repo.index])
            && !lenient
        {
            return Err(Fatal::new(format!("pathspec '{text}' did not match any files")));
        }
        let chosen: Vec<_> = spec.of(&self.repo.index).cloned().collect();
        if !recursive
            && let Some(arg) = paths.iter().find(|arg| {
                let path = locate(arg, &self.prefix).unwrap_or_default();
                !arg.contains('*') && chosen.iter().any(|file| below(file.as_str(), &path))
            })
        {
            return Err(Fatal::new(format!("not removing '{arg}' recursively without -r")));
        }
        let (head, work) = (self.repo.head_tree(), self.work.tree().clone());
        let differs = |path: &RepoPath| {
            let (old, staged, now) = (
                head.get(path.as_str()),
                self.repo.index.get(path.as_str()),
                work.get(path.as_str()),
            );
            now.is_some() && (staged != now || old != staged)
        };
        if !force
            && !cached
            && let Some(path) = chosen.iter().find(|path| differs(path))
        {
            return Err(Fatal::error(format!(
                "the following file has local modifications:\n    {path}\n\
                 (use --cached to keep the file, or -f to force removal)"
            )));
        }
        if !quiet {
            chosen.iter().for_each(|path| self.say(format!("rm '{path}'")));
        }
        if !cached {
            self.work.change(chosen.iter().map(|path| (path.clone(), None)))?;
        }
        self.index_changes(chosen.into_iter().map(|path| (path, None)))?;
        Ok(0)
    }

    pub fn mv(&mut self, args: &[String]) -> Result<i32> {
        let force = args.iter().any(|arg| arg == "-f" || arg == "--force");
        let paths: Vec<_> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
        let Some((target, sources)) = paths.split_last().filter(|(_, sources)| !sources.is_empty())
        else {
            return Err(Fatal::usage("usage: git mv [-f] <source>... <destination>"));
        };
        let outside = || Fatal::new(format!("'{target}' is outside repository at '/testbed'"));
        let to = locate(target, &self.prefix).ok_or_else(outside)?;
        let into = self.work.is_directory(&to);
        let mut moves = Vec::new();
        for source in sources {
            let from = locate(source, &self.prefix).ok_or_else(outside)?;
            let name = from.rsplit('/').next().unwrap_or(&from);
            let end = match (into, to.as_str()) {
                (true, "") => name.to_owned(),
                (true, to) => format!("{to}/{name}"),
                (false, to) => to.to_owned(),
            };
            let bad = |why: &str| {
                Fatal::new(format!(
                    "{why}, source={source}, destination={}",
                    relative(&end, &self.prefix)
                ))
            };
            if !force && self.work.exists(&end) {
                return Err(bad("destination exists"));
            }
            let before = moves.len();
            for (path, file) in self.repo.index.files() {
                let rest = match path.as_str().strip_prefix(&from) {
                    Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
                    _ => continue,
                };
                let new = RepoPath::new(&format!("{end}{rest}")).map_err(Fatal::new)?;
                moves.push((path.clone(), new, file.clone()));
            }
            if moves.len() == before {
                let known = self.work.exists(&from);
                return Err(bad(if known { "not under version control" } else { "bad source" }));
            }
        }
        let work = self.work.tree().clone();
        let there = |path: &RepoPath| work.get(path.as_str()).cloned();
        let changes = moves
            .iter()
            .flat_map(|(from, to, _)| [(from.clone(), None), (to.clone(), there(from))]);
        self.work.change(changes)?;
        self.index_changes(
            moves.into_iter().flat_map(|(from, to, file)| [(from, None), (to, Some(file))]),
        )?;
        Ok(0)
    }

    pub fn clean(&mut self, args: &[String]) -> Result<i32> {
        let (mut paths, mut dry, mut force, mut directories, mut quiet, mut ignored, mut only) =
            (Vec::new(), false, false, false, false, false, false);
        for arg in args {
            match arg.strip_prefix('-').filter(|letters| !letters.is_empty()) {
                Some("-dry-run") => dry = true,
                Some("-force") => force = true,
                Some("-quiet") => quiet = true,
                Some("-") => {}
                Some(letters) => {
                    for letter in letters.chars() {
                        match letter {
                            'n' => dry = true,
                            'f' => force = true,
                            'd' => directories = true,
                            'q' => quiet = true,
                            'x' => ignored = true,
                            'X' => only = true,
                            _ => return Err(Fatal::option("clean", arg)),
                        }
                    }
                }
                None => paths.push(arg.clone()),
            }
        }
        if !dry && !force {
            return Err(Fatal::new(
                "clean.requireForce is true and -f not given: refusing to clean",
            ));
        }
        let spec = Pathspec::new(&paths, &self.prefix)?;
        let mut files = if only { Vec::new() } else { self.untracked(&spec, false)? };
        if ignored || only {
            files.extend(self.untracked(&spec, true)?);
            files.sort();
        }
        let shown = self.collapse(&files);
        let in_directory = |path: &str| {
            shown.iter().any(|entry| entry.ends_with('/') && path.starts_with(entry.as_str()))
        };
        files.retain(|path| directories || !in_directory(path.as_str()) || !spec.is_empty());
        let verb = if dry { "Would remove" } else { "Removing" };
        for entry in
            shown.iter().filter(|entry| directories || !spec.is_empty() || !entry.ends_with('/'))
        {
            if !quiet || dry {
                let line = format!("{verb} {}", relative(entry, &self.prefix));
                self.say(line);
            }
        }
        if !dry {
            self.work.change(files.into_iter().map(|path| (path, None)))?;
        }
        Ok(0)
    }
}

/// Whether `path` is inside of `directory`.
pub(super) fn below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

/// `base` with the files of `from` that `spec` matches, and without those that `from` lacks.
pub(super) fn overlay(base: &Tree, from: &Tree, spec: &Pathspec) -> Result<Tree> {
    let gone = spec.of(base).filter(|path| !from.contains(path.as_str()));
    let gone = gone.map(|path| (path.clone(), None));
    let new = spec.of(from).map(|path| (path.clone(), from.get(path.as_str()).cloned()));
    base.with_all(gone.chain(new)).map_err(Fatal::new)
}
