//! Repositories and their dependencies: downloaded with pip and cached, or read from a folder.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use ssr_core::{File, RepoPath, Tree};
use ssr_sandbox::{PythonVersion, read_folder};

use crate::{Failure, Result};

/// The pytest that runs in the sandbox, with its pure-Python dependencies, unless `--with` names
/// another one.
pub const PYTEST: &str = "pytest==9.2.0";
/// The most bytes that a source distribution may unpack to.
const MAX_BYTES: u64 = 512 << 20;

/// A repository and what its tests import.
pub struct Package {
    /// `NAME==VERSION`, or the folder.
    pub label: String,
    /// The repository.
    pub tree: Tree,
    /// pytest, its dependencies and those of the package, all pure Python.
    pub site_packages: Tree,
}

/// Where packages come from and where they are kept.
pub struct Packages {
    cache: PathBuf,
    python: PythonVersion,
}

impl Packages {
    /// Keeps downloads in `cache` and does not download them again.
    pub fn new(cache: &Path) -> Self {
        Self { cache: cache.join("packages"), python: PythonVersion::default() }
    }

    /// The Python for which pip chooses versions (default: that of the usual guest). All later ones
    /// can run them, too.
    pub fn python(mut self, python: PythonVersion) -> Self {
        self.python = python;
        self
    }

    /// The source distribution of `NAME` or `NAME==VERSION` from the Python package index.
    ///
    /// pip prepares the metadata of a source distribution before it hands it over, which runs the
    /// package's build backend on this machine, as any `pip install` of it would.
    ///
    /// # Errors
    /// [`Failure::Input`] for an unknown package, one without source distribution, dependencies
    /// without pure-Python wheels, or no network.
    pub fn fetch(&self, requirement: &str, with: &[String]) -> Result<Package> {
        check_requirement(requirement)?;
        let folder = self.cache.join(requirement);
        let sdist = match only_file(&folder) {
            Some(sdist) => sdist,
            None => {
                let args = ["download", "--no-deps", "--no-binary", ":all:", "--dest"];
                self.pip(&args, &folder, &[requirement])?;
                only_file(&folder).ok_or_else(|| {
                    Failure::input(format!("pip left no source distribution of {requirement}"))
                })?
            }
        };
        let tree = unpack(&sdist)?;
        let site_packages = self.site_packages(&tree, with)?;
        Ok(Package { label: pinned(requirement, &sdist), tree, site_packages })
    }

    /// A repository in a folder.
    ///
    /// # Errors
    /// [`Failure::Input`] for a folder that cannot be read.
    pub fn open(&self, folder: &Path, with: &[String]) -> Result<Package> {
        let tree = read_folder(folder)
            .map_err(|error| Failure::input(format!("{}: {error}", folder.display())))?;
        let tree = own_files(&tree)?;
        let site_packages = self.site_packages(&tree, with)?;
        Ok(Package { label: folder.display().to_string(), tree, site_packages })
    }

    fn site_packages(&self, tree: &Tree, with: &[String]) -> Result<Tree> {
        let mut wanted: BTreeSet<String> = requirements(tree).into_iter().collect();
        // The requirements of a repository are passed to pip on this machine: only names are
        // allowed, no URLs or paths.
        if let Some(odd) = wanted.iter().chain(with).find(|requirement| !is_named(requirement)) {
            return Err(Failure::input(format!(
                "requirement {odd:?} is not a name with versions; remove it or install it into a \
                 folder of the repository"
            )));
        }
        wanted.extend(with.iter().cloned());
        if !with.iter().any(|requirement| requirement.starts_with("pytest==")) {
            wanted.insert(PYTEST.to_owned());
        }
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let list = format!("# {}\n{}", self.python, wanted.join("\n"));
        let list = File::new(list.into_bytes());
        let key = Tree::from_files([(RepoPath::new("requirements.txt")?, list)])?.hash();
        let folder = self.cache.join(format!("site-{}", &key.to_string()[..16]));
        if !folder.is_dir() {
            self.install(&folder, &wanted)?;
        }
        read_folder(&folder).map_err(|error| {
            Failure::input(format!("{}: {error}; delete the folder", folder.display()))
        })
    }

