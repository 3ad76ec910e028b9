//! Calls on paths other than opening them.

use crate::interpreter::vfs::{Errno, Ino, Kind, Resolved};

use super::ctx::WasiCtx;
use super::memory::GuestMemory;
use super::table::Object;
use super::types::{
    FSTFLAG_ATIM, FSTFLAG_ATIM_NOW, FSTFLAG_MTIM, FSTFLAG_MTIM_NOW, Filestat, LOOKUP_FOLLOW, rights,
};

type Done = Result<(), Errno>;

/// Calls on paths other than opening them.
impl WasiCtx {
    pub(super) fn path_create_directory(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        len: u32,
    ) -> Done {
        let at = self.name(memory, fd, rights::PATH_CREATE_DIRECTORY, path, len)?;
        self.vfs.create_directory(&at).map(drop)
    }

    pub(super) fn path_remove_directory(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        len: u32,
    ) -> Done {
        let at = self.name(memory, fd, rights::PATH_REMOVE_DIRECTORY, path, len)?;
        self.vfs.remove_directory(&at)
    }

    pub(super) fn path_unlink_file(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        len: u32,
    ) -> Done {
        let at = self.name(memory, fd, rights::PATH_UNLINK_FILE, path, len)?;
        self.vfs.unlink(&at)
    }

