//! What names such as `HEAD~2`, `stash@{1}` and `main:a.py` stand for.

use std::sync::Arc;

use ssr_core::{File, Tree};

use super::history::{Head, Repository};
use super::object::{Commit, Oid, tree_id};
use super::{Fatal, Result};

/// What a name stands for.
pub(super) enum Object {
    Commit(Oid, Arc<Commit>),
    Tree(Oid, Tree),
    Blob(Oid, File),
}

impl Object {
    pub fn id(&self) -> Oid {
        match self {
            Self::Commit(id, _) | Self::Tree(id, _) | Self::Blob(id, _) => *id,
        }
    }
}

impl Repository {
    /// Finds the commit that `text` names: `HEAD`, a branch, a tag, `stash@{1}`, an abbreviated
    /// id, each with any number of `~2`, `^`, `^2` behind.
    pub fn revision(&self, text: &str) -> Result<(Oid, Arc<Commit>)> {
        self.try_revision(text).ok_or_else(|| unknown(text))
    }

    pub fn try_revision(&self, text: &str) -> Option<(Oid, Arc<Commit>)> {
        let end = text.find(['~', '^']).unwrap_or(text.len());
        let (name, mut steps) = text.split_at(end);
        let mut id = self.named(name)?;
        while let Some(kind) = steps.chars().next() {
            let rest = &steps[1..];
            if let Some(after) = rest.strip_prefix("{commit}").or(rest.strip_prefix("{}")) {
                steps = after;
                continue;
            }
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let count: usize = if digits == 0 { 1 } else { rest[..digits].parse().ok()? };
            steps = &rest[digits..];
            match kind {
                '~' => {
                    for _ in 0..count {
                        id = *self.commits.get(&id)?.parents.first()?;
                    }
                }
                '^' if count == 0 => {}
                '^' => id = *self.commits.get(&id)?.parents.get(count - 1)?,
                _ => return None,
            }
        }
        let commit = self.commits.get(&id)?;
        Some((id, Arc::clone(commit)))
    }

    fn named(&self, name: &str) -> Option<Oid> {
        if let Some((name, at)) = name.strip_suffix('}').and_then(|name| name.split_once("@{")) {
            let back: usize = at.parse().ok()?;
            let log = match name {
                "stash" | "refs/stash" => &self.stash,
                "" | "HEAD" => &self.reflog,
                _ => return None,
            };
            return log.len().checked_sub(back + 1).map(|at| log[at]);
        }
        match name {
            "HEAD" | "@" => return Some(self.head_id()),
            "stash" | "refs/stash" => return self.stash.last().copied(),
            "-" | "@{-1}" => {
                return self.previous.as_ref().and_then(|head| match head {
                    Head::Branch(name) => self.branches.get(name).copied(),
                    Head::Detached(id) => Some(*id),
                });
            }
            _ => {}
        }
        let short = name.trim_start_matches("refs/");
        let branch = self.branches.get(short.trim_start_matches("heads/"));
        let tag = self.tags.get(short.trim_start_matches("tags/"));
        branch.or(tag).copied().or_else(|| self.abbreviated(name))
    }

    fn abbreviated(&self, name: &str) -> Option<Oid> {
        if name.len() < 4 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let name = name.to_ascii_lowercase();
        let mut matching = self.commits.keys().filter(|id| id.to_string().starts_with(&name));
        let first = matching.next()?;
        matching.next().is_none().then_some(*first)
    }

    /// A commit, or `REV:path`, or `:path` for the index; `prefix` is where `./` is.
    pub fn object(&self, text: &str, prefix: &str) -> Result<Object> {
        let Some((revision, path)) = text.split_once(':') else {
            if let Some(revision) = text.strip_suffix("^{tree}") {
                let (_, commit) = self.revision(revision)?;
                return Ok(Object::Tree(commit.tree_id(), commit.tree.clone()));
            }
            let (id, commit) = self.revision(text)?;
            return Ok(Object::Commit(id, commit));
        };
        let tree = match revision {
            "" => self.index.clone(),
            revision => self.revision(revision)?.1.tree.clone(),
        };
        let path = match path.strip_prefix("./") {
            Some(below) => format!("{prefix}{below}"),
            None => path.trim_start_matches("0:").to_owned(),
        };
        if let Some(file) = tree.get(&path) {
            return Ok(Object::Blob(Oid::of_blob(file.bytes()), file.clone()));
        }
        let below = subtree(&tree, &path);
        if below.is_empty() {
            let place = if revision.is_empty() { "the index" } else { revision };
            return Err(Fatal::new(format!("path '{path}' does not exist in '{place}'")));
        }
        Ok(Object::Tree(tree_id(&below), below))
    }
}

/// The files below `path`, which is empty for all.
pub(super) fn subtree(tree: &Tree, path: &str) -> Tree {
    let directory = path.trim_end_matches('/');
    if directory.is_empty() {
        return tree.clone();
    }
    let files = tree.files().filter_map(|(path, file)| {
        let rest = path.as_str().strip_prefix(directory)?.strip_prefix('/')?;
        Some((ssr_core::RepoPath::new(rest).ok()?, file.clone()))
    });
    Tree::from_files(files).unwrap_or_default()
}

/// What git says about a name that is neither a revision nor a path.
pub(super) fn unknown(text: &str) -> Fatal {
    Fatal::new(format!(
        "ambiguous argument '{text}': unknown revision or path not in the working tree.\n\
         Use '--' to separate paths from revisions, like this:\n\
         'git <command> [<revision>...] -- [<file>...]'"
    ))
}
