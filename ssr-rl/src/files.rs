//! Writing files so that a process killed at any moment leaves either the old or the new state.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Names that start like this are unfinished and may be removed at any time.
pub(crate) const UNFINISHED: &str = ".unfinished-";

/// Writes a file that is not visible yet to anyone, through to the disk.
pub(crate) fn write(path: &Path, data: &[u8]) -> Result<()> {
    let mut file = File::create(path).map_err(|e| Error::io("creating it", path, e))?;
    file.write_all(data).map_err(|e| Error::io("writing it", path, e))?;
    file.sync_all().map_err(|e| Error::io("syncing it", path, e))
}

/// Writes or replaces a file in one go.
pub(crate) fn replace(path: &Path, data: &[u8]) -> Result<()> {
    let unfinished = unfinished(path)?;
    write(&unfinished, data)?;
    fs::rename(&unfinished, path).map_err(|e| Error::io("renaming it into place", path, e))?;
    sync_parent(path)
}

/// Makes a folder in one go: `fill` writes into a hidden one first. An older folder of that name is
/// removed just before, so that a kill between the two leaves neither; no run replaces one.
pub(crate) fn replace_folder(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let unfinished = unfinished(path)?;
    remove_folder(&unfinished)?;
    create_folder(&unfinished)?;
    fill(&unfinished)?;
    sync(&unfinished)?;
    remove_folder(path)?;
    fs::rename(&unfinished, path).map_err(|e| Error::io("renaming it into place", path, e))?;
    sync_parent(path)
}

pub(crate) fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| Error::io("creating it", path, e))
}

pub(crate) fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("removing it", path, error))
        }
        _ => Ok(()),
    }
}

pub(crate) fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(|e| Error::io("removing it", path, e))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| Error::io("reading it", path, e))
}

pub(crate) fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| Error::io("reading it", path, e))
}

/// The names in a folder in byte order; a folder that is not there is empty.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|e| Error::io("listing it", folder, e))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| Error::io("listing it", folder, e))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

fn unfinished(path: &Path) -> Result<PathBuf> {
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) => Ok(path.with_file_name(format!("{UNFINISHED}{name}"))),
        None => Err(Error::run_dir(path, "it has no name that could be written")),
    }
}

fn sync_parent(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), sync)
}

fn sync(folder: &Path) -> Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|e| Error::io("syncing it", folder, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_fails_to_fill_leaves_the_old_one() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x");
        replace_folder(&path, |dir| write(&dir.join("a"), b"1")).unwrap();
        let failed = replace_folder(&path, |dir| {
            write(&dir.join("a"), b"2")?;
            Err(Error::run_dir(dir, "full"))
        });
        assert!(failed.is_err());
        assert_eq!(read(&path.join("a")).unwrap(), b"1");
        replace_folder(&path, |dir| write(&dir.join("b"), b"3")).unwrap();
        assert_eq!(names(&path).unwrap(), ["b"]);
        assert_eq!(names(root.path()).unwrap(), ["x"]);
    }
}
