//! The filesystem of a workspace behind the trait that bashkit works on.

use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bashkit::{
    DirEntry, FileSystem, FileSystemExt, FileType, FsLimits, FsUsage, Metadata, async_trait,
};

use crate::interpreter::{Errno, FileKind, Vfs, VfsError};

/// The filesystem of a workspace as the shell sees it; clones share it.
///
/// Links in the last component are never followed here: the shell has a layer of its own above
/// this one that resolves them.
#[derive(Clone)]
pub(super) struct ShellFs(Arc<Mutex<Vfs>>);

impl ShellFs {
    pub(super) fn new(vfs: Vfs) -> Self {
        Self(Arc::new(Mutex::new(vfs)))
    }

    /// The filesystem as it is now.
    pub(super) fn snapshot(&self) -> Vfs {
        self.lock().clone()
    }

    /// Puts what a guest program left in the place of what it was given.
    pub(super) fn replace(&self, vfs: Vfs) {
        *self.lock() = vfs;
    }

    fn lock(&self) -> MutexGuard<'_, Vfs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(
        &self,
        path: &Path,
        get: impl FnOnce(&Vfs, &str) -> Result<T, VfsError>,
    ) -> bashkit::Result<T> {
        get(&self.lock(), text(path)?).map_err(error)
    }

    fn change<T>(
        &self,
        path: &Path,
        change: impl FnOnce(&mut Vfs, &str) -> Result<T, VfsError>,
    ) -> bashkit::Result<T> {
        change(&mut self.lock(), text(path)?).map_err(error)
    }
}

#[async_trait]
impl FileSystemExt for ShellFs {
    fn usage(&self) -> FsUsage {
        FsUsage::default()
    }

    fn limits(&self) -> FsLimits {
        FsLimits::unlimited()
    }

    fn backend_kind(&self) -> &'static str {
        "ssr"
    }
}

#[async_trait]
impl FileSystem for ShellFs {
    async fn read_file(&self, path: &Path) -> bashkit::Result<Vec<u8>> {
        if is_nothing(path) {
            return Ok(Vec::new());
        }
        self.read(path, |vfs, path| Ok(vfs.read(path)?.to_vec()))
    }

    async fn write_file(&self, path: &Path, content: &[u8]) -> bashkit::Result<()> {
        if is_nothing(path) {
            return Ok(());
        }
        self.change(path, |vfs, path| vfs.write(path, content))
    }

    async fn append_file(&self, path: &Path, content: &[u8]) -> bashkit::Result<()> {
        if is_nothing(path) {
            return Ok(());
        }
        self.change(path, |vfs, path| vfs.append(path, content))
    }

    async fn mkdir(&self, path: &Path, recursive: bool) -> bashkit::Result<()> {
        self.change(path, |vfs, path| match recursive {
            true => vfs.create_dir_all(path),
            false => vfs.create_dir(path),
        })
    }

    async fn remove(&self, path: &Path, recursive: bool) -> bashkit::Result<()> {
        self.change(path, |vfs, path| match vfs.symlink_metadata(path)? {
            metadata if !metadata.is_dir() => vfs.remove_file(path),
            _ if recursive => vfs.remove_dir_all(path),
            _ => vfs.remove_dir(path),
        })
    }

    async fn stat(&self, path: &Path) -> bashkit::Result<Metadata> {
        self.read(path, |vfs, path| Ok(metadata(&vfs.symlink_metadata(path)?)))
    }

    async fn read_dir(&self, path: &Path) -> bashkit::Result<Vec<DirEntry>> {
        self.read(path, |vfs, path| {
            let entries = vfs.read_dir(path)?.into_iter();
            entries
                .map(|entry| {
                    let below = format!("{}/{}", path.trim_end_matches('/'), entry.name);
                    let metadata = metadata(&vfs.symlink_metadata(&below)?);
                    Ok(DirEntry { name: entry.name.to_string(), metadata })
                })
                .collect()
        })
    }

