//! The ids that git gives to blobs, trees and commits, under any hash function.

use crate::{File, Tree};

/// The id of a git object: the hash of its kind (`blob`, `tree`, `commit`), its length and its
/// content.
///
/// `hash` gets the bytes in pieces and hashes them as if they were one slice. Git uses SHA-1 by
/// default and SHA-256 in repositories with `--object-format=sha256`.
///
/// ```
/// use sha2::{Digest, Sha256};
///
/// fn sha256(parts: &[&[u8]]) -> [u8; 32] {
///     parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part)).finalize().into()
/// }
///
/// // `git hash-object --stdin </dev/null` in a sha256 repository.
/// let id = ssr_core::git_object_id("blob", b"", sha256);
/// assert_eq!(id[..4], [0x47, 0x3a, 0x0f, 0x4c]);
/// ```
pub fn git_object_id<const N: usize>(
    kind: &str,
    content: &[u8],
    hash: impl Fn(&[&[u8]]) -> [u8; N],
) -> [u8; N] {
    let header = format!("{kind} {}\0", content.len());
    hash(&[header.as_bytes(), content])
}

impl Tree {
    /// The id of the tree object that git makes of these files, with `hash` as in
    /// [`git_object_id`]. [`Tree::hash`] is this id under SHA-256, computed once and kept.
    ///
    /// ```
    /// use sha2::{Digest, Sha256};
    /// use ssr_core::Tree;
    ///
    /// fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    ///     parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part)).finalize().into()
    /// }
    ///
    /// let tree = Tree::new();
    /// assert_eq!(tree.git_id(sha256), *tree.hash().as_bytes());
    /// ```
    pub fn git_id<const N: usize>(&self, hash: impl Fn(&[&[u8]]) -> [u8; N]) -> [u8; N] {
        let files: Vec<_> = self.files().map(|(path, file)| (path.as_str(), file)).collect();
        directory_id(&files, 0, &hash)
    }
}

/// The id of one directory. `files` are all files below it in byte order of their paths, of which
/// the first `skip` bytes name the directory. `dyn`, because the function calls itself.
fn directory_id<const N: usize>(
    files: &[(&str, &File)],
    skip: usize,
    hash: &dyn Fn(&[&[u8]]) -> [u8; N],
) -> [u8; N] {
    // The end of the subdirectory's name that a path goes through, its slash included.
    let below = |path: &str| path[skip..].find('/').map(|at| skip + at + 1);
    let same = |a: &(&str, &File), b: &(&str, &File)| {
        below(a.0).is_some_and(|end| b.0.get(..end) == a.0.get(..end))
    };
    let mut entries: Vec<(&str, &str, [u8; N])> = Vec::new();
    for group in files.chunk_by(same) {
        let (path, file) = group[0];
        entries.push(match below(path) {
            Some(end) => (&path[skip..end], "40000", directory_id(group, end, hash)),
            None => {
                let mode = if file.executable() { "100755" } else { "100644" };
                (&path[skip..], mode, git_object_id("blob", file.bytes(), hash))
            }
        });
    }
    // Git sorts a directory as if its name ended in a slash, which it still does here.
    entries.sort_unstable_by_key(|(name, ..)| *name);
    let mut content = Vec::new();
    for (name, mode, id) in &entries {
        let name = name.strip_suffix('/').unwrap_or(name);
        content.extend_from_slice(mode.as_bytes());
        content.push(b' ');
        content.extend_from_slice(name.as_bytes());
        content.push(0);
        content.extend_from_slice(id);
    }
    git_object_id("tree", &content, hash)
}
