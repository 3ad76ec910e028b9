//! Applies a patch to a tree, as `git apply` does.

use std::collections::{BTreeMap, BTreeSet};

use super::header::Header;
use super::image::{Budget, Image, Mismatch};
use super::{FileChange, FileMode, FilePatch, Hunk, Patch};
use crate::{Error, File, RepoPath, Result, Tree};

impl Tree {
    /// The tree after `patch`: all of it or none. A hunk applies where its old lines stand exactly,
    /// at the line it names or, failing that, at the nearest other place, as `git apply` does.
    ///
    /// # Errors
    /// [`Error::PatchConflict`] names the file, the hunk and the line that differs, and says when
    /// the change is already there; [`Error::FileAndDirectory`] when the result could not be
    /// stored.
    pub fn apply(&self, patch: &Patch) -> Result<Tree> {
        let mut application = Application::new(self, patch);
        for file in patch.files() {
            application.add(file)?;
        }
        application.finish()
    }
}

/// Git reads the sources of renames and copies from the original tree and those of other changes
/// from what earlier changes left, then first removes and then writes.
struct Application<'a> {
    tree: &'a Tree,
    /// Paths that some change of the patch deletes or renames away.
    leaving: BTreeSet<&'a RepoPath>,
    gone: BTreeSet<&'a RepoPath>,
    written: BTreeMap<RepoPath, Written>,
    budget: Budget,
}

struct Written {
    file: File,
    /// The path held the same file before: it was modified rather than created.
    in_place: bool,
}

impl<'a> Application<'a> {
    fn new(tree: &'a Tree, patch: &'a Patch) -> Self {
        let leaving = patch.files().iter().filter_map(|file| match &file.change {
            FileChange::Delete { path } | FileChange::Rename { from: path, .. } => Some(path),
            _ => None,
        });
        Self {
            tree,
            leaving: leaving.collect(),
            gone: BTreeSet::new(),
            written: BTreeMap::new(),
            budget: Budget::default(),
        }
    }

    fn add(&mut self, patch: &'a FilePatch) -> Result<()> {
        match &patch.change {
            FileChange::Create { path } => {
                self.check_absent(path, patch)?;
                self.write(path, &File::new([]), patch, false)
            }
            FileChange::Modify { path } => match self.current(path) {
                Some((file, in_place)) => self.write(path, &file, patch, in_place),
                // `diff -N` against a missing file does not always say so.
                None if may_create(patch) && !self.gone.contains(path) => {
                    self.write(path, &File::new([]), patch, false)
                }
                None => Err(self.missing(path)),
            },
            FileChange::Delete { path } => {
                if self.written.contains_key(path) {
                    return Err(conflict(path, "the patch changes this file before deleting it"));
                }
                let (file, _) = self.current(path).ok_or_else(|| self.missing(path))?;
                let rest = self.patched(path, &file, &patch.hunks)?;
                if !rest.is_empty() {
                    let lines = Image::new(&rest).len();
                    let problem = format!("deleted, but {lines} more lines than the patch lists");
                    return Err(conflict(path, problem));
                }
                self.gone.insert(path);
                Ok(())
            }
            FileChange::Rename { from, to } => {
                if self.gone.contains(from) || self.written.get(from).is_some_and(|w| w.in_place) {
                    let problem = "the patch changes or removes this file before renaming it";
                    return Err(conflict(from, problem));
                }
                let file = self.tree.get(from.as_str()).ok_or_else(|| self.missing(from))?;
                self.check_absent(to, patch)?;
                self.write(to, file, patch, false)?;
                self.gone.insert(from);
                Ok(())
            }
            FileChange::Copy { from, to } => {
                let file = self.tree.get(from.as_str()).ok_or_else(|| self.missing(from))?;
                self.check_absent(to, patch)?;
                self.write(to, file, patch, false)
            }
        }
    }

    /// The file as earlier changes left it, and whether it is still the one of the tree.
    fn current(&self, path: &RepoPath) -> Option<(File, bool)> {
        match self.written.get(path) {
            Some(written) => Some((written.file.clone(), written.in_place)),
            None if self.gone.contains(path) => None,
            None => self.tree.get(path.as_str()).map(|file| (file.clone(), true)),
        }
    }

