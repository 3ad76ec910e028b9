use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The largest `config.json` that is read, in bytes.
const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// The largest model that is accepted, in parameters (16 TiB of f32).
const MAX_PARAMETERS: u64 = 1 << 42;

/// A Qwen3 model's shape, as Hugging Face writes it to `config.json`.
///
/// Unknown fields are ignored; fields that ask for something which is not implemented (biases,
/// sliding windows, RoPE scaling, another activation) are refused by [`ModelConfig::validate`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// `qwen3`.
    #[serde(default = "default_model_type")]
    pub model_type: String,
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
    #[serde(default = "default_rope_theta")]
    pub rope_theta: f64,
    /// Added to the mean square before the root.
    #[serde(default = "default_rms_norm_eps")]
    pub rms_norm_eps: f64,
    /// Whether the output head is the embedding itself.
    #[serde(default)]
    pub tie_word_embeddings: bool,
    /// Activation of the feed-forward layer; only `silu` is implemented.
    #[serde(default = "default_hidden_act")]
    pub hidden_act: String,
    /// Whether the attention projections have biases; not implemented.
    #[serde(default)]
    pub attention_bias: bool,
    /// Whether some layers see a window only; not implemented.
    #[serde(default)]
    pub use_sliding_window: bool,
    /// Scaling of the rotary frequencies; not implemented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<serde_json::Value>,
    /// Where newer versions of transformers keep `rope_theta`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_parameters: Option<RopeParameters>,
}

/// The rotary settings of newer `config.json` files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RopeParameters {
    /// Base of the rotary frequencies; replaces [`ModelConfig::rope_theta`].
    #[serde(default = "default_rope_theta")]
    pub rope_theta: f64,
    /// Kind of scaling; only `default` is implemented.
    #[serde(default = "default_rope_type")]
    pub rope_type: String,
}

fn default_model_type() -> String {
    "qwen3".into()
}
fn default_rope_theta() -> f64 {
    10_000.0
}
fn default_rms_norm_eps() -> f64 {
    1e-6
}
fn default_hidden_act() -> String {
    "silu".into()
}
fn default_rope_type() -> String {
    "default".into()
}

impl ModelConfig {
    /// The built-in policy: 4 wide layers, 2.8 million parameters with a vocabulary of 2,048.
    ///
    /// Wide and shallow, because on a CPU the number of operations costs more than their size.
    pub fn tiny(vocab_size: usize) -> Self {
        Self {
            model_type: default_model_type(),
            vocab_size,
            hidden_size: 256,
            intermediate_size: 512,
            num_hidden_layers: 4,
            num_attention_heads: 8,
            num_key_value_heads: 2,
            head_dim: 32,
            max_position_embeddings: 4096,
            rope_theta: default_rope_theta(),
            rms_norm_eps: default_rms_norm_eps(),
            tie_word_embeddings: true,
            hidden_act: default_hidden_act(),
            attention_bias: false,
            use_sliding_window: false,
            rope_scaling: None,
            rope_parameters: None,
        }
    }

    /// Reads and validates a `config.json`.
    ///
    /// # Errors
    /// When the file cannot be read, is not such a JSON object, or fails [`Self::validate`].
    pub fn load(path: &Path) -> Result<Self> {
        let size = std::fs::metadata(path).map_err(Error::io(path))?.len();
        if size > MAX_CONFIG_BYTES {
            let problem = format!("{size} bytes, which is too large for a model configuration");
            return Err(Error::file(path, problem));
        }
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        let config: Self = serde_json::from_slice(&bytes)
            .map_err(|e| Error::file(path, format!("not a Qwen3 configuration: {e}")))?;
        config.validate()?;
        Ok(config)
    }

    /// Checks that a model of this shape can be built.
    ///
    /// # Errors
    /// [`Error::Config`] with the first field that is out of range or asks for something that is
    /// not implemented.
    pub fn validate(&self) -> Result<()> {
        self.validate_sizes()?;
        self.validate_features()?;
        if !(self.theta().is_finite() && self.theta() > 1.0) {
            return config_error("rope_theta", format!("is {}; it must exceed 1", self.theta()));
        }
        if !(self.rms_norm_eps > 0.0 && self.rms_norm_eps < 1.0) {
            let problem = format!("is {}; it must lie between 0 and 1", self.rms_norm_eps);
            return config_error("rms_norm_eps", problem);
        }
        Ok(())
    }