    /// Installs wheels without machine code. For a package that publishes none, such as MarkupSafe,
    /// one is built from its source without a C compiler, where the package can do without.
    fn install(&self, folder: &Path, wanted: &[&str]) -> Result<()> {
        let wheels = self.cache.join("wheels");
        let found = wheels.display().to_string();
        let mut args = vec!["install", "--no-compile", "--only-binary", ":all:"];
        args.extend(["--implementation", "py", "--abi", "none", "--platform", "any"]);
        args.extend(["--python-version", self.python.as_str(), "--find-links", &found, "--target"]);
        let mut built = BTreeSet::new();
        loop {
            let failure = match self.pip(&args, folder, wanted) {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let name = missing(&failure.to_string()).filter(|name| !built.contains(name));
            let Some(name) = name else { return Err(failure) };
            let wheel = self.cache.join(format!("wheel-{name}"));
            if !wheel.is_dir() {
                let args = ["wheel", "--no-deps", "--no-binary", ":all:", "--wheel-dir"];
                self.pip(&args, &wheel, &[&name]).map_err(|_| failure)?;
            }
            if let Some(file) = only_file(&wheel) {
                let name = file.file_name().unwrap_or_default();
                std::fs::create_dir_all(&wheels)
                    .and_then(|()| std::fs::copy(&file, wheels.join(name)))
                    .map_err(|error| {
                        Failure::Infrastructure(format!("{}: {error}", wheels.display()))
                    })?;
            }
            built.insert(name);
        }
    }

    /// Runs pip with a new folder as its last argument before the requirements; the folder appears
    /// only when pip succeeds.
    fn pip(&self, args: &[&str], folder: &Path, requirements: &[&str]) -> Result<()> {
        let io = |error: std::io::Error| {
            Failure::Infrastructure(format!("{}: {error}", self.cache.display()))
        };
        std::fs::create_dir_all(&self.cache).map_err(io)?;
        // Removed again unless it is renamed.
        let partial = tempfile::Builder::new().prefix(".partial-").tempdir_in(&self.cache);
        let partial = partial.map_err(io)?;
        let new = partial.path().join("new");
        let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
        let output = Command::new(&python)
            .args(["-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"])
            // The guest cannot load machine code, so build without a compiler.
            .env("CC", "false")
            .args(args)
            .arg(&new)
            .arg("--")
            .args(requirements)
            .output()
            .map_err(|error| {
                let python = Path::new(&python).display();
                Failure::input(format!(
                    "{python} cannot be started ({error}); install Python with pip"
                ))
            })?;
        if !output.status.success() {
            return Err(explain(&String::from_utf8_lossy(&output.stderr), requirements));
        }
        match std::fs::rename(&new, folder) {
            // Another process has installed the same requirements meanwhile.
            Err(_) if folder.is_dir() => Ok(()),
            other => other.map_err(io),
        }
    }
}

/// A requirement is a name with an optional exact version, so that it cannot be an option of pip,
/// a path or an address.
fn check_requirement(requirement: &str) -> Result<()> {
    let word = |text: &str, extra: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
    };
    let valid = match requirement.split_once("==") {
        Some((name, version)) => word(name, "._-") && word(version, ".!+_-"),
        None => word(requirement, "._-"),
    };
    if valid {
        return Ok(());
    }
    Err(Failure::input(format!("package {requirement:?} is not NAME or NAME==VERSION")))
}

/// NAME==VERSION, with the version that the file of the source distribution is named for.
fn pinned(requirement: &str, sdist: &Path) -> String {
    let file = sdist.file_name().unwrap_or_default().to_string_lossy();
    let version = file.strip_suffix(".tar.gz").and_then(|stem| stem.rsplit_once('-'));
    match version {
        Some((_, version)) if !requirement.contains("==") => format!("{requirement}=={version}"),
        _ => requirement.to_owned(),
    }
}

/// Whether pip would look up the requirement in the index alone.
fn is_named(requirement: &str) -> bool {
    let specifier = requirement.split(';').next().unwrap_or("");
    specifier.starts_with(|c: char| c.is_ascii_alphanumeric())
        && specifier.chars().all(|c| c.is_ascii_alphanumeric() || " ._-+!*[],()<>=~".contains(c))
}

/// The package of which pip, by its message, finds no wheel.
fn missing(message: &str) -> Option<String> {
    let (_, rest) = message.rsplit_once("No matching distribution found for ")?;
    let is_part = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
    let name: String = rest.chars().take_while(is_part).collect();
    (!name.is_empty()).then(|| name.to_lowercase())
}

fn explain(stderr: &str, requirements: &[&str]) -> Failure {
    let what = requirements.join(" ");
    let unreachable =
        ["ConnectionError", "name resolution", "unreachable", "ProxyError", "timed out"];
    if unreachable.iter().any(|sign| stderr.contains(sign)) {
        return Failure::input(format!(
            "{what}: the Python package index cannot be reached; check the network, or use --repo \
             with a folder"
        ));
    }
    if stderr.contains("No module named pip") {
        return Failure::input("python3 has no pip; install it".to_owned());
    }
    let reason = stderr.lines().rfind(|line| line.starts_with("ERROR")).unwrap_or(stderr.trim());
    Failure::input(format!(
        "{what}: pip finds no such package with a source distribution and pure-Python \
         dependencies: {reason}"
    ))
}

/// The tree of a checkout without installed or built copies.
fn own_files(tree: &Tree) -> Result<Tree> {
    const INSTALLED: [&str; 6] =
        [".eggs", ".nox", ".venv", "node_modules", "site-packages", "venv"];
    let own = |path: &RepoPath| {
        let built = ["build/", "dist/"].iter().any(|folder| path.as_str().starts_with(folder));
        !built && !path.components().rev().skip(1).any(|folder| INSTALLED.contains(&folder))
    };
    let files = tree.files().filter(|(path, _)| own(path));
    Ok(Tree::from_files(files.map(|(path, file)| (path.clone(), file.clone())))?)
}

