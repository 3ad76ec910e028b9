//! Which repositories to mutate and which of their tests count, from arguments or from a list file.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use ssr_core::{RepoPath, Seed, TestId};
use ssr_examples::{Failure, Package, Packages, Result};
use ssr_mutate::{Style, weaken};

use crate::Args;

/// A package or a folder, and which of its tests count.
#[derive(Debug, Default)]
pub struct Source {
    folder: Option<PathBuf>,
    requirement: String,
    with: Vec<String>,
    /// Test files or folders; empty for all.
    files: Vec<String>,
    /// Ids of tests to remove before anything else.
    without: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    package: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    version: String,
    #[serde(default)]
    with: Vec<String>,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    without: Vec<String>,
}

/// The packages or the folder that the arguments name.
pub fn sources(args: &Args) -> Result<Vec<Source>> {
    let Some(path) = &args.list else {
        return Ok(vec![Source {
            folder: args.repo.clone(),
            requirement: args.package.clone().unwrap_or_default(),
            with: args.with.clone(),
            files: args.tests.clone(),
            without: Vec::new(),
        }]);
    };
    let List { package } = read(path)?;
    if let Some(odd) = args.only.iter().find(|name| package.iter().all(|e| e.name != **name)) {
        return Err(Failure::input(format!("{}: there is no package {odd}", path.display())));
    }
    let wanted = |entry: &Entry| args.only.is_empty() || args.only.contains(&entry.name);
    let source = |Entry { name, version, with, files, without }: Entry| Source {
        folder: None,
        requirement: format!("{name}=={version}"),
        with,
        files,
        without,
    };
    Ok(package.into_iter().filter(wanted).map(source).collect())
}

fn read(path: &Path) -> Result<List> {
    let wrong = |error: String| Failure::input(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    toml::from_str(&text).map_err(|error| wrong(error.to_string()))
}

impl Source {
    pub fn label(&self) -> String {
        match &self.folder {
            Some(folder) => folder.display().to_string(),
            None => self.requirement.clone(),
        }
    }

    pub fn read(&self, packages: &Packages) -> Result<Package> {
        let package = match &self.folder {
            Some(folder) => packages.open(folder, &self.with)?,
            None => packages.fetch(&self.requirement, &self.with)?,
        };
        let without = self.without.iter().map(|id| TestId::new(id)).collect();
        let patch = weaken(&package.tree, &without, Style::Delete, Seed::new(0))
            .map_err(|error| Failure::input(format!("{}: {error}", self.label())))?;
        Ok(match patch {
            Some(patch) => Package { tree: package.tree.apply(&patch)?, ..package },
            None => package,
        })
    }

    /// The test modules that are selected.
    pub fn modules(&self, modules: Vec<RepoPath>) -> Result<Vec<RepoPath>> {
        let inside = |path: &RepoPath, wanted: &str| {
            let rest = path.as_str().strip_prefix(wanted.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let lost = self.files.iter().find(|file| !modules.iter().any(|path| inside(path, file)));
        if let Some(lost) = lost {
            return Err(Failure::input(format!("{}: {lost} holds no test module", self.label())));
        }
        let wanted = |path: &RepoPath| {
            self.files.is_empty() || self.files.iter().any(|file| inside(path, file))
        };
        Ok(modules.into_iter().filter(wanted).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_chosen_by_files_and_folders() {
        let all: Vec<_> = ["tests/a/test_x.py", "tests/ab/test_y.py", "test_z.py"]
            .map(|path| RepoPath::new(path).unwrap())
            .into();
        let chosen = |files: &[&str]| {
            let files = files.iter().map(|file| file.to_string()).collect();
            Source { files, ..Source::default() }.modules(all.clone())
        };
        assert_eq!(chosen(&[]).unwrap(), all);
        assert_eq!(chosen(&["tests/a/", "test_z.py"]).unwrap(), [all[0].clone(), all[2].clone()]);
        assert!(chosen(&["tests/c"]).is_err());
    }
}
