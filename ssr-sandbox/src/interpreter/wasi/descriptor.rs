//! Calls on descriptors: state, attributes, renumbering.

use crate::interpreter::vfs::{Device, Errno, Ino};

use super::ctx::WasiCtx;
use super::memory::GuestMemory;
use super::table::Object;
use super::types::{self, FDFLAGS, Filestat, rights};

type Done = Result<(), Errno>;

/// Descriptors themselves: state, attributes, renumbering.
impl WasiCtx {
    pub(super) fn fd_close(&mut self, _memory: &mut GuestMemory<'_>, fd: u32) -> Done {
        let closed = self.table.close(fd)?;
        self.closed(closed);
        Ok(())
    }

    /// Moves a descriptor over another open one.
    pub(super) fn fd_renumber(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        from: u32,
        to: u32,
    ) -> Done {
        self.table.get(to)?;
        self.move_descriptor(from, to)
    }

    pub(super) fn move_descriptor(&mut self, from: u32, to: u32) -> Done {
        self.copy_descriptor(from, to)?;
        if from != to {
            let closed = self.table.close(from)?;
            self.closed(closed);
        }
        Ok(())
    }

    /// What `dup2` does elsewhere.
    pub(super) fn copy_descriptor(&mut self, from: u32, to: u32) -> Done {
        let closed = self.table.duplicate_to(from, to)?;
        self.closed(closed);
        Ok(())
    }

    /// All data is in memory already.
    pub(super) fn fd_sync(&mut self, _memory: &mut GuestMemory<'_>, fd: u32) -> Done {
        self.table.get(fd).map(drop)
    }

    pub(super) fn fd_datasync(&mut self, _memory: &mut GuestMemory<'_>, fd: u32) -> Done {
        self.table.get(fd).map(drop)
    }

    pub(super) fn fd_advise(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        _offset: u64,
        _len: u64,
        advice: u32,
    ) -> Done {
        self.file_ino(fd, rights::FD_ADVISE)?;
        if advice > 5 { Err(Errno::Invalid) } else { Ok(()) }
    }

    pub(super) fn fd_allocate(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        offset: u64,
        len: u64,
    ) -> Done {
        let ino = self.file_ino(fd, rights::FD_ALLOCATE)?;
        if len == 0 {
            return Err(Errno::Invalid);
        }
        let end = offset.checked_add(len).ok_or(Errno::FileTooBig)?;
        if end > self.vfs.node(ino).len() { self.vfs.set_len(ino, end) } else { Ok(()) }
    }

    pub(super) fn fd_fdstat_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        result: u32,
    ) -> Done {
        let descriptor = self.table.get(fd)?;
        let file = self.table.file(descriptor)?;
        let mut record = [0; 24];
        record[0] = self.file_type(file.object);
        record[2..4].copy_from_slice(&(file.flags as u16).to_le_bytes());
        record[8..16].copy_from_slice(&descriptor.base.to_le_bytes());
        record[16..24].copy_from_slice(&descriptor.inheriting.to_le_bytes());
        memory.write(result, &record)
    }

    pub(super) fn fd_fdstat_set_flags(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        flags: u32,
    ) -> Done {
        let descriptor = self.table.get(fd)?;
        if flags & !FDFLAGS != 0 {
            return Err(Errno::Invalid);
        }
        if descriptor.base & rights::FD_FDSTAT_SET_FLAGS == 0 {
            return Err(Errno::NotCapable);
        }
        self.table.file_mut(descriptor)?.flags = flags;
        Ok(())
    }

    /// Rights can be given up, never gained.
    pub(super) fn fd_fdstat_set_rights(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        base: u64,
        inheriting: u64,
    ) -> Done {
        let descriptor = self.table.get(fd)?;
        if base & !descriptor.base != 0 || inheriting & !descriptor.inheriting != 0 {
            return Err(Errno::NotCapable);
        }
        self.table.set_rights(fd, base, inheriting)
    }

    pub(super) fn fd_filestat_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        result: u32,
    ) -> Done {
        let descriptor = self.table.get(fd)?;
        if descriptor.base & rights::FD_FILESTAT_GET == 0 {
            return Err(Errno::NotCapable);
        }
        self.object_stat(self.table.file(descriptor)?.object).write(memory, result)
    }

    pub(super) fn fd_filestat_set_size(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        size: u64,
    ) -> Done {
        let ino = self.file_ino(fd, rights::FD_FILESTAT_SET_SIZE)?;
        self.vfs.set_len(ino, size)
    }

    pub(super) fn fd_filestat_set_times(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        accessed: u64,
        modified: u64,
        flags: u32,
    ) -> Done {
        let descriptor = self.table.get(fd)?;
        if descriptor.base & rights::FD_FILESTAT_SET_TIMES == 0 {
            return Err(Errno::NotCapable);
        }
        match self.table.file(descriptor)?.object.ino() {
            Some(ino) => self.set_times(ino, accessed, modified, flags),
            None => Err(Errno::Invalid),
        }
    }

    pub(super) fn fd_prestat_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        result: u32,
    ) -> Done {
        self.check_preopen(fd)?;
        memory.write_u64(result, 1 << 32)
    }

    pub(super) fn fd_prestat_dir_name(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        at: u32,
        len: u32,
    ) -> Done {
        self.check_preopen(fd)?;
        if len < 1 {
            return Err(Errno::NameTooLong);
        }
        memory.write(at, b"/")
    }

    /// The one preopen is the root, at descriptor 3.
    fn check_preopen(&self, fd: u32) -> Done {
        let root = Object::Directory(Ino::ROOT);
        let object = self.table.file(self.table.get(fd)?)?.object;
        if fd == 3 && object == root { Ok(()) } else { Err(Errno::BadFd) }
    }

    /// The regular file behind a descriptor with `right`.
    fn file_ino(&self, fd: u32, right: u64) -> Result<Ino, Errno> {
        let descriptor = self.table.get(fd)?;
        match self.table.file(descriptor)?.object {
            Object::Directory(_) => Err(Errno::IsDirectory),
            Object::File(ino) if descriptor.base & right != 0 => Ok(ino),
            Object::File(_) if right == rights::FD_ADVISE => Err(Errno::NotCapable),
            // POSIX: EINVAL for a descriptor that is not open for writing.
            Object::File(_) => Err(Errno::Invalid),
            Object::Device(..) => Err(Errno::Invalid),
            _ => Err(Errno::Seek),
        }
    }

    fn file_type(&self, object: Object) -> u8 {
        match object {
            Object::File(_) => types::REGULAR_FILE,
            Object::Directory(_) => types::DIRECTORY,
            Object::Device(..) | Object::Events => types::CHARACTER_DEVICE,
            Object::Stdin | Object::Stdout | Object::Stderr => types::UNKNOWN,
        }
    }

    pub(super) fn object_stat(&self, object: Object) -> Filestat {
        let number = match object {
            Object::File(ino) | Object::Directory(ino) => return self.vfs.stat(ino).into(),
            Object::Device(Device::Descriptor, ino) | Object::Device(_, ino) => {
                return self.vfs.stat(ino).into();
            }
            Object::Stdin => 0,
            Object::Stdout => 1,
            Object::Stderr => 2,
            Object::Events => 3,
        };
        // The streams live on a device of their own.
        let file_type = self.file_type(object);
        Filestat { device: 2, inode: number, file_type, links: 1, ..Filestat::default() }
    }
}
