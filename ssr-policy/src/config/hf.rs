//! `config.json` as version 4 and version 5 of transformers write it.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Architecture, LayerType, ModelConfig, RopeScaling, WeightType, config_error};
use crate::error::{Error, Result};
use crate::read::read_json;

/// The fields that matter; what a file leaves out has the default of its architecture.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct HfConfig {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    architectures: Vec<String>,
    model_type: String,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    max_position_embeddings: Option<usize>,
    /// Version 4 keeps the base here and the scaling in `rope_scaling`, version 5 keeps both in
    /// `rope_parameters`.
    rope_theta: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rope_scaling: Option<HfRope>,
    rope_parameters: Option<HfRope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partial_rotary_factor: Option<f64>,
    rms_norm_eps: Option<f64>,
    #[serde(deserialize_with = "null_is_default")]
    tie_word_embeddings: bool,
    hidden_act: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attention_bias: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mlp_bias: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    use_sliding_window: Option<bool>,
    /// In Qwen, nothing and null differ.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    sliding_window: Option<Option<usize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_window_layers: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer_types: Option<Vec<LayerType>>,
    bos_token_id: TokenIds,
    eos_token_id: TokenIds,
    /// Version 5's name.
    dtype: Option<String>,
    /// Version 4's name.
    torch_dtype: Option<String>,
    #[serde(skip_serializing)]
    quantization_config: Option<Value>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct HfRope {
    #[serde(skip_serializing_if = "Option::is_none")]
    rope_theta: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rope_type: Option<String>,
    /// The older name of `rope_type`.
    #[serde(rename = "type", skip_serializing)]
    old_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    factor: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    low_freq_factor: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high_freq_factor: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_max_position_embeddings: Option<usize>,
    #[serde(skip_serializing)]
    partial_rotary_factor: Option<f64>,
    /// Version 5 allows parameters for each kind of layer.
    #[serde(skip_serializing)]
    full_attention: Option<Value>,
    #[serde(skip_serializing)]
    sliding_attention: Option<Value>,
}

fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Option<usize>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Token ids, of which there may be none, one or several.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(untagged)]
enum TokenIds {
    /// The field is not there.
    #[default]
    #[serde(skip)]
    Missing,
    None(()),
    One(u32),
    Several(Vec<u32>),
}

impl TokenIds {
    fn or(self, default: &[u32]) -> Vec<u32> {
        match self {
            Self::Missing => default.to_vec(),
            Self::None(()) => Vec::new(),
            Self::One(id) => vec![id],
            Self::Several(ids) => ids,
        }
    }
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The pattern of CWM: every fourth layer sees everything, the first one included.
pub(super) fn cwm_layer_types(layers: usize) -> Vec<LayerType> {
    let kind = |layer: usize| match layer.is_multiple_of(4) {
        true => LayerType::Full,
        false => LayerType::Sliding,
    };
    (0..layers).map(kind).collect()
}

impl TryFrom<HfConfig> for ModelConfig {
    type Error = Error;

