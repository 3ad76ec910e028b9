//! Repositories as immutable trees of files, with a content hash.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use crate::{Error, RepoPath, Result};

/// One file of a [`Tree`].
#[derive(Clone)]
pub struct File {
    bytes: Arc<[u8]>,
    executable: bool,
}

impl PartialEq for File {
    /// Files that share their bytes, as those of related trees do, are equal without a look at them.
    fn eq(&self, other: &Self) -> bool {
        self.executable == other.executable
            && (Arc::ptr_eq(&self.bytes, &other.bytes) || self.bytes == other.bytes)
    }
}

impl Eq for File {}

impl File {
    /// A file that is not executable.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { bytes: bytes.into(), executable: false }
    }

    /// The same file with the executable bit set or cleared.
    pub fn with_executable(mut self, executable: bool) -> Self {
        self.executable = executable;
        self
    }

    /// The content.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The content, shared instead of copied.
    pub fn shared_bytes(&self) -> Arc<[u8]> {
        Arc::clone(&self.bytes)
    }

    /// The content as text, `None` when it is not UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// Git's executable bit (mode 100755).
    pub fn executable(&self) -> bool {
        self.executable
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes{}", self.bytes.len(), if self.executable { ", executable" } else { "" })
    }
}

/// The content hash of a [`Tree`]: what `git write-tree` prints for the same files in a repository
/// with `--object-format=sha256`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeHash([u8; 32]);

impl TreeHash {
    /// The 32 bytes of the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An immutable snapshot of a repository: regular files by path. Clones are O(1) and share all
/// bytes; a changed tree shares every file that did not change.
///
/// ```
/// use ssr_core::{File, RepoPath, Tree};
///
/// let path = RepoPath::new("a/b.py")?;
/// let tree = Tree::from_files([(path.clone(), File::new(*b"x = 1\n"))])?;
/// let changed = tree.with(path.clone(), File::new(*b"x = 2\n"))?;
/// assert_ne!(tree.hash(), changed.hash());
/// assert_eq!(changed.without(&path).len(), 0);
/// # Ok::<(), ssr_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Tree(Arc<Inner>);

#[derive(Default)]
struct Inner {
    files: BTreeMap<RepoPath, File>,
    hash: OnceLock<TreeHash>,
}

impl Tree {
    /// A tree without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Builds a tree; a later file replaces an earlier one of the same path.
    ///
    /// # Errors
    /// [`Error::FileAndDirectory`] when one path is a directory of another.
    pub fn from_files(files: impl IntoIterator<Item = (RepoPath, File)>) -> Result<Self> {
        Self::checked(files.into_iter().collect())
    }

    fn checked(files: BTreeMap<RepoPath, File>) -> Result<Self> {
        for path in files.keys() {
            check_parents(&files, path)?;
        }
        Ok(Self::unchecked(files))
    }

    fn unchecked(files: BTreeMap<RepoPath, File>) -> Self {
        Self(Arc::new(Inner { files, hash: OnceLock::new() }))
    }

    /// The file at `path`.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.0.files.get(path)
    }

    /// Whether there is a file at `path`.
    pub fn contains(&self, path: &str) -> bool {
        self.0.files.contains_key(path)
    }

