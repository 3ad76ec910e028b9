//! Reading, writing and seeking.

use rand_chacha::rand_core::Rng;

use crate::interpreter::vfs::{Device, Errno};

use super::ctx::WasiCtx;
use super::memory::GuestMemory;
use super::table::{Descriptor, Object, OpenFile};
use super::types::{FDFLAG_APPEND, rights};

type Done = Result<(), Errno>;

/// Reading, writing and seeking.
impl WasiCtx {
    pub(super) fn fd_read(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        vectors: u32,
        count: u32,
        result: u32,
    ) -> Done {
        let descriptor = self.readable(fd)?;
        memory.check(result, 4)?;
        let OpenFile { object, offset, .. } = *self.table.file(descriptor)?;
        let read = self.read_vectors(memory, object, offset, vectors, count)?;
        self.table.file_mut(descriptor)?.offset += u64::from(read);
        if object == Object::Stdin {
            self.stdin_position += read as usize;
        }
        memory.write_u32(result, read)
    }

    #[allow(clippy::too_many_arguments, reason = "the signature of preview1")]
    pub(super) fn fd_pread(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        vectors: u32,
        count: u32,
        offset: u64,
        result: u32,
    ) -> Done {
        let descriptor = self.readable(fd)?;
        memory.check(result, 4)?;
        let object = self.seekable(descriptor)?.object;
        check_offset(offset)?;
        let read = self.read_vectors(memory, object, offset, vectors, count)?;
        memory.write_u32(result, read)
    }

    pub(super) fn fd_write(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        vectors: u32,
        count: u32,
        result: u32,
    ) -> Done {
        let descriptor = self.writable(fd)?;
        memory.check(result, 4)?;
        let OpenFile { object, flags, mut offset, .. } = *self.table.file(descriptor)?;
        if let Object::File(ino) = object
            && flags & FDFLAG_APPEND != 0
        {
            offset = self.vfs.node(ino).len();
        }
        let written = self.write_vectors(memory, object, offset, vectors, count)?;
        self.table.file_mut(descriptor)?.offset = offset + u64::from(written);
        memory.write_u32(result, written)
    }

    #[allow(clippy::too_many_arguments, reason = "the signature of preview1")]
    pub(super) fn fd_pwrite(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        vectors: u32,
        count: u32,
        offset: u64,
        result: u32,
    ) -> Done {
        let descriptor = self.writable(fd)?;
        memory.check(result, 4)?;
        let object = self.seekable(descriptor)?.object;
        check_offset(offset)?;
        let written = self.write_vectors(memory, object, offset, vectors, count)?;
        memory.write_u32(result, written)
    }

    pub(super) fn fd_seek(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        delta: i64,
        whence: u32,
        result: u32,
    ) -> Done {
        memory.check(result, 8)?;
        let descriptor = self.table.get(fd)?;
        let file = self.seekable(descriptor)?;
        let needed = if (delta, whence) == (0, 1) { rights::FD_TELL } else { rights::FD_SEEK };
        if descriptor.base & (needed | rights::FD_SEEK) == 0 {
            return Err(Errno::NotCapable);
        }
        let origin = match (whence, file.object) {
            (0, _) => 0,
            (1, _) => file.offset,
            (2, Object::File(ino)) => self.vfs.node(ino).len(),
            (2, _) => 0,
            _ => return Err(Errno::Invalid),
        };
        let offset = match file.object {
            // As on Linux, where these have no position.
            Object::Device(..) => 0,
            _ => origin.checked_add_signed(delta).ok_or(Errno::Invalid)?,
        };
        check_offset(offset)?;
        self.table.file_mut(descriptor)?.offset = offset;
        memory.write_u64(result, offset)
    }

    pub(super) fn fd_tell(&mut self, memory: &mut GuestMemory<'_>, fd: u32, result: u32) -> Done {
        self.fd_seek(memory, fd, 0, 1, result)
    }

