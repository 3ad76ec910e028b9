//! The working tree: reading it, changing it, and which of its files git tracks.

use std::cell::OnceCell;
use std::collections::HashSet;

use ssr_core::{File, RepoPath, Tree};

use super::ignored::Ignored;
use super::pathspec::Pathspec;
use super::{Call, Fatal, Result};
use crate::harness::TESTBED;
use crate::shell::fs::ShellFs;

/// The files of the working tree, tracked or not.
pub(super) struct Work<'a> {
    fs: &'a ShellFs,
    tree: OnceCell<Tree>,
}

impl<'a> Work<'a> {
    pub fn new(fs: &'a ShellFs) -> Self {
        Self { fs, tree: OnceCell::new() }
    }

    pub fn tree(&self) -> &Tree {
        self.tree.get_or_init(|| self.fs.snapshot().tree(TESTBED))
    }

    /// Writes and removes files.
    pub fn change(
        &mut self,
        changes: impl IntoIterator<Item = (RepoPath, Option<File>)>,
    ) -> Result<()> {
        let tree = self.tree().with_all(changes).map_err(Fatal::new)?;
        self.set(tree)
    }

    /// Makes the files those of `tree`.
    pub fn set(&mut self, tree: Tree) -> Result<()> {
        let mut vfs = self.fs.snapshot();
        vfs.update(TESTBED, self.tree(), &tree).map_err(Fatal::new)?;
        self.fs.replace(vfs);
        self.tree = tree.into();
        Ok(())
    }

    /// The bytes of a file anywhere, as seen from `cwd` below the repository.
    pub fn read(&self, path: &str, prefix: &str) -> Result<Vec<u8>> {
        let at = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("{TESTBED}/{prefix}{path}"),
        };
        let read = self.fs.snapshot().read(&at);
        Ok(read.map_err(|error| Fatal::new(format!("could not open '{path}': {error}")))?.to_vec())
    }

    pub fn is_directory(&self, path: &str) -> bool {
        let at = format!("{TESTBED}/{path}");
        self.fs.snapshot().metadata(&at).is_ok_and(|metadata| metadata.is_dir())
    }

    pub fn exists(&self, path: &str) -> bool {
        self.fs.snapshot().exists(&format!("{TESTBED}/{path}"))
    }
}

impl Call<'_> {
    /// The working tree as far as git tracks it.
    pub fn tracked(&self) -> Tree {
        let index = &self.repo.index;
        let work = self.work.tree();
        let files = index
            .files()
            .filter_map(|(path, _)| Some((path.clone(), work.get(path.as_str())?.clone())));
        Tree::from_files(files).unwrap_or_default()
    }

    /// Files that are neither in the index nor ignored, or that are ignored.
    pub fn untracked(&self, spec: &Pathspec, ignored: bool) -> Result<Vec<RepoPath>> {
        let rules = Ignored::new(self.work.tree());
        let index = &self.repo.index;
        let mut out = Vec::new();
        for (path, _) in self.work.tree().files() {
            // Patterns can be made to take long.
            self.deadline.check()?;
            let name = path.as_str();
            if !index.contains(name) && spec.matches(name) && rules.is_ignored(name) == ignored {
                out.push(path.clone());
            }
        }
        Ok(out)
    }

    /// Untracked directories instead of all that is in them.
    pub fn collapse(&self, paths: &[RepoPath]) -> Vec<String> {
        let index = &self.repo.index;
        let tracked: HashSet<&str> =
            index.files().flat_map(|(path, _)| directories(path.as_str())).collect();
        let mut out: Vec<String> = Vec::new();
        for path in paths {
            let path = path.as_str();
            if out.last().is_some_and(|last| last.ends_with('/') && path.starts_with(last.as_str()))
            {
                continue;
            }
            let whole = directories(path).find(|directory| !tracked.contains(directory));
            out.push(whole.unwrap_or(path).to_owned());
        }
        out
    }
}

/// The directories that a path goes through, from the top, each with its slash.
pub(super) fn directories(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..=at])
}
