//! `git stash`: entries as commits with the index and untracked files as parents.

use ssr_core::Tree;

use super::diff::DiffOptions;
use super::history::Head;
use super::object::Oid;
use super::pathspec::Pathspec;
use super::stage::overlay;
use super::{Call, Fatal, Result};

impl Call<'_> {
    pub fn stash(&mut self, args: &[String]) -> Result<i32> {
        let (action, rest) = match args.split_first() {
            Some((action, rest)) if !action.starts_with('-') => (action.as_str(), rest),
            _ => ("push", args),
        };
        match action {
            "push" => self.stash_push(rest),
            "save" => {
                let words: Vec<_> =
                    rest.iter().filter(|arg| !arg.starts_with('-')).cloned().collect();
                let message = words.join(" ");
                self.stash_push(&if message.is_empty() {
                    Vec::new()
                } else {
                    vec!["-m".to_owned(), message]
                })
            }
            "list" => {
                let entries: Vec<_> = self.repo.stash.iter().rev().copied().collect();
                for (at, id) in entries.into_iter().enumerate() {
                    let subject = self.repo.commits[&id].subject();
                    self.say(format!("stash@{{{at}}}: {subject}"));
                }
                Ok(0)
            }
            "show" => {
                let mut options = DiffOptions::default();
                let mut names = Vec::new();
                for arg in rest {
                    if options.take(arg, &[])?.is_none() {
                        names.push(arg.clone());
                    }
                }
                options.stat |= !options.is_chosen();
                let (_, id) = self.entry(&names)?;
                let stash = self.repo.tree(id);
                let base = self.base_of(id);
                let all = self.deltas(&base, &stash, &Pathspec::default(), true)?;
                options.print(&mut self.out, all, self.deadline)?;
                self.warn_about_renames();
                Ok(0)
            }
            "pop" | "apply" => {
                let names: Vec<_> =
                    rest.iter().filter(|arg| !arg.starts_with('-')).cloned().collect();
                let with_index = rest.iter().any(|arg| arg == "--index");
                let quiet = rest.iter().any(|arg| arg == "-q" || arg == "--quiet");
                let (at, id) = self.entry(&names)?;
                self.unstash(id, with_index)?;
                if !quiet {
                    self.print_status()?;
                }
                if action == "pop" {
                    self.drop_entry(at, id, &names, quiet);
                }
                Ok(0)
            }
            "drop" => {
                let names: Vec<_> =
                    rest.iter().filter(|arg| !arg.starts_with('-')).cloned().collect();
                let quiet = rest.iter().any(|arg| arg == "-q" || arg == "--quiet");
                let (at, id) = self.entry(&names)?;
                self.drop_entry(at, id, &names, quiet);
                Ok(0)
            }
            "clear" => {
                self.repo.stash.clear();
                Ok(0)
            }
            other => Err(Fatal::option("stash", other)),
        }
    }

    fn stash_push(&mut self, args: &[String]) -> Result<i32> {
        let (mut message, mut untracked, mut keep_index, mut quiet, mut paths) =
            (None, false, false, false, Vec::new());
        let mut rest = args;
        while let Some((arg, after)) = rest.split_first() {
            rest = after;
            match arg.as_str() {
                "--" => {
                    paths.extend_from_slice(rest);
                    break;
                }
                "-m" | "--message" => {
                    let (text, after) = rest
                        .split_first()
                        .ok_or_else(|| Fatal::usage("option -m requires a value"))?;
                    (message, rest) = (Some(text.clone()), after);
                }
                "-u" | "--include-untracked" => untracked = true,
                "-k" | "--keep-index" => keep_index = true,
                "-q" | "--quiet" => quiet = true,
                option => match option.strip_prefix("--message=").or(option.strip_prefix("-m")) {
                    Some(text) => message = Some(text.to_owned()),
                    None if option.starts_with('-') => {
                        return Err(Fatal::option("stash push", option));
                    }
                    None => paths.push(option.to_owned()),
                },
            }
        }
        let spec = Pathspec::new(&paths, &self.prefix)?;
        let (head_id, head) = (self.repo.head_id(), self.repo.head_tree());
        let new = if untracked { self.untracked(&spec, false)? } else { Vec::new() };
        let (index, tracked) = (self.repo.index.clone(), self.tracked());
        let nothing = spec.of(&index).chain(spec.of(&head)).all(|path| {
            let path = path.as_str();
            index.get(path) == head.get(path) && tracked.get(path) == index.get(path)
        });
        if nothing && new.is_empty() {
            if !quiet {
                self.say("No local changes to save");
            }
            return Ok(0);
        }
        let branch = match &self.repo.head {
            Head::Branch(name) => name.clone(),
            Head::Detached(_) => "(no branch)".to_owned(),
        };
        let place =
            format!("{branch}: {} {}", head_id.short(), self.repo.commits[&head_id].subject());
        let author = self.signature("AUTHOR");
        let staged = self.store(
            index.clone(),
            vec![head_id],
            author.clone(),
            format!("index on {place}\n"),
        )?;
        let mut parents = vec![head_id, staged];
        if !new.is_empty() {
            let work = self.work.tree();
            let files = new
                .iter()
                .filter_map(|path| Some((path.clone(), work.get(path.as_str())?.clone())));
            let tree = Tree::from_files(files).map_err(Fatal::new)?;
            let text = format!("untracked files on {place}\n");
            parents.push(self.store(tree, Vec::new(), author.clone(), text)?);
        }
        let saved = overlay(&head, &tracked, &spec)?;
        let text = match message {
            Some(message) => format!("On {branch}: {message}"),
            None => format!("WIP on {place}"),
        };
        let id = self.store(saved, parents, author, text.clone())?;
        self.repo.stash.push(id);
        let back = if keep_index { index.clone() } else { overlay(&index, &head, &spec)? };
        let restored = overlay(&tracked, &back, &spec)?;
        let gone = tracked.files().filter(|(path, _)| !restored.contains(path.as_str()));
        let gone = gone.map(|(path, _)| (path.clone(), None));
        let files = restored.files().map(|(path, file)| (path.clone(), Some(file.clone())));
        let new = new.into_iter().map(|path| (path, None));
        self.work.change(new.chain(gone).chain(files))?;
        self.repo.index = back;
        if !quiet {
            self.say(format!("Saved working directory and index state {text}"));
        }
        Ok(0)
    }

    /// The place in the list, from the oldest, and the commit of the named or latest entry.
    fn entry(&self, names: &[String]) -> Result<(usize, Oid)> {
        if self.repo.stash.is_empty() {
            return Err(Fatal::error("No stash entries found."));
        }
        let name = names.first().map_or("0", String::as_str);
        let number =
            name.trim_start_matches("refs/").trim_start_matches("stash@{").trim_end_matches('}');
        let number = if number == "stash" { "0" } else { number };
        let back: Option<usize> = number.parse().ok();
        let at = back.and_then(|back| self.repo.stash.len().checked_sub(back + 1));
        let at = at.ok_or_else(|| Fatal::error(format!("{name} is not a valid reference")))?;
        Ok((at, self.repo.stash[at]))
    }

    fn base_of(&self, stash: Oid) -> Tree {
        let parent = self.repo.commits.get(&stash).and_then(|commit| commit.parents.first());
        parent.map(|id| self.repo.tree(*id)).unwrap_or_default()
    }

    fn drop_entry(&mut self, at: usize, id: Oid, names: &[String], quiet: bool) {
        self.repo.stash.remove(at);
        if !quiet {
            let name = names.first().map_or("refs/stash@{0}".to_owned(), |name| {
                if name.contains('@') { name.clone() } else { format!("refs/stash@{{{name}}}") }
            });
            self.say(format!("Dropped {name} ({id})"));
        }
    }

    fn unstash(&mut self, id: Oid, with_index: bool) -> Result<()> {
        let (base, saved) = (self.base_of(id), self.repo.tree(id));
        let parents = self.repo.commits[&id].parents.clone();
        let work = self.work.tree().clone();
        let (mut changes, mut blocked) = match self.merge(&base, &saved) {
            Ok(changes) => (changes, Vec::new()),
            Err(blocked) => (Vec::new(), blocked),
        };
        let untracked = parents.get(2).map(|id| self.repo.tree(*id)).unwrap_or_default();
        for (path, file) in untracked.files() {
            match work.get(path.as_str()) {
                Some(now) if now != file => blocked.push(path.to_string()),
                _ => changes.push((path.clone(), Some(file.clone()))),
            }
        }
        if !blocked.is_empty() {
            return Err(Fatal::error(format!(
                "Your local changes to the following files would be overwritten by merge:\n\t{}\n\
                 Please commit your changes or stash them before you merge.\nAborting\n\
                 The stash entry is kept in case you need it again.",
                blocked.join("\n\t")
            )));
        }
        self.work.change(changes)?;
        if with_index {
            let staged = parents.get(1).map(|id| self.repo.tree(*id)).unwrap_or_default();
            let paths = base.changed_paths(&staged);
            let changes = paths.into_iter().map(|path| {
                let file = staged.get(path.as_str()).cloned();
                (path, file)
            });
            self.index_changes(changes.collect::<Vec<_>>())?;
        } else {
            let added = saved.files().filter(|(path, _)| !base.contains(path.as_str()));
            let added: Vec<_> =
                added.map(|(path, file)| (path.clone(), Some(file.clone()))).collect();
            self.index_changes(added)?;
        }
        Ok(())
    }
}