    fn readable(&self, fd: u32) -> Result<Descriptor, Errno> {
        let descriptor = self.table.get(fd)?;
        if let Object::Directory(_) = self.table.file(descriptor)?.object {
            return Err(Errno::IsDirectory);
        }
        if descriptor.base & rights::FD_READ == 0 { Err(Errno::BadFd) } else { Ok(descriptor) }
    }

    fn writable(&self, fd: u32) -> Result<Descriptor, Errno> {
        let descriptor = self.table.get(fd)?;
        if descriptor.base & rights::FD_WRITE == 0 { Err(Errno::BadFd) } else { Ok(descriptor) }
    }

    fn seekable(&self, descriptor: Descriptor) -> Result<&OpenFile, Errno> {
        let file = self.table.file(descriptor)?;
        match file.object {
            Object::File(_) | Object::Device(..) => Ok(file),
            Object::Directory(_) => Err(Errno::IsDirectory),
            Object::Stdin | Object::Stdout | Object::Stderr | Object::Events => Err(Errno::Seek),
        }
    }

    fn read_vectors(
        &mut self,
        memory: &mut GuestMemory<'_>,
        object: Object,
        offset: u64,
        vectors: u32,
        count: u32,
    ) -> Result<u32, Errno> {
        memory.check_vectors(vectors, count)?;
        let source = match object {
            Object::File(ino) => Some(self.vfs.bytes_from(ino, offset)?),
            Object::Stdin => Some(&self.stdin[self.stdin_position..]),
            Object::Device(Device::Null | Device::Descriptor, _) => return Ok(0),
            Object::Device(Device::Zero | Device::Random, _) => None,
            Object::Directory(_) => return Err(Errno::IsDirectory),
            Object::Stdout | Object::Stderr | Object::Events => return Err(Errno::BadFd),
        };
        let zero = matches!(object, Object::Device(Device::Zero, _));
        let mut rest = source;
        let mut total: u32 = 0;
        for index in 0..count {
            // Read again, and checked again: an earlier buffer may lie over the array.
            let (at, len) = memory.vector(vectors, index)?;
            let taken = match &mut rest {
                Some(bytes) => {
                    let taken = bytes.len().min(len as usize);
                    let (now, later) = bytes.split_at(taken);
                    memory.write(at, now)?;
                    *bytes = later;
                    taken as u32
                }
                None => {
                    let buffer = memory.slice_mut(at, len)?;
                    if zero {
                        buffer.fill(0)
                    } else {
                        self.random.fill_bytes(buffer)
                    }
                    len
                }
            };
            total = total.saturating_add(taken);
            if taken < len || total > i32::MAX as u32 {
                break;
            }
        }
        Ok(total)
    }

    fn write_vectors(
        &mut self,
        memory: &GuestMemory<'_>,
        object: Object,
        offset: u64,
        vectors: u32,
        count: u32,
    ) -> Result<u32, Errno> {
        memory.check_vectors(vectors, count)?;
        let mut total = 0;
        for index in 0..count {
            let (at, len) = memory.vector(vectors, index)?;
            let bytes = memory.slice(at, len)?;
            match object {
                Object::File(ino) => {
                    let at = offset.saturating_add(total.into());
                    match self.vfs.write_at(ino, at, bytes) {
                        Err(error) if total == 0 => return Err(error),
                        // What was written is reported; the next call meets the limit.
                        Err(_) => return Ok(total),
                        Ok(()) => {}
                    }
                }
                Object::Stdout => {
                    if let Some(observer) = &mut self.observer {
                        observer.output(memory.bytes(), bytes);
                    }
                    self.stdout.push(bytes);
                }
                Object::Stderr => self.stderr.push(bytes),
                Object::Events => {
                    if let Some(observer) = &mut self.observer {
                        observer.event(memory.bytes(), self.events.bytes.len(), bytes);
                    }
                    self.events.push(bytes);
                }
                Object::Device(..) => {}
                Object::Stdin | Object::Directory(_) => return Err(Errno::BadFd),
            }
            total += len;
        }
        Ok(total)
    }
}

/// Offsets are signed in the guest.
fn check_offset(offset: u64) -> Done {
    if offset > i64::MAX as u64 { Err(Errno::Invalid) } else { Ok(()) }
}
