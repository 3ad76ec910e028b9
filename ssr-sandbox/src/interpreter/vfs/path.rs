//! Calls by path, for the host side.

use std::sync::Arc;

use super::node::{Content, DirEntry, Ino, Kind, Metadata};
use super::resolve::Resolved;
use super::{Errno, Vfs, VfsError};

/// The path API, for the host side. All paths start at the root, with or without a leading slash.
///
/// Every method fails with a [`VfsError`] that names the path, with the [`Errno`] that POSIX gives
/// the matching system call.
impl Vfs {
    /// The content of a file; symbolic links are followed. Shared, not copied, as long as the file
    /// was not written since the last [`freeze`](Self::freeze).
    pub fn read(&self, path: &str) -> Result<Arc<[u8]>, VfsError> {
        let read = || Ok(self.content(self.lookup(Ino::ROOT, path, true)?)?.to_shared());
        read().map_err(|errno| VfsError::new(errno, path))
    }

    /// Creates or replaces a file; its directory must exist.
    pub fn write(&mut self, path: &str, bytes: impl Into<Arc<[u8]>>) -> Result<(), VfsError> {
        let bytes = Content::Shared(bytes.into());
        let write = |vfs: &mut Self| {
            let ino = vfs.open_or_create(path)?;
            vfs.set_content(ino, bytes)
        };
        write(self).map_err(|errno| VfsError::new(errno, path))
    }

    /// Adds to the end of a file, which is created when absent.
    pub fn append(&mut self, path: &str, bytes: impl AsRef<[u8]>) -> Result<(), VfsError> {
        let append = |vfs: &mut Self| {
            let ino = vfs.open_or_create(path)?;
            let end = vfs.content(ino)?.bytes().len() as u64;
            vfs.write_at(ino, end, bytes.as_ref())
        };
        append(self).map_err(|errno| VfsError::new(errno, path))
    }

    fn open_or_create(&mut self, path: &str) -> Result<Ino, Errno> {
        let at = self.resolve_new_file(Ino::ROOT, path, true)?;
        at.target.map_or_else(|| self.create_file(&at), Ok)
    }

    /// Creates a directory; its parent must exist.
    pub fn create_dir(&mut self, path: &str) -> Result<(), VfsError> {
        let at = self.at(path)?;
        self.create_directory(&at).map(drop).map_err(|errno| VfsError::new(errno, path))
    }

    /// Creates a directory and those above it as far as they are missing.
    pub fn create_dir_all(&mut self, path: &str) -> Result<(), VfsError> {
        let create = |vfs: &mut Self| -> Result<(), Errno> {
            let mut ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
            ends.push(path.len());
            for end in ends.into_iter().filter(|&end| end > 0) {
                match vfs.lookup(Ino::ROOT, &path[..end], true) {
                    Ok(ino) if vfs.node(ino).is_directory() => {}
                    Ok(_) => return Err(Errno::NotDirectory),
                    Err(Errno::NotFound) => {
                        let at = vfs.resolve(Ino::ROOT, &path[..end], false)?;
                        vfs.create_directory(&at)?;
                    }
                    Err(errno) => return Err(errno),
                }
            }
            Ok(())
        };
        create(self).map_err(|errno| VfsError::new(errno, path))
    }

    /// Removes anything but a directory; a symbolic link itself.
    pub fn remove_file(&mut self, path: &str) -> Result<(), VfsError> {
        let at = self.at(path)?;
        self.unlink(&at).map_err(|errno| VfsError::new(errno, path))
    }

    /// Removes an empty directory.
    pub fn remove_dir(&mut self, path: &str) -> Result<(), VfsError> {
        let at = self.at(path)?;
        self.remove_directory(&at).map_err(|errno| VfsError::new(errno, path))
    }

    /// Removes a file, link or directory with everything below it; links are not followed.
    pub fn remove_dir_all(&mut self, path: &str) -> Result<(), VfsError> {
        let at = self.at(path)?;
        self.remove_all(&at).map_err(|errno| VfsError::new(errno, path))
    }

