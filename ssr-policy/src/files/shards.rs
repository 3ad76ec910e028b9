//! Which file of a folder holds which tensor.

use std::collections::{BTreeMap, HashSet};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{INDEX, WEIGHTS, is_spare, missing};
use crate::error::{Error, Result};
use crate::read::read_json;

/// `model.safetensors.index.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Index {
    #[serde(default)]
    pub(super) metadata: IndexMetadata,
    /// The file of each tensor.
    pub(super) weight_map: BTreeMap<String, String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct IndexMetadata {
    /// Bytes of all tensors.
    #[serde(default)]
    pub(super) total_size: serde_json::Value,
}

/// The files of a folder and which of the wanted tensors each of them holds.
pub(super) fn locate(
    dir: &Path,
    wanted: &[(String, Vec<usize>)],
    tied: bool,
) -> Result<BTreeMap<PathBuf, Vec<usize>>> {
    let (single, path) = (dir.join(WEIGHTS), dir.join(INDEX));
    // In this order, as transformers does.
    if single.exists() || !path.exists() {
        return Ok([(single, (0..wanted.len()).collect())].into());
    }
    let index: Index = read_json(&path)?;
    let mut files: BTreeMap<PathBuf, Vec<usize>> = BTreeMap::new();
    for (position, (name, _)) in wanted.iter().enumerate() {
        let Some(file) = index.weight_map.get(name) else {
            return Err(Error::file(&path, missing(name)));
        };
        if !is_plain(file) {
            let problem = format!("{file:?} is not the name of a file in the same folder");
            return Err(Error::file(&path, problem));
        }
        files.entry(dir.join(file)).or_default().push(position);
    }
    let known: HashSet<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
    let other = index.weight_map.keys().find(|n| !known.contains(n.as_str()) && !is_spare(n, tied));
    match other {
        Some(name) => {
            let problem = format!("names the tensor {name}, which config.json has no place for");
            Err(Error::file(&path, problem))
        }
        None => Ok(files),
    }
}

/// Whether a name is that of a safetensors file, without any folder.
pub(super) fn is_plain(name: &str) -> bool {
    let mut components = Path::new(name).components();
    let only = (components.next(), components.next());
    matches!(only, (Some(Component::Normal(part)), None) if part == name)
        && !name.contains(['/', '\\', ':', '\0'])
        && name.ends_with(".safetensors")
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn only_names_of_safetensors_files_are_followed() {
        assert!(is_plain("model-00001-of-00002.safetensors"));
        let others = [
            "",
            ".",
            "..",
            "../a.safetensors",
            "/a.safetensors",
            "a/b.safetensors",
            "a.safetensors/",
            "./a.safetensors",
            "a\\b.safetensors",
            "c:a.safetensors",
            "a\0.safetensors",
            "weights.bin",
        ];
        for other in others {
            assert!(!is_plain(other), "{other:?}");
        }
    }
}
