//! One guest and one sandbox for all tests of the binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use ssr_core::{File, RepoPath, Sandbox, Tree};
use ssr_sandbox::{Guest, WasiSandbox, WasiWorkspace, default_cache_dir, read_folder};

/// What the test programs install, all of it pure Python.
const PYTEST: [&str; 5] =
    ["pytest==9.2.0", "iniconfig==2.3.1", "packaging==26.3", "pluggy==1.7.0", "Pygments==2.21.0"];

pub fn sandbox() -> &'static WasiSandbox {
    static SANDBOX: OnceLock<WasiSandbox> = OnceLock::new();
    SANDBOX.get_or_init(with_pytest)
}

/// A second sandbox that only one test at a time uses, so that its counters tell of that test.
pub fn own_sandbox() -> MutexGuard<'static, WasiSandbox> {
    static OWN: OnceLock<Mutex<WasiSandbox>> = OnceLock::new();
    OWN.get_or_init(|| Mutex::new(with_pytest())).lock().unwrap_or_else(PoisonError::into_inner)
}

fn with_pytest() -> WasiSandbox {
    let guest = Guest::prepare(&default_cache_dir(), &|_| {}).unwrap();
    let packages = read_folder(pytest_folder()).unwrap();
    WasiSandbox::builder(&guest).site_packages(packages).build().unwrap()
}

/// pytest as pip installs it.
pub fn pytest_folder() -> PathBuf {
    installed(&PYTEST)
}

/// Packages as pip installs them, fetched once for all test programs and runs.
pub fn installed(packages: &[&str]) -> PathBuf {
    let home = default_cache_dir().join("site-packages");
    let folder = home.join(packages[0]);
    fs::create_dir_all(&home).unwrap();
    let lock = fs::File::create(home.join("lock")).unwrap();
    lock.lock().unwrap();
    if !folder.exists() {
        let scratch = home.join("scratch");
        let _ = fs::remove_dir_all(&scratch);
        let status = Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--no-compile", "--no-deps", "--only-binary", ":all:", "--target"])
            .arg(&scratch)
            .args(packages)
            .status()
            .expect("python3 with pip is needed to get packages");
        assert!(status.success(), "pip could not install {packages:?}");
        fs::rename(scratch, &folder).unwrap();
    }
    folder
}

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

pub fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

pub fn file(text: &str) -> File {
    File::new(text.as_bytes())
}

pub fn tree(files: &[(&str, &str)]) -> Tree {
    Tree::from_files(files.iter().map(|(name, text)| (path(name), file(text)))).unwrap()
}

pub fn open(files: &[(&str, &str)]) -> WasiWorkspace {
    sandbox().open(&tree(files)).unwrap()
}
