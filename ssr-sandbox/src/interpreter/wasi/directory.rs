//! `fd_readdir`, which goes on correctly while the directory changes.

use std::ops::Bound;
use std::sync::Arc;

use crate::interpreter::vfs::{Errno, Ino};

use super::ctx::WasiCtx;
use super::memory::GuestMemory;
use super::table::{Listing, Object};
use super::types::{self, rights};

/// How many of the names that a call gave are remembered. A reader goes on after the last one that
/// was whole.
const REMEMBERED: usize = 64;

/// Fills a buffer with `dirent` records, the last of which may be cut.
struct Writer<'a, 'm> {
    memory: &'a mut GuestMemory<'m>,
    at: u32,
    len: u32,
    used: u32,
}

impl Writer<'_, '_> {
    fn is_full(&self) -> bool {
        self.used == self.len
    }

    fn push(&mut self, next: u64, ino: u64, file_type: u8, name: &str) -> Result<(), Errno> {
        let mut header = [0; 24];
        header[..8].copy_from_slice(&next.to_le_bytes());
        header[8..16].copy_from_slice(&ino.to_le_bytes());
        header[16..20].copy_from_slice(&(name.len() as u32).to_le_bytes());
        header[20] = file_type;
        self.put(&header)?;
        self.put(name.as_bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let taken = bytes.len().min((self.len - self.used) as usize);
        let at = self.at.checked_add(self.used).ok_or(Errno::Fault)?;
        self.memory.write(at, &bytes[..taken])?;
        self.used += taken as u32;
        Ok(())
    }
}

impl WasiCtx {
    /// Lists a directory in byte order of the names, after `.` (cookie 1) and `..` (cookie 2).
    ///
    /// A cookie is the number of entries before it; going on after one of the names that the last
    /// call gave is exact, whatever was added or removed in between.
    pub(super) fn fd_readdir(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        at: u32,
        len: u32,
        cookie: u64,
        result: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.table.get(fd)?;
        let Object::Directory(directory) = self.table.file(descriptor)?.object else {
            return Err(Errno::NotDirectory);
        };
        if descriptor.base & rights::FD_READDIR == 0 {
            return Err(Errno::BadFd);
        }
        memory.check(at, len)?;
        memory.check(result, 4)?;
        let mut writer = Writer { memory, at, len, used: 0 };
        let listing = &self.table.file(descriptor)?.listing;
        if let Some(listing) = self.list(&mut writer, directory, listing, cookie)? {
            self.table.file_mut(descriptor)?.listing = listing;
        }
        let used = writer.used;
        memory.write_u32(result, used)
    }

    fn list(
        &self,
        writer: &mut Writer<'_, '_>,
        directory: Ino,
        last: &Listing,
        cookie: u64,
    ) -> Result<Option<Listing>, Errno> {
        let parent = self.vfs.lookup(directory, "..", true)?;
        for (next, name, ino) in [(1, ".", directory), (2, "..", parent)] {
            if cookie < next && !writer.is_full() {
                writer.push(next, ino.number(), types::DIRECTORY, name)?;
            }
        }
        if directory == Ino::DEV_FD {
            for (next, fd) in (3_u64..).zip(self.table.numbers()) {
                if cookie < next && !writer.is_full() {
                    let ino = Ino::descriptor(fd).number();
                    writer.push(next, ino, types::UNKNOWN, &fd.to_string())?;
                }
            }
            return Ok(None);
        }
        let Some(entries) = self.vfs.node(directory).entries() else {
            return Err(Errno::NotDirectory);
        };
        let known = cookie
            .checked_sub(last.first)
            .and_then(|index| usize::try_from(index).ok().and_then(|index| last.names.get(index)));
        let (after, skip) = match known {
            Some(name) => (Bound::Excluded(&**name), 0),
            None => (Bound::Unbounded, cookie.saturating_sub(2)),
        };
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let mut next = cookie.max(2);
        let mut names: Vec<Arc<str>> = Vec::new();
        for (name, &ino) in entries.range::<str, _>((after, Bound::Unbounded)).skip(skip) {
            if writer.is_full() {
                break;
            }
            next = next.saturating_add(1);
            let file_type = types::file_type(self.vfs.node(ino).file_kind());
            writer.push(next, ino.number(), file_type, name)?;
            if names.len() == 2 * REMEMBERED {
                names.drain(..REMEMBERED);
            }
            names.push(Arc::clone(name));
        }
        let first = next.saturating_add(1).saturating_sub(names.len() as u64);
        Ok((!names.is_empty()).then_some(Listing { first, names }))
    }
}
