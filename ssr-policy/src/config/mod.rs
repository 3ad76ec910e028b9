//! Shapes of models as `config.json` describes them, and the settings of generation.

mod generation;
mod hf;
mod rope;
mod setters;
#[cfg(test)]
mod tests;
mod validate;

pub use generation::{EngineConfig, Executor, Precision};
pub use rope::RopeScaling;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The largest `config.json` that is read, in bytes.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// The decoder families that are implemented, by their `model_type` in `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Architecture {
    /// `llama`: Llama 2 and 3, Code Llama and their derivatives.
    Llama,
    /// `qwen2`: Qwen2, Qwen2.5 and Qwen2.5-Coder; biases on queries, keys and values.
    Qwen2,
    /// `qwen3`: the dense Qwen3 models; queries and keys are normalised per head.
    Qwen3,
    /// `cwm`: the Code World Model; three of four layers see a window only.
    Cwm,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 4] = [Self::Llama, Self::Qwen2, Self::Qwen3, Self::Cwm];

    /// What `config.json` calls it in `model_type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Cwm => "cwm",
        }
    }

    /// The class that `config.json` names in `architectures`.
    fn class(self) -> &'static str {
        match self {
            Self::Llama => "LlamaForCausalLM",
            Self::Qwen2 => "Qwen2ForCausalLM",
            Self::Qwen3 => "Qwen3ForCausalLM",
            Self::Cwm => "CwmForCausalLM",
        }
    }
}

/// Which tokens the queries of a layer attend to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum LayerType {
    /// All tokens up to their own.
    #[serde(rename = "full_attention")]
    Full,
    /// The last [`ModelConfig::sliding_window`] tokens up to their own.
    #[serde(rename = "sliding_attention")]
    Sliding,
}

/// The type of the weights in a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum WeightType {
    /// 32-bit floats, in which the models of this crate compute.
    #[default]
    #[serde(rename = "float32")]
    F32,
    /// 16-bit floats of IEEE 754.
    #[serde(rename = "float16")]
    F16,
    /// The upper halves of 32-bit floats.
    #[serde(rename = "bfloat16")]
    Bf16,
}

/// A model's shape, with every default resolved.
///
/// It is read from and written as Hugging Face's `config.json`; what is written is understood by
/// version 4 and version 5 of transformers. Fields of the file that ask for something which is not
/// implemented are refused, other unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "hf::HfConfig", into = "hf::HfConfig")]
#[non_exhaustive]
pub struct ModelConfig {
    /// The family, which decides what of the following is possible.
    pub architecture: Architecture,
    /// Number of rows of the embedding: every token id is below it.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Number of decoder layers.
    pub num_hidden_layers: usize,
    /// Number of query heads.
    pub num_attention_heads: usize,
    /// Number of key and value heads; divides the number of query heads.
    pub num_key_value_heads: usize,
    /// Width of one head; even, because RoPE rotates pairs.
    pub head_dim: usize,
    /// The longest sequence, in tokens.
    pub max_position_embeddings: usize,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// How the rotary frequencies are scaled for long contexts.
    pub rope_scaling: RopeScaling,
    /// Added to the mean square before the root.
    pub rms_norm_eps: f64,
    /// Whether the output head is the embedding itself.
    pub tie_word_embeddings: bool,
    /// Whether the query, key and value projections have biases: always in Qwen2, never in CWM.
    pub attention_bias: bool,
    /// Whether the output projection of the attention has a bias: as `attention_bias` in Llama and
    /// Qwen3, never in Qwen2 and CWM.
    pub attention_output_bias: bool,
    /// Whether the feed-forward projections have biases: possible in Llama and CWM.
    pub mlp_bias: bool,
    /// How many tokens a query of a [`LayerType::Sliding`] layer sees, its own included.
    pub sliding_window: Option<usize>,
    /// What each layer sees; when empty, all layers see everything.
    pub layer_types: Vec<LayerType>,
    /// The token that starts a sequence.
    pub bos_token_id: Option<u32>,
    /// The tokens that end an answer, as the files of the model say. Generation ends at those of the
    /// tokenizer ([`Tokenizer::ends`](crate::Tokenizer::ends)), which reads the same files.
    pub eos_token_ids: Vec<u32>,
    /// The type of the weights in the checkpoint that this configuration describes.
    pub dtype: WeightType,
}

impl ModelConfig {
    /// The built-in policy: Qwen3 with 4 wide layers, 2.8 million parameters with a vocabulary of
    /// 2,048.
    ///
    /// Wide and shallow, because on a CPU the number of operations costs more than their size.
    pub fn tiny(vocab_size: usize) -> Self {
        Self {
            architecture: Architecture::Qwen3,
            vocab_size,
            hidden_size: 256,
            intermediate_size: 512,
            num_hidden_layers: 4,
            num_attention_heads: 8,
            num_key_value_heads: 2,
            head_dim: 32,
            max_position_embeddings: 4096,
            rope_theta: 10_000.0,
            rope_scaling: RopeScaling::None,
            rms_norm_eps: 1e-6,
            tie_word_embeddings: true,
            attention_bias: false,
            attention_output_bias: false,
            mlp_bias: false,
            sliding_window: None,
            layer_types: Vec::new(),
            bos_token_id: None,
            eos_token_ids: Vec::new(),
            dtype: WeightType::F32,
        }
    }

