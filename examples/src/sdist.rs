//! Source distributions into trees.

use std::io::Read;
use std::path::Path;

use ssr_core::{File, RepoPath, Tree};
use ssr_sandbox::LeftOut;

use crate::{Failure, Result};

/// The most bytes that a source distribution may unpack to.
const MAX_BYTES: u64 = 512 << 20;

/// Reads a `.tar.gz` into a tree, without its top folder, and says what was left out: links, and
/// names that a repository cannot hold.
pub(crate) fn unpack(sdist: &Path) -> Result<(Tree, Vec<LeftOut>)> {
    let wrong = |problem: String| {
        let folder = sdist.parent().unwrap_or(sdist).display();
        Failure::input(format!("{}: {problem}; delete {folder} to load it again", sdist.display()))
    };
    let file = std::fs::File::open(sdist).map_err(|error| wrong(error.to_string()))?;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file).take(MAX_BYTES));
    let (mut files, mut left_out) = (Vec::new(), Vec::new());
    for entry in archive.entries().map_err(|error| wrong(error.to_string()))? {
        let mut entry = entry.map_err(|error| wrong(error.to_string()))?;
        let bytes = entry.path_bytes().into_owned();
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let Some((_, below)) = shown.split_once('/') else { continue };
        let mut without = |why: &str| left_out.push(LeftOut::new(below, why));
        let kind = entry.header().entry_type();
        if kind.is_symlink() || kind.is_hard_link() {
            without("it is a link");
            continue;
        }
        if !kind.is_file() {
            continue;
        }
        if std::str::from_utf8(&bytes).is_err() {
            without(LeftOut::NOT_UTF8);
            continue;
        }
        let Ok(path) = RepoPath::new(below) else {
            without(LeftOut::NOT_A_NAME);
            continue;
        };
        let executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| wrong(error.to_string()))?;
        files.push((path, File::new(bytes).with_executable(executable)));
    }
    let tree = Tree::from_files(files).map_err(|error| wrong(error.to_string()))?;
    if tree.is_empty() { Err(wrong("it holds no files".to_owned())) } else { Ok((tree, left_out)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_odd_names_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x-1.tar.gz");
        let file = std::fs::File::create(&path).unwrap();
        let mut archive =
            tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
        let mut add = |name: &[u8], link: bool| {
            let mut header = tar::Header::new_old();
            header.as_old_mut().name[..name.len()].copy_from_slice(name);
            header.set_mode(0o644);
            header.set_size(if link { 0 } else { 1 });
            if link {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_link_name("a.py").unwrap();
            }
            header.set_cksum();
            archive.append(&header, if link { &b""[..] } else { b"1" }).unwrap();
        };
        add(b"x-1/a.py", false);
        add(b"x-1/l.py", true);
        add(b"x-1/b\xff.py", false);
        archive.into_inner().unwrap().finish().unwrap();
        let (tree, left_out) = unpack(&path).unwrap();
        assert_eq!(tree.files().count(), 1);
        let said: Vec<_> = left_out.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["l.py (it is a link)", "b\u{fffd}.py (its name is not UTF-8)"]);
    }
}