    #[allow(clippy::too_many_arguments, reason = "the signature of preview1")]
    pub(super) fn path_filestat_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        lookup: u32,
        path: u32,
        len: u32,
        result: u32,
    ) -> Done {
        let directory = self.directory(fd, rights::PATH_FILESTAT_GET)?;
        let path = memory.text(path, len)?;
        let stat = if self.is_events(directory, path) {
            self.object_stat(Object::Events)
        } else {
            let ino = self.vfs.lookup(directory, path, lookup & LOOKUP_FOLLOW != 0)?;
            self.ino_stat(ino)?
        };
        stat.write(memory, result)
    }

    #[allow(clippy::too_many_arguments, reason = "the signature of preview1")]
    pub(super) fn path_filestat_set_times(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        lookup: u32,
        path: u32,
        len: u32,
        accessed: u64,
        modified: u64,
        flags: u32,
    ) -> Done {
        let directory = self.directory(fd, rights::PATH_FILESTAT_SET_TIMES)?;
        let path = memory.text(path, len)?;
        let ino = self.vfs.lookup(directory, path, lookup & LOOKUP_FOLLOW != 0)?;
        self.set_times(ino, accessed, modified, flags)
    }

    #[allow(clippy::too_many_arguments, reason = "the signature of preview1")]
    pub(super) fn path_readlink(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        len: u32,
        buffer: u32,
        buffer_len: u32,
        result: u32,
    ) -> Done {
        memory.check(result, 4)?;
        let directory = self.directory(fd, rights::PATH_READLINK)?;
        let ino = self.vfs.lookup(directory, memory.text(path, len)?, false)?;
        let Kind::Symlink(target) = &self.vfs.node(ino).kind else { return Err(Errno::Invalid) };
        let copied = target.len().min(buffer_len as usize);
        memory.write(buffer, &target.as_bytes()[..copied])?;
        memory.write_u32(result, copied as u32)
    }

    #[allow(clippy::too_many_arguments, reason = "the signature of preview1")]
    pub(super) fn path_symlink(
        &mut self,
        memory: &mut GuestMemory<'_>,
        target: u32,
        target_len: u32,
        fd: u32,
        path: u32,
        len: u32,
    ) -> Done {
        let target = memory.text(target, target_len)?;
        let at = self.name(memory, fd, rights::PATH_SYMLINK, path, len)?;
        self.vfs.create_symlink(&at, target).map(drop)
    }

    /// A hard link; from one entry of `/dev/fd` to another it duplicates the descriptor over the
    /// other, as `dup2` does.
    #[allow(clippy::too_many_arguments, reason = "the signature of preview1")]
    pub(super) fn path_link(
        &mut self,
        memory: &mut GuestMemory<'_>,
        from_fd: u32,
        lookup: u32,
        from: u32,
        from_len: u32,
        to_fd: u32,
        to: u32,
        to_len: u32,
    ) -> Done {
        let directory = self.directory(from_fd, rights::PATH_LINK_SOURCE)?;
        let follow = lookup & LOOKUP_FOLLOW != 0;
        let ino = self.vfs.lookup(directory, memory.text(from, from_len)?, follow)?;
        let at = self.name(memory, to_fd, rights::PATH_LINK_TARGET, to, to_len)?;
        match descriptors(Some(ino), &at) {
            Some((from, to)) => self.copy_descriptor(from, to),
            None => self.vfs.link(ino, &at),
        }
    }

    /// A rename; from one entry of `/dev/fd` to another it moves the descriptor.
    #[allow(clippy::too_many_arguments, reason = "the signature of preview1")]
    pub(super) fn path_rename(
        &mut self,
        memory: &mut GuestMemory<'_>,
        from_fd: u32,
        from: u32,
        from_len: u32,
        to_fd: u32,
        to: u32,
        to_len: u32,
    ) -> Done {
        let from = self.name(memory, from_fd, rights::PATH_RENAME_SOURCE, from, from_len)?;
        let to = self.name(memory, to_fd, rights::PATH_RENAME_TARGET, to, to_len)?;
        match descriptors(from.target, &to) {
            Some((from, to)) => self.move_descriptor(from, to),
            None => self.vfs.rename_entry(&from, &to),
        }
    }

    /// The directory behind a descriptor with `right`.
    pub(super) fn directory(&self, fd: u32, right: u64) -> Result<Ino, Errno> {
        let descriptor = self.table.get(fd)?;
        match self.table.file(descriptor)?.object {
            Object::Directory(ino) if descriptor.base & right != 0 => Ok(ino),
            Object::Directory(_) => Err(Errno::NotCapable),
            _ => Err(Errno::NotDirectory),
        }
    }

    pub(super) fn ino_stat(&self, ino: Ino) -> Result<Filestat, Errno> {
        self.vfs.look_at(ino);
        let Some(fd) = ino.as_descriptor() else { return Ok(self.vfs.stat(ino).into()) };
        let descriptor = self.table.get(fd).map_err(|_| Errno::NotFound)?;
        Ok(self.object_stat(self.table.file(descriptor)?.object))
    }

    pub(super) fn set_times(&mut self, ino: Ino, accessed: u64, modified: u64, flags: u32) -> Done {
        let both = |a: u32, b: u32| flags & a != 0 && flags & b != 0;
        if flags > 15
            || both(FSTFLAG_ATIM, FSTFLAG_ATIM_NOW)
            || both(FSTFLAG_MTIM, FSTFLAG_MTIM_NOW)
        {
            return Err(Errno::Invalid);
        }
        let now = self.vfs.touch_time(ino);
        let time = |given: u32, is_now: u32, value: u64| match flags {
            _ if flags & given != 0 => Some(value),
            _ if flags & is_now != 0 => Some(now),
            _ => None,
        };
        let accessed = time(FSTFLAG_ATIM, FSTFLAG_ATIM_NOW, accessed);
        let modified = time(FSTFLAG_MTIM, FSTFLAG_MTIM_NOW, modified);
        self.vfs.set_times(ino, accessed, modified)
    }

    /// Where a path of the guest leads, with a symbolic link at its end left alone.
    fn name<'p>(
        &self,
        memory: &'p GuestMemory<'_>,
        fd: u32,
        right: u64,
        path: u32,
        len: u32,
    ) -> Result<Resolved<'p>, Errno> {
        let directory = self.directory(fd, right)?;
        self.vfs.resolve(directory, memory.text(path, len)?, false)
    }
}

/// The two descriptors when both ends are entries of `/dev/fd`.
fn descriptors(from: Option<Ino>, to: &Resolved<'_>) -> Option<(u32, u32)> {
    Some((from?.as_descriptor()?, to.target?.as_descriptor()?))
}
