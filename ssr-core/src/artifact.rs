//! The five files of a bug, and the bug that is made of them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::patch::{push_quoted, unquote};
use crate::{Error, File, Patch, RepoPath, Result, Strategy, TestId, Tree};

/// The five files of a formal bug (paper §2.2).
///
/// Scripts are text, patches are parsed, and the list of oracle test files holds checked paths, so
/// an artifact in memory is well-formed; whether it is a *bug* is what the seven
/// [consistency checks](crate::ConsistencyReport) decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BugArtifact {
    /// `test_script.sh`: runs the suite.
    pub test_script: String,
    /// `test_files.txt`: the oracle test files, which are reset before every judgement.
    pub test_files: BTreeSet<RepoPath>,
    /// `test_parser.py`: turns the log on stdin into a JSON object of test id → `"passed"` or
    /// `"failed"` on stdout.
    pub test_parser: String,
    /// `bug_inject.diff`: the bug, in code files only.
    pub bug_inject: Patch,
    /// `test_weaken.diff`: hides the bug, in test files only. Its reverse is the specification that
    /// the solver sees.
    pub test_weaken: Patch,
}

/// The paper's body text and its prompts use different names for three of the files.
const NAMES: [[&str; 2]; 5] = [
    ["test_script.sh", "test_script.sh"],
    ["test_files.txt", "test_files.txt"],
    ["test_parser.py", "parse_test_output.py"],
    ["bug_inject.diff", "bug_patch.diff"],
    ["test_weaken.diff", "test_patch.diff"],
];

impl BugArtifact {
    /// Reads an artifact from a folder that holds the five files under either set of names. Other
    /// files of the folder are ignored.
    ///
    /// # Errors
    /// [`Error::Artifact`] names the file that is missing, given twice or not readable.
    pub fn from_tree(folder: &Tree) -> Result<Self> {
        let text = |index: usize| find(folder, NAMES[index]);
        let patch = |index: usize| {
            let parsed = Patch::parse(text(index)?.as_bytes());
            parsed.map_err(|error| caused(NAMES[index][0], error))
        };
        Ok(Self {
            test_script: text(0)?.to_owned(),
            test_files: parse_test_files(text(1)?)?,
            test_parser: text(2)?.to_owned(),
            bug_inject: patch(3)?,
            test_weaken: patch(4)?,
        })
    }

    /// The five files under the names of the paper's body text.
    pub fn to_tree(&self) -> Tree {
        let mut list = Vec::new();
        for path in &self.test_files {
            push_line(&mut list, path);
        }
        let contents = [
            self.test_script.clone().into_bytes(),
            list,
            self.test_parser.clone().into_bytes(),
            self.bug_inject.to_bytes(),
            self.test_weaken.to_bytes(),
        ];
        let names = NAMES.iter().filter_map(|names| RepoPath::new(names[0]).ok());
        Tree::from_files(names.zip(contents.map(File::new))).unwrap_or_default()
    }

    /// The hash that names the artifact: that of its folder.
    pub fn hash(&self) -> String {
        self.to_tree().hash().to_string()
    }

    /// What the solver is shown: the reverse of the weakening.
    #[must_use]
    pub fn specification(&self) -> Patch {
        self.test_weaken.reverse()
    }
}

fn wrong(file: &'static str, problem: impl Into<String>) -> Error {
    Error::Artifact { file, problem: problem.into(), source: None }
}

fn caused(file: &'static str, source: Error) -> Error {
    Error::Artifact { file, problem: source.to_string(), source: Some(Box::new(source)) }
}

fn find<'a>(folder: &'a Tree, [name, alias]: [&'static str; 2]) -> Result<&'a str> {
    let file = match (folder.get(name), folder.get(alias)) {
        (Some(_), Some(_)) if name != alias => {
            return Err(wrong(name, format!("also given as {alias}; keep one of the two")));
        }
        (Some(file), _) | (None, Some(file)) => file,
        (None, None) if name == alias => return Err(wrong(name, "missing")),
        (None, None) => return Err(wrong(name, format!("missing (also looked for {alias})"))),
    };
    file.text().ok_or_else(|| wrong(name, "is not UTF-8 text"))
}

/// Appends a line of `test_files.txt`. A name that a line cannot hold as it is stands in quotes, as
/// git writes it.
fn push_line(list: &mut Vec<u8>, path: &RepoPath) {
    let (start, name) = (list.len(), path.as_str());
    push_quoted(list, [name, ""], false);
    if name != name.trim() && list[start] != b'"' {
        list.insert(start, b'"');
        list.push(b'"');
    }
    list.push(b'\n');
}

/// Reads a line that [`push_line`] put in quotes.
fn unquoted(line: &str) -> Result<String> {
    let name = unquote(line.as_bytes()).filter(|(_, rest)| rest.is_empty());
    name.and_then(|(name, _)| String::from_utf8(name).ok())
        .ok_or_else(|| wrong("test_files.txt", format!("{line} is not a quoted path")))
}

fn parse_test_files(text: &str) -> Result<BTreeSet<RepoPath>> {
    let mut files = BTreeSet::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let name = match line.strip_prefix("./") {
            _ if line.starts_with('"') => unquoted(line)?,
            Some(name) => name.to_owned(),
            None => line.to_owned(),
        };
        let path = RepoPath::new(&name).map_err(|error| caused("test_files.txt", error))?;
        if !files.insert(path) {
            return Err(wrong("test_files.txt", format!("{line} is listed twice")));
        }
    }
    if files.is_empty() {
        return Err(wrong("test_files.txt", "lists no file; one path a line is expected"));
    }
    Ok(files)
}