    fn write(
        &mut self,
        path: &RepoPath,
        from: &File,
        patch: &FilePatch,
        in_place: bool,
    ) -> Result<()> {
        let executable = patch.new_mode.map_or(from.executable(), FileMode::executable);
        let file = match patch.hunks.as_slice() {
            [] => from.clone(),
            hunks => File::new(self.patched(path, from, hunks)?),
        };
        let file = file.with_executable(executable);
        self.written.insert(path.clone(), Written { file, in_place });
        Ok(())
    }

    fn patched(&mut self, path: &RepoPath, file: &File, hunks: &[Hunk]) -> Result<Vec<u8>> {
        apply_hunks(file.bytes(), hunks, &mut self.budget).map_err(|(index, mismatch)| {
            let problem = explain(&hunks[index], mismatch);
            let undone: Vec<_> = hunks.iter().map(Hunk::reverse).collect();
            let problem = match apply_hunks(file.bytes(), &undone, &mut self.budget) {
                Ok(_) => format!("{problem}; the reverse applies, so it is already applied"),
                Err(_) => problem,
            };
            Error::PatchConflict { path: path.clone(), hunk: Some(index + 1), problem }
        })
    }

    fn check_absent(&self, path: &RepoPath, patch: &FilePatch) -> Result<()> {
        if self.written.contains_key(path) {
            return Err(conflict(path, "the patch creates this file twice"));
        }
        let Some(file) = self.tree.get(path.as_str()) else { return Ok(()) };
        if self.leaving.contains(path) {
            return Ok(());
        }
        let created = apply_hunks(b"", &patch.hunks, &mut Budget::default());
        let problem = match created {
            Ok(bytes) if bytes == file.bytes() => "already exists with this very content",
            _ => "already exists",
        };
        Err(conflict(path, problem))
    }

    fn missing(&self, path: &RepoPath) -> Error {
        match self.gone.contains(path) {
            true => conflict(path, "the patch has deleted or renamed this file before"),
            false => conflict(path, "no such file"),
        }
    }

    fn finish(self) -> Result<Tree> {
        let removed = self.gone.into_iter().map(|path| (path.clone(), None));
        let written = self.written.into_iter().map(|(path, written)| (path, Some(written.file)));
        self.tree.with_all(removed.chain(written))
    }
}

fn may_create(patch: &FilePatch) -> bool {
    matches!(patch.header, Header::Plain { .. })
        && matches!(patch.hunks.as_slice(), [hunk] if hunk.range.old_lines == 0)
}

fn conflict(path: &RepoPath, problem: impl Into<String>) -> Error {
    Error::PatchConflict { path: path.clone(), hunk: None, problem: problem.into() }
}

fn apply_hunks(
    bytes: &[u8],
    hunks: &[Hunk],
    budget: &mut Budget,
) -> Result<Vec<u8>, (usize, Mismatch)> {
    let mut image = Image::new(bytes);
    for (index, hunk) in hunks.iter().enumerate() {
        image.apply(hunk, budget).map_err(|mismatch| (index, mismatch))?;
    }
    Ok(image.to_bytes())
}

fn explain(hunk: &Hunk, mismatch: Mismatch) -> String {
    let mut range = Vec::new();
    hunk.range.push(&mut range);
    let range = String::from_utf8_lossy(&range);
    let problem = match mismatch {
        Mismatch::Line { number, expected, found } => {
            let found = found.map_or("the end of the file".to_owned(), |line| quote(&line));
            format!("line {number} should be {} but is {found}", quote(&expected))
        }
        Mismatch::NotAtEdge => {
            "without context it has to touch the start or the end of the file".to_owned()
        }
        Mismatch::JoinsLines => "a line without a newline would not be the last one".to_owned(),
        Mismatch::TooMuchWork => "the search takes too long; split the patch".to_owned(),
    };
    format!("{range}: {problem}")
}

/// A line for a message: enough to recognise it.
fn quote(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{:?}…", &text[..at]),
        None => format!("{text:?}"),
    }
}
