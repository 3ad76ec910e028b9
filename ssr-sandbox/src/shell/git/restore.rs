//! `git restore` and `git reset`: index and working tree back to a commit.

use super::pathspec::{Pathspec, locate};
use super::stage::overlay;
use super::{Call, Fatal, Result};

impl Call<'_> {
    /// Paths of `tree` that `spec` names come back to the working tree, and to the index, too,
    /// when `into_index`. Nothing else is touched.
    pub fn restore_paths(
        &mut self,
        tree: &ssr_core::Tree,
        spec: &Pathspec,
        into_index: bool,
        into_work: bool,
        removing: bool,
    ) -> Result<usize> {
        let chosen: Vec<_> = spec.of(tree).cloned().collect();
        let work = self.work.tree().clone();
        let mut changes: Vec<_> =
            chosen.iter().map(|path| (path.clone(), tree.get(path.as_str()).cloned())).collect();
        let mut count =
            changes.iter().filter(|(path, file)| work.get(path.as_str()) != file.as_ref()).count();
        if removing {
            let index = self.repo.index.clone();
            let gone = spec.of(&index).filter(|path| !tree.contains(path.as_str()));
            let gone: Vec<_> = gone.map(|path| (path.clone(), None)).collect();
            count += gone.len();
            changes.extend(gone);
        }
        if into_index {
            self.index_changes(changes.clone())?;
        }
        if into_work {
            self.work.change(changes)?;
        }
        Ok(count)
    }

    pub fn restore(&mut self, args: &[String]) -> Result<i32> {
        let (mut staged, mut worktree, mut source, mut paths) = (false, false, None, Vec::new());
        let mut rest = args;
        while let Some((arg, after)) = rest.split_first() {
            rest = after;
            match arg.as_str() {
                "--" => {
                    paths.extend_from_slice(rest);
                    break;
                }
                "-S" | "--staged" => staged = true,
                "-W" | "--worktree" => worktree = true,
                "-SW" | "-WS" => (staged, worktree) = (true, true),
                "-q" | "--quiet" | "--no-overlay" | "--progress" | "--no-progress" => {}
                "-s" | "--source" => {
                    let (value, after) = rest
                        .split_first()
                        .ok_or_else(|| Fatal::usage("option `source' requires a value"))?;
                    (source, rest) = (Some(value.clone()), after);
                }
                option => match option.strip_prefix("--source=").or(option.strip_prefix("-s")) {
                    Some(value) => source = Some(value.to_owned()),
                    None if option.starts_with('-') => {
                        return Err(Fatal::option("restore", option));
                    }
                    None => paths.push(option.to_owned()),
                },
            }
        }
        if paths.is_empty() {
            return Err(Fatal::new("you must specify path(s) to restore"));
        }
        let spec = Pathspec::new(&paths, &self.prefix)?;
        let tree = match &source {
            Some(revision) => self.repo.revision(revision)?.1.tree.clone(),
            None if staged => self.repo.head_tree(),
            None => self.repo.index.clone(),
        };
        let known = [&tree, &self.repo.index];
        if let Some(text) = spec.unmatched(&known) {
            return Err(Fatal::error(format!(
                "pathspec '{text}' did not match any file(s) known to git"
            )));
        }
        self.restore_paths(&tree, &spec, staged, worktree || !staged, true)?;
        Ok(0)
    }

    pub fn reset(&mut self, args: &[String]) -> Result<i32> {
        let (mut mode, mut quiet, mut names, mut paths) = ("", false, Vec::new(), None);
        for (at, arg) in args.iter().enumerate() {
            match arg.as_str() {
                "--" => {
                    paths = Some(args[at + 1..].to_vec());
                    break;
                }
                "--hard" | "--soft" | "--mixed" | "--keep" | "--merge" => mode = &arg[2..],
                "-q" | "--quiet" => quiet = true,
                "--no-refresh" | "--refresh" => {}
                option if option.starts_with('-') && option.len() > 1 => {
                    return Err(Fatal::option("reset", option));
                }
                _ => names.push(arg.clone()),
            }
        }
        let revision = names.first().and_then(|name| self.repo.try_revision(name));
        if revision.is_some() {
            names.remove(0);
        } else if let Some(name) = names.first()
            && locate(name, &self.prefix).is_none_or(|path| {
                !self.repo.index.contains(&path)
                    && !self.work.exists(&path)
                    && !name.contains('*')
                    && !self.repo.head_tree().contains(&path)
            })
        {
            return Err(super::revision::unknown(name));
        }
        let (to, commit) = revision.map_or_else(|| self.repo.revision("HEAD"), Ok)?;
        names.extend(paths.unwrap_or_default());
        if !names.is_empty() {
            if !mode.is_empty() && mode != "mixed" {
                return Err(Fatal::new(format!("Cannot do {mode} reset with paths.")));
            }
            let spec = Pathspec::new(&names, &self.prefix)?;
            self.repo.index = overlay(&self.repo.index, &commit.tree, &spec)?;
            return self.print_unstaged(quiet);
        }
        if matches!(mode, "hard" | "keep" | "merge") {
            let before = self.repo.index.clone();
            // Untracked files stay, unless a file of the commit has their place.
            let gone = before.files().filter(|(path, _)| !commit.tree.contains(path.as_str()));
            let gone = gone.map(|(path, _)| (path.clone(), None));
            let back = commit.tree.files().map(|(path, file)| (path.clone(), Some(file.clone())));
            self.work.change(gone.chain(back))?;
        }
        if mode != "soft" {
            self.repo.index = commit.tree.clone();
        }
        self.repo.move_head(to);
        match mode {
            "hard" if !quiet => {
                self.say(format!("HEAD is now at {} {}", to.short(), commit.subject()))
            }
            "" | "mixed" => return self.print_unstaged(quiet),
            _ => {}
        }
        Ok(0)
    }

    fn print_unstaged(&mut self, quiet: bool) -> Result<i32> {
        let everything = Pathspec::default();
        let all = self.deltas(&self.repo.index, &self.tracked(), &everything, false)?;
        if quiet || all.is_empty() {
            return Ok(0);
        }
        self.say("Unstaged changes after reset:");
        for delta in all {
            self.say(format!("{}\t{}", delta.letter(), delta.path()));
        }
        Ok(0)
    }
}
