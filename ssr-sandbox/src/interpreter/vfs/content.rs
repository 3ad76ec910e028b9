//! Contents and attributes of files, by inode.

use super::node::{Content, Ino, Kind};
use super::{Errno, Vfs};

/// Inode-level calls on contents and attributes.
impl Vfs {
    /// The whole content of a regular file.
    pub(crate) fn content(&self, ino: Ino) -> Result<&Content, Errno> {
        match &self.node(ino).kind {
            Kind::File { content, .. } => Ok(content),
            Kind::Directory { .. } => Err(Errno::IsDirectory),
            Kind::Symlink(_) | Kind::Device(_) => Err(Errno::Invalid),
        }
    }

    /// The bytes from `offset` to the end; none past the end.
    pub(crate) fn bytes_from(&self, ino: Ino, offset: u64) -> Result<&[u8], Errno> {
        let bytes = self.content(ino)?.bytes();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Ok(&bytes[start..])
    }

    /// Writes all of `bytes` at `offset` or nothing; a gap before it is filled with zeros.
    pub(crate) fn write_at(&mut self, ino: Ino, offset: u64, bytes: &[u8]) -> Result<(), Errno> {
        let old = self.content(ino)?.bytes().len() as u64;
        if bytes.is_empty() {
            return Ok(());
        }
        let end = offset.checked_add(bytes.len() as u64).ok_or(Errno::FileTooBig)?;
        self.check_size(old, old.max(end))?;
        let content = self.changed_content(ino)?.make_mut();
        // Both fit: the file limit was checked above.
        let (start, end) = (offset as usize, end as usize);
        if start == content.len() {
            content.extend_from_slice(bytes);
        } else {
            if content.len() < end {
                content.resize(end, 0);
            }
            content[start..end].copy_from_slice(bytes);
        }
        Ok(())
    }

    /// Cuts the file or extends it with zeros.
    pub(crate) fn set_len(&mut self, ino: Ino, len: u64) -> Result<(), Errno> {
        let old = self.content(ino)?.bytes().len() as u64;
        self.check_size(old, len)?;
        let content = self.changed_content(ino)?;
        if len == 0 {
            *content = Content::Owned(Default::default());
        } else if len < old
            && let Content::Shared(bytes) = content
        {
            *content = Content::Owned(bytes[..len as usize].to_vec().into());
        } else {
            content.make_mut().resize(len as usize, 0);
        }
        Ok(())
    }

    /// Replaces the whole content.
    pub(super) fn set_content(&mut self, ino: Ino, new: Content) -> Result<(), Errno> {
        let old = self.content(ino)?.bytes().len() as u64;
        self.check_size(old, new.bytes().len() as u64)?;
        *self.changed_content(ino)? = new;
        Ok(())
    }

    pub(super) fn has_room(&self, bytes: u64) -> bool {
        let room = self.frozen.bytes.saturating_add(self.limits.max_total_bytes);
        self.usage.bytes.saturating_add(bytes) <= room
    }

    /// Checks the limits for a file that changes its size, and counts it.
    fn check_size(&mut self, old: u64, new: u64) -> Result<(), Errno> {
        if new > old {
            if new > self.limits.max_file_bytes || usize::try_from(new).is_err() {
                return Err(Errno::FileTooBig);
            }
            if !self.has_room(new - old) {
                return Err(Errno::NoSpace);
            }
        }
        self.usage.bytes = (self.usage.bytes + new).saturating_sub(old);
        Ok(())
    }

    fn changed_content(&mut self, ino: Ino) -> Result<&mut Content, Errno> {
        let time = self.clock.stamp(ino);
        let node = self.node_mut(ino)?;
        node.times.modified = time;
        node.times.changed = time;
        match &mut node.kind {
            Kind::File { content, .. } => Ok(content),
            _ => Err(Errno::Invalid),
        }
    }

    /// Sets the times that are given; `None` keeps one.
    pub(crate) fn set_times(
        &mut self,
        ino: Ino,
        accessed: Option<u64>,
        modified: Option<u64>,
    ) -> Result<(), Errno> {
        let changed = self.clock.stamp(ino);
        let times = &mut self.node_mut(ino)?.times;
        times.accessed = accessed.unwrap_or(times.accessed);
        times.modified = modified.unwrap_or(times.modified);
        times.changed = changed;
        Ok(())
    }

    pub(super) fn set_executable_bit(&mut self, ino: Ino, value: bool) -> Result<(), Errno> {
        let Kind::File { executable, .. } = self.node(ino).kind else {
            return Err(Errno::Invalid);
        };
        if executable != value {
            let time = self.clock.stamp(ino);
            let node = self.node_mut(ino)?;
            node.times.changed = time;
            if let Kind::File { executable, .. } = &mut node.kind {
                *executable = value;
            }
        }
        Ok(())
    }

    /// A logical time later than every time that could be seen so far.
    pub(crate) fn touch_time(&mut self, ino: Ino) -> u64 {
        self.clock.stamp(ino)
    }

    /// Remembers that a program saw a time: the next change gets a later one.
    pub(crate) fn observe_times(&self) {
        self.clock.observe();
    }
}
