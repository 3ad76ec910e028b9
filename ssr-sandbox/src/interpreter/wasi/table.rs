//! The table of open descriptors.

use std::sync::Arc;

use crate::interpreter::vfs::{Device, Errno, Ino};

/// Descriptors that may be open at once.
pub(super) const MAX_DESCRIPTORS: u32 = 1024;

/// What an open file description is open on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    Stdin,
    Stdout,
    Stderr,
    Events,
    File(Ino),
    Directory(Ino),
    Device(Device, Ino),
}

impl Object {
    /// The inode that stays alive as long as this is open.
    pub(super) fn ino(self) -> Option<Ino> {
        match self {
            Object::File(ino) | Object::Directory(ino) | Object::Device(_, ino) => Some(ino),
            Object::Stdin | Object::Stdout | Object::Stderr | Object::Events => None,
        }
    }
}

/// An open file description: duplicates of a descriptor share it, with its offset.
#[derive(Clone, Debug)]
pub(super) struct OpenFile {
    descriptors: u32,
    pub(super) object: Object,
    pub(super) offset: u64,
    /// `fdflags` such as append.
    pub(super) flags: u32,
    pub(super) listing: Listing,
}

/// The names that the last `fd_readdir` gave, to go on after any of them even when the directory
/// has changed since.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing {
    /// The cookie of the first of them.
    pub(super) first: u64,
    pub(super) names: Vec<Arc<str>>,
}

/// A descriptor: an open file description and rights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor {
    file: usize,
    pub(super) base: u64,
    pub(super) inheriting: u64,
}

/// The descriptors of a guest.
#[derive(Clone, Debug, Default)]
pub(crate) struct DescriptorTable {
    descriptors: Vec<Option<Descriptor>>,
    files: Vec<Option<OpenFile>>,
}

impl DescriptorTable {
    /// Opens `object` under the lowest free number.
    pub(super) fn open(
        &mut self,
        object: Object,
        flags: u32,
        base: u64,
        inheriting: u64,
    ) -> Result<u32, Errno> {
        let fd = self.lowest_free()?;
        let listing = Listing::default();
        let file = OpenFile { descriptors: 0, object, offset: 0, flags, listing };
        let index = match self.files.iter().position(Option::is_none) {
            Some(index) => index,
            None => {
                self.files.push(None);
                self.files.len() - 1
            }
        };
        self.files[index] = Some(file);
        self.put(fd, Descriptor { file: index, base, inheriting });
        Ok(fd)
    }

    /// Another descriptor for the same open file, at the lowest free number.
    pub(super) fn duplicate(&mut self, fd: u32) -> Result<u32, Errno> {
        let descriptor = self.get(fd)?;
        let new = self.lowest_free()?;
        self.put(new, descriptor);
        Ok(new)
    }

    /// Makes `to` another descriptor for the open file of `from`. Gives back what `to` was the
    /// last descriptor of.
    pub(super) fn duplicate_to(&mut self, from: u32, to: u32) -> Result<Option<OpenFile>, Errno> {
        let descriptor = self.get(from)?;
        if to >= MAX_DESCRIPTORS {
            return Err(Errno::BadFd);
        }
        if from == to {
            return Ok(None);
        }
        let closed = self.close(to).ok().flatten();
        self.put(to, descriptor);
        Ok(closed)
    }

    /// Closes a descriptor; gives the open file back when it was the last one.
    pub(super) fn close(&mut self, fd: u32) -> Result<Option<OpenFile>, Errno> {
        let descriptor = self.get(fd)?;
        self.descriptors[fd as usize] = None;
        let slot = &mut self.files[descriptor.file];
        let Some(file) = slot else { return Err(Errno::BadFd) };
        file.descriptors -= 1;
        Ok(if file.descriptors == 0 { slot.take() } else { None })
    }

    pub(super) fn get(&self, fd: u32) -> Result<Descriptor, Errno> {
        self.descriptors.get(fd as usize).copied().flatten().ok_or(Errno::BadFd)
    }

    pub(super) fn set_rights(&mut self, fd: u32, base: u64, inheriting: u64) -> Result<(), Errno> {
        let slot = self.descriptors.get_mut(fd as usize).and_then(Option::as_mut);
        let descriptor = slot.ok_or(Errno::BadFd)?;
        descriptor.base = base;
        descriptor.inheriting = inheriting;
        Ok(())
    }

    pub(super) fn file(&self, descriptor: Descriptor) -> Result<&OpenFile, Errno> {
        self.files.get(descriptor.file).and_then(Option::as_ref).ok_or(Errno::BadFd)
    }

    pub(super) fn file_mut(&mut self, descriptor: Descriptor) -> Result<&mut OpenFile, Errno> {
        self.files.get_mut(descriptor.file).and_then(Option::as_mut).ok_or(Errno::BadFd)
    }

    /// The open descriptors, in order.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.descriptors).filter_map(|(fd, slot)| slot.as_ref().map(|_| fd))
    }

    /// What is open, each once, however many descriptors it has.
    pub(super) fn objects(&self) -> impl Iterator<Item = Object> {
        self.files.iter().flatten().map(|file| file.object)
    }

    pub(super) fn lowest_free(&self) -> Result<u32, Errno> {
        let free = self.descriptors.iter().position(Option::is_none);
        let fd = free.unwrap_or(self.descriptors.len()) as u32;
        if fd < MAX_DESCRIPTORS { Ok(fd) } else { Err(Errno::TooManyOpen) }
    }

    fn put(&mut self, fd: u32, descriptor: Descriptor) {
        let index = fd as usize;
        if self.descriptors.len() <= index {
            self.descriptors.resize(index + 1, None);
        }
        self.descriptors[index] = Some(descriptor);
        if let Some(file) = &mut self.files[descriptor.file] {
            file.descriptors += 1;
        }
    }
}
