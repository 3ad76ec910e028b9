//! Which bytecode files belong to which sources.

use ssr_core::{RepoPath, Tree};

use crate::harness::TESTBED;
use crate::interpreter::Vfs;

/// The folder in which Python keeps bytecode, one below each folder of sources.
pub(super) const CACHE: &str = "__pycache__";

/// The bytecode files in `after` whose sources are those of `before`.
pub(super) fn bytecode_of(before: &Tree, after: &Tree) -> Tree {
    let files = after.files().filter(|(path, _)| {
        source_of(path).is_some_and(|source| {
            !before.contains(path.as_str())
                && before.get(&source).is_some_and(|file| after.get(&source) == Some(file))
        })
    });
    Tree::from_files(files.map(|(path, file)| (path.clone(), file.clone()))).unwrap_or_default()
}

/// The source of `a/__pycache__/b.cpython-314.pyc` is `a/b.py`.
pub(crate) fn source_of(path: &RepoPath) -> Option<String> {
    let (folder, name) = path.as_str().rsplit_once('/')?;
    let stem = name.strip_suffix(".pyc")?.split('.').next()?;
    match folder.rsplit_once('/') {
        Some((folder, CACHE)) => Some(format!("{folder}/{stem}.py")),
        None if folder == CACHE => Some(format!("{stem}.py")),
        _ => None,
    }
}

/// The bytecode files that `vfs` has for a source of the repository.
pub(super) fn cached_files(vfs: &Vfs, source: &RepoPath) -> Vec<String> {
    let Some(stem) = source.file_name().strip_suffix(".py") else { return Vec::new() };
    let folder = source.parent().map_or_else(String::new, |parent| format!("{parent}/"));
    let cache = format!("{TESTBED}/{folder}{CACHE}");
    let entries = vfs.read_dir(&cache).unwrap_or_default().into_iter();
    entries
        .filter(|entry| entry.name.split('.').next() == Some(stem))
        .map(|entry| format!("{cache}/{}", entry.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssr_core::File;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |&(path, text): &(&str, &str)| {
            (RepoPath::new(path).unwrap(), File::new(text.as_bytes()))
        };
        Tree::from_files(files.iter().map(file)).unwrap()
    }

    #[test]
    fn bytecode_belongs_to_the_source_beside_its_folder() {
        let source = |path: &str| source_of(&RepoPath::new(path).unwrap());
        assert_eq!(source("a/__pycache__/b.cpython-314.pyc").as_deref(), Some("a/b.py"));
        assert_eq!(source("__pycache__/b.cpython-314-pytest-9.2.0.pyc").as_deref(), Some("b.py"));
        assert_eq!(source("a/b.pyc"), None);
        assert_eq!(source("a/__pycache__/b.py"), None);
    }

    #[test]
    fn only_bytecode_of_untouched_sources_is_kept() {
        let before = tree(&[("a.py", "1"), ("b.py", "1")]);
        let after = tree(&[
            ("a.py", "1"),
            ("b.py", "changed by its own tests"),
            ("__pycache__/a.cpython-314.pyc", ""),
            ("__pycache__/b.cpython-314.pyc", ""),
            ("__pycache__/new.cpython-314.pyc", ""),
        ]);
        let kept = bytecode_of(&before, &after);
        let names: Vec<_> = kept.files().map(|(path, _)| path.as_str()).collect();
        assert_eq!(names, ["__pycache__/a.cpython-314.pyc"]);
    }
}
