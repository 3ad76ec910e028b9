//! Folders of this machine into trees and back.

use std::io;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata};
use ssr_core::{File, RepoPath, Tree};

use crate::{Error, Result};

/// Directories that hold what tools leave behind, never sources.
const LEFTOVERS: [&str; 7] =
    [".git", ".hg", ".svn", "__pycache__", ".pytest_cache", ".mypy_cache", ".tox"];

/// A repository larger than this is a mistake in the path.
const MAX_BYTES: u64 = 1 << 30;
const MAX_FILES: usize = 200_000;

/// Reads a folder, for example an unpacked source distribution, into a [`Tree`].
///
/// The read is confined to the folder: symbolic links that lead to a file inside it are read as
/// that file, all others are skipped. So are version control data, caches of tools, and names that
/// a [`RepoPath`] cannot hold.
///
/// # Errors
/// [`Error::Folder`] when something cannot be read, or when there is more than 1 GiB or 200,000
/// files.
pub fn read_folder(folder: impl AsRef<Path>) -> Result<Tree> {
    let folder = folder.as_ref();
    let failed = |source| Error::folder(folder, source);
    let top = Dir::open_ambient_dir(folder, ambient_authority()).map_err(failed)?;
    let mut reader = Reader { top: &top, files: Vec::new(), bytes: 0 };
    reader.read(&top, "").map_err(failed)?;
    Tree::from_files(reader.files).map_err(|error| failed(io::Error::other(error)))
}

/// Writes every file of `tree` into a folder, which is created when missing. Files that the tree
/// does not name stay.
///
/// # Errors
/// [`Error::Folder`] when something cannot be written, or when a symbolic link in the folder would
/// lead a write out of it.
pub fn write_folder(tree: &Tree, folder: impl AsRef<Path>) -> Result<()> {
    let folder = folder.as_ref();
    let failed = |source| Error::folder(folder, source);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let top = Dir::open_ambient_dir(folder, ambient_authority()).map_err(failed)?;
    let mut last = "";
    for (path, file) in tree.files() {
        if let Some(parent) = path.parent().filter(|parent| *parent != last) {
            top.create_dir_all(parent).map_err(failed)?;
            last = parent;
        }
        top.write(path.as_str(), file.bytes()).map_err(failed)?;
        set_executable(&top, path, file.executable()).map_err(failed)?;
    }
    Ok(())
}

struct Reader<'d> {
    top: &'d Dir,
    files: Vec<(RepoPath, File)>,
    bytes: u64,
}

impl Reader<'_> {
    fn read(&mut self, directory: &Dir, prefix: &str) -> io::Result<()> {
        for entry in directory.entries()? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !LEFTOVERS.contains(name)) else {
                continue;
            };
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.read(&entry.open_dir()?, &format!("{path}/"))?;
            } else if kind.is_file() {
                self.add(&path, &entry.metadata()?)?;
            } else if let Ok(target) = self.top.metadata(&path)
                && target.is_file()
            {
                self.add(&path, &target)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &str, metadata: &Metadata) -> io::Result<()> {
        let Ok(name) = RepoPath::new(path) else {
            tracing::warn!(path, "skipped a file whose name a repository cannot hold");
            return Ok(());
        };
        self.bytes += metadata.len();
        if self.bytes > MAX_BYTES || self.files.len() >= MAX_FILES {
            return Err(io::Error::other("it holds more than 1 GiB or 200,000 files"));
        }
        let bytes = self.top.read(path)?;
        self.files.push((name, File::new(bytes).with_executable(is_executable(metadata))));
        Ok(())
    }
}

#[cfg(unix)]
fn is_executable(metadata: &Metadata) -> bool {
    use cap_std::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &Metadata) -> bool {
    false
}

#[cfg(unix)]
fn set_executable(top: &Dir, path: &RepoPath, executable: bool) -> io::Result<()> {
    use cap_std::fs::{Permissions, PermissionsExt};
    let mode = if executable { 0o755 } else { 0o644 };
    top.set_permissions(path.as_str(), Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_executable(_: &Dir, _: &RepoPath, _: bool) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str, bool)]) -> Tree {
        let file = |&(path, text, executable): &(&str, &str, bool)| {
            let file = File::new(text.as_bytes()).with_executable(executable);
            (RepoPath::new(path).unwrap(), file)
        };
        Tree::from_files(files.iter().map(file)).unwrap()
    }

    #[test]
    fn a_tree_survives_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let tree = tree(&[
            ("a/b.py", "x = 1\n", false),
            ("run.sh", "#!/bin/sh\n", cfg!(unix)),
            ("z", "", false),
        ]);
        write_folder(&tree, folder.path().join("new")).unwrap();
        assert_eq!(read_folder(folder.path().join("new")).unwrap(), tree);
    }

    #[test]
    fn leftovers_of_tools_are_not_part_of_a_repository() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".git/HEAD", "a/__pycache__/a.pyc", ".tox/x", "a/a.py"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(read_folder(folder.path()).unwrap(), tree(&[("a/a.py", "", false)]));
    }

    #[cfg(unix)]
    #[test]
    fn links_out_of_the_folder_are_neither_read_nor_written_through() {
        use std::os::unix::fs::symlink;
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "1").unwrap();
        symlink("a", folder.path().join("b")).unwrap();
        symlink(outside.path().join("secret"), folder.path().join("c")).unwrap();
        symlink(outside.path(), folder.path().join("d")).unwrap();
        symlink(".", folder.path().join("loop")).unwrap();
        let read = read_folder(folder.path()).unwrap();
        assert_eq!(read, tree(&[("a", "1", false), ("b", "1", false)]));
        assert!(write_folder(&tree(&[("d/new", "", false)]), folder.path()).is_err());
        assert!(!outside.path().join("new").exists());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = read_folder("no/such/folder").unwrap_err();
        assert!(error.to_string().contains("no/such/folder"), "{error}");
    }
}
