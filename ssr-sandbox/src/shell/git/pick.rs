//! `git cherry-pick` and `git revert`: the change of a commit made again, or taken back.

use ssr_core::{File, RepoPath, Tree};

use super::date::DateStyle;
use super::{Call, Fatal, Result};

impl Call<'_> {
    /// `git revert` takes the change of a commit back and `git cherry-pick` makes it again, both
    /// without conflicts or not at all.
    pub fn pick(&mut self, command: &str, args: &[String]) -> Result<i32> {
        let (mut names, mut commits) = (Vec::new(), true);
        for arg in args {
            match arg.as_str() {
                "-n" | "--no-commit" => commits = false,
                "--no-edit" | "-x" | "--" | "-q" => {}
                option if option.starts_with('-') => return Err(Fatal::option(command, option)),
                _ => names.push(arg.clone()),
            }
        }
        if names.is_empty() {
            return Err(Fatal::usage(format!("usage: git {command} [-n] <commit>...")));
        }
        for name in names {
            let (id, commit) = self.repo.revision(&name)?;
            let parent = commit.parents.first().map(|id| self.repo.tree(*id)).unwrap_or_default();
            let reverts = command == "revert";
            let (from, to) = match reverts {
                true => (commit.tree.clone(), parent),
                false => (parent, commit.tree.clone()),
            };
            let changes = self.merge(&from, &to).map_err(|paths| {
                Fatal::error(format!(
                    "your local changes would be overwritten or the change conflicts in {}; \
                     nothing was changed",
                    paths.join(", ")
                ))
            })?;
            let tree = self.repo.index.with_all(changes.clone()).map_err(Fatal::new)?;
            self.work.change(changes)?;
            self.repo.index = tree;
            if !commits {
                continue;
            }
            let message = match reverts {
                true => format!("Revert \"{}\"\n\nThis reverts commit {id}.\n", commit.subject()),
                false => commit.message.clone(),
            };
            let mut options = vec!["--picked".to_owned(), "-m".to_owned(), message];
            if !reverts {
                let author = &commit.author;
                options.push(format!("--author={} <{}>", author.name, author.email));
                options.push(format!("--date=@{}", author.when.show(DateStyle::Raw)));
            }
            let code = self.commit(&options)?;
            if code != 0 {
                return Ok(code);
            }
        }
        Ok(0)
    }

    /// The change from one tree to another, made to the working tree; the paths that are in the
    /// way when some are.
    pub fn merge(
        &self,
        from: &Tree,
        to: &Tree,
    ) -> std::result::Result<Vec<(RepoPath, Option<File>)>, Vec<String>> {
        let (work, index, tracked) =
            (self.work.tree().clone(), self.repo.index.clone(), self.tracked());
        let (mut changes, mut blocked) = (Vec::new(), Vec::new());
        for path in from.changed_paths(to) {
            let of = |tree: &Tree| tree.get(path.as_str()).cloned();
            let (old, new, now) = (of(from), of(to), of(&work));
            if now == old {
                changes.push((path, new));
            } else if now != new {
                match merged(&path, from, to, &work) {
                    Some(file) if of(&index) == of(&tracked) => changes.push((path, Some(file))),
                    _ => blocked.push(path.to_string()),
                }
            }
        }
        if blocked.is_empty() { Ok(changes) } else { Err(blocked) }
    }
}

/// The change of one file made to what the file is now.
fn merged(path: &RepoPath, from: &Tree, to: &Tree, work: &Tree) -> Option<File> {
    let only = |tree: &Tree| {
        let file = tree.get(path.as_str()).map(|file| (path.clone(), file.clone()));
        Tree::from_files(file).unwrap_or_default()
    };
    let patch = only(from).diff(&only(to));
    only(work).apply(&patch).ok()?.get(path.as_str()).cloned()
}
