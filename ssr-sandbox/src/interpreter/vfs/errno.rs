//! Errors of filesystem calls, with the codes of WASI preview1.

use std::fmt;

/// Why a filesystem call failed; the discriminants are the codes of WASI preview1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
#[repr(u16)]
pub enum Errno {
    /// E2BIG: an argument list or batch is too long.
    #[error("argument list too long")]
    TooBig = 1,
    /// EAGAIN: nothing to read yet.
    #[error("resource temporarily unavailable")]
    Again = 6,
    /// EBADF: no such descriptor, or not open for this.
    #[error("bad file descriptor")]
    BadFd = 8,
    /// EBUSY: the root or a device cannot be removed or renamed.
    #[error("device or resource busy")]
    Busy = 10,
    /// EEXIST: the name is taken.
    #[error("file exists")]
    Exists = 20,
    /// EFAULT: a guest pointer is outside its memory.
    #[error("bad address")]
    Fault = 21,
    /// EFBIG: the file would pass its size limit.
    #[error("file too large")]
    FileTooBig = 22,
    /// EILSEQ: the name is not UTF-8.
    #[error("name is not UTF-8")]
    NotUtf8 = 25,
    /// EINVAL: an argument makes no sense.
    #[error("invalid argument")]
    Invalid = 28,
    /// EISDIR: a file was needed.
    #[error("is a directory")]
    IsDirectory = 31,
    /// ELOOP: too many symbolic links.
    #[error("too many levels of symbolic links")]
    Loop = 32,
    /// EMFILE: too many open descriptors.
    #[error("too many open files")]
    TooManyOpen = 33,
    /// EMLINK: too many hard links.
    #[error("too many links")]
    TooManyLinks = 34,
    /// ENAMETOOLONG: a name or path is too long.
    #[error("file name too long")]
    NameTooLong = 37,
    /// ENOENT: no such file or directory.
    #[error("no such file or directory")]
    NotFound = 44,
    /// ENOSPC: the filesystem's limits are reached.
    #[error("no space left in the virtual filesystem")]
    NoSpace = 51,
    /// ENOSYS: the function does not exist here.
    #[error("function not implemented")]
    NotImplemented = 52,
    /// ENOTDIR: a directory was needed.
    #[error("not a directory")]
    NotDirectory = 54,
    /// ENOTEMPTY: the directory still has entries.
    #[error("directory not empty")]
    NotEmpty = 55,
    /// ENOTSOCK: the descriptor is not a socket.
    #[error("not a socket")]
    NotSocket = 57,
    /// ENOTSUP: not supported.
    #[error("operation not supported")]
    NotSupported = 58,
    /// EOVERFLOW: a value does not fit.
    #[error("value too large")]
    Overflow = 61,
    /// EPERM: never allowed.
    #[error("operation not permitted")]
    NotPermitted = 63,
    /// ESPIPE: the descriptor cannot seek.
    #[error("illegal seek")]
    Seek = 70,
    /// ENOTCAPABLE: the descriptor lacks the right.
    #[error("descriptor lacks the right")]
    NotCapable = 76,
}

impl Errno {
    /// The code that a preview1 function returns.
    pub fn code(self) -> u16 {
        self as u16
    }
}

/// A failed call of the path API of [`Vfs`](crate::Vfs): which path, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct VfsError {
    errno: Errno,
    path: Box<str>,
}

impl VfsError {
    pub(crate) fn new(errno: Errno, path: &str) -> Self {
        Self { errno, path: path.into() }
    }

    /// The reason, to match on.
    pub fn errno(&self) -> Errno {
        self.errno
    }

    /// The path as the caller gave it.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for VfsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.path, self.errno)
    }
}

impl From<VfsError> for std::io::Error {
    fn from(error: VfsError) -> Self {
        use std::io::ErrorKind;
        let kind = match error.errno {
            Errno::NotFound => ErrorKind::NotFound,
            Errno::Exists => ErrorKind::AlreadyExists,
            Errno::Invalid | Errno::NotUtf8 | Errno::Loop => ErrorKind::InvalidInput,
            Errno::NameTooLong => ErrorKind::InvalidFilename,
            Errno::IsDirectory => ErrorKind::IsADirectory,
            Errno::NotDirectory => ErrorKind::NotADirectory,
            Errno::NotEmpty => ErrorKind::DirectoryNotEmpty,
            Errno::NoSpace => ErrorKind::StorageFull,
            Errno::FileTooBig => ErrorKind::FileTooLarge,
            Errno::Busy => ErrorKind::ResourceBusy,
            Errno::NotPermitted | Errno::NotCapable => ErrorKind::PermissionDenied,
            Errno::NotSupported | Errno::NotImplemented => ErrorKind::Unsupported,
            _ => ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
