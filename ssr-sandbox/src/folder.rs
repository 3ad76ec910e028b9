//! Folders of this machine into trees and back.

use std::fmt;
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

/// Something in a folder or an archive that a [`Tree`] does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// Where it is, with `\u{fffd}` for what is not UTF-8.
    pub path: String,
    /// Why it was left out.
    pub why: String,
}

impl LeftOut {
    /// Why a name is left out that is not UTF-8.
    pub const NOT_UTF8: &'static str = "its name is not UTF-8";
    /// Why a name is left out that a [`RepoPath`] refuses.
    pub const NOT_A_NAME: &'static str = "a repository cannot hold its name";

    /// Something at `path` that is not in the tree, and why.
    pub fn new(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self { path: path.into(), why: why.into() }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path, self.why)
    }
}

/// What [`survey_folder`] read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FolderSurvey {
    /// The files.
    pub tree: Tree,
    /// What the tree does not hold, by name, beside version control data and caches of tools.
    pub left_out: Vec<LeftOut>,
}

/// Reads a folder, for example an unpacked source distribution, into a [`Tree`].
///
/// The read is confined to the folder: symbolic links that lead to a file inside it are read as
/// that file, all others are skipped. So are version control data, caches of tools, and names that
/// a [`RepoPath`] cannot hold. [`survey_folder`] says what was skipped.
///
/// # Errors
/// [`Error::Folder`] when something cannot be read, or when there is more than 1 GiB or 200,000
/// files.
pub fn read_folder(folder: impl AsRef<Path>) -> Result<Tree> {
    Ok(survey_folder(folder)?.tree)
}

/// Reads a folder as [`read_folder`] does, and says what was left out.
///
/// # Errors
/// Those of [`read_folder`].
pub fn survey_folder(folder: impl AsRef<Path>) -> Result<FolderSurvey> {
    let folder = folder.as_ref();
    let failed = |source| Error::folder(folder, source);
    let top = Dir::open_ambient_dir(folder, ambient_authority()).map_err(failed)?;
    let mut reader = Reader { top: &top, files: Vec::new(), left_out: Vec::new(), bytes: 0 };
    reader.read(&top, "").map_err(failed)?;
    let Reader { files, mut left_out, .. } = reader;
    left_out.sort_by(|one, other| one.path.cmp(&other.path));
    let tree = Tree::from_files(files).map_err(|error| failed(io::Error::other(error)))?;
    Ok(FolderSurvey { tree, left_out })
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
    left_out: Vec<LeftOut>,
    bytes: u64,
}

impl Reader<'_> {
    fn read(&mut self, directory: &Dir, prefix: &str) -> io::Result<()> {
        for entry in directory.entries()? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                self.skip(format!("{prefix}{}", name.to_string_lossy()), LeftOut::NOT_UTF8);
                continue;
            };
            if LEFTOVERS.contains(&name) {
                continue;
            }
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.read(&entry.open_dir()?, &format!("{path}/"))?;
            } else if kind.is_file() {
                self.add(&path, &entry.metadata()?)?;
            } else if !kind.is_symlink() {
                self.skip(path, "it is no file");
            } else {
                match self.top.metadata(&path) {
                    Ok(target) if target.is_file() => self.add(&path, &target)?,
                    Ok(_) => self.skip(path, "it is a link to a folder"),
                    Err(_) => self.skip(path, "it is a link to nothing in this folder"),
                }
            }
        }
        Ok(())
    }

    fn skip(&mut self, path: String, why: &str) {
        self.left_out.push(LeftOut::new(path, why));
    }

    fn add(&mut self, path: &str, metadata: &Metadata) -> io::Result<()> {
        let Ok(name) = RepoPath::new(path) else {
            self.skip(path.to_owned(), LeftOut::NOT_A_NAME);
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
        let read = survey_folder(folder.path()).unwrap();
        assert_eq!(read.tree, tree(&[("a", "1", false), ("b", "1", false)]));
        let left_out: Vec<_> = read.left_out.iter().map(ToString::to_string).collect();
        let expected = [
            "c (it is a link to nothing in this folder)",
            "d (it is a link to nothing in this folder)",
            "loop (it is a link to a folder)",
        ];
        assert_eq!(left_out, expected);
        assert!(write_folder(&tree(&[("d/new", "", false)]), folder.path()).is_err());
        assert!(!outside.path().join("new").exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_that_no_tree_holds_are_told() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("sub");
        std::fs::create_dir(&below).unwrap();
        std::fs::write(below.join(std::ffi::OsStr::from_bytes(b"x\xff.py")), "").unwrap();
        std::fs::write(folder.path().join("a\nb"), "").unwrap();
        std::fs::write(folder.path().join("good"), "").unwrap();
        let read = survey_folder(folder.path()).unwrap();
        assert!(read.tree.contains("good"));
        let left_out: Vec<_> = read.left_out.iter().map(|one| one.path.as_str()).collect();
        let refused: Vec<_> =
            ["a\nb"].into_iter().filter(|name| RepoPath::new(name).is_err()).collect();
        assert_eq!(left_out, [refused, vec!["sub/x\u{fffd}.py"]].concat());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = read_folder("no/such/folder").unwrap_err();
        assert!(error.to_string().contains("no/such/folder"), "{error}");
    }
}
