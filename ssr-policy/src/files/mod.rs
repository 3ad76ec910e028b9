//! Folders in Hugging Face's layout. Tensors are read one at a time, and never more than the
//! configuration asks for, whatever the files claim.

mod shards;
mod tensors;
mod write;

pub use write::SaveOptions;

pub(crate) use tensors::TensorFile;
pub(crate) use write::{TensorWriter, remove, save_json, save_weights, write_atomically};

use std::path::Path;

use candle_core::{Device, Var};

use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::ops::with_slice;

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const GENERATION_CONFIG: &str = "generation_config.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";
pub(crate) const INDEX: &str = "model.safetensors.index.json";
/// The folder of an adapter beside the weights that it is for.
pub(crate) const ADAPTER: &str = "adapter";
pub(crate) const TOKENIZER: &str = "tokenizer.json";

/// Reads the variables of a model, in the order of [`ModelConfig::tensors`], from
/// `model.safetensors` or, when there is none, from the files that its index names.
pub(crate) fn load_vars(config: &ModelConfig, dir: &Path) -> Result<Vec<(String, Var)>> {
    let wanted = config.tensors();
    let files = shards::locate(dir, &wanted, config.tie_word_embeddings)?;
    let mut vars: Vec<Option<Var>> = vec![None; wanted.len()];
    let mut head = None;
    for (path, indices) in files {
        let mut file = TensorFile::open(&path)?;
        file.refuse_others(&wanted, config.tie_word_embeddings)?;
        if config.tie_word_embeddings && file.names().any(|name| name == HEAD) {
            head = Some(file.read(HEAD, &[config.vocab_size, config.hidden_size])?);
        }
        for index in indices {
            let (name, shape) = &wanted[index];
            let values = file.read(name, shape)?;
            vars[index] = Some(Var::from_vec(values, shape.as_slice(), &Device::Cpu)?);
        }
    }
    let embedding = wanted.iter().position(|(name, _)| name == EMBEDDING);
    if let (Some(head), Some(Some(var))) = (head, embedding.map(|index| &vars[index]))
        && with_slice(&var.as_detached_tensor(), |values| Ok(values != head))?
    {
        let problem = format!(
            "{HEAD} is not {EMBEDDING}, although config.json ties them; set tie_word_embeddings to \
             false, or remove it"
        );
        return Err(Error::file(dir, problem));
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

const EMBEDDING: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";

/// What checkpoints hold besides the weights: a copy of a tied head, and buffers of old versions of
/// transformers that are computed from the configuration.
fn is_spare(tensor: &str, tied: bool) -> bool {
    tied && tensor == HEAD || tensor.ends_with(".rotary_emb.inv_freq")
}
