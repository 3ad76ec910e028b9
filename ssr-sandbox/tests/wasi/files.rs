//! Reading and writing files.

use ssr_sandbox::{Errno, Vfs, VfsLimits, WasiCtx};

use crate::guest::{ALL, APPEND, CREAT, DIRECTORY, EXCL, Guest, READ, TRUNC, WRITE, code};

#[test]
fn a_file_is_created_written_sought_and_read_back() {
    let mut guest = Guest::with_files(&[]);
    let fd = guest.open("tmp/a", CREAT, ALL).unwrap();
    assert_eq!(fd, 4);
    assert_eq!(guest.write(fd, b"hello world"), Ok(11));
    assert_eq!(guest.seek(fd, -5, 2), Ok(6));
    assert_eq!(guest.read(fd, 100).unwrap(), b"world");
    assert_eq!(guest.read(fd, 100).unwrap(), b"");
    assert_eq!(guest.seek(fd, 2, 0), Ok(2));
    assert_eq!(guest.seek(fd, 3, 1), Ok(5));
    assert_eq!(guest.seek(fd, -6, 1), Err(code(Errno::Invalid)));
    assert_eq!(guest.seek(fd, 0, 3), Err(code(Errno::Invalid)));
    assert_eq!(guest.close(fd), Ok(()));
    assert_eq!(guest.close(fd), Err(code(Errno::BadFd)));
    assert_eq!(&*guest.finish().vfs.read("/tmp/a").unwrap(), b"hello world");
}

#[test]
fn open_flags_are_respected() {
    let mut guest = Guest::with_files(&[("/d/f", "text")]);
    assert_eq!(guest.open("d/none", 0, READ), Err(code(Errno::NotFound)));
    assert_eq!(guest.open("d/f", CREAT | EXCL, ALL), Err(code(Errno::Exists)));
    assert_eq!(guest.open("d/f", DIRECTORY, READ), Err(code(Errno::NotDirectory)));
    assert_eq!(guest.open("d", CREAT | DIRECTORY, READ), Err(code(Errno::Invalid)));
    assert_eq!(guest.open("d", CREAT, WRITE), Err(code(Errno::IsDirectory)));
    assert_eq!(guest.open("d", 0, WRITE), Err(code(Errno::IsDirectory)));
    assert_eq!(guest.open("d/f/", 0, READ), Err(code(Errno::NotDirectory)));
    assert_eq!(guest.open("d/f/x", 0, READ), Err(code(Errno::NotDirectory)));
    let fd = guest.open("d/f", TRUNC, WRITE).unwrap();
    assert_eq!(guest.stat(fd).unwrap().size, 0);
    let fd = guest.open("d/new", CREAT | EXCL, WRITE).unwrap();
    assert_eq!(guest.stat(fd).unwrap().file_type, 4);
}

#[test]
fn reading_and_writing_need_their_rights() {
    let mut guest = Guest::with_files(&[("/f", "text")]);
    let read = guest.open("f", 0, READ).unwrap();
    assert_eq!(guest.write(read, b"x"), Err(code(Errno::BadFd)));
    assert_eq!(guest.call("fd_filestat_set_size", &[read.into(), 1]), code(Errno::Invalid));
    let write = guest.open("f", 0, WRITE).unwrap();
    assert_eq!(guest.read(write, 1), Err(code(Errno::BadFd)));
    assert_eq!(guest.read(3, 1), Err(code(Errno::IsDirectory)));
}

#[test]
fn appending_ignores_the_offset() {
    let mut guest = Guest::with_files(&[("/f", "one")]);
    let fd = guest.open_at(3, "f", 0, ALL, APPEND).unwrap();
    guest.seek(fd, 0, 0).unwrap();
    guest.write(fd, b" two").unwrap();
    assert_eq!(guest.seek(fd, 0, 1), Ok(7));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[fd.into(), 0]), 0);
    guest.seek(fd, 0, 0).unwrap();
    guest.write(fd, b"ONE").unwrap();
    assert_eq!(&*guest.finish().vfs.read("/f").unwrap(), b"ONE two");
}

