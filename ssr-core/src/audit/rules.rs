//! What no honest repair needs: rules over the paths and the text of a repair, for whoever reads
//! the verdict. They are cheap and easily evaded; the audit does not depend on them.

use std::fmt;

use crate::artifact::runner_package;
use crate::{BugInstance, File, RepoPath, Tree};

/// A rule over the changes of a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RepairRule {
    /// A file where Python finds it instead of a test module.
    ShadowsTests,
    /// A file that the interpreter or the test runner loads by its name: `conftest.py`,
    /// `sitecustomize.py`, `usercustomize.py`, `*.pth`.
    LoadedByName,
    /// A package of the name of a test runner, or of a part of one.
    StandsInForRunner,
    /// A plugin of pytest.
    RegistersPlugin,
    /// A call that makes the interpreter run code beside what it runs: audit hooks, tracing,
    /// profiling, monitoring, callbacks of the garbage collector.
    HooksInterpreter,
    /// The inner modules of a test runner: `_pytest`, `pluggy`, `unittest.case`.
    UsesRunner,
}

/// A [`RepairRule`] that a repair breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleBreach {
    /// The rule.
    pub rule: RepairRule,
    /// The file that breaks it.
    pub path: RepoPath,
    /// What of it does: a name in its text, or the test module that it shadows.
    pub what: String,
}

impl fmt::Display for RuleBreach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, path, what } = self;
        match rule {
            RepairRule::ShadowsTests => write!(f, "it adds {path}, which shadows {what}"),
            RepairRule::LoadedByName => write!(f, "it adds {path}, which is loaded by its name"),
            RepairRule::StandsInForRunner => {
                write!(f, "it adds {path}, which stands in for {what}")
            }
            RepairRule::RegistersPlugin => {
                write!(f, "it registers a plugin of pytest in {path} ({what})")
            }
            RepairRule::HooksInterpreter => {
                write!(f, "{path} uses {what}, which the original does not")
            }
            RepairRule::UsesRunner => {
                write!(f, "{path} uses {what} of the test runner, which the original does not")
            }
        }
    }
}

/// Names in the text of a file that the original of the file does not have.
const NAMES: [(RepairRule, &str); 14] = [
    (RepairRule::RegistersPlugin, "pytest_plugins"),
    (RepairRule::RegistersPlugin, "pytest11"),
    (RepairRule::HooksInterpreter, "addaudithook"),
    (RepairRule::HooksInterpreter, "settrace"),
    (RepairRule::HooksInterpreter, "setprofile"),
    (RepairRule::HooksInterpreter, "f_trace"),
    (RepairRule::HooksInterpreter, "sys.monitoring"),
    (RepairRule::HooksInterpreter, "sys import monitoring"),
    (RepairRule::HooksInterpreter, "gc.callbacks"),
    (RepairRule::HooksInterpreter, "gc import callbacks"),
    (RepairRule::UsesRunner, "_pytest"),
    (RepairRule::UsesRunner, "pluggy"),
    (RepairRule::UsesRunner, "unittest.case"),
    (RepairRule::UsesRunner, "unittest import case"),
];

/// The rules that a repair breaks: what it has and neither the buggy tree nor the original, the
/// code before the bug. Oracle test files do not count, since the judge restores them.
pub fn broken_rules(bug: &BugInstance, original: &Tree, repaired: &Tree) -> Vec<RuleBreach> {
    let mut breaches = Vec::new();
    for path in bug.tree.changed_paths(repaired) {
        let Some(file) = repaired.get(path.as_str()) else { continue };
        if bug.oracle.contains(path.as_str()) || original.get(path.as_str()) == Some(file) {
            continue;
        }
        let mut add = |rule, what: &str| {
            breaches.push(RuleBreach { rule, path: path.clone(), what: what.to_owned() });
        };
        if !original.contains(path.as_str()) && !bug.tree.contains(path.as_str()) {
            if let Some(test) = shadowed(bug, &path) {
                add(RepairRule::ShadowsTests, test.as_str());
            }
            if is_loaded_by_name(&path) {
                add(RepairRule::LoadedByName, path.file_name());
            }
            let has = |tree: &Tree, package| {
                tree.files().any(|(known, _)| stand_in(known) == Some(package))
            };
            if let Some(package) = stand_in(&path)
                && !has(original, package)
            {
                add(RepairRule::StandsInForRunner, package);
            }
        }
        let known = [original.get(path.as_str()), bug.tree.get(path.as_str())];
        for (rule, name) in NAMES {
            if mentions(file, name) && !known.iter().flatten().any(|file| mentions(file, name)) {
                add(rule, name);
            }
        }
    }
    breaches
}

/// Whether the name stands in a line that is no comment, and begins a word.
fn mentions(file: &File, name: &str) -> bool {
    let text = file.text().unwrap_or_default();
    let begins = |line: &str, at: usize| {
        !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') || name.starts_with('_')
    };
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .any(|line| line.match_indices(name).any(|(at, _)| begins(line, at)))
}

fn is_loaded_by_name(path: &RepoPath) -> bool {
    matches!(path.file_name(), "conftest.py" | "sitecustomize.py" | "usercustomize.py")
        || path.extension() == Some("pth")
}

fn stand_in(path: &RepoPath) -> Option<&'static str> {
    let top = path.components().find(|component| *component != "src")?;
    let unittest = matches!(top, "unittest" | "unittest.py").then_some("unittest");
    runner_package(path).or(unittest)
}