    fn try_from(mut file: HfConfig) -> Result<Self> {
        let architecture = file.architecture()?;
        file.refuse_unsupported()?;
        let cwm = architecture == Architecture::Cwm;
        let (rope_theta, rope_scaling) = file.rope(architecture)?;
        let attention_bias = match architecture {
            Architecture::Qwen2 => true,
            Architecture::Cwm => false,
            _ => file.attention_bias.unwrap_or(false),
        };
        let (bos, eos): (&[u32], &[u32]) = match architecture {
            Architecture::Llama => (&[1], &[2]),
            Architecture::Cwm => (&[128_000], &[128_001, 128_008, 128_009]),
            Architecture::Qwen2 | Architecture::Qwen3 => (&[], &[]),
        };
        let positions = match architecture {
            Architecture::Llama => 2048,
            Architecture::Qwen2 | Architecture::Qwen3 => 32_768,
            Architecture::Cwm => 131_072,
        };
        let config = Self {
            architecture,
            vocab_size: file.vocab_size,
            hidden_size: file.hidden_size,
            intermediate_size: file.intermediate_size,
            num_hidden_layers: file.num_hidden_layers,
            num_attention_heads: file.num_attention_heads,
            num_key_value_heads: file.num_key_value_heads.unwrap_or(match architecture {
                Architecture::Cwm => 8,
                _ => file.num_attention_heads,
            }),
            head_dim: file.head_dim(architecture)?,
            max_position_embeddings: file.max_position_embeddings.unwrap_or(positions),
            rope_theta,
            rope_scaling,
            rms_norm_eps: file.rms_norm_eps.unwrap_or(if cwm { 1e-5 } else { 1e-6 }),
            tie_word_embeddings: file.tie_word_embeddings,
            attention_bias,
            attention_output_bias: attention_bias && architecture != Architecture::Qwen2,
            mlp_bias: match architecture {
                Architecture::Llama | Architecture::Cwm => file.mlp_bias.unwrap_or(false),
                Architecture::Qwen2 | Architecture::Qwen3 => false,
            },
            sliding_window: file.window(architecture),
            layer_types: file.take_layer_types(architecture)?,
            bos_token_id: std::mem::take(&mut file.bos_token_id).or(bos).first().copied(),
            eos_token_ids: std::mem::take(&mut file.eos_token_id).or(eos),
            dtype: file.dtype()?,
        };
        config.validate()?;
        Ok(config.normalised())
    }
}

impl HfConfig {
    fn architecture(&self) -> Result<Architecture> {
        let found = Architecture::ALL.into_iter().find(|a| a.name() == self.model_type);
        let Some(found) = found else {
            let problem = format!(
                "is {:?}; implemented are \"llama\", \"qwen2\", \"qwen3\" and \"cwm\"",
                self.model_type
            );
            return config_error("model_type", problem);
        };
        match self.architectures.as_slice() {
            [class] if class != found.class() => config_error(
                "architectures",
                format!("is [{class:?}]; only [{:?}] is implemented", found.class()),
            ),
            _ => Ok(found),
        }
    }

    fn refuse_unsupported(&self) -> Result<()> {
        let activation = self.hidden_act.as_deref().unwrap_or("silu");
        if activation != "silu" {
            let problem = format!("is {activation:?}; only \"silu\" is implemented");
            return config_error("hidden_act", problem);
        }
        if self.quantization_config.is_some() {
            let problem = "is set; load the unquantised checkpoint, or a GGUF file";
            return config_error("quantization_config", problem);
        }
        Ok(())
    }

    fn head_dim(&self, architecture: Architecture) -> Result<usize> {
        match (self.head_dim, architecture) {
            (Some(dim), _) => Ok(dim),
            (None, Architecture::Qwen3 | Architecture::Cwm) => Ok(128),
            (None, Architecture::Llama | Architecture::Qwen2) => {
                let (hidden, heads) = (self.hidden_size, self.num_attention_heads);
                match hidden.checked_rem(heads) {
                    Some(0) => Ok(hidden / heads),
                    _ => config_error(
                        "head_dim",
                        format!("is missing, and {heads} heads do not divide hidden_size {hidden}"),
                    ),
                }
            }
        }
    }

    fn rope(&self, architecture: Architecture) -> Result<(f64, RopeScaling)> {
        // What transformers looks at first.
        let (field, rope) = match (&self.rope_scaling, &self.rope_parameters) {
            (Some(rope), _) => ("rope_scaling", rope),
            (None, Some(rope)) => ("rope_parameters", rope),
            (None, None) => ("rope_scaling", &HfRope::default()),
        };
        let later = self.rope_parameters.as_ref().and_then(|rope| rope.rope_theta);
        let given = rope.rope_theta.or(self.rope_theta).or(later);
        let cwm = architecture == Architecture::Cwm;
        let theta = given.unwrap_or(if cwm { 1_000_000.0 } else { 10_000.0 });
        if rope.full_attention.is_some() || rope.sliding_attention.is_some() {
            return config_error(
                field,
                "differs between kinds of layers, which is not implemented",
            );
        }
        let partial = self.partial_rotary_factor.or(rope.partial_rotary_factor);
        if partial.is_some_and(|factor| factor != 1.0) {
            return config_error("partial_rotary_factor", "must be 1: the whole head is rotated");
        }
        if cwm && self.rope_scaling.is_none() && self.rope_parameters.is_none() {
            let scaling = RopeScaling::Llama3 {
                factor: 16.0,
                low_freq_factor: 1.0,
                high_freq_factor: 4.0,
                original_max_position_embeddings: 8192,
            };
            return Ok((theta, scaling));
        }
        Ok((theta, rope.scaling(field)?))
    }

