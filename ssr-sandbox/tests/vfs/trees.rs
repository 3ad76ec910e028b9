//! Trees in and out of the filesystem.

use std::sync::Arc;

use ssr_core::{File, RepoPath, Tree};
use ssr_sandbox::Vfs;

use crate::{text, vfs};

fn tree(files: &[(&str, &str)]) -> Tree {
    let file = |(path, text): &(&str, &str)| {
        let path = RepoPath::new(path).unwrap();
        let executable = path.extension() == Some("sh");
        (path, File::new(text.as_bytes()).with_executable(executable))
    };
    Tree::from_files(files.iter().map(file)).unwrap()
}

#[test]
fn a_mounted_tree_reads_back_equal_and_shares_its_bytes() {
    let tree = tree(&[("a.py", "a"), ("p/b.py", "b"), ("p/q/c.py", "c"), ("run.sh", "#!")]);
    let mut fs = Vfs::new();
    fs.mount("/repo/checkout", &tree).unwrap();
    assert_eq!(fs.tree("/repo/checkout"), tree);
    assert!(fs.metadata("/repo/checkout/run.sh").unwrap().executable);
    for frozen in [false, true] {
        if frozen {
            fs.freeze();
        }
        for (path, file) in tree.files() {
            let read = fs.read(&format!("/repo/checkout/{path}")).unwrap();
            assert!(Arc::ptr_eq(&read, &file.shared_bytes()));
        }
    }
    let changed = Vfs::tree(&fs, "/repo");
    assert!(changed.contains("checkout/p/q/c.py"));
}

#[test]
fn mounting_again_touches_only_what_differs() {
    let before = tree(&[("a.py", "a"), ("b.py", "b")]);
    let after = tree(&[("a.py", "a"), ("b.py", "B"), ("c.py", "c")]);
    let mut fs = Vfs::new();
    fs.mount("/r", &before).unwrap();
    fs.freeze();
    let (a, b) = (fs.metadata("/r/a.py").unwrap(), fs.metadata("/r/b.py").unwrap());
    assert_eq!(a.modified, b.modified, "one time for a base");
    fs.mount("/r", &after).unwrap();
    assert_eq!(fs.metadata("/r/a.py").unwrap(), a);
    assert!(fs.metadata("/r/b.py").unwrap().modified > b.modified);
    assert!(fs.metadata("/r/c.py").unwrap().modified > b.modified);
    assert_eq!(fs.tree("/r"), after);
}

#[test]
fn an_update_removes_what_is_gone() {
    let before =
        tree(&[("keep.py", "k"), ("p/gone.py", "g"), ("q/gone.py", "g"), ("q/in.py", "i")]);
    let after = tree(&[("keep.py", "K"), ("q/in.py", "i"), ("p", "now a file")]);
    let mut fs = Vfs::new();
    fs.mount("/r", &before).unwrap();
    fs.create_dir("/r/p/__pycache__").unwrap();
    fs.write("/r/p/__pycache__/gone.pyc", *b"").unwrap();
    fs.write("/r/untracked", *b"").unwrap();
    fs.freeze();
    fs.update("/r", &before, &after).unwrap();
    assert_eq!(text(&fs, "/r/p"), "now a file");
    fs.remove_file("/r/untracked").unwrap();
    assert_eq!(fs.tree("/r"), after);
    fs.update("/r", &after, &before).unwrap();
    assert_eq!(fs.tree("/r"), before);
}

#[test]
fn a_mount_replaces_what_is_in_the_way() {
    let tree = tree(&[("a/b.py", "b"), ("c", "c"), ("d", "d")]);
    let mut fs = vfs(&[("/elsewhere/b.py", "untouched"), ("/r/c/deep/file", ""), ("/x", "x")]);
    fs.symlink("/elsewhere", "/r/a").unwrap();
    fs.symlink("/x", "/r/d").unwrap();
    fs.mount("/r", &tree).unwrap();
    assert_eq!(fs.tree("/r"), tree);
    assert_eq!(text(&fs, "/elsewhere/b.py"), "untouched");
    assert_eq!(text(&fs, "/x"), "x");
}

#[test]
fn links_devices_and_git_are_not_part_of_a_tree() {
    let mut fs =
        vfs(&[("/r/a", "a"), ("/r/.git/config", ""), ("/r/s/.GIT/x", ""), ("/r/b\\c", "")]);
    fs.symlink("a", "/r/link").unwrap();
    fs.symlink("..", "/r/loop").unwrap();
    assert_eq!(fs.tree("/r"), tree(&[("a", "a")]));
    assert!(fs.tree("/dev").is_empty());
    assert!(fs.tree("/missing").is_empty());
}

#[test]
fn mounts_do_not_count_towards_the_limits() {
    let limits = ssr_sandbox::VfsLimits::default()
        .with_max_files(3)
        .with_max_file_bytes(4)
        .with_max_total_bytes(4);
    let mut fs = Vfs::new().with_limits(limits);
    let tree = tree(&[("r/a", "0123456789"), ("r/b", "0123456789"), ("r/c", "0123456789")]);
    fs.mount("/", &tree).unwrap();
    fs.write("/r/mine", *b"0123").unwrap();
    assert!(fs.append("/r/mine", "4").is_err());
}