#[test]
fn positions_sizes_and_holes() {
    let mut guest = Guest::with_files(&[]);
    let fd = guest.open("f", CREAT, ALL).unwrap();
    guest.seek(fd, 4, 0).unwrap();
    guest.write(fd, b"end").unwrap();
    assert_eq!(guest.stat(fd).unwrap().size, 7);
    assert_eq!(guest.call("fd_allocate", &[fd.into(), 6, 4]), 0);
    assert_eq!(guest.stat(fd).unwrap().size, 10);
    assert_eq!(guest.call("fd_allocate", &[fd.into(), 0, 4]), 0);
    assert_eq!(guest.call("fd_allocate", &[fd.into(), u64::MAX, 4]), code(Errno::FileTooBig));
    assert_eq!(guest.call("fd_filestat_set_size", &[fd.into(), 6]), 0);
    guest.put(0x300, &[0, 0x40, 0, 0, 2, 0, 0, 0]);
    assert_eq!(guest.call("fd_pread", &[fd.into(), 0x300, 1, 4, 0x310]), 0);
    assert_eq!(guest.get(0x4000, guest.u32(0x310)), b"en");
    assert_eq!(guest.call("fd_pwrite", &[fd.into(), 0x300, 1, 0, 0x310]), 0);
    assert_eq!(guest.seek(fd, 0, 1), Ok(7), "pread and pwrite leave the offset alone");
    assert_eq!(&*guest.finish().vfs.read("/f").unwrap(), b"en\0\0en");
}

#[test]
fn an_unlinked_file_lives_until_it_is_closed() {
    let mut guest = Guest::with_files(&[("/f", "text")]);
    let fd = guest.open("f", 0, ALL).unwrap();
    guest.on_path("path_unlink_file", &[3], "f", &[]).unwrap();
    assert_eq!(guest.open("f", 0, READ), Err(code(Errno::NotFound)));
    guest.write(fd, b"TEXT!").unwrap();
    guest.seek(fd, 0, 0).unwrap();
    assert_eq!(guest.read(fd, 9).unwrap(), b"TEXT!");
    assert_eq!(guest.stat(fd).unwrap().links, 0);
    assert_eq!(
        guest.on_two_paths("path_link", "dev/fd/4", "again"),
        Err(code(Errno::NotPermitted))
    );
    let new = guest.open("f", CREAT, ALL).unwrap();
    assert_ne!(guest.stat(new).unwrap().inode, guest.stat(fd).unwrap().inode);
    guest.close(fd).unwrap();
    assert_eq!(&*guest.finish().vfs.read("/f").unwrap(), b"");
}

#[test]
fn what_is_unlinked_and_open_at_the_end_is_gone() {
    let limits =
        VfsLimits::default().with_max_files(10).with_max_file_bytes(100).with_max_total_bytes(100);
    let mut vfs = Vfs::new().with_limits(limits);
    for _ in 0..10 {
        let mut guest = Guest::new(WasiCtx::builder().vfs(vfs).build());
        let fd = guest.open("f", CREAT, ALL).unwrap();
        guest.write(fd, &[1; 90]).unwrap();
        guest.on_path("path_unlink_file", &[3], "f", &[]).unwrap();
        vfs = guest.finish().vfs;
    }
    assert_eq!(vfs.read_dir("/").unwrap().len(), 2);
}

#[test]
fn limits_are_errors_of_the_guest() {
    let limits =
        VfsLimits::default().with_max_files(2).with_max_file_bytes(10).with_max_total_bytes(15);
    let vfs = Vfs::new().with_limits(limits);
    let mut guest = Guest::new(WasiCtx::builder().vfs(vfs).build());
    let fd = guest.open("f", CREAT, ALL).unwrap();
    assert_eq!(guest.write(fd, &[0; 11]), Err(code(Errno::FileTooBig)));
    assert_eq!(guest.write(fd, &[0; 10]), Ok(10));
    guest.seek(fd, i64::MAX, 0).unwrap();
    assert_eq!(guest.write(fd, b"x"), Err(code(Errno::FileTooBig)));
    let other = guest.open("g", CREAT, ALL).unwrap();
    assert_eq!(guest.write(other, &[0; 6]), Err(code(Errno::NoSpace)));
    assert_eq!(guest.open("h", CREAT, ALL), Err(code(Errno::NoSpace)));
}

#[test]
fn gathered_reads_and_writes_go_in_order() {
    let mut guest = Guest::with_files(&[("/f", "abcdef")]);
    let fd = guest.open("f", 0, ALL).unwrap();
    let vectors: Vec<u8> = [(0x4000_u32, 2_u32), (0x5000, 0), (0x6000, 10)]
        .into_iter()
        .flat_map(|(at, len)| [at.to_le_bytes(), len.to_le_bytes()].concat())
        .collect();
    guest.put(0x300, &vectors);
    assert_eq!(guest.call("fd_read", &[fd.into(), 0x300, 3, 0x200]), 0);
    assert_eq!(guest.u32(0x200), 6);
    assert_eq!((guest.get(0x4000, 2), guest.get(0x6000, 4)), (b"ab".to_vec(), b"cdef".to_vec()));
    assert_eq!(guest.call("fd_pwrite", &[fd.into(), 0x300, 3, 6, 0x200]), 0);
    assert_eq!(guest.u32(0x200), 12);
    let bytes = guest.finish().vfs.read("/f").unwrap();
    assert_eq!(&bytes[6..12], b"abcdef");
}
