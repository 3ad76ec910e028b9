//! The list file: packages, their test settings, and known reasons for differences.

use std::path::Path;

use clap::ValueEnum;
use serde::Deserialize;
use ssr_core::TestRunner;
use ssr_examples::{Failure, Result};

use crate::compare::Difference;

/// A file that names packages, and says why their tests may end differently in the sandbox.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Reasons that hold for every package.
    #[serde(default)]
    pub reason: Vec<Reason>,
    pub package: Vec<Entry>,
}

/// One package of a [`List`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub name: String,
    pub version: String,
    /// Packages that the tests import in addition to the declared requirements.
    #[serde(default)]
    pub with: Vec<String>,
    /// Test files or folders (default: all that pytest discovers).
    #[serde(default)]
    pub files: Vec<String>,
    /// The test runner (default: pytest).
    #[serde(default)]
    pub runner: Runner,
    /// Arguments for the runner, such as `--deselect` of a slow test.
    #[serde(default)]
    pub args: Vec<String>,
    /// Which of its tests are left out, and why.
    pub left_out: Option<String>,
    #[serde(default)]
    pub reason: Vec<Reason>,
}

/// The name of a [`TestRunner`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Runner {
    /// `python -m pytest`.
    #[default]
    Pytest,
    /// `python -m unittest`.
    Unittest,
    /// `tests/runtests.py` of Django, `manage.py test` of a project.
    Django,
}

impl From<Runner> for TestRunner {
    fn from(runner: Runner) -> Self {
        match runner {
            Runner::Pytest => Self::Pytest,
            Runner::Unittest => Self::Unittest,
            Runner::Django => Self::Django,
        }
    }
}

/// A known reason why some tests end differently. All given conditions must match.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Prefixes of ids, one of which must match.
    #[serde(default)]
    pub tests: Vec<String>,
    /// A text that the last line of the error must contain.
    pub error: Option<String>,
    /// The Python version of the guest that it applies to.
    pub python: Option<String>,
    pub reason: String,
}

impl Reason {
    /// Whether it explains why `one` differs in a guest with this version of Python.
    pub fn covers(&self, one: &Difference, python: &str) -> bool {
        let id = one.id.as_str();
        let error = one.error.as_deref().unwrap_or_default();
        (self.tests.is_empty() || self.tests.iter().any(|prefix| id.starts_with(prefix)))
            && self.error.as_deref().is_none_or(|part| error.contains(part))
            && self.python.as_deref().is_none_or(|wanted| wanted == python)
    }
}

impl List {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Failure::Input`] when it cannot be read or has unknown keys.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong = |problem: String| Failure::input(format!("{}: {problem}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let list: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let reasons = list.reason.iter().chain(list.package.iter().flat_map(|entry| &entry.reason));
        match reasons.into_iter().find(|one| one.tests.is_empty() && one.error.is_none()) {
            Some(vague) => {
                Err(wrong(format!("a reason needs tests or an error: {:?}", vague.reason)))
            }
            None => Ok(list),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_covers_what_fits_all_that_it_gives() {
        let reason: Reason =
            toml::from_str("tests = ['a.py::', 'b.py']\nerror = 'no thread'\nreason = 'x'")
                .unwrap();
        let one = |id: &str, error: &str| Difference {
            id: id.into(),
            guest: None,
            native: None,
            error: Some(error.to_owned()),
            reason: None,
        };
        assert!(reason.covers(&one("b.py::t", "there is no thread"), "3.14"));
        assert!(!reason.covers(&one("c.py::t", "there is no thread"), "3.14"));
        assert!(!reason.covers(&one("a.py::t", "else"), "3.14"));
        let newer = Reason { python: Some("3.14".to_owned()), ..reason };
        assert!(!newer.covers(&one("a.py::t", "no thread"), "3.11"));
    }

    #[test]
    fn a_list_with_a_mistake_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            List::read(&path)
        };
        let good = "[[package]]\nname = 'a'\nversion = '1'\n";
        assert_eq!(read(good).unwrap().package.len(), 1);
        for bad in ["[[package]]\nname = 'a'\n", "x", &format!("{good}[[reason]]\nreason = 'x'\n")]
        {
            assert!(read(bad).unwrap_err().to_string().contains("list.toml"), "{bad}");
        }
    }
}
