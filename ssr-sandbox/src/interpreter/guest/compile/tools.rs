//! The programs that compile CPython.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Error, Result};

/// Where the packages put headers and libraries for WASI.
const SYSROOT: &str = "/usr";

/// What is needed, with the Debian package that it comes in.
const PROGRAMS: [(&str, &str); 6] = [
    ("clang-19", "clang-19"),
    ("wasm-ld-19", "lld-19"),
    ("llvm-ar-19", "llvm-19"),
    ("make", "make"),
    ("tar", "tar"),
    ("python3.11", "python3.11"),
];
const C_LIBRARY: (&str, &str) = ("/usr/lib/wasm32-wasi/libc.a", "wasi-libc");
const BUILTINS: (&str, &str) = (
    "/usr/lib/llvm-19/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a",
    "libclang-rt-19-dev-wasm32",
);

/// A complete set of tools.
pub(super) struct Tools {
    pub python: PathBuf,
    /// The compiler's own version line.
    pub compiler: String,
}

impl Tools {
    /// Finds every tool, or names all that are missing.
    pub fn find() -> Result<Self> {
        let programs = PROGRAMS.iter().filter(|(name, _)| on_path(name).is_none());
        let files = [C_LIBRARY, BUILTINS];
        let files = files.iter().filter(|(path, _)| !Path::new(path).is_file());
        let missing: Vec<_> = programs.chain(files).copied().collect();
        if !missing.is_empty() {
            return Err(Error::GuestTools {
                missing: missing.iter().map(|(tool, _)| (*tool).to_owned()).collect(),
                packages: missing.iter().map(|(_, package)| (*package).to_owned()).collect(),
            });
        }
        let python = python().ok_or_else(|| Error::GuestTools {
            missing: vec!["a working python3.11".to_owned()],
            packages: vec!["python3.11".to_owned()],
        })?;
        let version = Command::new("clang-19").arg("--version").output();
        let version = version.map(|output| output.stdout).unwrap_or_default();
        let compiler = String::from_utf8_lossy(&version).lines().next().unwrap_or("").to_owned();
        Ok(Self { python, compiler })
    }

    /// The settings of `configure`, as environment variables.
    pub fn environment(&self) -> [(&'static str, String); 6] {
        let clang = format!("clang-19 --target=wasm32-wasi --sysroot={SYSROOT}");
        [
            ("CPP", format!("{clang} -E")),
            ("CC", clang),
            ("AR", "llvm-ar-19".to_owned()),
            ("RANLIB", "llvm-ar-19 s".to_owned()),
            ("LDSHARED", "wasm-ld-19".to_owned()),
            // What this machine has installed is of no use to the guest.
            ("PKG_CONFIG", "false".to_owned()),
        ]
    }

    /// Content of the C library that is linked in.
    pub fn c_library(&self) -> Result<Vec<u8>> {
        std::fs::read(C_LIBRARY.0).map_err(|e| Error::cache(C_LIBRARY.0, e))
    }
}

/// CPython's build runs a Python of the same version; the launchers of version managers may refuse.
fn python() -> Option<PathBuf> {
    let candidates =
        [PathBuf::from("/usr/bin/python3.11")].into_iter().chain(on_path("python3.11"));
    let works = |python: &PathBuf| {
        let check = "import sys, sysconfig; sys.exit(sys.version_info[:2] != (3, 11))";
        let status = Command::new(python).args(["-I", "-c", check]).output();
        status.is_ok_and(|output| output.status.success())
    };
    candidates.into_iter().find(works)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_on_the_path_only() {
        assert!(on_path("sh").is_some_and(|path| path.is_absolute()));
        assert_eq!(on_path("no-such-program-anywhere"), None);
    }
}
