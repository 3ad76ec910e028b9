//! Folders in Hugging Face's layout. What is read is bounded by what the configuration asks for,
//! one tensor at a time, whatever the files claim.

mod shards;
mod tensors;
mod write;

pub use write::SaveOptions;

pub(crate) use tensors::TensorFile;
pub(crate) use write::{TensorWriter, remove, save_json, save_weights, write_atomically};

use std::fs::File;
use std::io::Read;
use std::path::Path;

use candle_core::{Device, Var};
use serde::Deserialize;

use crate::config::ModelConfig;
use crate::error::{Error, Result};

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const GENERATION_CONFIG: &str = "generation_config.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";
pub(crate) const INDEX: &str = "model.safetensors.index.json";
/// The folder of an adapter beside the weights that it is for.
pub(crate) const ADAPTER: &str = "adapter";
pub(crate) const TOKENIZER: &str = "tokenizer.json";

/// The largest JSON file or header that is read: indices and headers of the largest models have a
/// few hundred kilobytes.
const MAX_JSON_BYTES: u64 = 16 << 20;

/// Reads the variables of a model, in the order of [`ModelConfig::tensors`], from
/// `model.safetensors` or, when there is none, from the files that its index names.
pub(crate) fn load_vars(config: &ModelConfig, dir: &Path) -> Result<Vec<(String, Var)>> {
    let wanted = config.tensors();
    let files = shards::locate(dir, &wanted, config.tie_word_embeddings)?;
    let mut vars: Vec<Option<Var>> = vec![None; wanted.len()];
    for (path, indices) in files {
        let mut file = TensorFile::open(&path)?;
        file.refuse_others(&wanted, config.tie_word_embeddings)?;
        for index in indices {
            let (name, shape) = &wanted[index];
            let values = file.read(name, shape)?;
            vars[index] = Some(Var::from_vec(values, shape.as_slice(), &Device::Cpu)?);
        }
    }
    let named = wanted.into_iter().zip(vars).map(|((name, _), var)| match var {
        Some(var) => Ok((name, var)),
        None => Err(Error::file(dir, missing(&name))),
    });
    named.collect()
}

fn missing(tensor: &str) -> String {
    format!("the tensor {tensor} is missing; is this another model?")
}

/// What checkpoints hold besides the weights: a copy of a tied head, and buffers of old versions of
/// transformers that are computed from the configuration.
fn is_spare(tensor: &str, tied: bool) -> bool {
    tied && tensor == "lm_head.weight" || tensor.ends_with(".rotary_emb.inv_freq")
}

/// Reads a JSON file of a bounded size.
pub(crate) fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Error::io(path))?;
    file.take(MAX_JSON_BYTES + 1).read_to_end(&mut bytes).map_err(Error::io(path))?;
    if bytes.len() as u64 > MAX_JSON_BYTES {
        return Err(Error::file(path, format!("more than {MAX_JSON_BYTES} bytes of JSON")));
    }
    serde_json::from_slice(&bytes).map_err(|e| Error::file(path, e))
}
