//! The sources that the guest is compiled from, each pinned by its SHA-256.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest, Sha256};

use super::super::source::{GuestSource, hex};
use crate::{Error, Result};

/// CPython as Debian 12 keeps it, which is what was published upstream.
pub(super) const CPYTHON: Archive = Archive {
    url: "http://deb.debian.org/debian/pool/main/p/python3.11/python3.11_3.11.2.orig.tar.gz",
    folder: "Python-3.11.2",
    sha256: "2411c74bda5bbcfcddaf4531f66d1adc73f247f529aee981b029513aefdbf849",
};

/// Libraries that CPython expects of the system, out of crates that carry their sources.
pub(super) const LIBRARIES: [Bundle; 3] = [
    Bundle {
        name: "bzip2",
        package: "bzip2-sys@0.1.13+1.0.8",
        folder: "bzip2-1.0.8",
        files: &[
            "blocksort.c",
            "bzlib.c",
            "bzlib.h",
            "bzlib_private.h",
            "compress.c",
            "crctable.c",
            "decompress.c",
            "huffman.c",
            "randtable.c",
        ],
        sha256: "55f48011633413dd0227d51c8d27ffce00011e9fbb0208e086c705cac6aac4e2",
    },
    Bundle {
        name: "sqlite3",
        package: "libsqlite3-sys@0.35.0",
        folder: "sqlite3",
        files: &["sqlite3.c", "sqlite3.h"],
        sha256: "d30ba24591f5a4e0eeb80d8605ce48595acd118a1719107da1ebb78422a5b50c",
    },
    Bundle {
        name: "zlib",
        package: "libz-sys@1.1.22",
        folder: "src/zlib",
        files: &[
            "adler32.c",
            "compress.c",
            "crc32.c",
            "crc32.h",
            "deflate.c",
            "deflate.h",
            "gzguts.h",
            "inffast.c",
            "inffast.h",
            "inffixed.h",
            "inflate.c",
            "inflate.h",
            "inftrees.c",
            "inftrees.h",
            "trees.c",
            "trees.h",
            "uncompr.c",
            "zconf.h",
            "zlib.h",
            "zutil.c",
            "zutil.h",
        ],
        sha256: "f4810842acacc263ca2aaca4bc57ac139e71f29480f9ed3dd3cf75d85bd0ce64",
    },
];

/// A source archive on a mirror.
pub(super) struct Archive {
    url: &'static str,
    /// What it unpacks to.
    pub folder: &'static str,
    pub sha256: &'static str,
}

impl Archive {
    fn name(&self) -> &'static str {
        self.url.rsplit('/').next().unwrap_or(self.url)
    }

    /// The verified archive in `downloads`, downloaded by apt when it is not there.
    pub fn fetch(&self, downloads: &Path) -> Result<PathBuf> {
        let path = downloads.join(self.name());
        if self.is_intact(&path) {
            return Ok(path);
        }
        fs::create_dir_all(downloads).map_err(|e| Error::cache(downloads, e))?;
        let partial = tempfile::NamedTempFile::new_in(downloads);
        let partial = partial.map_err(|e| Error::cache(downloads, e))?;
        let failed = |reason: String| Error::GuestArchive {
            url: self.url.to_owned(),
            path: path.clone(),
            reason,
        };
        // apt knows the proxies and mirrors of the machine that the compiler came from.
        let output = Command::new("/usr/lib/apt/apt-helper")
            .args(["download-file", self.url])
            .arg(partial.path())
            .output()
            .map_err(|e| failed(format!("cannot run apt-helper: {e}")))?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        if !self.is_intact(partial.path()) {
            return Err(failed(format!("its SHA-256 is not {}", self.sha256)));
        }
        partial.persist(&path).map_err(|e| Error::cache(&path, e.error))?;
        Ok(path)
    }

    fn is_intact(&self, path: &Path) -> bool {
        fs::read(path).is_ok_and(|bytes| hex(&Sha256::digest(bytes)) == self.sha256)
    }
}

/// Some files of a published crate.
pub(super) struct Bundle {
    pub name: &'static str,
    package: &'static str,
    folder: &'static str,
    /// In alphabetical order.
    files: &'static [&'static str],
    /// Over the length and the bytes of each name and each content in turn.
    pub sha256: &'static str,
}

impl Bundle {
    /// Copies the verified files to the folder `to`.
    pub fn copy(&self, source: &GuestSource, to: &Path) -> Result<()> {
        let first = source.locate(self.package, &format!("{}/{}", self.folder, self.files[0]))?;
        let folder = first.parent().unwrap_or(&first);
        fs::create_dir_all(to).map_err(|e| Error::cache(to, e))?;
        let mut hasher = Sha256::new();
        for name in self.files {
            let path = folder.join(name);
            let content = fs::read(&path).map_err(|e| Error::cache(&path, e))?;
            for part in [name.as_bytes(), &content] {
                hasher.update((part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
            fs::write(to.join(name), content).map_err(|e| Error::cache(to, e))?;
        }
        let found = hex(&hasher.finalize());
        if found != self.sha256 {
            let expected = self.sha256.to_owned();
            return Err(Error::GuestHash { path: folder.to_owned(), expected, found });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_is_there_needs_no_network() {
        let downloads = tempfile::tempdir().unwrap();
        let archive = Archive {
            url: "http://nowhere.invalid/a.tar",
            folder: "a",
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        };
        let path = downloads.path().join("a.tar");
        fs::write(&path, "abc").unwrap();
        assert_eq!(archive.fetch(downloads.path()).unwrap(), path);
    }

    #[test]
    fn an_archive_that_cannot_be_had_is_an_error_that_names_its_place() {
        let downloads = tempfile::tempdir().unwrap();
        let archive = Archive { url: "file:///nowhere/a.tar", folder: "a", sha256: "" };
        fs::write(downloads.path().join("a.tar"), "another").unwrap();
        let error = archive.fetch(downloads.path()).unwrap_err().to_string();
        assert!(error.contains("file:///nowhere/a.tar"), "{error}");
        assert!(error.contains(&downloads.path().join("a.tar").display().to_string()), "{error}");
    }
}
