//! Finding the interpreter's files.
//!
//! They are published inside two crates and are used as data only: nothing of these crates is
//! compiled. `cargo info` downloads exactly one crate into the registry folder of cargo, verified
//! against the registry's checksum; the files used are verified again against the hashes below.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// A pinned file of a published crate.
pub(super) struct Pin {
    package: &'static str,
    version: &'static str,
    file: &'static str,
    sha256: &'static str,
}

const RUNTIME: (&str, &str) = ("eryx-runtime", "0.5.0");

const fn library(file: &'static str, sha256: &'static str) -> Pin {
    Pin { package: RUNTIME.0, version: RUNTIME.1, file, sha256 }
}

/// The shared objects of CPython 3.14, each after the ones that it needs.
pub(super) const LIBRARIES: [Pin; 6] = [
    library("libs/libc.so.zst", "7565351b907f619849429edef9931027d54244a9cced5d7f15e192d6560bea85"),
    library(
        "libs/libwasi-emulated-getpid.so.zst",
        "5ed5d60fd0189108e9688fa425a6ded142d68ede8d480b79782883c197ea1759",
    ),
    library(
        "libs/libwasi-emulated-mman.so.zst",
        "0870eff1d2c1bd6d0abd6a3afd2aa5b695545d2f631f14b089baaef7baca83bc",
    ),
    library(
        "libs/libwasi-emulated-process-clocks.so.zst",
        "9976680fa1a675622934a7027af641c98d2ccfb0a93cc024e18bda63875b2b91",
    ),
    library(
        "libs/libwasi-emulated-signal.so.zst",
        "8693f740980372b14fe724bd76add400bc691f671a10494bf9e7c44d93af9de5",
    ),
    library(
        "libs/libpython3.14.so.zst",
        "de3578e4431e2abd2e1d0f3a8816a877912492d9d03719b36ad80355bfe62de3",
    ),
];

/// The standard library, a zstd-compressed tar archive.
pub(super) const STDLIB: Pin = Pin {
    package: "eryx",
    version: "0.5.0",
    file: "python-stdlib.tar.zst",
    sha256: "541af2af39fb77b9a0bcd1a512ac8ceb81d5ec29d552ec1723e1c5be67a0b026",
};

impl Pin {
    /// Name of the file without folder and compression suffix.
    pub fn name(&self) -> &'static str {
        let name = self.file.rsplit('/').next().unwrap_or(self.file);
        name.strip_suffix(".zst").unwrap_or(name)
    }

    /// What identifies the content, for cache keys.
    pub fn sha256(&self) -> &'static str {
        self.sha256
    }

    /// `name@version` of the crate that holds the file.
    pub fn package(&self) -> String {
        format!("{}@{}", self.package, self.version)
    }

    /// Reads, verifies and decompresses the file, downloading its crate when it is absent.
    pub fn load(&self) -> Result<Vec<u8>> {
        let compressed = self.read(&self.locate()?)?;
        zstd::decode_all(compressed.as_slice()).map_err(|e| self.unavailable(e))
    }

    /// Whether the file is already on this machine.
    pub fn is_present(&self) -> bool {
        self.find().is_some()
    }

    fn locate(&self) -> Result<PathBuf> {
        if let Some(path) = self.find() {
            return Ok(path);
        }
        self.download()?;
        self.find()
            .ok_or_else(|| self.unavailable("cargo downloaded the crate, but not where expected"))
    }

    fn find(&self) -> Option<PathBuf> {
        let unpacked = format!("{}-{}", self.package, self.version);
        let registries = fs::read_dir(cargo_home()?.join("registry").join("src")).ok()?;
        registries
            .filter_map(|registry| Some(registry.ok()?.path().join(&unpacked).join(self.file)))
            .find(|path| path.is_file())
    }

    fn download(&self) -> Result<()> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["info", "--quiet", "--color=never", &self.package()])
            // Away from any workspace, whose lock file cargo would otherwise consult.
            .current_dir(env::temp_dir())
            .output()
            .map_err(|e| self.unavailable(format!("cannot run cargo: {e}")))?;
        if output.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(self.unavailable(format!("`cargo info` failed: {}", stderr.trim())))
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let bytes = fs::read(path).map_err(|e| self.unavailable(e))?;
        let found = hex(&Sha256::digest(&bytes));
        if found == self.sha256 {
            return Ok(bytes);
        }
        let expected = self.sha256.to_owned();
        Err(Error::GuestHash { path: path.to_owned(), expected, found })
    }

    fn unavailable(&self, reason: impl ToString) -> Error {
        Error::GuestSource {
            package: self.package(),
            file: self.file.to_owned(),
            reason: reason.to_string(),
        }
    }
}

fn cargo_home() -> Option<PathBuf> {
    let from_env = env::var_os("CARGO_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    from_env.or_else(|| Some(env::home_dir()?.join(".cargo")))
}

/// Lower-case hexadecimal digits of `bytes`.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
