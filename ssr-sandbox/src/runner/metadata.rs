//! What an installed package of the repository would say about itself, for `importlib.metadata`.

use ssr_core::{File, RepoPath, Tree};
use toml::{Table, Value};

/// The version of a repository whose own cannot be found.
const UNKNOWN: &str = "0.0.0";

/// Files of a package in which its version usually stands.
const VERSION_FILES: [&str; 5] =
    ["__init__.py", "_version.py", "__about__.py", "version.py", "__version__.py"];

/// The least that `importlib.metadata` needs to answer for the repository's own package: a
/// `.dist-info` folder, or nothing when the repository does not say its name.
pub(super) fn dist_info(tree: &Tree) -> Tree {
    let Some((name, version, info)) = from_pkg_info(tree).or_else(|| from_pyproject(tree)) else {
        return Tree::new();
    };
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

fn text<'t>(tree: &'t Tree, path: &str) -> Option<&'t str> {
    tree.get(path).and_then(File::text)
}

fn from_pkg_info(tree: &Tree) -> Option<(String, String, String)> {
    let info = text(tree, "PKG-INFO")?;
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name));
    let (name, version) = (field("Name: ")?.trim(), field("Version: ")?.trim());
    Some((name.to_owned(), version.to_owned(), info.to_owned()))
}

/// Name and version from `[project]` or `[tool.poetry]`.
fn from_pyproject(tree: &Tree) -> Option<(String, String, String)> {
    let table: Table = text(tree, "pyproject.toml")?.parse().ok()?;
    let project = [&["project"][..], &["tool", "poetry"]]
        .into_iter()
        .filter_map(|path| get(&table, path)?.as_table())
        .find(|project| project.contains_key("name"))?;
    let name = project.get("name")?.as_str()?;
    let version = project.get("version").and_then(Value::as_str).map(str::to_owned);
    let version = version
        .or_else(|| dynamic_version(tree, &table, name))
        .unwrap_or_else(|| UNKNOWN.to_owned());
    let info = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    Some((name.to_owned(), version, info))
}

fn get<'t>(table: &'t Table, path: &[&str]) -> Option<&'t Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(table.get(*first)?, |value, key| value.get(*key))
}

/// The version that a build would find, where that takes no running of code: in the file or the
/// attribute that the build backend is told of, or as `__version__` in the package.
fn dynamic_version(tree: &Tree, table: &Table, name: &str) -> Option<String> {
    let told = |path: &[&str]| get(table, path).and_then(Value::as_str);
    let setuptools = ["tool", "setuptools", "dynamic", "version"];
    if let Some(file) = told(&[&setuptools[..], &["file"]].concat()) {
        return Some(text(tree, file)?.trim().to_owned());
    }
    if let Some(file) = told(&["tool", "hatch", "version", "path"]) {
        return assigned(text(tree, file)?);
    }
    let package = name.replace('-', "_");
    let module = match told(&[&setuptools[..], &["attr"]].concat()) {
        Some(attribute) => attribute.rsplit_once('.')?.0.replace('.', "/"),
        None => package,
    };
    ["src/", ""].into_iter().find_map(|root| {
        let inside = VERSION_FILES.iter().map(|file| format!("{root}{module}/{file}"));
        let single = std::iter::once(format!("{root}{module}.py"));
        single.chain(inside).find_map(|file| assigned(text(tree, &file)?))
    })
}

/// The string literal that a module assigns to `__version__`, `version` or `VERSION`.
fn assigned(source: &str) -> Option<String> {
    source.lines().find_map(|line| {
        let (target, value) = line.split_once('=')?;
        let target = target.split(':').next().unwrap_or(target).trim_end();
        if !matches!(target, "__version__" | "version" | "VERSION") {
            return None;
        }
        let value = value.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (version, _) = value[1..].split_once(quote)?;
        (!version.is_empty()).then(|| version.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |&(path, text): &(&str, &str)| {
            (RepoPath::new(path).unwrap(), File::new(text.as_bytes()))
        };
        Tree::from_files(files.iter().map(file)).unwrap()
    }

    fn names(files: &[(&str, &str)]) -> Vec<String> {
        let info = dist_info(&tree(files));
        info.files().map(|(path, _)| path.as_str().to_owned()).collect()
    }

    #[test]
    fn a_source_distribution_says_who_it_is() {
        let info = "Metadata-Version: 2.1\nName: more-itertools\nVersion: 10.1\n\ntext";
        assert_eq!(
            names(&[("PKG-INFO", info), ("x.egg-info/entry_points.txt", "[a]\n")]),
            [
                "more_itertools-10.1.dist-info/METADATA",
                "more_itertools-10.1.dist-info/entry_points.txt"
            ]
        );
        assert!(names(&[("PKG-INFO", "Name: a\nVersion: ../..\n")]).is_empty());
        assert!(names(&[("a.py", "")]).is_empty());
    }

    #[test]
    fn pyproject_is_read_as_toml() {
        let version = |text: &str| names(&[("pyproject.toml", text)]).pop();
        let commented = "[build-system]\nname = \"no\"\n[ project ] # us\nname = 'yes' # x\nversion = \"1.2\"  # bumped\n";
        assert_eq!(version(commented).unwrap(), "yes-1.2.dist-info/METADATA");
        let poetry = "[tool.poetry]\nname = \"p.q\"\nversion = \"3\"\n";
        assert_eq!(version(poetry).unwrap(), "p_q-3.dist-info/METADATA");
        assert_eq!(version("[project]\nname = \"a\"\n").unwrap(), "a-0.0.0.dist-info/METADATA");
        assert_eq!(version("not toml"), None);
    }

    #[test]
    fn a_dynamic_version_is_looked_up_where_the_build_would() {
        let project = "[project]\nname = \"my-lib\"\ndynamic = [\"version\"]\n";
        let version = |tail: &str, file: (&str, &str)| {
            let text = format!("{project}{tail}");
            names(&[("pyproject.toml", &text), file]).pop().unwrap()
        };
        let found = "my_lib-4.5.dist-info/METADATA";
        let hatch = "[tool.hatch.version]\npath = \"v.py\"\n";
        assert_eq!(version(hatch, ("v.py", "x = 1\nVERSION = '4.5'\n")), found);
        let file = "[tool.setuptools.dynamic]\nversion = {file = \"VERSION\"}\n";
        assert_eq!(version(file, ("VERSION", "4.5\n")), found);
        let attr = "[tool.setuptools.dynamic]\nversion = {attr = \"other.__version__\"}\n";
        assert_eq!(version(attr, ("src/other/__init__.py", "__version__: str = \"4.5\"\n")), found);
        assert_eq!(version("", ("my_lib/_version.py", "__version__ = \"4.5\"  # now\n")), found);
        assert_eq!(
            version("", ("my_lib/__init__.py", "__version__ = compute()\n")),
            "my_lib-0.0.0.dist-info/METADATA"
        );
    }

    proptest! {
        #[test]
        fn any_metadata_gives_a_tree(toml in "[\\[\\]a-z.=\"'\n# {}]{0,80}", source in "(?s).{0,60}") {
            let text = format!("[project]\nname = \"a\"\n{toml}");
            dist_info(&tree(&[("pyproject.toml", &text), ("a/__init__.py", &source)]));
            assigned(&format!("__version__ = {source}"));
        }
    }
}