    fn validate_sizes(&self) -> Result<()> {
        let sizes = [
            ("vocab_size", self.vocab_size, 1 << 22),
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 20),
            ("num_hidden_layers", self.num_hidden_layers, 1 << 10),
            ("num_attention_heads", self.num_attention_heads, 1 << 10),
            ("num_key_value_heads", self.num_key_value_heads, 1 << 10),
            ("head_dim", self.head_dim, 1 << 10),
            // Positions are exact in the f32 angles up to 2²⁴.
            ("max_position_embeddings", self.max_position_embeddings, 1 << 24),
        ];
        for (field, value, max) in sizes {
            if value == 0 || value > max {
                return config_error(field, format!("is {value}; it must lie in 1..={max}"));
            }
        }
        if self.head_dim % 2 == 1 {
            return config_error("head_dim", format!("is {}; it must be even", self.head_dim));
        }
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            let problem = format!(
                "is {}, which does not divide the {} attention heads",
                self.num_key_value_heads, self.num_attention_heads
            );
            return config_error("num_key_value_heads", problem);
        }
        if self.parameters() > MAX_PARAMETERS {
            let problem = format!("gives {} parameters; no such model exists", self.parameters());
            return config_error("num_hidden_layers", problem);
        }
        Ok(())
    }

    fn validate_features(&self) -> Result<()> {
        let rope = self.rope_parameters.as_ref().map_or("default", |r| r.rope_type.as_str());
        let features = [
            ("model_type", self.model_type == "qwen3", "must be \"qwen3\""),
            ("hidden_act", self.hidden_act == "silu", "must be \"silu\""),
            ("attention_bias", !self.attention_bias, "must be false: biases are not implemented"),
            ("use_sliding_window", !self.use_sliding_window, "must be false: not implemented"),
            ("rope_scaling", self.rope_scaling.is_none(), "must be null: not implemented"),
            ("rope_parameters", rope == "default", "must have the rope_type \"default\""),
        ];
        match features.iter().find(|(_, supported, _)| !supported) {
            Some((field, _, problem)) => config_error(field, (*problem).to_owned()),
            None => Ok(()),
        }
    }

    /// The rotary base, wherever the file keeps it.
    pub(crate) fn theta(&self) -> f64 {
        self.rope_parameters.as_ref().map_or(self.rope_theta, |rope| rope.rope_theta)
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
        let mut tensors =
            vec![("model.embed_tokens.weight".to_owned(), vec![self.vocab_size, hidden])];
        for layer in 0..self.num_hidden_layers {
            let layer_tensors = [
                ("input_layernorm", vec![hidden]),
                ("self_attn.q_proj", vec![queries, hidden]),
                ("self_attn.k_proj", vec![keys, hidden]),
                ("self_attn.v_proj", vec![keys, hidden]),
                ("self_attn.q_norm", vec![dim]),
                ("self_attn.k_norm", vec![dim]),
                ("self_attn.o_proj", vec![hidden, queries]),
                ("post_attention_layernorm", vec![hidden]),
                ("mlp.gate_proj", vec![middle, hidden]),
                ("mlp.up_proj", vec![middle, hidden]),
                ("mlp.down_proj", vec![hidden, middle]),
            ];
            tensors.extend(
                layer_tensors
                    .map(|(name, shape)| (format!("model.layers.{layer}.{name}.weight"), shape)),
            );
        }
        tensors.push(("model.norm.weight".to_owned(), vec![hidden]));
        if !self.tie_word_embeddings {
            tensors.push(("lm_head.weight".to_owned(), vec![self.vocab_size, hidden]));
        }
        tensors
    }
}

fn config_error<T>(field: &'static str, problem: String) -> Result<T> {
    Err(Error::Config { field, problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tiny_model_is_valid_and_small() {
        let config = ModelConfig::tiny(2048);
        config.validate().unwrap();
        assert!((2_000_000..5_000_000).contains(&config.num_parameters()));
    }

    #[test]
    fn every_size_is_checked() {
        type Change = fn(&mut ModelConfig);
        let changes: [(&str, Change); 9] = [
            ("vocab_size", |c| c.vocab_size = 0),
            ("hidden_size", |c| c.hidden_size = usize::MAX),
            ("head_dim", |c| c.head_dim = 33),
            ("num_key_value_heads", |c| c.num_key_value_heads = 3),
            ("rope_theta", |c| c.rope_theta = f64::NAN),
            ("rms_norm_eps", |c| c.rms_norm_eps = -1.0),
            ("hidden_act", |c| c.hidden_act = "gelu".into()),
            ("attention_bias", |c| c.attention_bias = true),
            ("rope_scaling", |c| c.rope_scaling = Some(serde_json::json!({"type": "yarn"}))),
        ];
        for (field, change) in changes {
            let mut config = ModelConfig::tiny(300);
            change(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(field), "{field}: {message}");
        }
    }

    #[test]
    fn hostile_sizes_neither_overflow_nor_allocate() {
        let mut config = ModelConfig::tiny(1 << 22);
        config.hidden_size = 1 << 16;
        config.intermediate_size = 1 << 20;
        config.num_hidden_layers = 1 << 10;
        assert!(config.validate().is_err());
    }

    #[test]
    fn both_places_of_the_rotary_base_are_read() {
        let mut json = serde_json::to_value(ModelConfig::tiny(300)).unwrap();
        json["rope_parameters"] = serde_json::json!({"rope_theta": 5e5, "rope_type": "default"});
        let config: ModelConfig = serde_json::from_value(json).unwrap();
        assert_eq!(config.theta(), 5e5);
        assert_eq!(ModelConfig::tiny(300).theta(), 1e4);
    }
}
