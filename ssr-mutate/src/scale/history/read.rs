//! Reads the files of `HEAD` and the candidate commits from a git repository.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use git2::{Delta, DiffOptions, ObjectType, Oid, Repository, Sort, TreeWalkMode, TreeWalkResult};
use ssr_core::{File, RepoPath, Tree};

use super::{Change, Commit, History, HistoryBounds};
use crate::{Error, Result, is_source_file, is_test_file};

/// The blobs that were read, so that equal files share their memory.
type Blobs = HashMap<Oid, File>;

impl History {
    /// Reads the history of `HEAD` of the repository at `path`, a work tree or a git directory.
    ///
    /// # Errors
    /// [`Error::History`] if there is no repository, it has no commit, or an object is damaged.
    pub fn read(path: impl AsRef<Path>, bounds: &HistoryBounds) -> Result<Self> {
        let path = path.as_ref();
        let failed = |error: git2::Error| Error::History {
            repository: path.display().to_string(),
            problem: error.message().to_owned(),
            source: error.into(),
        };
        let repository = Repository::open(path).map_err(failed)?;
        let head = repository.head().and_then(|head| head.peel_to_commit()).map_err(failed)?;
        let mut blobs = Blobs::new();
        let tree = head.tree().map_err(failed)?;
        let (tree, skipped) = read_tree(&repository, &tree, &mut blobs).map_err(failed)??;
        let commits = commits(&repository, head.id(), bounds, &mut blobs).map_err(failed)?;
        Ok(Self { tree, skipped, commits })
    }
}

type Files = Result<(Tree, Vec<String>)>;

fn read_tree(
    repository: &Repository,
    tree: &git2::Tree<'_>,
    blobs: &mut Blobs,
) -> std::result::Result<Files, git2::Error> {
    let (mut entries, mut skipped) = (Vec::new(), Vec::new());
    tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
        let name = String::from_utf8_lossy(entry.name_bytes());
        let path = format!("{folder}{name}");
        let blob = entry.kind() == Some(ObjectType::Blob);
        match (RepoPath::new(&path), entry.filemode()) {
            _ if entry.kind() == Some(ObjectType::Tree) => {}
            (Ok(path), mode @ (0o100_644 | 0o100_664 | 0o100_755)) if blob => {
                entries.push((path, entry.id(), mode == 0o100_755));
            }
            _ => skipped.push(path),
        }
        TreeWalkResult::Ok
    })?;
    let mut files = Vec::with_capacity(entries.len());
    for (path, id, executable) in entries {
        files.push((path, file(repository, id, executable, blobs)?));
    }
    Ok(Tree::from_files(files).map(|tree| (tree, skipped)).map_err(Error::from))
}

fn file(
    repository: &Repository,
    id: Oid,
    executable: bool,
    blobs: &mut Blobs,
) -> std::result::Result<File, git2::Error> {
    if let Some(known) = blobs.get(&id) {
        return Ok(known.clone().with_executable(executable));
    }
    let file = File::new(repository.find_blob(id)?.content());
    blobs.insert(id, file.clone());
    Ok(file.with_executable(executable))
}

fn commits(
    repository: &Repository,
    head: Oid,
    bounds: &HistoryBounds,
    blobs: &mut Blobs,
) -> std::result::Result<Vec<Commit>, git2::Error> {
    let mut walk = repository.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
    walk.push(head)?;
    let mut found = Vec::new();
    for id in walk.take(bounds.scanned) {
        if found.len() == bounds.commits {
            break;
        }
        let commit = repository.find_commit(id?)?;
        // Merges have no change of their own, and the root commit is the whole project.
        if commit.parent_count() == 1 {
            // A shallow clone lacks the parents of its oldest commits.
            let Ok(parent) = commit.parent(0) else { continue };
            found.extend(candidate(repository, &commit, &parent, bounds, blobs)?);
        }
    }
    Ok(found)
}

fn candidate(
    repository: &Repository,
    commit: &git2::Commit<'_>,
    parent: &git2::Commit<'_>,
    bounds: &HistoryBounds,
    blobs: &mut Blobs,
) -> std::result::Result<Option<Commit>, git2::Error> {
    let mut options = DiffOptions::new();
    options.context_lines(0).ignore_submodules(true).max_size(bounds.file_bytes as i64);
    let (old, new) = (parent.tree()?, commit.tree()?);
    let diff = repository.diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options))?;
    let (mut sources, mut tests) = (Vec::new(), Vec::new());
    for (index, delta) in diff.deltas().enumerate() {
        let side =
            if delta.status() == Delta::Deleted { delta.old_file() } else { delta.new_file() };
        let path = side.path_bytes().and_then(|path| std::str::from_utf8(path).ok());
        let Some(path) = path.and_then(|path| RepoPath::new(path).ok()) else { continue };
        if is_test_file(&path) {
            tests.push(path);
        } else if is_source_file(&path) {
            sources.push((index, path));
        }
    }
    if sources.is_empty() || sources.len() > bounds.files || bounds.with_tests && tests.is_empty() {
        return Ok(None);
    }
    let (mut changes, mut lines, mut headings) = (Vec::new(), 0, BTreeSet::new());
    for (index, path) in sources {
        let Some(patch) = git2::Patch::from_diff(&diff, index)? else { return Ok(None) };
        let (_, added, removed) = patch.line_stats()?;
        lines += added + removed;
        for hunk in 0..patch.num_hunks() {
            let header = String::from_utf8_lossy(patch.hunk(hunk)?.0.header()).into_owned();
            let heading = header.rsplit("@@").next().map(str::trim).filter(|text| !text.is_empty());
            headings.extend(heading.map(|heading| (path.clone(), heading.to_owned())));
        }
        let delta = patch.delta();
        let mut side = |side: git2::DiffFile<'_>| match side.mode() {
            git2::FileMode::Unreadable => Ok(Some(None)),
            git2::FileMode::Link | git2::FileMode::Commit => Ok(None),
            mode => {
                let executable = mode == git2::FileMode::BlobExecutable;
                file(repository, side.id(), executable, blobs).map(|file| Some(Some(file)))
            }
        };
        let (Some(before), Some(after)) = (side(delta.old_file())?, side(delta.new_file())?) else {
            return Ok(None);
        };
        let large = |file: &Option<File>| {
            file.as_ref().is_some_and(|file| file.bytes().len() > bounds.file_bytes)
        };
        if large(&before) || large(&after) {
            return Ok(None);
        }
        changes.push(Change { path, before, after });
    }
    if lines < bounds.min_lines || lines > bounds.max_lines {
        return Ok(None);
    }
    let id = commit.id().to_string();
    let summary = commit.summary_bytes().map(String::from_utf8_lossy).unwrap_or_default();
    Ok(Some(Commit { id, summary: summary.into_owned(), changes, tests, lines, headings }))
}
