//! Calls on paths.

use ssr_sandbox::Errno;

use crate::guest::{ALL, DIRECTORY, Guest, READ, code};

#[test]
fn directories_are_made_and_removed() {
    let mut guest = Guest::with_files(&[("/d/f", "")]);
    assert_eq!(guest.on_path("path_create_directory", &[3], "d", &[]), Err(code(Errno::Exists)));
    assert_eq!(guest.on_path("path_create_directory", &[3], "e", &[]), Ok(()));
    assert_eq!(guest.stat_path("e", false).unwrap().links, 2);
    assert_eq!(guest.on_path("path_remove_directory", &[3], "d", &[]), Err(code(Errno::NotEmpty)));
    assert_eq!(guest.on_path("path_unlink_file", &[3], "d", &[]), Err(code(Errno::IsDirectory)));
    assert_eq!(guest.on_path("path_remove_directory", &[3], "e", &[]), Ok(()));
    let of_file = guest.on_path("path_remove_directory", &[3], "d/f", &[]);
    assert_eq!(of_file, Err(code(Errno::NotDirectory)));
}

#[test]
fn links_are_read_followed_and_refused() {
    let mut guest = Guest::with_files(&[("/d/f", "text")]);
    guest.on_two_paths("path_symlink", "d/f", "link").unwrap();
    guest.on_path("path_readlink", &[3], "link", &[0x4000, 100, 0x200]).unwrap();
    assert_eq!(guest.get(0x4000, guest.u32(0x200)), b"d/f");
    guest.on_path("path_readlink", &[3], "link", &[0x4000, 2, 0x200]).unwrap();
    assert_eq!(guest.u32(0x200), 2);
    let of_file = guest.on_path("path_readlink", &[3], "d/f", &[0x4000, 2, 0x200]);
    assert_eq!(of_file, Err(code(Errno::Invalid)));
    assert_eq!(guest.stat_path("link", true).unwrap().size, 4);
    assert_eq!(guest.stat_path("link", false).unwrap().file_type, 7);
    let rest = [0, READ, READ, 0, 0x200];
    let no_follow = guest.on_path("path_open", &[3, 0], "link", &rest);
    assert_eq!(no_follow, Err(code(Errno::Loop)));
}

#[test]
fn hard_links_and_renames_keep_the_inode() {
    let mut guest = Guest::with_files(&[("/a", "text"), ("/d/x", "")]);
    guest.on_two_paths("path_link", "a", "d/b").unwrap();
    let (a, b) = (guest.stat_path("a", true).unwrap(), guest.stat_path("d/b", true).unwrap());
    assert_eq!((a.inode, a.links), (b.inode, 2));
    guest.on_two_paths("path_rename", "a", "d/x").unwrap();
    assert_eq!(guest.stat_path("d/x", true).unwrap().inode, b.inode);
    assert_eq!(guest.stat_path("a", true), Err(code(Errno::NotFound)));
    let inside = guest.on_two_paths("path_rename", "d", "d/e");
    assert_eq!(inside, Err(code(Errno::Invalid)));
}

#[test]
fn paths_are_relative_to_their_directory_and_never_above_the_root() {
    let mut guest = Guest::with_files(&[("/d/e/f", "text"), ("/g", "")]);
    let fd = guest.open("d/e", DIRECTORY, READ).unwrap();
    assert!(guest.open_at(fd, "f", 0, READ, 0).is_ok());
    assert!(guest.open_at(fd, "../../g", 0, READ, 0).is_ok());
    assert!(guest.open_at(fd, "../../../../../../g", 0, READ, 0).is_ok());
    assert!(guest.open_at(fd, "/g", 0, READ, 0).is_ok());
    assert_eq!(guest.open("../etc/passwd", 0, READ), Err(code(Errno::NotFound)));
    assert_eq!(guest.open("", 0, READ), Err(code(Errno::NotFound)));
    assert_eq!(guest.open("d\0e", 0, READ), Err(code(Errno::Invalid)));
}

#[test]
fn a_name_that_is_not_utf8_is_refused() {
    let mut guest = Guest::with_files(&[]);
    guest.put(0x1000, &[b'a', 0xff]);
    let made = guest.call("path_create_directory", &[3, 0x1000, 2]);
    assert_eq!(made, code(Errno::NotUtf8));
}

#[test]
fn times_are_set_as_asked() {
    let mut guest = Guest::with_files(&[("/f", "")]);
    let before = guest.stat_path("f", true).unwrap();
    guest.on_path("path_filestat_set_times", &[3, 1], "f", &[5, 7, 1 | 4]).unwrap();
    let set = guest.stat_path("f", true).unwrap();
    assert_eq!((set.accessed, set.modified), (5, 7));
    guest.on_path("path_filestat_set_times", &[3, 1], "f", &[0, 0, 8]).unwrap();
    let now = guest.stat_path("f", true).unwrap();
    assert!(now.accessed == 5 && now.modified > before.modified);
    let both = guest.on_path("path_filestat_set_times", &[3, 1], "f", &[0, 0, 1 | 2]);
    assert_eq!(both, Err(code(Errno::Invalid)));
    let fd = guest.open("f", 0, ALL).unwrap();
    assert_eq!(guest.call("fd_filestat_set_times", &[fd.into(), 1, 2, 4]), 0);
    assert_eq!(guest.stat(fd).unwrap().modified, 2);
    assert_eq!(guest.call("fd_filestat_set_times", &[1, 1, 2, 4]), code(Errno::NotCapable));
}
