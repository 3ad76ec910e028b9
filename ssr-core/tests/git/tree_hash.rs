//! `Tree::hash` is what `git write-tree` prints in a repository with SHA-256, and `Tree::git_id` what
//! it prints in any.

use sha1::{Digest, Sha1};
use ssr_core::{File, RepoPath, Tree};

use crate::oracle::Git;

fn tree(files: &[(&str, &[u8], bool)]) -> Tree {
    let file = |bytes: &[u8], executable| File::new(bytes).with_executable(executable);
    let files = files
        .iter()
        .map(|(path, bytes, executable)| (RepoPath::new(path).unwrap(), file(bytes, *executable)));
    Tree::from_files(files).unwrap()
}

fn git_hash(tree: &Tree, format: &str) -> String {
    let git = Git::new(tree);
    git.init(&[&format!("--object-format={format}")]);
    git.run(&["add", "-A", "-f"]);
    String::from_utf8(git.run(&["write-tree"])).unwrap().trim().to_owned()
}

fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    parts.iter().fold(Sha1::new(), |hasher, part| hasher.chain_update(part)).finalize().into()
}

#[test]
fn the_hash_is_that_of_git_write_tree() {
    let trees: [&[(&str, &[u8], bool)]; 6] = [
        &[],
        &[("a", b"", false)],
        &[("run.sh", b"#!/bin/sh\n", true), ("run", b"x", false)],
        // Git sorts a directory as if its name ended in a slash.
        &[
            ("a/x", b"1", false),
            ("a.b", b"2", false),
            ("a-b/x", b"3", true),
            ("a0", b"4", false),
            ("a b/c", b"5", false),
        ],
        &[
            ("a/b/c/d/e.py", b"1\n", false),
            ("a/b/c.py", b"2\n", false),
            ("a/b/c/d.py", b"3\n", true),
            ("a/b-c/d", b"4\n", false),
            ("a/b.c/d", b"5\n", false),
            ("a/b/c-d", b"6\n", false),
            ("z", b"\0\xff\r\n", false),
        ],
        &[
            ("Z", b"Z", false),
            ("a", b"a", false),
            ("\u{fc}/\u{e9}", b"u", false),
            ("é", b"e", true),
        ],
    ];
    for files in trees {
        let tree = tree(files);
        assert_eq!(tree.hash().to_string(), git_hash(&tree, "sha256"), "{tree:?}");
        let id: String = tree.git_id(sha1).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(id, git_hash(&tree, "sha1"), "{tree:?}");
    }
}