/// Where a bug comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// How it was made.
    pub strategy: Strategy,
    /// What exactly was done: operator and site, or the commits.
    pub detail: String,
}

/// A bug that is ready to be solved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BugInstance {
    /// The artifact that made it; a higher-order bug has its ancestor's.
    pub artifact: BugArtifact,
    /// What the solver starts from: broken code under weakened tests.
    pub tree: Tree,
    /// The oracle test files and the files that configure the tests, as they were originally.
    pub oracle: Tree,
    /// Tests that fail because of the bug and must pass after the repair.
    pub f2p: BTreeSet<TestId>,
    /// Tests that passed all along and must still pass.
    pub p2p: BTreeSet<TestId>,
    /// 1 for an injected bug, 2 for a failed repair of it (paper §2.3).
    pub order: u32,
    /// The [id](Self::id) of the bug whose failed repair this is.
    pub parent: Option<String>,
    /// Where the first-order bug comes from.
    pub provenance: Provenance,
}

impl BugInstance {
    /// The name of the bug: the artifact's hash for a first-order bug; for a higher-order bug the
    /// hash of its parent and its tree.
    pub fn id(&self) -> String {
        match &self.parent {
            None => self.artifact.hash(),
            Some(parent) => {
                let digest = Sha256::digest(format!("{parent} {}", self.tree.hash()));
                digest.iter().map(|byte| format!("{byte:02x}")).collect()
            }
        }
    }

    /// The bug that a failed repair makes of this one: its broken tree is the new start, tests and
    /// artifact are inherited (paper §2.3, "higher-order bugs").
    pub fn next_order(&self, failed: Tree) -> Self {
        Self { tree: failed, order: self.order + 1, parent: Some(self.id()), ..self.clone() }
    }

    /// `tree` with the oracle test files and everything that configures the tests as they were
    /// originally, and without configuration that was not there: what is judged.
    ///
    /// # Errors
    /// [`Error::FileAndDirectory`] when the repair put a directory where an oracle file belongs or
    /// a file above one.
    pub fn restore_oracle(&self, tree: &Tree) -> Result<Tree> {
        let foreign = |path: &RepoPath| {
            runner_package(path).is_some_and(|package| {
                !self.tree.files().any(|(known, _)| runner_package(known) == Some(package))
            })
        };
        let added = tree.files().map(|(path, _)| path);
        let added = added.filter(|path| configures_tests(path) || foreign(path));
        let added = added.map(|path| (path.clone(), None));
        let original = self.oracle.files();
        let original = original.map(|(path, file)| (path.clone(), Some(file.clone())));
        tree.with_all(added.chain(original))
    }
}

/// The package of the test runner that a file belongs to or stands in for. Such a package may be
/// what the repository is about; in any other, a repair that adds one replaces the judge.
pub(crate) fn runner_package(path: &RepoPath) -> Option<&'static str> {
    const PACKAGES: [&str; 4] = ["_pytest", "iniconfig", "pluggy", "pytest"];
    let top = path.components().find(|component| *component != "src")?;
    let name = top.strip_suffix(".py").unwrap_or(top);
    PACKAGES.into_iter().find(|package| *package == name)
}

/// Whether a file of this name tells the test runner what to do, so that neither a bug nor a repair
/// may have a say in it.
pub(crate) fn configures_tests(path: &RepoPath) -> bool {
    const NAMES: [&str; 10] = [
        "conftest.py",
        "pytest.ini",
        ".pytest.ini",
        "pytest.toml",
        ".pytest.toml",
        "pyproject.toml",
        "setup.cfg",
        "sitecustomize.py",
        "tox.ini",
        "usercustomize.py",
    ];
    NAMES.contains(&path.file_name())
}