    fn window(&self, architecture: Architecture) -> Option<usize> {
        match architecture {
            Architecture::Llama => None,
            Architecture::Qwen2 | Architecture::Qwen3 => {
                let used = self.use_sliding_window.unwrap_or(false);
                if used { self.sliding_window.unwrap_or(Some(4096)) } else { None }
            }
            Architecture::Cwm => Some(self.sliding_window.flatten().unwrap_or(8192)),
        }
    }

    fn take_layer_types(&mut self, architecture: Architecture) -> Result<Vec<LayerType>> {
        if architecture == Architecture::Llama {
            return Ok(Vec::new());
        }
        if let Some(types) = self.layer_types.take() {
            return match types.is_empty() {
                true => config_error("layer_types", "is empty; leave it out for the default"),
                false => Ok(types),
            };
        }
        // The number of layers has not been checked yet.
        let layers = self.num_hidden_layers.min(1 << 16);
        if architecture == Architecture::Cwm {
            return Ok(cwm_layer_types(layers));
        }
        if self.window(architecture).is_none() {
            return Ok(Vec::new());
        }
        let full = self.max_window_layers.unwrap_or(28).min(layers);
        let mut types = vec![LayerType::Full; full];
        types.resize(layers, LayerType::Sliding);
        Ok(types)
    }

    fn dtype(&self) -> Result<WeightType> {
        let name = self.dtype.as_deref().or(self.torch_dtype.as_deref()).unwrap_or("float32");
        match name.trim_start_matches("torch.") {
            "float32" => Ok(WeightType::F32),
            "float16" => Ok(WeightType::F16),
            "bfloat16" => Ok(WeightType::Bf16),
            other => config_error(
                "dtype",
                format!("is {other:?}; float32, float16 and bfloat16 are implemented"),
            ),
        }
    }
}

impl HfRope {
    fn scaling(&self, field: &'static str) -> Result<RopeScaling> {
        let kind = self.rope_type.as_deref().or(self.old_type.as_deref()).unwrap_or("default");
        let need = |name: &str, value: Option<f64>| match value {
            Some(value) => Ok(value),
            None => config_error(field, format!("of type {kind:?} needs {name}")),
        };
        match kind {
            "default" => Ok(RopeScaling::None),
            "linear" => Ok(RopeScaling::Linear { factor: need("factor", self.factor)? }),
            "llama3" => {
                let original = self.original_max_position_embeddings;
                need("original_max_position_embeddings", original.map(|n| n as f64))?;
                Ok(RopeScaling::Llama3 {
                    factor: need("factor", self.factor)?,
                    low_freq_factor: need("low_freq_factor", self.low_freq_factor)?,
                    high_freq_factor: need("high_freq_factor", self.high_freq_factor)?,
                    original_max_position_embeddings: original.unwrap_or_default(),
                })
            }
            other => config_error(
                field,
                format!(
                    "has type {other:?}; \"default\", \"linear\" and \"llama3\" are implemented"
                ),
            ),
        }
    }

    fn of(scaling: RopeScaling, rope_theta: Option<f64>) -> Self {
        let rope = Self { rope_theta, ..Self::default() };
        match scaling {
            RopeScaling::None => Self { rope_type: Some("default".into()), ..rope },
            RopeScaling::Linear { factor } => {
                Self { rope_type: Some("linear".into()), factor: Some(factor), ..rope }
            }
            RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings,
            } => Self {
                rope_type: Some("llama3".into()),
                factor: Some(factor),
                low_freq_factor: Some(low_freq_factor),
                high_freq_factor: Some(high_freq_factor),
                original_max_position_embeddings: Some(original_max_position_embeddings),
                ..rope
            },
        }
    }
}

