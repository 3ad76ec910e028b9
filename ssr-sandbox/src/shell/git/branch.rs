//! `git checkout`, `switch`, `branch` and `tag`: references and where `HEAD` points.

use ssr_core::RepoPath;

use super::commit::cleaned;
use super::history::Head;
use super::object::Oid;
use super::pathspec::Pathspec;
use super::{Call, Fatal, Result};
use crate::shell::glob::{self, Slash};

impl Call<'_> {
    pub fn checkout(&mut self, args: &[String]) -> Result<i32> {
        let (mut create, mut names, mut paths, mut force, mut quiet, mut detach) =
            (None, Vec::new(), None, false, false, false);
        let args = single_letters(args, "qfdbB");
        let mut rest = args.as_slice();
        while let Some((arg, after)) = rest.split_first() {
            rest = after;
            match arg.as_str() {
                "--" => {
                    paths = Some(rest.to_vec());
                    break;
                }
                "-b" | "-B" => {
                    let (name, after) = rest.split_first().ok_or_else(|| {
                        Fatal::usage(format!("switch `{}' requires a value", &arg[1..]))
                    })?;
                    (create, rest) = (Some((name.clone(), arg == "-B")), after);
                }
                "-f" | "--force" => force = true,
                "-q" | "--quiet" => quiet = true,
                "--detach" | "-d" => detach = true,
                "--no-progress" | "--progress" | "--no-guess" | "--no-track" => {}
                option if option.starts_with('-') && option.len() > 1 => {
                    return Err(Fatal::option("checkout", option));
                }
                _ => names.push(arg.clone()),
            }
        }
        if let Some((name, reset)) = create {
            let start = names.first().map_or("HEAD", String::as_str);
            self.create_branch(&name, start, reset)?;
            return self.go(&name, force, quiet, false, true);
        }
        let revision = names.first().and_then(|name| self.repo.try_revision(name));
        let named_paths = match (&revision, &paths) {
            (Some(_), _) => names.split_off(1),
            (None, _) => std::mem::take(&mut names),
        };
        let explicit = paths.is_some();
        let all: Vec<_> = named_paths.into_iter().chain(paths.unwrap_or_default()).collect();
        if all.is_empty() {
            return match names.first() {
                Some(name) => self.go(name, force, quiet, detach, false),
                None if explicit || force => {
                    let head = self.repo.head_tree();
                    if force {
                        self.restore_paths(&head, &Pathspec::default(), true, true, true)?;
                    }
                    Ok(0)
                }
                None => self.go("HEAD", force, quiet, detach, false),
            };
        }
        let spec = Pathspec::new(&all, &self.prefix)?;
        let tree = match &revision {
            Some((_, commit)) => commit.tree.clone(),
            None => self.repo.index.clone(),
        };
        if let Some(text) = spec.unmatched(&[&tree]) {
            return Err(Fatal::error(format!(
                "pathspec '{text}' did not match any file(s) known to git"
            )));
        }
        let count = self.restore_paths(&tree, &spec, revision.is_some(), true, false)?;
        if !explicit && !quiet {
            let from = revision.map_or("the index".to_owned(), |(id, _)| id.short());
            let s = if count == 1 { "" } else { "s" };
            self.note(format!("Updated {count} path{s} from {from}"));
        }
        Ok(0)
    }

    pub fn switch(&mut self, args: &[String]) -> Result<i32> {
        let (mut create, mut names, mut force, mut quiet, mut detach) =
            (None, Vec::new(), false, false, false);
        let args = single_letters(args, "qfdcC");
        let mut rest = args.as_slice();
        while let Some((arg, after)) = rest.split_first() {
            rest = after;
            match arg.as_str() {
                "-c" | "-C" | "--create" | "--force-create" => {
                    let (name, after) = rest
                        .split_first()
                        .ok_or_else(|| Fatal::usage(format!("option {arg} requires a value")))?;
                    let reset = arg == "-C" || arg == "--force-create";
                    (create, rest) = (Some((name.clone(), reset)), after);
                }
                "-f" | "--force" | "--discard-changes" => force = true,
                "-q" | "--quiet" => quiet = true,
                "-d" | "--detach" => detach = true,
                option if option.starts_with('-') && option.len() > 1 => {
                    return Err(Fatal::option("switch", option));
                }
                _ => names.push(arg.clone()),
            }
        }
        if let Some((name, reset)) = create {
            let start = names.first().map_or("HEAD", String::as_str);
            self.create_branch(&name, start, reset)?;
            return self.go(&name, force, quiet, false, true);
        }
        let Some(name) = names.first() else {
            return Err(Fatal::new("missing branch or commit argument"));
        };
        if !detach && name != "-" && !self.repo.branches.contains_key(name) {
            return Err(match self.repo.try_revision(name) {
                Some(_) => Fatal::new(format!("a branch is expected, got commit '{name}'")),
                None => Fatal::new(format!("invalid reference: {name}")),
            });
        }
        self.go(name, force, quiet, detach, false)
    }

    /// Makes `HEAD`, index and working tree those of `name`; local changes that are not in the way
    /// come along.
    fn go(&mut self, name: &str, force: bool, quiet: bool, detach: bool, new: bool) -> Result<i32> {
        let unknown =
            || Fatal::error(format!("pathspec '{name}' did not match any file(s) known to git"));
        let (id, commit) = self.repo.try_revision(name).ok_or_else(unknown)?;
        let head = match (name, detach) {
            ("HEAD" | "@", false) => self.repo.head.clone(),
            ("-" | "@{-1}", false) => self.repo.previous.clone().unwrap_or(Head::Detached(id)),
            (name, false) if self.repo.branches.contains_key(name) => Head::Branch(name.to_owned()),
            _ => Head::Detached(id),
        };
        if force {
            let index = self.repo.index.clone();
            let gone = index.files().filter(|(path, _)| !commit.tree.contains(path.as_str()));
            let gone = gone.map(|(path, _)| (path.clone(), None));
            let back = commit.tree.files().map(|(path, file)| (path.clone(), Some(file.clone())));
            self.work.change(gone.chain(back))?;
            self.repo.index = commit.tree.clone();
        } else {
            self.carry_over(&commit.tree)?;
            if !quiet && !new {
                let everything = Pathspec::default();
                let local = self.deltas(&commit.tree, &self.tracked(), &everything, false)?;
                for delta in local {
                    self.say(format!("{}\t{}", delta.letter(), delta.path()));
                }
            }
        }
        let same = head == self.repo.head;
        let note = match (&head, same) {
            (Head::Branch(name), true) => format!("Already on '{name}'"),
            (Head::Branch(name), false) if new => format!("Switched to a new branch '{name}'"),
            (Head::Branch(name), false) => format!("Switched to branch '{name}'"),
            (Head::Detached(_), _) => format!(
                "Note: switching to '{name}'.\nHEAD is now at {} {}",
                id.short(),
                commit.subject()
            ),
        };
        if !same {
            self.repo.switch(head);
        }
        if !quiet {
            self.note(note);
        }
        Ok(0)
    }

    /// Takes index and working tree from the tree of `HEAD` to `target` where they agree with the
    /// former, and refuses when a local change is in the way.
    pub fn carry_over(&mut self, target: &ssr_core::Tree) -> Result<()> {
        let (head, index, work) =
            (self.repo.head_tree(), self.repo.index.clone(), self.work.tree().clone());
        let (mut changed, mut untracked) = (Vec::new(), Vec::new());
        let mut updates: Vec<(RepoPath, Option<ssr_core::File>)> = Vec::new();
        for path in head.changed_paths(target) {
            let of = |tree: &ssr_core::Tree| tree.get(path.as_str()).cloned();
            let (old, new, staged, now) = (of(&head), of(target), of(&index), of(&work));
            if staged == new && (now == new || staged == now) {
                continue;
            }
            match staged == old && now == staged {
                true => updates.push((path, new)),
                false if staged.is_none() && old.is_none() => untracked.push(path),
                false => changed.push(path),
            }
        }
        let list = |paths: &[RepoPath]| -> String {
            paths.iter().map(|path| format!("\t{path}\n")).collect()
        };
        if !changed.is_empty() {
            return Err(Fatal::error(format!(
                "Your local changes to the following files would be overwritten by checkout:\n{}\
                 Please commit your changes or stash them before you switch branches.\nAborting",
                list(&changed)
            )));
        }
        if !untracked.is_empty() {
            return Err(Fatal::error(format!(
                "The following untracked working tree files would be overwritten by checkout:\n{}\
                 Please move or remove them before you switch branches.\nAborting",
                list(&untracked)
            )));
        }
        self.work.change(updates.clone())?;
        self.index_changes(updates)
    }

    fn create_branch(&mut self, name: &str, start: &str, reset: bool) -> Result<()> {
        if !is_valid(name) {
            return Err(Fatal::new(format!("'{name}' is not a valid branch name")));
        }
        if self.repo.branches.contains_key(name) && !reset {
            return Err(Fatal::new(format!("a branch named '{name}' already exists")));
        }
        let (id, _) = self.repo.try_revision(start).ok_or_else(|| {
            Fatal::new(format!(
                "'{start}' is not a commit and a branch '{name}' cannot be created from it"
            ))
        })?;
        self.repo.branches.insert(name.to_owned(), id);
        Ok(())
    }

    pub fn branch(&mut self, args: &[String]) -> Result<i32> {
        let (mut names, mut action, mut verbose, mut force) = (Vec::new(), ' ', false, false);
        let (mut quiet, mut list, mut contains) = (false, false, None);
        let args = single_letters(args, "qfdDmMvalr");
        let mut rest = args.as_slice();
        while let Some((arg, after)) = rest.split_first() {
            rest = after;
            match arg.as_str() {
                "-q" | "--quiet" => quiet = true,
                "--list" | "-l" => list = true,
                "--contains" => {
                    let next = rest.first().filter(|next| !next.starts_with('-'));
                    rest = if next.is_some() { &rest[1..] } else { rest };
                    contains = Some(next.map_or("HEAD", String::as_str));
                }
                "--show-current" => {
                    if let Head::Branch(name) = &self.repo.head {
                        let name = name.clone();
                        self.say(name);
                    }
                    return Ok(0);
                }
                "-d" | "--delete" => action = 'd',
                "-D" => (action, force) = ('d', true),
                "-m" | "--move" => action = 'm',
                "-M" => (action, force) = ('m', true),
                "-v" | "-vv" | "--verbose" => verbose = true,
                "-f" | "--force" => force = true,
                "-a" | "--all" | "--no-color" | "--no-column" => {}
                "-r" | "--remotes" => return Ok(0),
                option if option.starts_with('-') => return Err(Fatal::option("branch", option)),
                _ => names.push(arg.clone()),
            }
        }
        let current = match &self.repo.head {
            Head::Branch(name) => name.clone(),
            Head::Detached(_) => String::new(),
        };
        match (action, names.as_slice()) {
            ('d', names) => {
                for name in names {
                    if *name == current {
                        return Err(Fatal::error(format!(
                            "cannot delete branch '{name}' used by worktree at '/testbed'"
                        )));
                    }
                    let Some(id) = self.repo.branches.get(name).copied() else {
                        return Err(Fatal::error(format!("branch '{name}' not found")));
                    };
                    let merged = self.repo.ancestors(&[self.repo.head_id()]);
                    if !force && !merged.iter().any(|(known, _)| *known == id) {
                        return Err(Fatal::error(format!(
                            "the branch '{name}' is not fully merged"
                        )));
                    }
                    self.repo.branches.remove(name);
                    if !quiet {
                        self.say(format!("Deleted branch {name} (was {}).", id.short()));
                    }
                }
            }
            ('m', names @ ([_] | [_, _])) => {
                let (from, to) = match names {
                    [from, to] => (from.clone(), to),
                    [to, ..] => (current.clone(), to),
                    [] => return Ok(0),
                };
                let Some(id) = self.repo.branches.get(&from).copied() else {
                    return Err(Fatal::new(format!("no branch named '{from}'")));
                };
                if !is_valid(to) || (self.repo.branches.contains_key(to) && !force) {
                    return Err(Fatal::new(format!("a branch named '{to}' already exists")));
                }
                self.repo.branches.remove(&from);
                self.repo.branches.insert(to.clone(), id);
                if from == current {
                    self.repo.head = Head::Branch(to.clone());
                }
            }
            (_, patterns) if list || contains.is_some() || patterns.is_empty() => {
                let holds = contains.map(|name| self.repo.revision(name)).transpose()?;
                self.list_branches(&current, verbose, patterns, holds.map(|(id, _)| id));
            }
            (_, []) => {}
            (_, [name]) => self.create_branch(name, "HEAD", force)?,
            (_, [name, start, ..]) => self.create_branch(name, start, force)?,
        }
        Ok(0)
    }

    /// Lists the branches that match one of the patterns, if there are any, and have `holds` in
    /// their history.
    fn list_branches(
        &mut self,
        current: &str,
        verbose: bool,
        patterns: &[String],
        holds: Option<Oid>,
    ) {
        let mut rows: Vec<(char, String, Oid)> = Vec::new();
        if let Head::Detached(id) = &self.repo.head
            && patterns.is_empty()
        {
            rows.push(('*', format!("(HEAD detached at {})", id.short()), *id));
        }
        let branches = self.repo.branches.iter().filter(|(name, _)| fits(name, patterns));
        rows.extend(
            branches.map(|(name, id)| (if name == current { '*' } else { ' ' }, name.clone(), *id)),
        );
        if let Some(wanted) = holds {
            let has = |id: &Oid| self.repo.ancestors(&[*id]).iter().any(|(id, _)| *id == wanted);
            rows.retain(|(_, _, id)| has(id));
        }
        let width = rows.iter().map(|(_, name, _)| name.len()).max().unwrap_or(0);
        for (mark, name, id) in rows {
            let subject = self.repo.commits.get(&id).map(|commit| commit.subject());
            self.say(match verbose {
                true => {
                    format!("{mark} {name:width$} {} {}", id.short(), subject.unwrap_or_default())
                }
                false => format!("{mark} {name}"),
            });
        }
    }

    pub fn tag(&mut self, args: &[String]) -> Result<i32> {
        let (mut names, mut delete, mut list, mut subjects) = (Vec::new(), false, false, false);
        let mut message: Option<String> = None;
        let mut annotate = false;
        let mut rest = args;
        while let Some((arg, after)) = rest.split_first() {
            rest = after;
            match arg.as_str() {
                "-d" | "--delete" => delete = true,
                "-m" | "--message" | "-am" | "-ma" => {
                    let (text, after) = rest
                        .split_first()
                        .ok_or_else(|| Fatal::usage("switch `m' requires a value"))?;
                    let before = message.map_or(String::new(), |before| before + "\n");
                    (message, rest) = (Some(before + &cleaned(text)), after);
                }
                option if option.starts_with("--message=") => {
                    message = Some(cleaned(&option["--message=".len()..]));
                }
                "-a" | "--annotate" => annotate = true,
                "-l" | "--list" => list = true,
                "-n" => (list, subjects) = (true, true),
                "-f" | "--force" => {}
                option if option.starts_with('-') => return Err(Fatal::option("tag", option)),
                _ => names.push(arg.clone()),
            }
        }
        if annotate && message.is_none() {
            return Err(Fatal::new("no tag message? there is no editor in this sandbox; use -m"));
        }
        match names.as_slice() {
            patterns if list || (patterns.is_empty() && !delete) => {
                let tags = self.repo.tags.clone();
                for (name, id) in tags.iter().filter(|(name, _)| fits(name, patterns)) {
                    let commit = self.repo.commits.get(id).map(|commit| commit.subject());
                    let annotation = self.repo.annotations.get(name);
                    let subject = annotation.map(|tag| tag.subject.clone()).or(commit);
                    self.say(match subjects {
                        true => format!("{name:15} {}", subject.unwrap_or_default()),
                        false => name.clone(),
                    });
                }
            }
            [] => {}
            names if delete => {
                for name in names {
                    let gone = self.repo.tags.remove(name);
                    let id =
                        gone.ok_or_else(|| Fatal::error(format!("tag '{name}' not found.")))?;
                    let id = self.repo.annotations.remove(name).map_or(id, |tag| tag.id);
                    self.say(format!("Deleted tag '{name}' (was {})", id.short()));
                }
            }
            [name, rest @ ..] => {
                if !is_valid(name) {
                    return Err(Fatal::new(format!("'{name}' is not a valid tag name.")));
                }
                let force = args.iter().any(|arg| arg == "-f" || arg == "--force");
                if self.repo.tags.contains_key(name) && !force {
                    return Err(Fatal::new(format!("tag '{name}' already exists")));
                }
                let (id, _) = self.repo.revision(rest.first().map_or("HEAD", String::as_str))?;
                self.repo.tags.insert(name.clone(), id);
                self.repo.annotations.remove(name);
                if let Some(message) = message {
                    self.annotate(name, id, &message);
                }
            }
        }
        Ok(0)
    }
}

/// Whether a name matches one of the patterns, if there are any.
fn fits(name: &str, patterns: &[String]) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| glob::matches(pattern, name, Slash::Plain))
}

/// Options of one letter each, where several of `letters` stand behind one dash.
fn single_letters(args: &[String], letters: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut options = true;
    for arg in args {
        options &= arg != "--";
        match arg.strip_prefix('-') {
            Some(all) if options && all.len() > 1 && all.chars().all(|c| letters.contains(c)) => {
                out.extend(all.chars().map(|letter| format!("-{letter}")));
            }
            _ => out.push(arg.clone()),
        }
    }
    out
}

/// Git's rules for the names of references, as far as they matter here.
fn is_valid(name: &str) -> bool {
    let bad = [' ', '~', '^', ':', '?', '*', '[', '\\'];
    !name.is_empty()
        && name != "HEAD"
        && name != "@"
        && !name.starts_with(['-', '/', '.'])
        && !name.ends_with(['/', '.'])
        && !name.ends_with(".lock")
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains("//")
        && !name.contains("/.")
        && !name.chars().any(|c| c.is_control() || bad.contains(&c))
}
