//! Files into containers and out of them, as tar archives.

use std::collections::BTreeMap;
use std::io::Read;

use ssr_core::{File, RepoPath, SandboxError, Tree};
use tar::{Builder, EntryType, Header};

/// The user that files in a container belong to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: u64,
    pub(super) gid: u64,
}

/// A tar archive in the making.
pub(super) struct Packer {
    archive: Builder<Vec<u8>>,
    owner: Owner,
    /// Seconds since 1970.
    time: u64,
}

impl Packer {
    pub(super) fn new(owner: Owner, time: u64) -> Self {
        Self { archive: Builder::new(Vec::new()), owner, time }
    }

    pub(super) fn directory(&mut self, path: &str) -> std::io::Result<()> {
        let mut header = self.header(EntryType::Directory, 0o755, 0);
        self.archive.append_data(&mut header, format!("{path}/"), std::io::empty())
    }

    pub(super) fn file(
        &mut self,
        path: &str,
        bytes: &[u8],
        executable: bool,
    ) -> std::io::Result<()> {
        let mode = if executable { 0o755 } else { 0o644 };
        let mut header = self.header(EntryType::Regular, mode, bytes.len() as u64);
        self.archive.append_data(&mut header, path, bytes)
    }

    fn header(&self, kind: EntryType, mode: u32, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_uid(self.owner.uid);
        header.set_gid(self.owner.gid);
        header.set_mtime(self.time);
        header
    }

    pub(super) fn finish(self) -> std::io::Result<Vec<u8>> {
        self.archive.into_inner()
    }
}

/// The regular files of an archive below `prefix`, which ends in `/` or is empty. Names that a
/// repository cannot hold are left out.
pub(super) fn files(archive: &[u8], prefix: &str) -> std::io::Result<BTreeMap<RepoPath, File>> {
    let mut found = BTreeMap::new();
    let mut links = Vec::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = name.strip_prefix("./").unwrap_or(&name);
        let Some(path) = name.strip_prefix(prefix).and_then(|name| RepoPath::new(name).ok()) else {
            continue;
        };
        match entry.header().entry_type() {
            EntryType::Regular => {
                let executable = entry.header().mode()? & 0o100 != 0;
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                found.insert(path, File::new(bytes).with_executable(executable));
            }
            // tar writes a file with several names once, and then its other names.
            EntryType::Link => {
                let target = entry.link_name_bytes().unwrap_or_default();
                let target = String::from_utf8_lossy(&target).into_owned();
                links.push((path, target.trim_start_matches("./").to_owned()));
            }
            _ => {}
        }
    }
    for (path, target) in links {
        if let Some(file) = found.get(target.as_str()).cloned() {
            found.insert(path, file);
        }
    }
    Ok(found)
}

/// What is in the regular files of an archive, as far as it can be read.
pub(super) fn every_file(archive: &[u8]) -> Vec<Vec<u8>> {
    let mut contents = Vec::new();
    for mut entry in tar::Archive::new(archive).entries().into_iter().flatten().flatten() {
        let mut bytes = Vec::new();
        // An archive that was cut off keeps what came before the cut.
        if entry.header().entry_type() == EntryType::Regular {
            let _ = entry.read_to_end(&mut bytes);
            contents.push(bytes);
        }
    }
    contents
}

/// The archive that brings a repository from `from` to `to`: what was added or changed.
pub(super) fn update(
    packer: &mut Packer,
    prefix: &str,
    from: &Tree,
    to: &Tree,
) -> Result<(), SandboxError> {
    let mut known = "";
    for (path, file) in to.files().filter(|(path, file)| from.get(path.as_str()) != Some(file)) {
        // Folders that an engine makes up belong to root, whoever owns the files.
        if let Some(parent) = path.parent().filter(|parent| *parent != known) {
            for (at, _) in parent.match_indices('/') {
                packer.directory(&format!("{prefix}{}", &parent[..at])).map_err(packing)?;
            }
            packer.directory(&format!("{prefix}{parent}")).map_err(packing)?;
            known = parent;
        }
        packer
            .file(&format!("{prefix}{path}"), file.bytes(), file.executable())
            .map_err(packing)?;
    }
    Ok(())
}

pub(super) fn packing(error: std::io::Error) -> SandboxError {
    SandboxError::infrastructure("packing files for the container", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |&(path, text): &(&str, &str)| {
            (RepoPath::new(path).unwrap(), File::new(text.as_bytes()))
        };
        Tree::from_files(files.iter().map(file)).unwrap()
    }

    #[test]
    fn what_is_packed_is_what_changed() {
        let long = format!("{}/{}.py", "d".repeat(90), "f".repeat(90));
        let before = tree(&[("same", "1"), ("changed", "1"), ("gone", "1")]);
        let after = tree(&[("same", "1"), ("changed", "2"), (&long, "3")]);
        let mut packer = Packer::new(Owner::default(), 7);
        update(&mut packer, "top/", &before, &after).unwrap();
        let found = files(&packer.finish().unwrap(), "top/").unwrap();
        assert_eq!(Tree::from_files(found).unwrap(), tree(&[("changed", "2"), (&long, "3")]));
    }

    #[test]
    fn a_damaged_archive_is_an_error_and_odd_names_are_left_out() {
        assert!(files(&[1; 600], "").is_err());
        let mut packer = Packer::new(Owner::default(), 0);
        packer.file("a/.git/config", b"x", false).unwrap();
        packer.file("a/b", b"x", true).unwrap();
        let found = files(&packer.finish().unwrap(), "a/").unwrap();
        let names: Vec<_> = found.keys().map(RepoPath::as_str).collect();
        assert_eq!(names, ["b"]);
        assert!(found["b"].executable());
    }
}
