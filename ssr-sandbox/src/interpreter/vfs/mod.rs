//! An in-memory copy-on-write filesystem.

mod clock;
mod content;
mod errno;
mod inodes;
mod limits;
mod mount;
mod names;
mod node;
mod path;
mod resolve;
mod watch;

pub use errno::{Errno, VfsError};
pub use inodes::Vfs;
pub use limits::VfsLimits;
pub use node::{DirEntry, FileKind, Metadata};

pub(crate) use node::{Device, Ino, Kind};
pub(crate) use resolve::Resolved;
pub(crate) use watch::{Footprint, Place};
