//! Checkpoints: written in one go, verified by their hashes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Result, files};

const STATE: &str = "state.json";

/// A complete checkpoint: the learner's files and what they belong to.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// Its folder.
    pub path: PathBuf,
    /// How many steps were finished.
    pub step: u64,
    /// The version of the weights in it.
    pub weight_version: u64,
}

/// `state.json`. It holds no time of day: equal runs have equal checkpoints.
#[derive(Serialize, Deserialize)]
struct State {
    step: u64,
    weight_version: u64,
    ssr_rl: String,
    /// SHA-256 of every other file.
    files: BTreeMap<String, String>,
}

/// Writes `folder/<step>` in one go; `fill` writes the learner's files.
pub(super) fn save(
    folder: &Path,
    step: u64,
    weight_version: u64,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    files::replace_folder(&folder.join(step.to_string()), |unfinished| {
        fill(unfinished)?;
        let hashes = files::names(unfinished)?
            .into_iter()
            .map(|name| Ok((name.clone(), hash(&files::read(&unfinished.join(&name))?))))
            .collect::<Result<_>>()?;
        let ssr_rl = env!("CARGO_PKG_VERSION").to_owned();
        let state = State { step, weight_version, ssr_rl, files: hashes };
        let state = serde_json::to_string_pretty(&state)
            .map_err(|error| Error::damaged(unfinished, error.to_string(), error))?;
        files::write(&unfinished.join(STATE), format!("{state}\n").as_bytes())
    })
}

/// The steps of the checkpoints in `folder`, newest first.
pub(super) fn steps(folder: &Path) -> Result<Vec<u64>> {
    // No run has more steps than fit into 32 bits; larger numbers only overflow later.
    let step = |name: &String| name.parse::<u32>().ok().map(u64::from);
    let mut steps: Vec<u64> = files::names(folder)?.iter().filter_map(step).collect();
    steps.sort_unstable_by(|a, b| b.cmp(a));
    Ok(steps)
}

/// Reads a checkpoint's state and compares every file with its recorded hash.
pub(super) fn verify(folder: &Path, step: u64) -> Result<Checkpoint> {
    let path = folder.join(step.to_string());
    let wrong = |problem: String| Error::checkpoint(&path, problem);
    let state = std::fs::read_to_string(path.join(STATE)).map_err(|error| {
        Error::damaged(&path, format!("{STATE} cannot be read: {error}"), error)
    })?;
    let state: State = serde_json::from_str(&state)
        .map_err(|error| Error::damaged(&path, format!("{STATE}: {error}"), error))?;
    if state.step != step {
        return Err(wrong(format!("{STATE} says that it is of step {}", state.step)));
    }
    for (name, expected) in &state.files {
        if Path::new(name).file_name().and_then(|plain| plain.to_str()) != Some(name) {
            return Err(wrong(format!("{STATE} names a file outside of it, {name:?}")));
        }
        let data = std::fs::read(path.join(name)).map_err(|error| {
            Error::damaged(&path, format!("{name} cannot be read: {error}"), error)
        })?;
        if hash(&data) != *expected {
            return Err(wrong(format!("{name} is damaged: its hash is not the recorded one")));
        }
    }
    Ok(Checkpoint { path, step, weight_version: state.weight_version })
}

fn hash(data: &[u8]) -> String {
    Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect()
}
