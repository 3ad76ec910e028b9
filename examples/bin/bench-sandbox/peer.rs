//! The peers (native CPython, bubblewrap, podman), driven through the same operations.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ssr_core::Tree;
use ssr_examples::{Failure, Package, Result};
use ssr_sandbox::write_folder;

use crate::case::{Case, Place, Work};

/// The image of the container peer, as `ssr-sandbox/tests/container/image.sh` makes it.
const IMAGE: &str = "ssr-sandbox-test";

/// A package in folders of this machine.
pub struct Checkout<'c> {
    pub root: PathBuf,
    pub folder: PathBuf,
    site_packages: PathBuf,
    pub case: &'c Case,
    pub tree: Tree,
}

impl<'c> Checkout<'c> {
    pub fn new(root: &Path, case: &'c Case, package: &Package) -> Result<Self> {
        if root.exists() {
            std::fs::remove_dir_all(root).map_err(|error| broke(&error))?;
        }
        let (folder, site_packages) = (root.join("repository"), root.join("site-packages"));
        let write = |tree: &Tree, folder: &Path| {
            write_folder(tree, folder).map_err(|error| Failure::Infrastructure(error.to_string()))
        };
        write(&package.tree, &folder)?;
        write(&package.site_packages, &site_packages)?;
        let tree = package.tree.clone();
        Ok(Self { root: root.to_owned(), folder, site_packages, case, tree })
    }

    /// Restores the folder to its original content, without bytecode.
    pub fn restore(&self) -> Result<()> {
        // The folder itself stays, because containers mount it.
        for entry in std::fs::read_dir(&self.folder).map_err(|error| broke(&error))? {
            let path = entry.map_err(|error| broke(&error))?.path();
            let removed = if path.is_dir() {
                std::fs::remove_dir_all(&path)
            } else {
                std::fs::remove_file(&path)
            };
            removed.map_err(|error| broke(&error))?;
        }
        write_folder(&self.tree, &self.folder)
            .map_err(|error| Failure::Infrastructure(error.to_string()))
    }

    pub fn patch(&self, round: usize, place: Place) -> Result<()> {
        let file = self.case.patched(&self.tree, round, place)?;
        std::fs::write(self.folder.join(self.case.patched), file.bytes())
            .map_err(|error| broke(&error))
    }
}

/// CPython as a process, with or without isolation.
pub struct Peer<'c> {
    pub name: &'static str,
    checkout: &'c Checkout<'c>,
    /// The program and the arguments before those of Python.
    program: Vec<OsString>,
    /// The module path as the process sees it; `None` where the program sets it.
    path: Option<OsString>,
    container: Option<String>,
}

impl<'c> Peer<'c> {
    /// `python` without isolation.
    pub fn native(checkout: &'c Checkout<'c>) -> Result<Self> {
        let program = vec![interpreter()?.into_os_string()];
        let path = Some(path([&checkout.folder.join("src"), &checkout.site_packages]));
        Ok(Self { name: "native python", checkout, program, path, container: None })
    }

    /// The same in bubblewrap: no network, no other processes, only the repository is writable.
    pub fn bubblewrap(checkout: &'c Checkout<'c>) -> Result<Self> {
        let native = Self::native(checkout)?;
        let path = native.path.clone();
        let mut program: Vec<OsString> =
            ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev"]
                .map(OsString::from)
                .to_vec();
        program.extend(["--proc", "/proc", "--tmpfs", "/tmp", "--bind"].map(OsString::from));
        program.extend([checkout.root.clone().into(), checkout.root.clone().into()]);
        program.extend(["--chdir".into(), checkout.folder.clone().into_os_string()]);
        program.extend(native.program.iter().cloned());
        let peer = Self { name: "bubblewrap", checkout, program, path, container: None };
        peer.tried()
    }