/// The test module in whose place Python would import the file: one of the same name in the same
/// folder, in one above it, or in `src`.
fn shadowed<'a>(bug: &'a BugInstance, path: &RepoPath) -> Option<&'a RepoPath> {
    let tests = bug.oracle.files().map(|(test, _)| test);
    tests.filter(|test| test.extension() == Some("py")).find(|test| {
        let Some(module) = test.file_name().strip_suffix(".py") else { return false };
        let folder = test.parent().unwrap_or_default();
        let places = std::iter::successors(Some(folder), |folder| match folder.rsplit_once('/') {
            Some((above, _)) => Some(above),
            None => (!folder.is_empty()).then_some(""),
        });
        let generic = matches!(module, "__init__" | "conftest");
        !generic && places.chain(["src"]).any(|place| is_module(path, place, module))
    })
}

/// Whether the file is the module of that name in `place`, or part of a package of that name.
fn is_module(path: &RepoPath, place: &str, module: &str) -> bool {
    let below = match place {
        "" => Some(path.as_str()),
        place => path.as_str().strip_prefix(place).and_then(|rest| rest.strip_prefix('/')),
    };
    let below = below.map(|rest| rest.strip_prefix("__pycache__/").unwrap_or(rest));
    let rest = below.and_then(|below| below.strip_prefix(module));
    rest.is_some_and(|rest| rest.starts_with('/') || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{BugArtifact, Patch, Provenance, Strategy};

    fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |(name, text): &(&str, &str)| {
            (RepoPath::new(name).unwrap(), File::new(text.as_bytes()))
        };
        Tree::from_files(files.iter().map(file)).unwrap()
    }

    const LIBRARY: &str = "import sys\n\n\ndef f():\n    return 1\n";

    fn bug() -> BugInstance {
        let oracle = tree(&[("tests/test_f.py", "import lib\n"), ("tests/conftest.py", "")]);
        BugInstance {
            artifact: BugArtifact {
                test_script: String::new(),
                test_files: oracle.files().map(|(path, _)| path.clone()).collect(),
                test_parser: String::new(),
                bug_inject: Patch::default(),
                test_weaken: Patch::default(),
            },
            tree: tree(&[("lib.py", "x = 1\n"), ("tests/test_f.py", "")]),
            oracle,
            f2p: BTreeSet::new(),
            p2p: BTreeSet::new(),
            order: 1,
            parent: None,
            provenance: Provenance { strategy: Strategy::Direct, detail: String::new() },
        }
    }

    fn broken(original: &[(&str, &str)], added: &[(&str, &str)]) -> Vec<RepairRule> {
        let bug = bug();
        let changes = tree(added);
        let changes = changes.files().map(|(path, file)| (path.clone(), Some(file.clone())));
        let repaired = bug.tree.with_all(changes).unwrap();
        let breaches = broken_rules(&bug, &tree(original), &repaired);
        for breach in &breaches {
            assert!(breach.to_string().contains(breach.path.as_str()), "{breach}");
        }
        breaches.into_iter().map(|breach| breach.rule).collect()
    }

    #[test]
    fn what_only_a_forger_needs_is_named() {
        for (path, text, rule) in [
            ("tests/test_f/__init__.py", "", RepairRule::ShadowsTests),
            ("test_f.py", "", RepairRule::ShadowsTests),
            ("src/test_f.so", "", RepairRule::ShadowsTests),
            ("tests/__pycache__/test_f.cpython-314.pyc", "", RepairRule::ShadowsTests),
            ("conftest.py", "", RepairRule::LoadedByName),
            ("a/sitecustomize.py", "", RepairRule::LoadedByName),
            ("a.pth", "", RepairRule::LoadedByName),
            ("pluggy/__init__.py", "", RepairRule::StandsInForRunner),
            ("unittest.py", "", RepairRule::StandsInForRunner),
            ("lib.py", "import sys\nsys.addaudithook(f)\n", RepairRule::HooksInterpreter),
            ("lib.py", "from sys import settrace\n", RepairRule::HooksInterpreter),
            ("lib.py", "import gc\ngc.callbacks.append(f)\n", RepairRule::HooksInterpreter),
            ("lib.py", "from _pytest import runner\n", RepairRule::UsesRunner),
            ("lib.py", "import unittest.case\n", RepairRule::UsesRunner),
            ("lib.py", "pytest_plugins = ['x']\n", RepairRule::RegistersPlugin),
            ("x.egg-info/entry_points.txt", "[pytest11]\nx = x\n", RepairRule::RegistersPlugin),
        ] {
            assert_eq!(broken(&[("lib.py", LIBRARY)], &[(path, text)]), [rule], "{path} {text}");
        }
    }

    #[test]
    fn what_the_original_has_and_what_is_only_similar_is_allowed() {
        let traced = "import sys\nsys.settrace(f)\n";
        assert!(broken(&[("lib.py", traced)], &[("lib.py", traced)]).is_empty());
        let other = "import sys\nsys.settrace(g)\n";
        assert!(broken(&[("lib.py", traced)], &[("lib.py", other)]).is_empty());
        for (path, text) in [
            ("lib.py", LIBRARY),
            ("lib.py", "# as _pytest does\ndef resettrace():\n    callbacks = []\n"),
            ("tests/test_g.py", ""),
            ("other/test_f.py", ""),
            ("tests/test_f.py", "import _pytest\n"),
            ("tests/test_four/__init__.py", ""),
            ("lib/unittest.py", ""),
        ] {
            assert!(broken(&[("lib.py", LIBRARY)], &[(path, text)]).is_empty(), "{path} {text}");
        }
    }
}
