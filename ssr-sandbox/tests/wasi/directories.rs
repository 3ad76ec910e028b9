//! Reading directories.

use ssr_sandbox::{Errno, Vfs, WasiCtx};

use crate::guest::{DIRECTORY, Guest, READ, code};

fn names(entries: &[(String, u8)]) -> Vec<&str> {
    entries.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_listing_is_the_same_through_any_buffer() {
    let mut vfs = Vfs::new();
    vfs.create_dir("/d").unwrap();
    for index in 0..300 {
        vfs.write(&format!("/d/file-{index:03}{}", "x".repeat(index % 40)), *b"").unwrap();
    }
    vfs.create_dir("/d/sub").unwrap();
    vfs.symlink("sub", "/d/zlink").unwrap();
    let mut guest = Guest::new(WasiCtx::builder().vfs(vfs).build());
    let fd = guest.open("d", DIRECTORY, READ).unwrap();
    let whole = guest.list(fd, 0x8000);
    assert_eq!(names(&whole)[..3], [".", "..", "file-000"]);
    assert_eq!(whole.len(), 304);
    assert_eq!(whole[302..], [("sub".to_owned(), 3), ("zlink".to_owned(), 7)]);
    for len in [80, 100, 1000, 4096] {
        assert_eq!(guest.list(fd, len), whole, "buffer of {len}");
    }
}

#[test]
fn names_that_stay_are_listed_once_while_others_come_and_go() {
    let mut guest = Guest::with_files(&[]);
    guest.on_path("path_create_directory", &[3], "d", &[]).unwrap();
    for index in 0..50 {
        guest.store.data_mut().vfs_mut().write(&format!("/d/stay-{index:02}"), *b"").unwrap();
        guest.store.data_mut().vfs_mut().write(&format!("/d/go-{index:02}"), *b"").unwrap();
    }
    let fd = guest.open("d", DIRECTORY, READ).unwrap();
    let mut found = Vec::new();
    let (mut cookie, mut round) = (0, 0);
    loop {
        let (entries, more) = guest.list_once(fd, 200, cookie);
        for (next, name, _) in entries {
            cookie = next;
            found.push(name);
        }
        if !more {
            break;
        }
        let vfs = guest.store.data_mut().vfs_mut();
        vfs.remove_file(&format!("/d/go-{round:02}")).ok();
        vfs.write(&format!("/d/come-{round:02}"), *b"").unwrap();
        round += 1;
    }
    let stayed: Vec<_> = found.iter().filter(|name| name.starts_with("stay")).collect();
    assert_eq!(stayed.len(), 50);
    assert!(stayed.is_sorted());
}

#[test]
fn dev_fd_lists_the_open_descriptors() {
    let mut guest = Guest::with_files(&[]);
    let fd = guest.open("dev/fd", DIRECTORY, READ).unwrap();
    assert_eq!(names(&guest.list(fd, 400)), [".", "..", "0", "1", "2", "3", "4"]);
    assert_eq!(guest.list(fd, 40).len(), 7);
}

#[test]
fn a_removed_directory_is_empty_and_takes_nothing() {
    let mut guest = Guest::with_files(&[]);
    guest.on_path("path_create_directory", &[3], "d", &[]).unwrap();
    let fd = guest.open("d", DIRECTORY, READ | 1 << 10).unwrap();
    guest.on_path("path_remove_directory", &[3], "d", &[]).unwrap();
    assert_eq!(names(&guest.list(fd, 400)), [".", ".."]);
    assert_eq!(guest.open_at(fd, "x", 1, READ, 0), Err(code(Errno::NotFound)));
    let create = guest.on_path("path_create_directory", &[fd.into()], "x", &[]);
    assert_eq!(create, Err(code(Errno::NotFound)));
    assert_eq!(guest.open_at(fd, "..", DIRECTORY, READ, 0).map(drop), Ok(()));
}

#[test]
fn an_unknown_cookie_is_no_error() {
    let mut guest = Guest::with_files(&[("/d/a", ""), ("/d/b", "")]);
    let fd = guest.open("d", DIRECTORY, READ).unwrap();
    for cookie in [3, 4, 5, 1000, u64::MAX - 1, u64::MAX] {
        let (entries, more) = guest.list_once(fd, 400, cookie);
        assert!(entries.len() <= 1 && !more);
    }
}
