//! What happened to the files between two trees.

use ssr_core::{File, RepoPath, Tree};

use super::pathspec::Pathspec;
use super::renames::{LIMIT, find_renames};
use super::{Call, Result};

/// What happened to one file between two trees.
#[derive(Clone)]
pub(super) struct Delta {
    pub old: Option<(RepoPath, File)>,
    pub new: Option<(RepoPath, File)>,
    /// For renames, in percent.
    pub similarity: Option<u64>,
}

impl Delta {
    /// The path afterwards, or that of the deleted file.
    pub fn path(&self) -> &str {
        let side = self.new.as_ref().or(self.old.as_ref());
        side.map_or("", |(path, _)| path.as_str())
    }

    pub fn old_path(&self) -> &str {
        let side = self.old.as_ref().or(self.new.as_ref());
        side.map_or("", |(path, _)| path.as_str())
    }

    pub fn old_bytes(&self) -> &[u8] {
        self.old.as_ref().map_or(&[], |(_, file)| file.bytes())
    }

    pub fn new_bytes(&self) -> &[u8] {
        self.new.as_ref().map_or(&[], |(_, file)| file.bytes())
    }

    /// Git's letter.
    pub fn letter(&self) -> char {
        match (&self.old, &self.new) {
            (None, _) => 'A',
            (_, None) => 'D',
            _ if self.similarity.is_some() => 'R',
            _ => 'M',
        }
    }

    /// The same change the other way round.
    pub fn reverse(self) -> Self {
        Self { old: self.new, new: self.old, similarity: self.similarity }
    }
}

/// What changed, in the order of git: by the path afterwards. A moved file is deleted and new.
pub(super) fn deltas(old: &Tree, new: &Tree, spec: &Pathspec) -> Vec<Delta> {
    let side = |tree: &Tree, path: &RepoPath| {
        tree.get(path.as_str()).map(|file| (path.clone(), file.clone()))
    };
    let changed = old.changed_paths(new);
    let changed = changed.iter().filter(|path| spec.matches(path.as_str()));
    changed
        .map(|path| Delta { old: side(old, path), new: side(new, path), similarity: None })
        .collect()
}

impl Call<'_> {
    /// What changed, moved files as one change when `renames`.
    pub fn deltas(
        &self,
        old: &Tree,
        new: &Tree,
        spec: &Pathspec,
        renames: bool,
    ) -> Result<Vec<Delta>> {
        self.deadline.check()?;
        let all = deltas(old, new, spec);
        if !renames {
            return Ok(all);
        }
        let limit = self.repo.config.get("diff.renamelimit").and_then(|text| text.parse().ok());
        // As in git, 0 is no limit.
        let limit = limit.map_or(LIMIT, |limit| if limit == 0 { usize::MAX } else { limit });
        let found = find_renames(all, limit, self.deadline)?;
        self.needed_limit.set(self.needed_limit.get().max(found.needed));
        Ok(found.all)
    }

    /// What git says at the end when files were too many to look for renames.
    pub fn warn_about_renames(&mut self) {
        if let Some(needed) = self.needed_limit.get() {
            self.note(format!(
                "warning: exhaustive rename detection was skipped due to too many files.\n\
                 warning: you may want to set your diff.renameLimit variable to at least {needed} \
                 and retry the command."
            ));
        }
    }
}