/// The part of `generation_config.json` that matters.
#[derive(Default, Deserialize)]
#[serde(default)]
struct GenerationConfig {
    eos_token_id: TokenIds,
}

impl ModelConfig {
    /// Adds what a `generation_config.json` says: chat models often list more ends there.
    pub(crate) fn add_eos_token_ids(&mut self, path: &Path) -> Result<()> {
        let file: GenerationConfig = read_json(path)?;
        for id in file.eos_token_id.or(&[]) {
            if !self.eos_token_ids.contains(&id) {
                self.eos_token_ids.push(id);
            }
        }
        Ok(())
    }

    /// One form for equal models: layers that all see everything need no list.
    fn normalised(mut self) -> Self {
        if !self.layer_types.contains(&LayerType::Sliding) {
            self.layer_types = Vec::new();
            self.sliding_window = None;
        }
        self
    }
}

impl From<ModelConfig> for HfConfig {
    fn from(config: ModelConfig) -> Self {
        let config = config.normalised();
        let architecture = config.architecture;
        let qwen = matches!(architecture, Architecture::Qwen2 | Architecture::Qwen3);
        let windowed = !config.layer_types.is_empty();
        // Versions that do not know layer_types build them from this.
        let full = config.layer_types.iter().take_while(|&&kind| kind == LayerType::Full).count();
        let layer_types = match architecture {
            Architecture::Llama => None,
            _ if windowed => Some(config.layer_types),
            Architecture::Cwm => Some(vec![LayerType::Full; config.num_hidden_layers]),
            Architecture::Qwen2 | Architecture::Qwen3 => None,
        };
        let scaled = config.rope_scaling != RopeScaling::None;
        let dtype = match config.dtype {
            WeightType::F32 => "float32",
            WeightType::F16 => "float16",
            WeightType::Bf16 => "bfloat16",
        };
        let free_attention_bias = matches!(architecture, Architecture::Llama | Architecture::Qwen3);
        let free_mlp_bias = matches!(architecture, Architecture::Llama | Architecture::Cwm);
        Self {
            architectures: vec![architecture.class().into()],
            model_type: architecture.name().into(),
            vocab_size: config.vocab_size,
            hidden_size: config.hidden_size,
            intermediate_size: config.intermediate_size,
            num_hidden_layers: config.num_hidden_layers,
            num_attention_heads: config.num_attention_heads,
            num_key_value_heads: Some(config.num_key_value_heads),
            head_dim: Some(config.head_dim),
            max_position_embeddings: Some(config.max_position_embeddings),
            rope_theta: Some(config.rope_theta),
            rope_scaling: scaled.then(|| HfRope::of(config.rope_scaling, None)),
            rope_parameters: Some(HfRope::of(config.rope_scaling, Some(config.rope_theta))),
            partial_rotary_factor: None,
            rms_norm_eps: Some(config.rms_norm_eps),
            tie_word_embeddings: config.tie_word_embeddings,
            hidden_act: Some("silu".into()),
            attention_bias: free_attention_bias.then_some(config.attention_bias),
            mlp_bias: free_mlp_bias.then_some(config.mlp_bias),
            use_sliding_window: qwen.then_some(windowed),
            sliding_window: config.sliding_window.map(Some),
            max_window_layers: qwen.then_some(if windowed {
                full
            } else {
                config.num_hidden_layers
            }),
            layer_types,
            bos_token_id: config.bos_token_id.map_or(TokenIds::None(()), TokenIds::One),
            eos_token_id: match *config.eos_token_ids.as_slice() {
                [] => TokenIds::None(()),
                [id] => TokenIds::One(id),
                _ => TokenIds::Several(config.eos_token_ids),
            },
            dtype: Some(dtype.into()),
            torch_dtype: Some(dtype.into()),
            quantization_config: None,
        }
    }
}
