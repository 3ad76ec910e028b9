use std::collections::BTreeSet;

use ssr_core::{File, RepoPath, Tree};

use super::TESTBED;

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
    pub(super) fn of(tree: &Tree) -> Self {
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

/// The least that `importlib.metadata` needs to answer for the repository's own package.
fn dist_info(tree: &Tree) -> Tree {
    let text = |path: &str| tree.get(path).and_then(File::text);
    let described = text("PKG-INFO").and_then(|info| {
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name));
        Some((
            field("Name: ")?.trim().to_owned(),
            field("Version: ")?.trim().to_owned(),
            info.to_owned(),
        ))
    });
    let described = described.or_else(|| {
        let (name, version) = project_of_pyproject(text("pyproject.toml")?)?;
        let info = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
        Some((name, version, info))
    });
    let Some((name, version, info)) = described else { return Tree::new() };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-+!".contains(c);
    if !name.chars().chain(version.chars()).all(is_plain) {
        return Tree::new();
    }
    let folder = format!("{}-{version}.dist-info", name.replace(['-', '.'], "_"));
    let entry_points = tree
        .files()
        .find(|(path, _)| path.as_str().ends_with(".egg-info/entry_points.txt"))
        .map(|(_, file)| ("entry_points.txt", file.clone()));
    let files = [("METADATA", File::new(info.into_bytes()))].into_iter().chain(entry_points);
    let files = files
        .filter_map(|(name, file)| Some((RepoPath::new(&format!("{folder}/{name}")).ok()?, file)));
    Tree::from_files(files).unwrap_or_default()
}

/// Name and version from `[project]` or `[tool.poetry]`; a version that is computed by the build is
/// not known here.
fn project_of_pyproject(text: &str) -> Option<(String, String)> {
    let mut inside = false;
    let (mut name, mut version) = (None, None);
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = matches!(line, "[project]" | "[tool.poetry]");
        } else if inside && let Some((key, value)) = line.split_once('=') {
            let value = value.trim().trim_matches(['"', '\'']).to_owned();
            match key.trim() {
                "name" => name = name.or(Some(value)),
                "version" => version = version.or(Some(value)),
                _ => {}
            }
        }
    }
    Some((name?, version.unwrap_or_else(|| "0.0.0".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(files: &[(&str, &str)]) -> Layout {
        let file = |&(path, text): &(&str, &str)| {
            (RepoPath::new(path).unwrap(), File::new(text.as_bytes()))
        };
        Layout::of(&Tree::from_files(files.iter().map(file)).unwrap())
    }

    fn names(tree: &Tree) -> Vec<&str> {
        tree.files().map(|(path, _)| path.as_str()).collect()
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

    #[test]
    fn metadata_comes_from_the_source_distribution_or_from_pyproject() {
        let info = "Metadata-Version: 2.1\nName: more-itertools\nVersion: 10.1\n\ntext";
        let sdist = layout(&[("PKG-INFO", info), ("x.egg-info/entry_points.txt", "[a]\n")]);
        assert_eq!(
            names(&sdist.metadata),
            [
                "more_itertools-10.1.dist-info/METADATA",
                "more_itertools-10.1.dist-info/entry_points.txt"
            ]
        );
        let toml =
            "[build-system]\nname = \"no\"\n[project]\nname = \"yes\"\ndynamic = [\"version\"]\n";
        assert_eq!(
            names(&layout(&[("pyproject.toml", toml)]).metadata),
            ["yes-0.0.0.dist-info/METADATA"]
        );
        assert!(layout(&[("PKG-INFO", "Name: a\nVersion: ../..\n")]).metadata.is_empty());
        assert!(layout(&[("a.py", "")]).metadata.is_empty());
    }
}
