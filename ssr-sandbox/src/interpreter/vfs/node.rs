//! Inodes: files, directories, symbolic links and devices.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::clock::BASE_TIME;

/// An inode number. Numbers from [`Ino::DESCRIPTORS`] on are not in the table: they stand for the
/// entries of `/dev/fd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ino(u32);

impl Ino {
    pub(crate) const ROOT: Ino = Ino(1);
    pub(crate) const DEV: Ino = Ino(2);
    pub(crate) const DEV_FD: Ino = Ino(3);
    const DESCRIPTORS: u32 = 1 << 31;

    pub(super) fn new(index: u32) -> Self {
        Ino(index)
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn number(self) -> u64 {
        self.0.into()
    }

    /// The inode behind `/dev/fd/N`.
    pub(crate) fn descriptor(fd: u32) -> Self {
        Ino(Self::DESCRIPTORS | fd)
    }

    /// N when this is the inode of `/dev/fd/N`.
    pub(crate) fn as_descriptor(self) -> Option<u32> {
        (self.0 >= Self::DESCRIPTORS).then_some(self.0 & !Self::DESCRIPTORS)
    }
}

/// A special file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    Null,
    Zero,
    Random,
    /// An entry of `/dev/fd`; which one, the inode number says.
    Descriptor,
}

/// The bytes of a file: shared with a tree or another filesystem until the first write.
#[derive(Clone)]
pub(crate) enum Content {
    Shared(Arc<[u8]>),
    Owned(Arc<Vec<u8>>),
}

impl Content {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Content::Shared(bytes) => bytes,
            Content::Owned(bytes) => bytes,
        }
    }

    pub(super) fn to_shared(&self) -> Arc<[u8]> {
        match self {
            Content::Shared(bytes) => Arc::clone(bytes),
            Content::Owned(bytes) => bytes.as_slice().into(),
        }
    }

    /// The bytes to change in place, copied first when anybody else holds them.
    pub(super) fn make_mut(&mut self) -> &mut Vec<u8> {
        if let Content::Shared(bytes) = self {
            *self = Content::Owned(Arc::new(bytes.to_vec()));
        }
        match self {
            Content::Owned(bytes) => Arc::make_mut(bytes),
            Content::Shared(_) => unreachable!("made owned above"),
        }
    }

    /// Whether both hold the same allocation.
    pub(super) fn is(&self, other: &Arc<[u8]>) -> bool {
        matches!(self, Content::Shared(bytes) if Arc::ptr_eq(bytes, other))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes().len())
    }
}

/// Names to inodes; shared until changed.
pub(crate) type Entries = Arc<BTreeMap<Arc<str>, Ino>>;

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    File { content: Content, executable: bool },
    Directory { entries: Entries, parent: Ino },
    Symlink(Arc<str>),
    Device(Device),
}

/// Times in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) accessed: u64,
    pub(crate) modified: u64,
    pub(crate) changed: u64,
}

impl Times {
    pub(super) const BASE: Times = Times::all(BASE_TIME);

    pub(super) const fn all(time: u64) -> Self {
        Times { accessed: time, modified: time, changed: time }
    }
}

/// An inode.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Names of a file; 2 plus the subdirectories of a directory. 0 once it has no name.
    pub(crate) links: u32,
    pub(crate) times: Times,
}

/// What `/dev/fd/N` looks like to the filesystem, which does not know the descriptors.
pub(super) static DESCRIPTOR: Node =
    Node { kind: Kind::Device(Device::Descriptor), links: 1, times: Times::BASE };

impl Node {
    pub(super) fn file(bytes: Content, executable: bool, time: u64) -> Self {
        let kind = Kind::File { content: bytes, executable };
        Node { kind, links: 0, times: Times::all(time) }
    }

    pub(super) fn directory(parent: Ino, time: u64) -> Self {
        let kind = Kind::Directory { entries: Entries::default(), parent };
        Node { kind, links: 0, times: Times::all(time) }
    }

    pub(super) fn symlink(target: &str, time: u64) -> Self {
        Node { kind: Kind::Symlink(target.into()), links: 0, times: Times::all(time) }
    }

    pub(super) fn device(device: Device) -> Self {
        Node { kind: Kind::Device(device), links: 0, times: Times::BASE }
    }

    pub(crate) fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory { .. })
    }

    pub(crate) fn entries(&self) -> Option<&Entries> {
        match &self.kind {
            Kind::Directory { entries, .. } => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn file_kind(&self) -> FileKind {
        match self.kind {
            Kind::File { .. } => FileKind::File,
            Kind::Directory { .. } => FileKind::Directory,
            Kind::Symlink(_) => FileKind::Symlink,
            Kind::Device(_) => FileKind::Device,
        }
    }

    /// Bytes in it: of a file its content, of a symbolic link its target.
    pub(crate) fn len(&self) -> u64 {
        match &self.kind {
            Kind::File { content, .. } => content.bytes().len() as u64,
            Kind::Symlink(target) => target.len() as u64,
            Kind::Directory { .. } | Kind::Device(_) => 0,
        }
    }
}

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, itself.
    Symlink,
    /// A special file such as `/dev/null`.
    Device,
}

/// What [`Vfs::metadata`](crate::Vfs::metadata) tells about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// What it is.
    pub kind: FileKind,
    /// Its length in bytes; 0 for a directory or device.
    pub len: u64,
    /// Git's executable bit; only files have it.
    pub executable: bool,
    /// The inode number, the same for all hard links of a file.
    pub inode: u64,
    /// How many names it has; for a directory 2 plus its subdirectories.
    pub links: u32,
    /// Last access as far as it was set explicitly, in nanoseconds since 1970.
    pub accessed: u64,
    /// Last change of the content, in nanoseconds of logical time since 1970.
    pub modified: u64,
    /// Last change of the content or the inode, in nanoseconds of logical time since 1970.
    pub changed: u64,
}

impl Metadata {
    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.kind == FileKind::File
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.kind == FileKind::Directory
    }

    /// Whether it is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.kind == FileKind::Symlink
    }
}

/// One name in a directory, from [`Vfs::read_dir`](crate::Vfs::read_dir).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirEntry {
    /// The name, without its directory.
    pub name: Arc<str>,
    /// What it is; a symbolic link is not followed.
    pub kind: FileKind,
}
