//! Calls on descriptors.

use ssr_sandbox::Errno;

use crate::guest::{ALL, CREAT, Guest, READ, code};

#[test]
fn the_standard_descriptors_have_their_numbers_and_types() {
    let mut guest = Guest::with_files(&[]);
    assert_eq!(guest.call("fd_prestat_get", &[3, 0x200]), 0);
    assert_eq!((guest.u32(0x200), guest.u32(0x204)), (0, 1));
    assert_eq!(guest.call("fd_prestat_dir_name", &[3, 0x200, 1]), 0);
    assert_eq!(guest.get(0x200, 1), b"/");
    for fd in [0, 1, 2, 4] {
        assert_eq!(guest.call("fd_prestat_get", &[fd, 0x200]), code(Errno::BadFd));
    }
    let types: Vec<u8> = (0..4).map(|fd| guest.stat(fd).unwrap().file_type).collect();
    assert_eq!(types, [0, 0, 0, 3]);
    assert_eq!(guest.seek(1, 0, 1), Err(code(Errno::Seek)));
}

#[test]
fn opening_dev_fd_duplicates_with_a_shared_offset() {
    let mut guest = Guest::with_files(&[("/f", "abcdef")]);
    let fd = guest.open("f", 0, READ).unwrap();
    let copy = guest.open(&format!("dev/fd/{fd}"), 0, ALL).unwrap();
    assert_eq!(guest.read(fd, 2).unwrap(), b"ab");
    assert_eq!(guest.read(copy, 2).unwrap(), b"cd");
    guest.close(fd).unwrap();
    assert_eq!(guest.read(copy, 9).unwrap(), b"ef");
    assert_eq!(guest.write(copy, b"x"), Err(code(Errno::BadFd)), "rights are those of the first");
    assert_eq!(guest.open("dev/fd/77", 0, READ), Err(code(Errno::NotFound)));
    assert_eq!(guest.open("dev/fd/x", 0, READ), Err(code(Errno::NotFound)));
    assert_eq!(guest.open("dev/fd/01", 0, READ), Err(code(Errno::NotFound)));
}

#[test]
fn dev_stdout_is_standard_output() {
    let mut guest = Guest::with_files(&[]);
    let out = guest.open("dev/stdout", 0, ALL).unwrap();
    let error = guest.open("dev/fd/2", 0, ALL).unwrap();
    guest.write(out, b"out").unwrap();
    guest.write(error, b"error").unwrap();
    assert_eq!(guest.stat(out), guest.stat(1));
    assert_eq!(guest.stat_path("dev/stdout", true).unwrap().file_type, 0);
    assert_eq!(guest.stat_path("dev/stdout", false).unwrap().file_type, 7);
    let parts = guest.finish();
    assert_eq!((parts.stdout.text(), parts.stderr.text()), ("out".into(), "error".into()));
}

#[test]
fn linking_in_dev_fd_is_dup2() {
    let mut guest = Guest::with_files(&[]);
    let saved = guest.open("dev/fd/1", 0, ALL).unwrap();
    let file = guest.open("tmp/capture", CREAT, ALL).unwrap();
    guest.on_two_paths("path_link", &format!("dev/fd/{file}"), "dev/fd/1").unwrap();
    guest.write(1, b"captured").unwrap();
    guest.on_two_paths("path_link", &format!("dev/fd/{saved}"), "dev/fd/1").unwrap();
    guest.write(1, b"shown").unwrap();
    guest.on_two_paths("path_link", "dev/fd/1", "dev/fd/20").unwrap();
    guest.write(20, b"!").unwrap();
    let beyond = guest.on_two_paths("path_link", "dev/fd/1", "dev/fd/1024");
    assert_eq!(beyond, Err(code(Errno::BadFd)));
    let parts = guest.finish();
    assert_eq!(parts.stdout.text(), "shown!");
    assert_eq!(&*parts.vfs.read("/tmp/capture").unwrap(), b"captured");
}