    /// The files in byte order of their paths.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (&RepoPath, &File)> {
        self.0.files.iter()
    }

    /// The number of files.
    pub fn len(&self) -> usize {
        self.0.files.len()
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.0.files.is_empty()
    }

    /// This tree with `file` at `path`, added or replaced.
    ///
    /// # Errors
    /// [`Error::FileAndDirectory`] when `path` is a directory of the tree or lies below a file.
    pub fn with(&self, path: RepoPath, file: File) -> Result<Self> {
        self.with_all([(path, Some(file))])
    }

    /// This tree without the file at `path`, which may be absent.
    pub fn without(&self, path: &RepoPath) -> Self {
        if !self.contains(path.as_str()) {
            return self.clone();
        }
        let mut files = self.0.files.clone();
        files.remove(path);
        Self::unchecked(files)
    }

    /// This tree with all `changes`, where `None` removes a file. All or nothing.
    ///
    /// # Errors
    /// [`Error::FileAndDirectory`] when the result would need a path to be both.
    pub fn with_all(
        &self,
        changes: impl IntoIterator<Item = (RepoPath, Option<File>)>,
    ) -> Result<Self> {
        let mut files = self.0.files.clone();
        let mut added = BTreeSet::new();
        for (path, file) in changes {
            match file {
                Some(file) => {
                    added.insert(path.clone());
                    files.insert(path, file);
                }
                None => {
                    files.remove(&path);
                }
            }
        }
        for path in added.iter().filter(|path| files.contains_key(*path)) {
            check_parents(&files, path)?;
            check_not_a_directory(&files, path)?;
        }
        Ok(Self::unchecked(files))
    }

    /// The paths that differ between the two trees, added and removed ones included.
    pub fn changed_paths(&self, other: &Tree) -> BTreeSet<RepoPath> {
        if Arc::ptr_eq(&self.0, &other.0) {
            return BTreeSet::new();
        }
        let missing_or_different = |a: &Tree, b: &Tree| -> Vec<RepoPath> {
            let differs = |path: &RepoPath, file: &File| b.get(path.as_str()) != Some(file);
            a.files().filter(|(path, file)| differs(path, file)).map(|(p, _)| p.clone()).collect()
        };
        let mut paths: BTreeSet<_> = missing_or_different(self, other).into_iter().collect();
        paths.extend(missing_or_different(other, self));
        paths
    }

    /// The content hash; computed once and kept.
    pub fn hash(&self) -> TreeHash {
        *self.0.hash.get_or_init(|| TreeHash(self.git_id(sha256)))
    }
}

impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.files == other.0.files
    }
}

impl Eq for Tree {}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.files()).finish()
    }
}

fn check_parents(files: &BTreeMap<RepoPath, File>, path: &RepoPath) -> Result<()> {
    let text = path.as_str();
    for (at, _) in text.match_indices('/') {
        if let Some((path, _)) = files.get_key_value(&text[..at]) {
            return Err(Error::FileAndDirectory { path: path.clone() });
        }
    }
    Ok(())
}

fn check_not_a_directory(files: &BTreeMap<RepoPath, File>, path: &RepoPath) -> Result<()> {
    let below = format!("{path}/");
    match files
        .range::<str, _>((std::ops::Bound::Excluded(below.as_str()), std::ops::Bound::Unbounded))
        .next()
    {
        Some((next, _)) if next.as_str().starts_with(&below) => {
            Err(Error::FileAndDirectory { path: path.clone() })
        }
        _ => Ok(()),
    }
}

/// SHA-256 of the parts in a row.
fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let hasher = parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part));
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).unwrap()
    }

    fn tree(paths: &[&str]) -> Result<Tree> {
        Tree::from_files(paths.iter().map(|p| (path(p), File::new(p.as_bytes()))))
    }

    #[test]
    fn a_path_cannot_be_a_file_and_a_directory() {
        assert!(tree(&["a", "a/b"]).is_err());
        assert!(tree(&["a", "a.b", "a/b"]).is_err());
        let base = tree(&["a/b/c", "a/b.d"]).unwrap();
        assert!(base.with(path("a"), File::new(*b"")).is_err());
        assert!(base.with(path("a/b"), File::new(*b"")).is_err());
        assert!(base.with(path("a/b/c/d"), File::new(*b"")).is_err());
        let replaced = [(path("a/b/c"), None), (path("a/b"), Some(File::new(*b"")))];
        assert!(base.with_all(replaced).is_ok());
    }

    #[test]
    fn changed_paths_lists_additions_removals_and_mode_changes() {
        let before = tree(&["a", "b", "c"]).unwrap();
        let after = before
            .without(&path("a"))
            .with(path("d"), File::new(*b""))
            .unwrap()
            .with(path("c"), File::new(*b"c").with_executable(true))
            .unwrap();
        let changed: Vec<_> = before.changed_paths(&after).into_iter().map(String::from).collect();
        assert_eq!(changed, ["a", "c", "d"]);
        assert!(before.changed_paths(&before.clone()).is_empty());
    }

    #[test]
    fn the_empty_tree_hashes_as_git_says() {
        // `git hash-object -t tree --stdin </dev/null` in a sha256 repository.
        let expected = "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321";
        assert_eq!(Tree::new().hash().to_string(), expected);
    }
}