    /// Moves a file or directory, replacing a file, or an empty directory by a directory.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), VfsError> {
        let at = self.at(from)?;
        let target = self.at(to)?;
        self.rename_entry(&at, &target).map_err(|errno| VfsError::new(errno, from))
    }

    /// Creates a symbolic link at `path` that holds `target`, which need not exist.
    pub fn symlink(&mut self, target: &str, path: &str) -> Result<(), VfsError> {
        let at = self.at(path)?;
        self.create_symlink(&at, target).map(drop).map_err(|errno| VfsError::new(errno, path))
    }

    /// Gives the file at `from` a second name; a symbolic link is not followed.
    pub fn hard_link(&mut self, from: &str, to: &str) -> Result<(), VfsError> {
        let ino = self.lookup(Ino::ROOT, from, false);
        let from = ino.map_err(|errno| VfsError::new(errno, from))?;
        let at = self.at(to)?;
        self.link(from, &at).map_err(|errno| VfsError::new(errno, to))
    }

    /// What a symbolic link holds.
    pub fn read_link(&self, path: &str) -> Result<Arc<str>, VfsError> {
        let read = || match &self.node(self.lookup(Ino::ROOT, path, false)?).kind {
            Kind::Symlink(target) => Ok(Arc::clone(target)),
            _ => Err(Errno::Invalid),
        };
        read().map_err(|errno| VfsError::new(errno, path))
    }

    /// What `path` names, following symbolic links.
    pub fn metadata(&self, path: &str) -> Result<Metadata, VfsError> {
        let ino = self.lookup(Ino::ROOT, path, true);
        ino.map(|ino| self.stat(ino)).map_err(|errno| VfsError::new(errno, path))
    }

    /// What `path` names; a symbolic link at its end is not followed.
    pub fn symlink_metadata(&self, path: &str) -> Result<Metadata, VfsError> {
        let ino = self.lookup(Ino::ROOT, path, false);
        ino.map(|ino| self.stat(ino)).map_err(|errno| VfsError::new(errno, path))
    }

    /// Whether `path` names something, following symbolic links.
    pub fn exists(&self, path: &str) -> bool {
        self.lookup(Ino::ROOT, path, true).is_ok()
    }

    /// The entries of a directory in byte order of their names, without `.` and `..`.
    pub fn read_dir(&self, path: &str) -> Result<Vec<DirEntry>, VfsError> {
        let read = || {
            let directory = self.lookup(Ino::ROOT, path, true)?;
            let entries = self.node(directory).entries().ok_or(Errno::NotDirectory)?;
            let entry = |(name, ino): (&Arc<str>, &Ino)| DirEntry {
                name: Arc::clone(name),
                kind: self.node(*ino).file_kind(),
            };
            Ok(entries.iter().map(entry).collect())
        };
        read().map_err(|errno| VfsError::new(errno, path))
    }

    /// Sets or clears the executable bit of a file; symbolic links are followed.
    pub fn set_executable(&mut self, path: &str, executable: bool) -> Result<(), VfsError> {
        let set = |vfs: &mut Self| {
            let ino = vfs.lookup(Ino::ROOT, path, true)?;
            vfs.set_executable_bit(ino, executable)
        };
        set(self).map_err(|errno| VfsError::new(errno, path))
    }

    /// Sets the modification time of what `path` names, in nanoseconds since 1970.
    pub fn set_modified(&mut self, path: &str, nanoseconds: u64) -> Result<(), VfsError> {
        let set = |vfs: &mut Self| {
            let ino = vfs.lookup(Ino::ROOT, path, true)?;
            vfs.set_times(ino, None, Some(nanoseconds))
        };
        set(self).map_err(|errno| VfsError::new(errno, path))
    }

    /// Whether `path` leads to a directory.
    pub fn is_dir(&self, path: &str) -> bool {
        self.metadata(path).is_ok_and(|metadata| metadata.is_dir())
    }

    /// Sets the modification time of what `path` names to the present of the logical clock.
    pub fn touch(&mut self, path: &str) -> Result<(), VfsError> {
        let set = |vfs: &mut Self| {
            let ino = vfs.lookup(Ino::ROOT, path, true)?;
            let now = vfs.touch_time(ino);
            vfs.set_times(ino, None, Some(now))
        };
        set(self).map_err(|errno| VfsError::new(errno, path))
    }

    /// Copies the content and executable bit of a file; `to` is created or replaced.
    pub fn copy(&mut self, from: &str, to: &str) -> Result<(), VfsError> {
        let bytes = self.read(from)?;
        let executable = self.metadata(from)?.executable;
        self.write(to, bytes)?;
        self.set_executable(to, executable)
    }

    fn at<'p>(&self, path: &'p str) -> Result<Resolved<'p>, VfsError> {
        self.resolve(Ino::ROOT, path, false).map_err(|errno| VfsError::new(errno, path))
    }

    pub(crate) fn stat(&self, ino: Ino) -> Metadata {
        self.observe_times();
        let node = self.node(ino);
        Metadata {
            kind: node.file_kind(),
            len: node.len(),
            executable: matches!(node.kind, Kind::File { executable: true, .. }),
            inode: ino.number(),
            links: node.links,
            accessed: node.times.accessed,
            modified: node.times.modified,
            changed: node.times.changed,
        }
    }
}
