//! Git's objects: ids, signatures and commits.

use std::fmt;
use std::sync::{Arc, OnceLock};

use sha1::{Digest, Sha1};
use ssr_core::{File, Tree, git_object_id};

use super::date::{DateStyle, Moment};

/// How many digits git prints of the ids of a small repository.
pub(super) const SHORT: usize = 7;

/// The name of an object: git's own SHA-1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Oid([u8; 20]);

impl Oid {
    /// What git prints for "no object".
    pub const NULL: Self = Self([0; 20]);

    fn of(kind: &str, body: &[u8]) -> Self {
        Self(git_object_id(kind, body, sha1))
    }

    pub fn of_blob(bytes: &[u8]) -> Self {
        Self::of("blob", bytes)
    }

    pub fn of_tag(body: &[u8]) -> Self {
        Self::of("tag", body)
    }

    pub fn short(&self) -> String {
        self.to_string()[..SHORT].to_owned()
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Git's six octal digits.
pub(super) fn mode(file: &File) -> &'static str {
    if file.executable() { "100755" } else { "100644" }
}

/// The id of the tree object that holds `tree`.
pub(super) fn tree_id(tree: &Tree) -> Oid {
    Oid(tree.git_id(sha1))
}

/// SHA-1 of the parts in a row.
fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    parts.iter().fold(Sha1::new(), |hasher, part| hasher.chain_update(part)).finalize().into()
}

/// Who did something and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    pub name: String,
    pub email: String,
    pub when: Moment,
}

impl fmt::Display for Signature {
    /// As in a commit object.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} <{}> {}", self.name, self.email, self.when.show(DateStyle::Raw))
    }
}

/// A state of the repository with its message and its parents.
#[derive(Debug, Clone)]
pub(super) struct Commit {
    pub tree: Tree,
    pub parents: Vec<Oid>,
    pub author: Signature,
    pub committer: Signature,
    /// Ends in a newline.
    pub message: String,
    tree_id: OnceLock<Oid>,
}

impl Commit {
    pub fn new(
        tree: Tree,
        parents: Vec<Oid>,
        author: Signature,
        committer: Signature,
        message: String,
    ) -> Arc<Self> {
        Arc::new(Self { tree, parents, author, committer, message, tree_id: OnceLock::new() })
    }

    pub fn tree_id(&self) -> Oid {
        *self.tree_id.get_or_init(|| tree_id(&self.tree))
    }

    pub fn id(&self) -> Oid {
        let mut body = format!("tree {}\n", self.tree_id());
        for parent in &self.parents {
            body += &format!("parent {parent}\n");
        }
        body += &format!("author {}\ncommitter {}\n\n", self.author, self.committer);
        body += &self.message;
        Oid::of("commit", body.as_bytes())
    }

    /// The first paragraph in one line.
    pub fn subject(&self) -> String {
        let paragraph = self.message.lines().take_while(|line| !line.trim().is_empty());
        paragraph.collect::<Vec<_>>().join(" ")
    }

    /// What follows the first paragraph.
    pub fn body(&self) -> &str {
        self.message.split_once("\n\n").map_or("", |(_, body)| body.trim_start_matches('\n'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssr_core::RepoPath;

    #[test]
    fn ids_are_those_of_git() {
        // `git hash-object --stdin`, `git mktree` and `git commit-tree` say so.
        assert_eq!(Oid::of_blob(b"hi\n").to_string(), "45b983be36b73c0788dc9cbcb76cbb80fc7bb057");
        assert_eq!(tree_id(&Tree::new()).to_string(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
        let file = |text: &str| (RepoPath::new(text).unwrap(), File::new(*b"hi\n"));
        // Sorted by git: `a.b`, `a/`, `a0`.
        let tree = Tree::from_files(["a/x/y", "a/x/z", "a.b", "a0"].map(file)).unwrap();
        assert_eq!(tree_id(&tree).to_string(), "8057f0637fe673ab76b95a06a5ee3ae9b3f78165");
    }

    #[test]
    fn zones_are_printed_in_hours_and_minutes() {
        let at = |date| Signature {
            name: "A".into(),
            email: "a@b".into(),
            when: Moment::parse(date).unwrap(),
        };
        assert_eq!(at("@1").to_string(), "A <a@b> 1 +0000");
        assert_eq!(at("@1 -0130").to_string(), "A <a@b> 1 -0130");
    }
}
