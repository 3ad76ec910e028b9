//! What a guest may add to a filesystem.

/// How much may be added to a filesystem after it was last frozen.
///
/// Everything is counted from the state at the last [`Vfs::freeze`](crate::Vfs::freeze): a large
/// repository does not eat into what its tests may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VfsLimits {
    /// Files, directories and links that may be added (default 65,536); beyond it `ENOSPC`.
    pub max_files: u64,
    /// The largest file in bytes (default 64 MiB); beyond it `EFBIG`.
    pub max_file_bytes: u64,
    /// Bytes that may be added in all (default 256 MiB); beyond it `ENOSPC`.
    pub max_total_bytes: u64,
}

impl Default for VfsLimits {
    fn default() -> Self {
        Self { max_files: 65_536, max_file_bytes: 64 << 20, max_total_bytes: 256 << 20 }
    }
}

impl VfsLimits {
    /// Sets how many files, directories and links may be added.
    #[must_use]
    pub fn with_max_files(mut self, files: u64) -> Self {
        self.max_files = files;
        self
    }

    /// Sets the size of the largest file.
    #[must_use]
    pub fn with_max_file_bytes(mut self, bytes: u64) -> Self {
        self.max_file_bytes = bytes;
        self
    }

    /// Sets how many bytes may be added in all.
    #[must_use]
    pub fn with_max_total_bytes(mut self, bytes: u64) -> Self {
        self.max_total_bytes = bytes;
        self
    }
}

/// Inodes and bytes of a filesystem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) files: u64,
    pub(super) bytes: u64,
}
