//! Repositories and their dependencies: downloaded with pip and cached, or read from a folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use ssr_core::{File, RepoPath, Tree};
use ssr_sandbox::{LeftOut, PythonVersion, read_folder, survey_folder};

use crate::requirements::{declared, is_named, names};
use crate::sdist::unpack;
use crate::{Failure, Result};

/// The pytest that runs in the sandbox, with its pure-Python dependencies, unless `--with` names
/// another one.
pub const PYTEST: &str = "pytest==9.2.0";

/// A repository and what its tests import.
pub struct Package {
    /// `NAME==VERSION`, or the folder.
    pub label: String,
    /// The repository.
    pub tree: Tree,
    /// pytest, its dependencies and those of the package, all pure Python.
    pub site_packages: Tree,
    /// What the folder or the source distribution holds and the tree does not.
    pub left_out: Vec<LeftOut>,
}

/// How many names a note about what was left out shows.
const SHOWN: usize = 10;

impl Package {
    /// What to tell the user about what was left out; `None` when all was read.
    pub fn note(&self) -> Option<String> {
        let count = self.left_out.len();
        if count == 0 {
            return None;
        }
        let shown: Vec<_> = self.left_out.iter().take(SHOWN).map(ToString::to_string).collect();
        let more =
            if count > SHOWN { format!(", and {} more", count - SHOWN) } else { String::new() };
        let what = if count == 1 { "name" } else { "names" };
        Some(format!("{}: {count} {what} left out: {}{more}", self.label, shown.join(", ")))
    }
}

/// Where packages come from and where they are kept.
pub struct Packages {
    cache: PathBuf,
    python: PythonVersion,
}

