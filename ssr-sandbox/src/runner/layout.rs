//! Where a repository keeps its modules.

use std::collections::BTreeSet;

use ssr_core::{RepoPath, Tree};

use crate::harness::TESTBED;

use super::metadata::dist_info;

/// Where a repository keeps its packages, and what an editable install would know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Absolute directories to put on `sys.path`, first the most specific.
    pub(super) roots: Vec<String>,
    /// Top-level modules of the repository: installed ones of the same name must not be used.
    pub(super) modules: BTreeSet<String>,
    /// What goes into the installed packages, relative to their directory.
    pub(super) metadata: Tree,
}

impl Layout {
    pub(crate) fn of(tree: &Tree) -> Self {
        let has_src = tree.files().any(|(path, _)| is_python_below(path, "src/"));
        let mut roots = Vec::new();
        let mut modules = top_modules(tree, "");
        if has_src {
            roots.push(format!("{TESTBED}/src"));
            modules.extend(top_modules(tree, "src/"));
        }
        roots.push(TESTBED.to_owned());
        Self { roots, modules, metadata: dist_info(tree) }
    }

    /// The directories for `sys.path`, relative to the repository: empty or with a leading slash.
    pub(crate) fn relative_roots(&self) -> impl Iterator<Item = &str> {
        self.roots.iter().map(|root| root.strip_prefix(TESTBED).unwrap_or(root))
    }

    /// The `.dist-info` folder of the repository.
    pub(crate) fn metadata(&self) -> &Tree {
        &self.metadata
    }
}

fn is_python_below(path: &RepoPath, prefix: &str) -> bool {
    path.as_str().starts_with(prefix) && path.extension() == Some("py")
}

/// The names that `import` finds with the directory `prefix` on its path.
fn top_modules(tree: &Tree, prefix: &str) -> BTreeSet<String> {
    tree.files()
        .filter(|(path, _)| is_python_below(path, prefix))
        .filter_map(|(path, _)| {
            let rest = path.as_str().strip_prefix(prefix)?;
            Some(match rest.split_once('/') {
                None => rest.strip_suffix(".py")?,
                Some((package, "__init__.py")) => package,
                Some(_) => return None,
            })
        })
        .filter(|name| !matches!(*name, "setup" | "conftest" | "__init__"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssr_core::File;

    fn layout(files: &[(&str, &str)]) -> Layout {
        let file = |&(path, text): &(&str, &str)| {
            (RepoPath::new(path).unwrap(), File::new(text.as_bytes()))
        };
        Layout::of(&Tree::from_files(files.iter().map(file)).unwrap())
    }

    #[test]
    fn packages_are_found_in_a_flat_and_in_a_src_layout() {
        let flat = layout(&[
            ("toolz/__init__.py", ""),
            ("single.py", ""),
            ("docs/conf.py", ""),
            ("setup.py", ""),
        ]);
        assert_eq!(flat.roots, ["/testbed"]);
        assert_eq!(flat.modules.iter().collect::<Vec<_>>(), ["single", "toolz"]);
        let src = layout(&[("src/pluggy/__init__.py", ""), ("testing/test_a.py", "")]);
        assert_eq!(src.roots, ["/testbed/src", "/testbed"]);
        assert!(src.modules.contains("pluggy") && !src.modules.contains("testing"));
        assert_eq!(layout(&[("src/main.c", "")]).roots, ["/testbed"]);
    }
}
