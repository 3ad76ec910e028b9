//! Unpacking the standard library.

use ssr_core::{File, RepoPath, Tree};

use crate::{Error, Result};

const BLOCK: usize = 512;

/// Folder of the archive that holds everything.
const ROOT: &str = "python-stdlib/";

/// Parts of the archive that are not CPython's, or are of no use in a sandbox.
const LEFT_OUT: [&str; 12] = [
    "dill/",
    "componentize_py_",
    "config-3.14-wasm32-wasi/",
    "site-packages/",
    "ensurepip/",
    "idlelib/",
    "tkinter/",
    "turtle.py",
    "turtledemo/",
    "venv/",
    "pydoc_data/",
    "curses/",
];

/// Reads the regular files of a (POSIX ustar) tar archive.
pub(super) fn unpack(archive: &[u8]) -> Result<Tree> {
    let mut files = Vec::new();
    let mut rest = archive;
    while let Some((header, body)) = rest.split_at_checked(BLOCK) {
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        if &header[257..262] != b"ustar" {
            return Err(Error::archive("an entry has no ustar header"));
        }
        let name = [text(&header[345..500])?, text(&header[..100])?];
        let name = name.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        let size = octal(&header[124..136]);
        let size = size.ok_or_else(|| Error::archive(format!("`{name}` has no size")))?;
        let content = body.get(..size);
        let content = content.ok_or_else(|| Error::archive(format!("`{name}` is cut off")))?;
        match header[156] {
            b'0' | 0 => {
                if let Some(path) = wanted(&name) {
                    let path = RepoPath::new(path).map_err(Error::archive)?;
                    files.push((path, File::new(content)));
                }
            }
            b'5' => {}
            kind => return Err(Error::archive(format!("`{name}` has unknown type {kind}"))),
        }
        rest = body.get(size.next_multiple_of(BLOCK)..).unwrap_or_default();
    }
    Tree::from_files(files).map_err(Error::archive)
}

fn wanted(name: &str) -> Option<&str> {
    let path = name.strip_prefix(ROOT)?;
    (!LEFT_OUT.iter().any(|prefix| path.starts_with(prefix))).then_some(path)
}

fn text(field: &[u8]) -> Result<&str> {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    std::str::from_utf8(&field[..end]).map_err(|_| Error::archive("a file name is not UTF-8"))
}

fn octal(field: &[u8]) -> Option<usize> {
    let digits = text(field).ok()?.trim_matches(' ');
    usize::from_str_radix(digits, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        let size = format!("{:011o}", content.len());
        block[124..135].copy_from_slice(size.as_bytes());
        block[156] = kind;
        block[257..262].copy_from_slice(b"ustar");
        block.extend_from_slice(content);
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        block
    }

    #[test]
    fn files_below_the_root_are_unpacked() {
        let mut archive = entry("python-stdlib/json/", b'5', b"");
        archive.extend(entry("python-stdlib/json/a.py", b'0', b"x = 1\n"));
        archive.extend(entry("python-stdlib/dill/b.py", b'0', b""));
        archive.extend(entry("elsewhere.py", b'0', b""));
        archive.extend([0; 2 * BLOCK]);
        let tree = unpack(&archive).unwrap();
        assert_eq!(tree.len(), 1);
        assert_eq!(tree.get("json/a.py").unwrap().bytes(), b"x = 1\n");
    }

    #[test]
    fn damage_is_an_error() {
        let archive = entry("python-stdlib/a.py", b'0', b"x = 1\n");
        for length in [100, BLOCK, BLOCK + 3] {
            let damaged = unpack(&archive[..length]);
            assert!(damaged.is_err() || damaged.unwrap().is_empty(), "cut to {length}");
        }
        assert!(unpack(&entry("python-stdlib/a.py", b'9', b"")).is_err());
        assert!(unpack(&[7; BLOCK]).is_err());
        assert!(unpack(&entry("python-stdlib/../a.py", b'0', b"")).is_err());
    }
}
