//! Constants and records of preview1, under its own names where they are short enough.

use crate::interpreter::vfs::{Errno, FileKind, Metadata};

use super::memory::GuestMemory;

/// Rights, one bit each.
pub(super) mod rights {
    pub const FD_DATASYNC: u64 = 1;
    pub const FD_READ: u64 = 1 << 1;
    pub const FD_SEEK: u64 = 1 << 2;
    pub const FD_FDSTAT_SET_FLAGS: u64 = 1 << 3;
    pub const FD_SYNC: u64 = 1 << 4;
    pub const FD_TELL: u64 = 1 << 5;
    pub const FD_WRITE: u64 = 1 << 6;
    pub const FD_ADVISE: u64 = 1 << 7;
    pub const FD_ALLOCATE: u64 = 1 << 8;
    pub const PATH_CREATE_DIRECTORY: u64 = 1 << 9;
    pub const PATH_CREATE_FILE: u64 = 1 << 10;
    pub const PATH_LINK_SOURCE: u64 = 1 << 11;
    pub const PATH_LINK_TARGET: u64 = 1 << 12;
    pub const PATH_OPEN: u64 = 1 << 13;
    pub const FD_READDIR: u64 = 1 << 14;
    pub const PATH_READLINK: u64 = 1 << 15;
    pub const PATH_RENAME_SOURCE: u64 = 1 << 16;
    pub const PATH_RENAME_TARGET: u64 = 1 << 17;
    pub const PATH_FILESTAT_GET: u64 = 1 << 18;
    pub const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
    pub const PATH_FILESTAT_SET_TIMES: u64 = 1 << 20;
    pub const FD_FILESTAT_GET: u64 = 1 << 21;
    pub const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    pub const FD_FILESTAT_SET_TIMES: u64 = 1 << 23;
    pub const PATH_SYMLINK: u64 = 1 << 24;
    pub const PATH_REMOVE_DIRECTORY: u64 = 1 << 25;
    pub const PATH_UNLINK_FILE: u64 = 1 << 26;
    pub const POLL_FD_READWRITE: u64 = 1 << 27;

    /// Every right there is, the two of sockets included.
    pub const ALL: u64 = (1 << 30) - 1;

    /// What can apply to a regular file or a device.
    pub const FILE: u64 = FD_DATASYNC
        | FD_READ
        | FD_SEEK
        | FD_FDSTAT_SET_FLAGS
        | FD_SYNC
        | FD_TELL
        | FD_WRITE
        | FD_ADVISE
        | FD_ALLOCATE
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_SIZE
        | FD_FILESTAT_SET_TIMES
        | POLL_FD_READWRITE;

    /// What can apply to a directory.
    pub const DIRECTORY: u64 = FD_FDSTAT_SET_FLAGS
        | FD_SYNC
        | FD_DATASYNC
        | FD_ADVISE
        | PATH_CREATE_DIRECTORY
        | PATH_CREATE_FILE
        | PATH_LINK_SOURCE
        | PATH_LINK_TARGET
        | PATH_OPEN
        | FD_READDIR
        | PATH_READLINK
        | PATH_RENAME_SOURCE
        | PATH_RENAME_TARGET
        | PATH_FILESTAT_GET
        | PATH_FILESTAT_SET_SIZE
        | PATH_FILESTAT_SET_TIMES
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_TIMES
        | PATH_SYMLINK
        | PATH_REMOVE_DIRECTORY
        | PATH_UNLINK_FILE
        | POLL_FD_READWRITE;

    /// Standard input: a pipe, so that no program takes it for a terminal.
    pub const PIPE_IN: u64 = FD_READ | FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE;
    /// Standard output and error, and the event channel.
    pub const PIPE_OUT: u64 = FD_WRITE
        | FD_DATASYNC
        | FD_SYNC
        | FD_FDSTAT_SET_FLAGS
        | FD_FILESTAT_GET
        | POLL_FD_READWRITE;
}

pub(super) const LOOKUP_FOLLOW: u32 = 1;

pub(super) const OFLAG_CREAT: u32 = 1;
pub(super) const OFLAG_DIRECTORY: u32 = 2;
pub(super) const OFLAG_EXCL: u32 = 4;
pub(super) const OFLAG_TRUNC: u32 = 8;

pub(super) const FDFLAG_APPEND: u32 = 1;
pub(super) const FDFLAGS: u32 = 31;

pub(super) const FSTFLAG_ATIM: u32 = 1;
pub(super) const FSTFLAG_ATIM_NOW: u32 = 2;
pub(super) const FSTFLAG_MTIM: u32 = 4;
pub(super) const FSTFLAG_MTIM_NOW: u32 = 8;

/// File types.
pub(super) const UNKNOWN: u8 = 0;
pub(super) const CHARACTER_DEVICE: u8 = 2;
pub(super) const DIRECTORY: u8 = 3;
pub(super) const REGULAR_FILE: u8 = 4;
pub(super) const SYMBOLIC_LINK: u8 = 7;

pub(super) fn file_type(kind: FileKind) -> u8 {
    match kind {
        FileKind::File => REGULAR_FILE,
        FileKind::Directory => DIRECTORY,
        FileKind::Symlink => SYMBOLIC_LINK,
        FileKind::Device => CHARACTER_DEVICE,
    }
}

/// The `filestat` record, 64 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filestat {
    pub device: u64,
    pub inode: u64,
    pub file_type: u8,
    pub links: u64,
    pub size: u64,
    pub accessed: u64,
    pub modified: u64,
    pub changed: u64,
}

impl Filestat {
    pub(super) const SIZE: u32 = 64;

    pub(super) fn write(&self, memory: &mut GuestMemory<'_>, at: u32) -> Result<(), Errno> {
        let mut record = [0; Self::SIZE as usize];
        let mut put = |offset: usize, value: u64| {
            record[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
        };
        put(0, self.device);
        put(8, self.inode);
        put(16, self.file_type.into());
        put(24, self.links);
        put(32, self.size);
        put(40, self.accessed);
        put(48, self.modified);
        put(56, self.changed);
        memory.write(at, &record)
    }
}

impl From<Metadata> for Filestat {
    fn from(metadata: Metadata) -> Self {
        Self {
            device: 1,
            inode: metadata.inode,
            file_type: file_type(metadata.kind),
            links: metadata.links.into(),
            size: metadata.len,
            accessed: metadata.accessed,
            modified: metadata.modified,
            changed: metadata.changed,
        }
    }
}
