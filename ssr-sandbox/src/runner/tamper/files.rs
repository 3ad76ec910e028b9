//! What a run did to the files that say what is tested and how.

use std::collections::BTreeSet;

use crate::interpreter::{FileKind, Vfs};

/// Files that say what the tests are and how they run, whatever their folder.
const CONFIGURATION: [&str; 7] = [
    "conftest.py",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    "pyproject.toml",
    "setup.cfg",
    "tox.ini",
];

/// What a run of the tests below `root` did to the files that say what is tested: to `tests`, to
/// the configuration, and to the bytecode that Python prefers over them.
pub(crate) fn changed_tests(
    before: &Vfs,
    after: &Vfs,
    root: &str,
    tests: &BTreeSet<String>,
    writes_bytecode: bool,
) -> Vec<String> {
    let mut signs = Vec::new();
    let identity = |vfs: &Vfs, path: &str| {
        let metadata = vfs.symlink_metadata(path).ok()?;
        Some((metadata.inode, metadata.changed))
    };
    for test in tests {
        let path = format!("{root}/{test}");
        let was = identity(before, &path);
        if was.is_some() && was != identity(after, &path) {
            signs.push(format!("{test} was changed while the tests ran"));
        }
    }
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in after.read_dir(&folder).unwrap_or_default() {
            let path = format!("{folder}/{}", entry.name);
            if entry.kind == FileKind::Directory {
                folders.push(path);
                continue;
            }
            let configures = CONFIGURATION.contains(&&*entry.name)
                || (!writes_bytecode && entry.name.ends_with(".pyc"));
            if configures && identity(before, &path) != identity(after, &path) {
                signs.push(format!("{path} was written while the tests ran"));
            }
        }
    }
    signs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(change: impl FnOnce(&mut Vfs)) -> usize {
        let mut before = Vfs::new();
        before.create_dir_all("/r/d/__pycache__").unwrap();
        for path in ["/r/d/test_a.py", "/r/conftest.py", "/r/a.py", "/r/d/__pycache__/a.pyc"] {
            before.write(path, *b"x").unwrap();
        }
        before.freeze();
        let mut after = before.clone();
        change(&mut after);
        let tests = BTreeSet::from(["d/test_a.py".to_owned()]);
        changed_tests(&before, &after, "/r", &tests, false).len()
    }

    #[test]
    fn every_way_to_another_test_file_is_seen() {
        assert_eq!(signs(|_| {}), 0);
        assert_eq!(signs(|vfs| vfs.write("/r/a.py", *b"y").unwrap()), 0);
        let test = "/r/d/test_a.py";
        assert_eq!(signs(|vfs| vfs.write(test, *b"x").unwrap()), 1);
        assert_eq!(signs(|vfs| vfs.remove_file(test).unwrap()), 1);
        assert_eq!(signs(|vfs| vfs.rename(test, "/r/d/b").unwrap()), 1);
        let away_and_back = |vfs: &mut Vfs| {
            vfs.rename(test, "/r/b").unwrap();
            vfs.rename("/r/b", test).unwrap();
        };
        assert_eq!(signs(away_and_back), 1);
        let through_a_link = |vfs: &mut Vfs| {
            vfs.hard_link(test, "/r/b").unwrap();
            vfs.write("/r/b", *b"y").unwrap();
        };
        assert_eq!(signs(through_a_link), 1);
        let another_folder = |vfs: &mut Vfs| {
            vfs.rename("/r/d", "/r/e").unwrap();
            vfs.create_dir("/r/d").unwrap();
            vfs.write(test, *b"x").unwrap();
        };
        // The bytecode has another name now.
        assert_eq!(signs(another_folder), 2);
        assert_eq!(signs(|vfs| vfs.write("/r/d/conftest.py", *b"").unwrap()), 1);
        assert_eq!(signs(|vfs| vfs.write("/r/conftest.py", *b"").unwrap()), 1);
        assert_eq!(signs(|vfs| vfs.write("/r/d/__pycache__/b.pyc", *b"").unwrap()), 1);
    }
}