#[test]
fn renumbering_moves_a_descriptor() {
    let mut guest = Guest::with_files(&[("/a", "a"), ("/b", "b")]);
    let (a, b) = (guest.open("a", 0, READ).unwrap(), guest.open("b", 0, READ).unwrap());
    assert_eq!(guest.call("fd_renumber", &[a.into(), 99]), code(Errno::BadFd));
    assert_eq!(guest.call("fd_renumber", &[a.into(), b.into()]), 0);
    assert_eq!(guest.read(b, 1).unwrap(), b"a");
    assert_eq!(guest.read(a, 1), Err(code(Errno::BadFd)));
    assert_eq!(guest.call("fd_renumber", &[b.into(), b.into()]), 0);
    guest.on_two_paths("path_rename", &format!("dev/fd/{b}"), "dev/fd/9").unwrap();
    assert_eq!(guest.seek(9, 0, 0), Ok(0));
    assert_eq!(guest.read(9, 1).unwrap(), b"a");
}

#[test]
fn there_are_so_many_descriptors_and_no_more() {
    let mut guest = Guest::with_files(&[("/f", "")]);
    let opened = (0..).map_while(|_| guest.open("f", 0, READ).ok()).count();
    assert_eq!(opened, 1020);
    assert_eq!(guest.open("new", CREAT, ALL), Err(code(Errno::TooManyOpen)));
    guest.close(500).unwrap();
    assert!(!guest.store.data().vfs().exists("/new"));
    assert_eq!(guest.open("f", 0, READ), Ok(500));
}

#[test]
fn rights_can_only_shrink() {
    let mut guest = Guest::with_files(&[("/f", "text")]);
    let fd = guest.open("f", 0, READ).unwrap();
    assert_eq!(guest.call("fd_fdstat_get", &[fd.into(), 0x200]), 0);
    let base = guest.u64(0x208);
    assert_eq!(guest.get(0x200, 1), [4]);
    assert_eq!(base & (1 << 6), 0, "no right to write");
    let more = guest.call("fd_fdstat_set_rights", &[fd.into(), base | 1 << 6, 0]);
    assert_eq!(more, code(Errno::NotCapable));
    assert_eq!(guest.call("fd_fdstat_set_rights", &[fd.into(), base & !2, 0]), 0);
    assert_eq!(guest.read(fd, 1), Err(code(Errno::BadFd)));
    // A root without path_open opens nothing any more.
    assert_eq!(guest.call("fd_fdstat_get", &[3, 0x200]), 0);
    let (base, inheriting) = (guest.u64(0x208), guest.u64(0x210));
    assert_eq!(
        guest.call("fd_fdstat_set_rights", &[3, base & !(1 << 10), inheriting & !(1 << 6)]),
        0
    );
    assert_eq!(guest.open("f", 0, ALL), Err(code(Errno::NotCapable)));
    assert_eq!(guest.open("g", CREAT, READ & !(1 << 6)), Err(code(Errno::NotCapable)));
    assert!(guest.open("f", 0, READ).is_ok());
}

#[test]
fn calls_for_files_refuse_other_descriptors() {
    let mut guest = Guest::with_files(&[("/f", "")]);
    let fd = guest.open("f", 0, ALL).unwrap();
    assert_eq!(guest.call("fd_advise", &[fd.into(), 0, 0, 1]), 0);
    assert_eq!(guest.call("fd_advise", &[fd.into(), 0, 0, 6]), code(Errno::Invalid));
    assert_eq!(guest.call("fd_advise", &[1, 0, 0, 0]), code(Errno::Seek));
    assert_eq!(guest.call("fd_allocate", &[3, 0, 1]), code(Errno::IsDirectory));
    assert_eq!(guest.call("fd_readdir", &[fd.into(), 0, 8, 0, 8]), code(Errno::NotDirectory));
    assert_eq!(guest.open_at(fd, "x", 0, READ, 0), Err(code(Errno::NotDirectory)));
    assert_eq!(guest.call("sock_shutdown", &[fd.into(), 0]), code(Errno::NotSocket));
    assert_eq!(guest.call("sock_shutdown", &[99, 0]), code(Errno::BadFd));
    assert_eq!(guest.call("fd_sync", &[fd.into()]), 0);
    assert_eq!(guest.call("fd_datasync", &[99]), code(Errno::BadFd));
}
