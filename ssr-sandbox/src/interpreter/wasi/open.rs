//! `path_open`.

use crate::interpreter::vfs::{Device, Errno, Ino, Kind};

use super::ctx::WasiCtx;
use super::memory::GuestMemory;
use super::table::Object;
use super::types::{
    FDFLAGS, LOOKUP_FOLLOW, OFLAG_CREAT, OFLAG_DIRECTORY, OFLAG_EXCL, OFLAG_TRUNC, rights,
};

/// The settings of one `path_open`.
#[derive(Clone, Copy)]
struct Open {
    follow: bool,
    oflags: u32,
    base: u64,
    inheriting: u64,
    flags: u32,
}

impl Open {
    fn has(&self, oflag: u32) -> bool {
        self.oflags & oflag != 0
    }

    fn writes(&self) -> bool {
        self.base & rights::FD_WRITE != 0
    }
}

impl WasiCtx {
    #[allow(clippy::too_many_arguments, reason = "the signature of preview1")]
    pub(super) fn path_open(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        lookup: u32,
        path: u32,
        path_len: u32,
        oflags: u32,
        base: u64,
        inheriting: u64,
        flags: u32,
        result: u32,
    ) -> Result<(), Errno> {
        memory.check(result, 4)?;
        let directory = self.directory(fd, rights::PATH_OPEN)?;
        let held = self.table.get(fd)?;
        if oflags > 15 || flags & !FDFLAGS != 0 {
            return Err(Errno::Invalid);
        }
        let mut needed = 0;
        if oflags & OFLAG_CREAT != 0 {
            needed |= rights::PATH_CREATE_FILE;
        }
        if oflags & OFLAG_TRUNC != 0 {
            needed |= rights::PATH_FILESTAT_SET_SIZE;
        }
        let wanted = (base | inheriting) & rights::ALL;
        if wanted & !held.inheriting != 0 || needed & !held.base != 0 {
            return Err(Errno::NotCapable);
        }
        let follow = lookup & LOOKUP_FOLLOW != 0;
        let open = Open { follow, oflags, base, inheriting: inheriting & rights::ALL, flags };
        let path = memory.text(path, path_len)?;
        let opened = self.open_path(directory, path, open)?;
        memory.write_u32(result, opened)
    }

    fn open_path(&mut self, directory: Ino, path: &str, open: Open) -> Result<u32, Errno> {
        // A full table must not leave a new file behind.
        self.table.lowest_free()?;
        if self.is_events(directory, path) {
            return self.open_events(open);
        }
        if open.has(OFLAG_CREAT) && open.has(OFLAG_DIRECTORY) {
            return Err(Errno::Invalid);
        }
        let exclusive = open.has(OFLAG_CREAT) && open.has(OFLAG_EXCL);
        let at = if open.has(OFLAG_CREAT) {
            self.vfs.resolve_new_file(directory, path, open.follow && !exclusive)?
        } else {
            self.vfs.resolve(directory, path, open.follow || path.ends_with('/'))?
        };
        let Some(ino) = at.target else {
            if !open.has(OFLAG_CREAT) {
                return Err(Errno::NotFound);
            }
            let ino = self.vfs.create_file(&at)?;
            return self.open_file(ino, open);
        };
        if exclusive {
            return Err(Errno::Exists);
        }
        if let Some(fd) = ino.as_descriptor() {
            // Opening an open descriptor duplicates it: this is how `dup` arrives here.
            return self.table.duplicate(fd).map_err(|errno| match errno {
                Errno::BadFd => Errno::NotFound,
                other => other,
            });
        }
        match self.vfs.node(ino).kind {
            Kind::Directory { .. } if open.has(OFLAG_CREAT) || open.has(OFLAG_TRUNC) => {
                Err(Errno::IsDirectory)
            }
            Kind::Directory { .. } => self.open_directory(ino, open),
            _ if at.slash || open.has(OFLAG_DIRECTORY) => Err(Errno::NotDirectory),
            Kind::Symlink(_) => Err(Errno::Loop),
            Kind::Device(device) => self.open_device(device, ino, open),
            Kind::File { .. } => {
                let fd = self.open_file(ino, open)?;
                if open.has(OFLAG_TRUNC) {
                    self.vfs.set_len(ino, 0)?;
                }
                Ok(fd)
            }
        }
    }

    fn open_file(&mut self, ino: Ino, open: Open) -> Result<u32, Errno> {
        self.open(Object::File(ino), open.flags, open.base & rights::FILE, 0)
    }

    fn open_directory(&mut self, ino: Ino, open: Open) -> Result<u32, Errno> {
        if open.writes() {
            return Err(Errno::IsDirectory);
        }
        let base = open.base & rights::DIRECTORY;
        self.open(Object::Directory(ino), open.flags, base, open.inheriting)
    }

    fn open_device(&mut self, device: Device, ino: Ino, open: Open) -> Result<u32, Errno> {
        self.open(Object::Device(device, ino), open.flags, open.base & rights::FILE, 0)
    }

    fn open_events(&mut self, open: Open) -> Result<u32, Errno> {
        if open.has(OFLAG_DIRECTORY) {
            return Err(Errno::NotDirectory);
        }
        if !open.writes() {
            return Err(Errno::NotPermitted);
        }
        self.open(Object::Events, open.flags, open.base & rights::PIPE_OUT, 0)
    }

    /// Whether `path` names the event channel, which is no part of the filesystem.
    pub(super) fn is_events(&self, directory: Ino, path: &str) -> bool {
        let asked = || path.trim_start_matches('/');
        let absolute = directory == Ino::ROOT || path.starts_with('/');
        self.events_path.as_deref().is_some_and(|events| absolute && asked() == events)
    }
}
