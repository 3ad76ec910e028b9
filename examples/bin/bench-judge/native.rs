//! Native pytest in a process, on a folder that is brought from one tree to the next.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use ssr_core::Tree;
use ssr_examples::{Failure, Package, Result};
use ssr_sandbox::write_folder;

/// A package in a folder of this machine.
pub struct Native {
    folder: PathBuf,
    path: OsString,
    /// What the folder holds.
    tree: Mutex<Tree>,
}

impl Native {
    pub fn new(root: &Path, package: &Package) -> Result<Self> {
        if root.exists() {
            std::fs::remove_dir_all(root).map_err(|error| broke(&error))?;
        }
        let (folder, site_packages) = (root.join("repository"), root.join("site-packages"));
        for (tree, folder) in [(&package.tree, &folder), (&package.site_packages, &site_packages)] {
            write_folder(tree, folder)
                .map_err(|error| Failure::Infrastructure(error.to_string()))?;
        }
        let places = [folder.join("src"), folder.clone(), site_packages];
        let path = std::env::join_paths(places)
            .map_err(|error| Failure::Infrastructure(error.to_string()))?;
        Ok(Self { folder, path, tree: Mutex::new(package.tree.clone()) })
    }

    /// Whether the chosen tests all pass on `tree`; with `first`, up to the first that fails.
    pub fn passes(&self, tree: &Tree, tests: &[&str], first: bool) -> Result<bool> {
        self.bring(tree)?;
        let mut command = Command::new("python3");
        command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]);
        command.args(first.then_some("-x")).args(tests);
        let output = command
            .current_dir(&self.folder)
            .env("PYTHONPATH", &self.path)
            .env("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
            .env_remove("PYTHONDONTWRITEBYTECODE")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| broke(&error))?;
        Ok(output.status.success())
    }

    fn bring(&self, tree: &Tree) -> Result<()> {
        let mut now = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        for path in now.changed_paths(tree) {
            let at = self.folder.join(path.as_str());
            match tree.get(path.as_str()) {
                Some(file) => std::fs::write(&at, file.bytes()),
                None => std::fs::remove_file(&at),
            }
            .map_err(|error| broke(&error))?;
        }
        *now = tree.clone();
        Ok(())
    }
}

fn broke(error: &std::io::Error) -> Failure {
    Failure::Infrastructure(format!("native python3: {error}"))
}