    /// A model of the size of [`Self::tiny`] with the features of an architecture: the scaled
    /// frequencies of Llama 3, the biases of Qwen2, the windows of CWM (32 tokens in three of four
    /// layers).
    pub fn tiny_of(architecture: Architecture, vocab_size: usize) -> Self {
        let tiny = Self { architecture, ..Self::tiny(vocab_size) };
        let llama3 = RopeScaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 512,
        };
        match architecture {
            Architecture::Llama => Self {
                rope_theta: 500_000.0,
                rope_scaling: llama3,
                rms_norm_eps: 1e-5,
                tie_word_embeddings: false,
                ..tiny
            },
            Architecture::Qwen2 => Self { rope_theta: 1_000_000.0, attention_bias: true, ..tiny },
            Architecture::Qwen3 => tiny,
            Architecture::Cwm => Self {
                rope_theta: 1_000_000.0,
                rope_scaling: llama3,
                rms_norm_eps: 1e-5,
                tie_word_embeddings: false,
                sliding_window: Some(32),
                layer_types: hf::cwm_layer_types(tiny.num_hidden_layers),
                ..tiny
            },
        }
    }

    /// Reads and validates a `config.json`.
    ///
    /// # Errors
    /// When the file cannot be read, is not such a JSON object, or fails [`Self::validate`].
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = crate::read::read_at_most(path, MAX_CONFIG_BYTES)?;
        let file: hf::HfConfig = serde_json::from_slice(&bytes)
            .map_err(|e| Error::file_from(path, "not a model configuration: ", e))?;
        Self::try_from(file)
    }

    /// How many tokens a query of a layer sees, its own included: position `q` sees `k` with
    /// `q - window < k <= q`, as in transformers. `None` when it sees all up to its own.
    pub fn window(&self, layer: usize) -> Option<usize> {
        match self.layer_types.get(layer) {
            Some(LayerType::Sliding) => self.sliding_window,
            Some(LayerType::Full) | None => None,
        }
    }

    /// Whether every head of the queries and keys is normalised before it is rotated.
    pub fn has_qk_norm(&self) -> bool {
        self.architecture == Architecture::Qwen3
    }

    /// The angles per position of the pairs of a head, `head_dim / 2` numbers, scaled as
    /// [`Self::rope_scaling`] says and computed in `f32` as transformers does.
    pub fn rope_frequencies(&self) -> Vec<f32> {
        self.rope_scaling.frequencies(self.rope_theta, self.head_dim)
    }

    /// Number of parameters of a model of this shape, tied weights counted once.
    pub fn num_parameters(&self) -> usize {
        usize::try_from(self.parameters()).unwrap_or(usize::MAX)
    }

    fn parameters(&self) -> u64 {
        let sum = self.tensors().into_iter().map(|(_, shape)| {
            shape.iter().fold(1u64, |product, &size| product.saturating_mul(size as u64))
        });
        sum.fold(0, u64::saturating_add)
    }

    /// Every tensor's Hugging Face name and shape, in the order in which they are kept.
    pub(crate) fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (hidden, middle, dim) = (self.hidden_size, self.intermediate_size, self.head_dim);
        let queries = self.num_attention_heads.saturating_mul(dim);
        let keys = self.num_key_value_heads.saturating_mul(dim);
        let (qkv, out, mlp) = (self.attention_bias, self.attention_output_bias, self.mlp_bias);
        let mut tensors = Tensors(Vec::new());
        tensors.add("model.embed_tokens", &[self.vocab_size, hidden], false);
        for layer in 0..self.num_hidden_layers {
            let mut add = |name: &str, shape: &[usize], bias| {
                tensors.add(&format!("model.layers.{layer}.{name}"), shape, bias);
            };
            add("input_layernorm", &[hidden], false);
            add("self_attn.q_proj", &[queries, hidden], qkv);
            add("self_attn.k_proj", &[keys, hidden], qkv);
            add("self_attn.v_proj", &[keys, hidden], qkv);
            if self.has_qk_norm() {
                add("self_attn.q_norm", &[dim], false);
                add("self_attn.k_norm", &[dim], false);
            }
            add("self_attn.o_proj", &[hidden, queries], out);
            add("post_attention_layernorm", &[hidden], false);
            add("mlp.gate_proj", &[middle, hidden], mlp);
            add("mlp.up_proj", &[middle, hidden], mlp);
            add("mlp.down_proj", &[hidden, middle], mlp);
        }
        tensors.add("model.norm", &[hidden], false);
        if !self.tie_word_embeddings {
            tensors.add("lm_head", &[self.vocab_size, hidden], false);
        }
        tensors.0
    }
}

struct Tensors(Vec<(String, Vec<usize>)>);

impl Tensors {
    fn add(&mut self, name: &str, shape: &[usize], bias: bool) {
        self.0.push((format!("{name}.weight"), shape.to_vec()));
        if bias {
            self.0.push((format!("{name}.bias"), vec![shape[0]]));
        }
    }
}

fn config_error<T>(field: &'static str, problem: impl Into<String>) -> Result<T> {
    Err(Error::Config { field, problem: problem.into() })
}