    /// `podman exec` in one running container, with the repository mounted.
    pub fn podman(checkout: &'c Checkout<'c>) -> Result<Self> {
        let image = std::env::var("SSR_TEST_IMAGE").unwrap_or_else(|_| IMAGE.to_owned());
        let mut run = Command::new("podman");
        run.args(["run", "--detach", "--network=none", "--cap-drop=all", "--memory=1g"])
            .args(["--security-opt=no-new-privileges", "--pids-limit=256"])
            .args(["--ulimit=nproc=4096", "--ulimit=nofile=4096", "--label=ssr-sandbox=bench"])
            .args(["--volume", &format!("{}:/testbed", checkout.folder.display())])
            .args(["--volume", &format!("{}:/site-packages", checkout.site_packages.display())])
            .args([&image, "sleep", "infinity"]);
        let container = printed(&mut run)?;
        let program = ["podman", "exec", "--workdir=/testbed"]
            .into_iter()
            .chain(["--env=PYTHONPATH=/testbed/src:/site-packages"])
            .chain(["--env=PYTEST_DISABLE_PLUGIN_AUTOLOAD=1", &container, "python3"])
            .map(OsString::from)
            .collect();
        let container = Some(container);
        let peer = Self { name: "podman exec", checkout, program, path: None, container };
        peer.tried()
    }

    fn tried(self) -> Result<Self> {
        self.nothing()?;
        Ok(self)
    }

    /// Patches the source, runs the tests and returns how many passed.
    pub fn cycle(&self, round: usize, (place, extent): Work) -> Result<usize> {
        self.checkout.patch(round, place)?;
        let files = self.checkout.case.files(&self.checkout.tree, extent)?;
        let files = files.iter().map(ToString::to_string);
        let text = self.python(pytest().chain(files))?;
        let passed =
            text.split(" passed").next().and_then(|before| before.rsplit([' ', '\n']).next());
        passed.and_then(|count| count.parse().ok()).ok_or_else(|| {
            Failure::Infrastructure(format!("{} did not pass a test:\n{text}", self.name))
        })
    }

    /// Starts Python and prints one line.
    pub fn nothing(&self) -> Result<()> {
        match self.python(["-c", "print(1)"].map(str::to_owned))?.as_str() {
            "1\n" => Ok(()),
            text => Err(Failure::Infrastructure(format!("{}: print(1) gave {text}", self.name))),
        }
    }

    fn python(&self, args: impl IntoIterator<Item = String>) -> Result<String> {
        let output = self.command(args).output().map_err(|error| broke(&error))?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.is_empty() {
            text = String::from_utf8_lossy(&output.stderr).into_owned();
        }
        Ok(text)
    }

    /// The command of a process.
    pub fn command(&self, args: impl IntoIterator<Item = String>) -> Command {
        let mut command = Command::new(&self.program[0]);
        command.args(&self.program[1..]).args(args);
        if let Some(path) = &self.path {
            command.env("PYTHONPATH", path);
        }
        command
            .current_dir(&self.checkout.folder)
            .env("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
            // Native Python keeps its bytecode, as ours does.
            .env_remove("PYTHONDONTWRITEBYTECODE")
            .stdin(Stdio::null());
        command
    }

    /// Replaces the running container by a new one.
    pub fn replace(&mut self) -> Result<()> {
        *self = Self::podman(self.checkout)?;
        Ok(())
    }

    pub fn is_container(&self) -> bool {
        self.container.is_some()
    }

    /// Where the repository is on this machine.
    pub fn folder(&self) -> &Path {
        &self.checkout.folder
    }
}

impl Drop for Peer<'_> {
    fn drop(&mut self) {
        if let Some(container) = &self.container {
            let mut remove = Command::new("podman");
            // An error while dropping cannot be reported.
            let _ = printed(remove.args(["rm", "--force", "--time=0", container]));
        }
    }
}

/// The arguments with which Python runs pytest.
pub fn pytest() -> impl Iterator<Item = String> {
    ["-m", "pytest", "-q", "-p", "no:cacheprovider"].into_iter().map(str::to_owned)
}

/// The output of a program without the line ending.
pub fn printed(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|error| error.to_string());
    let program = command.get_program().to_string_lossy();
    let failed = |reason: String| Failure::Infrastructure(format!("{program}: {reason}"));
    match output {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        Ok(output) => Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        Err(error) => Err(failed(error)),
    }
}

/// The interpreter itself. `python3` on the path may be a script that searches for it at every
/// start.
fn interpreter() -> Result<PathBuf> {
    let mut python = Command::new("python3");
    printed(python.args(["-c", "import sys; print(sys.executable)"])).map(PathBuf::from)
}

fn path<const N: usize>(folders: [&Path; N]) -> OsString {
    folders.map(Path::as_os_str).join(std::ffi::OsStr::new(":"))
}

pub fn broke(error: &std::io::Error) -> Failure {
    Failure::Infrastructure(format!("native python3: {error}"))
}
