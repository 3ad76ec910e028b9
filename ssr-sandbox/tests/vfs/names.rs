//! Names that are legal, and names that are not.

use ssr_sandbox::{Errno, FileKind, Vfs};

use crate::{errno, text, vfs};

#[test]
fn a_new_filesystem_has_devices_and_tmp() {
    let fs = Vfs::new();
    let names: Vec<_> = fs.read_dir("/").unwrap().into_iter().map(|e| e.name).collect();
    assert_eq!(names.iter().map(|n| &**n).collect::<Vec<_>>(), ["dev", "tmp"]);
    assert!(fs.metadata("/tmp").unwrap().is_dir());
    assert_eq!(fs.metadata("/dev/null").unwrap().kind, FileKind::Device);
    assert!(fs.symlink_metadata("/dev/stdout").unwrap().is_symlink());
    assert_eq!(fs.metadata("/").unwrap().links, 4);
}

#[test]
fn dot_dot_never_leaves_the_root() {
    let fs = vfs(&[("/a/b", "x")]);
    assert_eq!(text(&fs, "/../../../a/./../a//b"), "x");
    assert_eq!(fs.metadata("/..").unwrap().inode, fs.metadata("/").unwrap().inode);
}

#[test]
fn symbolic_links_resolve_relative_absolute_and_through_directories() {
    let mut fs = vfs(&[("/a/b/file", "x"), ("/c/other", "y")]);
    fs.symlink("b/file", "/a/relative").unwrap();
    fs.symlink("/c", "/a/absolute").unwrap();
    fs.symlink("../c/other", "/a/up").unwrap();
    fs.symlink("../../../../../c/other", "/a/escape").unwrap();
    assert_eq!(text(&fs, "/a/relative"), "x");
    assert_eq!(text(&fs, "/a/absolute/other"), "y");
    assert_eq!(text(&fs, "/a/up"), "y");
    assert_eq!(text(&fs, "/a/escape"), "y");
    assert_eq!(&*fs.read_link("/a/up").unwrap(), "../c/other");
    assert_eq!(errno(fs.read_link("/a/b/file")), Errno::Invalid);
    fs.remove_file("/a/absolute").unwrap();
    assert!(fs.exists("/c/other"));
}

#[test]
fn loops_of_links_end() {
    let mut fs = Vfs::new();
    fs.symlink("b", "/a").unwrap();
    fs.symlink("a", "/b").unwrap();
    fs.symlink("self/x", "/self").unwrap();
    assert_eq!(errno(fs.read("/a")), Errno::Loop);
    assert_eq!(errno(fs.read("/self")), Errno::Loop);
    assert_eq!(errno(fs.write("/a", *b"")), Errno::Loop);
    for depth in 0..50 {
        let target = if depth == 0 { "tmp".to_owned() } else { format!("l{}", depth - 1) };
        fs.symlink(&target, &format!("/l{depth}")).unwrap();
    }
    assert!(fs.exists("/l39"));
    assert_eq!(errno(fs.metadata("/l40")), Errno::Loop);
}

#[test]
fn writing_through_a_dangling_link_creates_its_target() {
    let mut fs = vfs(&[("/d/x", "")]);
    fs.symlink("d/new", "/link").unwrap();
    fs.write("/link", *b"made").unwrap();
    assert_eq!(text(&fs, "/d/new"), "made");
}

#[test]
fn hard_links_share_content_and_outlive_each_other() {
    let mut fs = vfs(&[("/a", "one")]);
    fs.hard_link("/a", "/b").unwrap();
    fs.append("/b", "!").unwrap();
    let (a, b) = (fs.metadata("/a").unwrap(), fs.metadata("/b").unwrap());
    assert_eq!((a.inode, a.links), (b.inode, 2));
    assert_eq!(text(&fs, "/a"), "one!");
    fs.rename("/a", "/b").unwrap();
    assert!(fs.exists("/a") && fs.exists("/b"), "renaming over the same file does nothing");
    fs.remove_file("/a").unwrap();
    assert_eq!(fs.metadata("/b").unwrap().links, 1);
    assert_eq!(errno(fs.hard_link("/tmp", "/c")), Errno::NotPermitted);
}

#[test]
fn renames_follow_posix() {
    let mut fs = vfs(&[("/d/x", "x"), ("/e/y", "y"), ("/f", "f")]);
    fs.create_dir("/empty").unwrap();
    assert_eq!(errno(fs.rename("/d", "/d/inside")), Errno::Invalid);
    assert_eq!(errno(fs.rename("/d", "/e")), Errno::NotEmpty);
    assert_eq!(errno(fs.rename("/d", "/f")), Errno::NotDirectory);
    assert_eq!(errno(fs.rename("/f", "/d")), Errno::IsDirectory);
    assert_eq!(errno(fs.rename("/none", "/d")), Errno::NotFound);
    assert_eq!(errno(fs.rename("/", "/d/x")), Errno::Busy);
    fs.rename("/d", "/empty").unwrap();
    assert_eq!(text(&fs, "/empty/x"), "x");
    fs.rename("/empty", "/e/moved").unwrap();
    assert_eq!(text(&fs, "/e/moved/../y"), "y");
    assert_eq!(fs.metadata("/e").unwrap().links, 3);
    assert_eq!(fs.metadata("/").unwrap().links, 5);
}

#[test]
fn names_have_limits_and_no_nul() {
    let mut fs = Vfs::new();
    let long = "x".repeat(256);
    assert_eq!(errno(fs.write(&format!("/{long}"), *b"")), Errno::NameTooLong);
    assert_eq!(errno(fs.read(&"/x".repeat(3000))), Errno::NameTooLong);
    assert_eq!(errno(fs.write("/a\0b", *b"")), Errno::Invalid);
    assert_eq!(errno(fs.read("")), Errno::NotFound);
    fs.write(&format!("/{}", &long[1..]), *b"").unwrap();
}

#[test]
fn the_root_and_dev_fd_stay() {
    let mut fs = Vfs::new();
    assert_eq!(errno(fs.remove_dir("/")), Errno::Busy);
    assert_eq!(errno(fs.remove_dir_all("/")), Errno::Busy);
    assert_eq!(errno(fs.remove_dir_all("/dev/fd")), Errno::Busy);
    assert_eq!(errno(fs.write("/dev/fd/x", *b"")), Errno::NotPermitted);
    assert_eq!(errno(fs.remove_file("/dev/fd/0")), Errno::NotPermitted);
    assert_eq!(errno(fs.rename("/tmp", "/dev/fd/x")), Errno::NotPermitted);
    assert_eq!(errno(fs.write("/dev/null", *b"x")), Errno::Invalid);
}

#[test]
fn errors_name_the_path_and_the_reason() {
    let error = Vfs::new().read("/no/such").unwrap_err();
    assert_eq!(error.to_string(), "\"/no/such\": no such file or directory");
    assert_eq!(error.path(), "/no/such");
    assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::NotFound);
}