fn only_file(folder: &Path) -> Option<PathBuf> {
    let mut files = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    files.next()
}

/// Reads a `.tar.gz` into a tree, without its top folder and without links.
fn unpack(sdist: &Path) -> Result<Tree> {
    let wrong = |problem: String| {
        let folder = sdist.parent().unwrap_or(sdist).display();
        Failure::input(format!("{}: {problem}; delete {folder} to load it again", sdist.display()))
    };
    let file = std::fs::File::open(sdist).map_err(|error| wrong(error.to_string()))?;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file).take(MAX_BYTES));
    let mut files = Vec::new();
    for entry in archive.entries().map_err(|error| wrong(error.to_string()))? {
        let mut entry = entry.map_err(|error| wrong(error.to_string()))?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let Some((_, path)) = name.split_once('/') else { continue };
        // A name that a repository cannot hold is left out, as git would leave it out.
        let Ok(path) = RepoPath::new(path) else { continue };
        let executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| wrong(error.to_string()))?;
        files.push((path, File::new(bytes).with_executable(executable)));
    }
    let tree = Tree::from_files(files).map_err(|error| wrong(error.to_string()))?;
    if tree.is_empty() { Err(wrong("it holds no files".to_owned())) } else { Ok(tree) }
}

/// The run-time requirements that a repository declares: `Requires-Dist` of a source distribution's
/// PKG-INFO, or `project.dependencies` of pyproject.toml. Extras are left out.
fn requirements(tree: &Tree) -> Vec<String> {
    if let Some(info) = tree.get("PKG-INFO").and_then(File::text) {
        let headers = info.lines().take_while(|line| !line.is_empty());
        return headers
            .filter_map(|line| line.strip_prefix("Requires-Dist:"))
            .filter(|requirement| !requirement.split(';').skip(1).any(|m| m.contains("extra")))
            .map(|requirement| requirement.trim().to_owned())
            .collect();
    }
    let project = tree.get("pyproject.toml").and_then(File::text);
    let table = project.and_then(|text| text.parse::<toml::Table>().ok()).unwrap_or_default();
    let dependencies = table.get("project").and_then(|project| project.get("dependencies"));
    let list = dependencies.and_then(toml::Value::as_array).into_iter().flatten();
    list.filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_cannot_be_an_option_or_an_address() {
        for good in ["toolz", "toolz==0.12.1", "more-itertools==10.5.0", "a.b_c==1!2.0+x"] {
            assert!(check_requirement(good).is_ok(), "{good}");
        }
        for bad in ["", "--index-url=x", "toolz==", "../x", "a b", "toolz>=1", "x @ file:///x"] {
            assert!(check_requirement(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_package_is_labelled_with_its_version() {
        let sdist = Path::new("cache/more_itertools-10.5.0.tar.gz");
        assert_eq!(pinned("more-itertools", sdist), "more-itertools==10.5.0");
        assert_eq!(pinned("more-itertools==10.5.0", sdist), "more-itertools==10.5.0");
    }

    #[test]
    fn requirements_are_read_from_either_kind_of_metadata() {
        let tree = |name: &str, text: &str| {
            let file = File::new(text.as_bytes());
            Tree::from_files([(RepoPath::new(name).unwrap(), file)]).unwrap()
        };
        let info = "Name: x\nRequires-Dist: a>=1\nRequires-Dist: b ; extra == 'test'\n\nRequires-Dist: c\n";
        assert_eq!(requirements(&tree("PKG-INFO", info)), ["a>=1"]);
        let project = "[project]\nname = \"x\"\ndependencies = [\"a>=1\"]\n";
        assert_eq!(requirements(&tree("pyproject.toml", project)), ["a>=1"]);
        assert!(requirements(&tree("pyproject.toml", "not toml")).is_empty());
    }

    #[test]
    fn requirements_of_a_repository_cannot_name_addresses() {
        for good in ["attrs", "attrs>=21.2,<30", "a[b,c] (>=1) ; python_version < '3.11'"] {
            assert!(is_named(good), "{good}");
        }
        for bad in ["./x", "x @ file:///x", "https://x", "-r x", "", "a/b"] {
            assert!(!is_named(bad), "{bad}");
        }
    }

    #[test]
    fn the_package_without_a_wheel_is_named() {
        let message = "x: ERROR: No matching distribution found for MarkupSafe>=2.0";
        assert_eq!(missing(message).as_deref(), Some("markupsafe"));
        assert_eq!(missing("ERROR: something else"), None);
    }

    #[test]
    fn pip_failures_are_told_apart() {
        let offline =
            "WARNING: Retrying ... NewConnectionError ... ERROR: No matching distribution";
        assert!(explain(offline, &["x"]).to_string().contains("network"));
        let unknown = "ERROR: No matching distribution found for nope";
        assert!(explain(unknown, &["nope"]).to_string().contains("No matching distribution"));
    }
}