    async fn exists(&self, path: &Path) -> bashkit::Result<bool> {
        Ok(self.read(path, |vfs, path| vfs.symlink_metadata(path)).is_ok())
    }

    async fn rename(&self, from: &Path, to: &Path) -> bashkit::Result<()> {
        let to = text(to)?;
        self.change(from, |vfs, from| vfs.rename(from, to))
    }

    async fn copy(&self, from: &Path, to: &Path) -> bashkit::Result<()> {
        if is_nothing(to) {
            return self.read_file(from).await.map(drop);
        }
        let to = text(to)?;
        self.change(from, |vfs, from| vfs.copy(from, to))
    }

    async fn symlink(&self, target: &Path, link: &Path) -> bashkit::Result<()> {
        let target = text(target)?;
        self.change(link, |vfs, link| vfs.symlink(target, link))
    }

    async fn read_link(&self, path: &Path) -> bashkit::Result<PathBuf> {
        self.read(path, |vfs, path| Ok(PathBuf::from(&*vfs.read_link(path)?)))
    }

    async fn chmod(&self, path: &Path, mode: u32) -> bashkit::Result<()> {
        self.change(path, |vfs, path| match vfs.metadata(path)? {
            metadata if metadata.is_file() => vfs.set_executable(path, mode & 0o111 != 0),
            _ => Ok(()),
        })
    }

    async fn set_modified_time(&self, path: &Path, time: SystemTime) -> bashkit::Result<()> {
        // `touch` asks for the present, which is the host's: no run may see that.
        let ago = SystemTime::now().duration_since(time);
        if ago.is_ok_and(|ago| ago < Duration::from_secs(60)) {
            return self.change(path, |vfs, path| vfs.touch(path));
        }
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanoseconds = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        self.change(path, |vfs, path| vfs.set_modified(path, nanoseconds))
    }
}

/// Devices are files of the guest; of these the shell's own commands only know the empty one.
fn is_nothing(path: &Path) -> bool {
    path == Path::new("/dev/null")
}

fn text(path: &Path) -> bashkit::Result<&str> {
    path.to_str().ok_or_else(|| IoError::new(ErrorKind::InvalidInput, "name is not UTF-8").into())
}

fn metadata(of: &crate::interpreter::Metadata) -> Metadata {
    let (file_type, mode) = match of.kind {
        FileKind::Directory => (FileType::Directory, 0o755),
        FileKind::Symlink => (FileType::Symlink, 0o777),
        FileKind::File if of.executable => (FileType::File, 0o755),
        FileKind::File => (FileType::File, 0o644),
        FileKind::Device => (FileType::File, 0o666),
    };
    let time = |nanoseconds| UNIX_EPOCH + Duration::from_nanos(nanoseconds);
    Metadata {
        file_type,
        size: of.len,
        mode,
        modified: time(of.modified),
        created: time(of.changed),
    }
}

/// The kinds and texts that the shell's own commands recognise and turn into those of coreutils.
fn error(error: VfsError) -> bashkit::Error {
    let (kind, text) = match error.errno() {
        Errno::NotFound => (ErrorKind::NotFound, "file not found"),
        Errno::Exists => (ErrorKind::AlreadyExists, "File exists"),
        Errno::IsDirectory => (ErrorKind::Other, "is a directory"),
        Errno::NotDirectory => (ErrorKind::NotADirectory, "not a directory"),
        Errno::NotEmpty => (ErrorKind::Other, "Directory not empty"),
        Errno::NotPermitted | Errno::NotCapable => {
            (ErrorKind::PermissionDenied, "Permission denied")
        }
        Errno::Loop => (ErrorKind::Other, "Too many levels of symbolic links"),
        Errno::NoSpace => (ErrorKind::Other, "No space left on device"),
        Errno::FileTooBig => (ErrorKind::Other, "File too large"),
        errno => return IoError::other(errno.to_string()).into(),
    };
    IoError::new(kind, text).into()
}
