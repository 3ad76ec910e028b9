//! Copies of a filesystem, and what may be added to one.

use std::sync::Arc;

use ssr_sandbox::{Errno, Vfs, VfsLimits};

use crate::{errno, text, vfs};

#[test]
fn a_clone_does_not_see_what_the_other_does() {
    let mut base = vfs(&[("/r/a", "one"), ("/r/d/b", "two")]);
    base.freeze();
    let mut run = base.clone();
    run.write("/r/a", *b"changed").unwrap();
    run.remove_dir_all("/r/d").unwrap();
    run.create_dir_all("/r/new/deep").unwrap();
    assert_eq!(text(&base, "/r/a"), "one");
    assert_eq!(text(&base, "/r/d/b"), "two");
    assert!(!base.exists("/r/new"));
    assert_eq!(text(&run, "/r/a"), "changed");
    assert!(!run.exists("/r/d/b"));
}

#[test]
fn freezing_changes_nothing_but_empties_the_overlay() {
    let mut fs = vfs(&[("/r/a", "one"), ("/r/b", "two"), ("/r/c/d", "three")]);
    fs.freeze();
    fs.append("/r/a", "!").unwrap();
    fs.remove_file("/r/b").unwrap();
    fs.symlink("a", "/r/link").unwrap();
    fs.hard_link("/r/a", "/r/hard").unwrap();
    let before: Vec<_> = fs.read_dir("/r").unwrap();
    let metadata = fs.metadata("/r/hard").unwrap();
    assert!(fs.overlay_len() > 0);
    fs.freeze();
    assert_eq!(fs.overlay_len(), 0);
    assert_eq!(fs.read_dir("/r").unwrap(), before);
    assert_eq!(fs.metadata("/r/hard").unwrap(), metadata);
    assert_eq!(text(&fs, "/r/link"), "one!");
}

#[test]
fn bytes_are_shared_until_written() {
    let bytes: Arc<[u8]> = Arc::from(*b"shared");
    let mut fs = Vfs::new();
    fs.write("/a", bytes.clone()).unwrap();
    fs.copy("/a", "/b").unwrap();
    assert!(Arc::ptr_eq(&fs.read("/b").unwrap(), &bytes));
    fs.append("/b", "!").unwrap();
    assert_eq!(&*bytes, b"shared");
    assert_eq!(text(&fs, "/b"), "shared!");
}

#[test]
fn limits_count_from_the_last_freeze() {
    let limits =
        VfsLimits::default().with_max_files(3).with_max_file_bytes(10).with_max_total_bytes(15);
    let mut fs = vfs(&[("/big", "0123456789abcdef")]);
    fs.freeze();
    let mut fs = fs.with_limits(limits);
    assert_eq!(fs.limits(), limits);
    assert_eq!(errno(fs.write("/x", *b"0123456789a")), Errno::FileTooBig);
    fs.write("/x", *b"0123456789").unwrap();
    assert_eq!(errno(fs.append("/x", "a")), Errno::FileTooBig);
    assert_eq!(errno(fs.write("/y", *b"0123456789")), Errno::NoSpace);
    assert!(fs.exists("/y"), "creating it was possible");
    fs.write("/y", *b"01234").unwrap();
    assert_eq!(errno(fs.symlink("target", "/z")), Errno::NoSpace);
    fs.write("/z", *b"").unwrap();
    assert_eq!(errno(fs.create_dir("/d")), Errno::NoSpace);
    assert_eq!(errno(fs.hard_link("/z", "/hard")), Errno::NoSpace);
    fs.remove_file("/x").unwrap();
    fs.write("/again", *b"0123456789").unwrap();
    fs.freeze();
    fs.create_dir("/d").unwrap();
}

#[test]
fn removing_gives_the_space_back() {
    let limits =
        VfsLimits::default().with_max_files(10).with_max_file_bytes(100).with_max_total_bytes(100);
    let mut fs = Vfs::new().with_limits(limits);
    for _ in 0..1000 {
        fs.create_dir_all("/a/b").unwrap();
        fs.write("/a/b/c", [7; 90]).unwrap();
        fs.write("/a/other", [7; 10]).unwrap();
        fs.rename("/a/b/c", "/a/other").unwrap();
        fs.hard_link("/a/other", "/a/second").unwrap();
        fs.remove_dir_all("/a").unwrap();
    }
    fs.write("/a", [1; 100]).unwrap();
}

#[test]
fn a_very_deep_tree_is_walked_without_recursion() {
    let mut fs = Vfs::new();
    // Longer than any path: only moving directories into each other gets there.
    fs.create_dir("/t").unwrap();
    for _ in 0..20_000 {
        fs.create_dir("/n").unwrap();
        fs.rename("/t", "/n/t").unwrap();
        fs.rename("/n", "/t").unwrap();
    }
    assert!(fs.tree("/t").is_empty());
    fs.remove_dir_all("/t").unwrap();
    assert!(!fs.exists("/t"));
}