/// Whether two requirements, `NAME` or `NAME==VERSION`, are of one package of the index.
pub fn same_package(a: &str, b: &str) -> bool {
    let name = |label: &str| {
        label.split("==").next().unwrap_or_default().to_lowercase().replace(['_', '.'], "-")
    };
    name(a) == name(b)
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

    /// Unpacks the wheel of `NAME==VERSION`, without what it needs, into a folder, which has to be new.
    pub(crate) fn unpacked(&self, requirement: &str, folder: &Path) -> Result<()> {
        check_requirement(requirement)?;
        let args = ["install", "--no-deps", "--no-compile", "--only-binary", ":all:", "--target"];
        self.pip(&args, folder, &[requirement])
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
        let (tree, left_out) = unpack(&sdist)?;
        let label = pinned(requirement, &sdist);
        let needs = match declared(&tree) {
            Some(needs) => needs,
            None => self.asked(&folder, &sdist, &label)?,
        };
        let site_packages = self.site_packages(&label, needs, with)?;
        Ok(Package { label, tree, site_packages, left_out })
    }

    /// A repository in a folder.
    ///
    /// # Errors
    /// [`Failure::Input`] for a folder that cannot be read.
    pub fn open(&self, folder: &Path, with: &[String]) -> Result<Package> {
        let read = survey_folder(folder)
            .map_err(|error| Failure::input(format!("{}: {error}", folder.display())))?;
        let tree = own_files(&read.tree)?;
        let label = folder.display().to_string();
        let needs = declared(&tree).unwrap_or_default();
        let site_packages = self.site_packages(&label, needs, with)?;
        let left_out = read.left_out.into_iter().filter(|one| is_own(&one.path)).collect();
        Ok(Package { label, tree, site_packages, left_out })
    }

    /// The requirements of a source distribution whose files do not list them: pip asks the
    /// package's build backend, as it did when it handed the distribution over.
    fn asked(&self, folder: &Path, sdist: &Path, label: &str) -> Result<Vec<String>> {
        let mut kept = folder.as_os_str().to_owned();
        kept.push(".requires.json");
        let kept = PathBuf::from(kept);
        if let Some(needs) = std::fs::read(&kept).ok().and_then(|bytes| read_report(&bytes)) {
            return Ok(needs);
        }
        let args = ["install", "--dry-run", "--no-deps", "--ignore-installed", "--report"];
        let sdist = std::path::absolute(sdist).unwrap_or_else(|_| sdist.to_owned());
        self.pip(&args, &kept, &[&sdist.display().to_string()]).map_err(|failure| {
            Failure::input(format!(
                "{label}: its requirements cannot be found out ({failure}); try another version, \
                 or --repo with a checkout and --with NAME for each of them"
            ))
        })?;
        let bytes = std::fs::read(&kept).unwrap_or_default();
        read_report(&bytes).ok_or_else(|| {
            Failure::input(format!("{}: pip wrote no report; delete it", kept.display()))
        })
    }

    fn site_packages(&self, label: &str, needs: Vec<String>, with: &[String]) -> Result<Tree> {
        let own = names(&needs);
        let mut wanted: BTreeSet<String> = needs.into_iter().collect();
        // The requirements of a repository are passed to pip on this machine: only names are
        // allowed, no URLs or paths.
        if let Some(odd) = wanted.iter().chain(with).find(|requirement| !is_named(requirement)) {
            return Err(Failure::input(format!(
                "{label}: requirement {odd:?} is not a name with versions; remove it or install it \
                 into a folder of the repository"
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
            self.install(label, &own, &folder, &wanted)?;
        }
        read_folder(&folder).map_err(|error| {
            Failure::input(format!("{}: {error}; delete the folder", folder.display()))
        })
    }

    /// Installs wheels without machine code. For a package that publishes none, such as MarkupSafe,
    /// one is built from its source without a C compiler, where the package can do without.
    fn install(
        &self,
        label: &str,
        own: &BTreeSet<String>,
        folder: &Path,
        wanted: &[&str],
    ) -> Result<()> {
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
            let Some(name) = missing(&failure.to_string()) else {
                return Err(Failure::input(format!("{label}: {failure}")));
            };
            let without_wheel = |why: &str| {
                let whose = if own.contains(&name.replace(['_', '.'], "-")) {
                    "which it requires,"
                } else {
                    "which something that it needs requires,"
                };
                Failure::input(format!(
                    "{label}: {name}, {whose} {why}; the sandbox loads no machine code. Name a \
                     version or another package that does without with --with, or use a container"
                ))
            };
            if built.contains(&name) {
                return Err(without_wheel("has no wheel that fits"));
            }
            let wheel = self.cache.join(format!("wheel-{name}"));
            if !wheel.is_dir() {
                let args = ["wheel", "--no-deps", "--no-binary", ":all:", "--wheel-dir"];
                if let Err(problem) = self.pip(&args, &wheel, &[&name]) {
                    let text = problem.to_string();
                    return Err(match text.contains("network") || text.contains("has no pip") {
                        true => problem,
                        false => without_wheel(
                            "has no wheel in pure Python and cannot be built without a C compiler",
                        ),
                    });
                }
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

/// Whether a path of a checkout is no installed or built copy.
fn is_own(path: &str) -> bool {
    const INSTALLED: [&str; 6] =
        [".eggs", ".nox", ".venv", "node_modules", "site-packages", "venv"];
    let built = ["build/", "dist/"].iter().any(|folder| path.starts_with(folder));
    !built && !path.split('/').rev().skip(1).any(|folder| INSTALLED.contains(&folder))
}

fn own_files(tree: &Tree) -> Result<Tree> {
    let files = tree.files().filter(|(path, _)| is_own(path.as_str()));
    Ok(Tree::from_files(files.map(|(path, file)| (path.clone(), file.clone())))?)
}

fn only_file(folder: &Path) -> Option<PathBuf> {
    let mut files = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    files.next()
}

/// The requirements in a report of pip about one package, without those of its extras.
fn read_report(bytes: &[u8]) -> Option<Vec<String>> {
    let report: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let metadata = report.get("install")?.get(0)?.get("metadata")?;
    let all = metadata.get("requires_dist").and_then(serde_json::Value::as_array);
    let all = all.into_iter().flatten().filter_map(serde_json::Value::as_str);
    let extra = |text: &&str| text.split(';').skip(1).any(|marker| marker.contains("extra"));
    Some(all.filter(|text| !extra(text)).map(str::to_owned).collect())
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
    fn requirements_are_read_from_a_report_of_pip() {
        let report = br#"{"install": [{"metadata": {"name": "x", "requires_dist": ["a>=1", "b; extra == 't'"]}}]}"#;
        assert_eq!(read_report(report).unwrap(), ["a>=1"]);
        assert_eq!(read_report(br#"{"install": [{"metadata": {}}]}"#).unwrap(), [""; 0]);
        assert_eq!(read_report(b"{}"), None);
    }

    #[test]
    fn what_is_left_out_is_told_with_names() {
        let left_out = |count: usize| Package {
            label: "x".to_owned(),
            tree: Tree::new(),
            site_packages: Tree::new(),
            left_out: (0..count).map(|at| LeftOut::new(format!("f{at}"), "why")).collect(),
        };
        assert_eq!(left_out(0).note(), None);
        assert_eq!(left_out(1).note().unwrap(), "x: 1 name left out: f0 (why)");
        let many = left_out(12).note().unwrap();
        assert!(many.ends_with("f9 (why), and 2 more"), "{many}");
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
