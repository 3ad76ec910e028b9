//! Files made once and used by every later process.
//!
//! An entry is written to a temporary file and renamed, so readers see all of it or nothing. It
//! starts with a hash over its key and content; whatever does not match is treated as absent.

use std::{
    fs::{self, File, TryLockError},
    io::Write as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use sha2::{Digest, Sha256};

use crate::{Error, Result};

const DIGEST: usize = 32;

/// A directory of verified entries.
pub(super) struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// Opens the cache in `directory`, which is created when absent.
    pub fn open(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory).map_err(|e| Error::cache(directory, e))?;
        Ok(Self { directory: directory.to_owned() })
    }

    /// Where the entries are.
    pub fn folder(&self) -> &Path {
        &self.directory
    }

    /// Keeps other processes from making the same entries at the same time; `waiting` is called
    /// when one is already at it. Released when the returned file is dropped.
    pub fn lock(&self, waiting: impl FnOnce()) -> Result<File> {
        let path = self.directory.join("lock");
        let failed = |e| Error::cache(&path, e);
        let file = File::create(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(failed)?;
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        Ok(file)
    }

    /// The intact content of entry `name` made under `key`.
    pub fn load(&self, name: &str, key: &str) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.directory.join(name)).ok()?;
        let (found, content) = bytes.split_at_checked(DIGEST)?;
        let intact = found == digest(key, content);
        intact.then(|| bytes.split_off(DIGEST))
    }

    /// Stores `content` as entry `name`.
    pub fn store(&self, name: &str, key: &str, content: &[u8]) -> Result<()> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.join(name);
        let temporary = self.directory.join(format!("{name}.{}-{unique}.tmp", std::process::id()));
        let written = File::create(&temporary).and_then(|mut file| {
            file.write_all(&digest(key, content))?;
            file.write_all(content)?;
            file.sync_data()?;
            fs::rename(&temporary, &path)
        });
        written.map_err(|e| {
            // The first error is the one to report.
            let _ = fs::remove_file(&temporary);
            Error::cache(&path, e)
        })
    }
}

fn digest(key: &str, content: &[u8]) -> [u8; DIGEST] {
    let mut hasher = Sha256::new();
    hasher.update((key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(content);
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::open(directory.path()).unwrap();
        (directory, cache)
    }

    #[test]
    fn what_is_stored_is_loaded_under_the_same_key_only() {
        let (_directory, cache) = cache();
        cache.store("a", "k1", b"content").unwrap();
        assert_eq!(cache.load("a", "k1").unwrap(), b"content");
        assert_eq!(cache.load("a", "k2"), None);
        assert_eq!(cache.load("b", "k1"), None);
    }

    #[test]
    fn damaged_entries_are_absent() {
        let (directory, cache) = cache();
        cache.store("a", "k", b"content").unwrap();
        let path = directory.path().join("a");
        let good = fs::read(&path).unwrap();
        for length in [0, 1, DIGEST, good.len() - 1] {
            fs::write(&path, &good[..length]).unwrap();
            assert_eq!(cache.load("a", "k"), None, "truncated to {length}");
        }
        for position in 0..good.len() {
            let mut bad = good.clone();
            bad[position] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert_eq!(cache.load("a", "k"), None, "bit flipped at {position}");
        }
    }

    #[test]
    fn no_temporary_file_stays() {
        let (directory, cache) = cache();
        cache.store("a", "k", b"1").unwrap();
        cache.store("a", "k", b"2").unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert_eq!(cache.load("a", "k").unwrap(), b"2");
    }

    #[test]
    fn an_unwritable_directory_is_reported_with_its_remedy() {
        let (directory, _) = cache();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Cache::open(&file.join("cache")).err().unwrap().to_string();
        assert!(error.contains("SSR_CACHE_DIR"), "{error}");
    }
}
