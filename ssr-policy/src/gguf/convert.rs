//! Names, settings and row orders of GGUF in Hugging Face's terms.

use std::collections::HashSet;
use std::f64::consts::TAU;

use half::{bf16, f16};

use super::header::{Header, Value};
use super::kind::Kind;
use super::vocabulary;
use crate::config::{Architecture, ModelConfig, RopeScaling, WeightType};

/// Factors of the frequencies of Llama 3.
pub(super) const FACTORS: &str = "rope_freqs.weight";

/// The configuration of a file with these factors of the frequencies.
pub(super) fn config(header: &Header, factors: Option<&[f32]>) -> Result<ModelConfig, String> {
    let name = match header.setting("general.architecture") {
        Some(Value::Text(name)) => name.as_str(),
        _ => return Err("general.architecture is missing; is this a language model?".into()),
    };
    let architecture = match name {
        "llama" => Architecture::Llama,
        "qwen2" => Architecture::Qwen2,
        "qwen3" => Architecture::Qwen3,
        other => {
            return Err(format!(
                "general.architecture is {other:?}; \"llama\", \"qwen2\" and \"qwen3\" are \
                 implemented"
            ));
        }
    };
    let settings = Settings { header, name };
    settings.refuse_unsupported()?;
    let embedding = header.tensor("token_embd.weight").ok_or("token_embd.weight is missing")?;
    let (vocab_size, hidden_size) = match embedding.shape[..] {
        [rows, columns] => (rows, columns),
        _ => return Err(format!("token_embd.weight has shape {:?}", embedding.shape)),
    };
    let heads = settings.size("attention.head_count")?;
    let head_dim = match settings.optional_size("attention.key_length")? {
        Some(dim) => dim,
        None => hidden_size.checked_div(heads).unwrap_or(0),
    };
    let has = |tensor: &str| header.tensor(&format!("blk.0.{tensor}")).is_some();
    let theta = settings.float("rope.freq_base")?.unwrap_or(10_000.0);
    Ok(ModelConfig {
        architecture,
        vocab_size,
        hidden_size,
        intermediate_size: settings.size("feed_forward_length")?,
        num_hidden_layers: settings.size("block_count")?,
        num_attention_heads: heads,
        num_key_value_heads: settings.optional_size("attention.head_count_kv")?.unwrap_or(heads),
        head_dim,
        max_position_embeddings: settings.size("context_length")?,
        rope_theta: theta,
        rope_scaling: settings.scaling(theta, factors)?,
        rms_norm_eps: settings.float("attention.layer_norm_rms_epsilon")?.unwrap_or(1e-6),
        tie_word_embeddings: header.tensor("output.weight").is_none(),
        attention_bias: has("attn_q.bias"),
        attention_output_bias: has("attn_output.bias"),
        mlp_bias: has("ffn_gate.bias"),
        sliding_window: None,
        layer_types: Vec::new(),
        bos_token_id: vocabulary::id(header, "bos_token_id"),
        eos_token_ids: vocabulary::ends(header),
        dtype: match embedding.kind {
            Kind::F16 => WeightType::F16,
            Kind::Bf16 => WeightType::Bf16,
            _ => WeightType::F32,
        },
    })
}

struct Settings<'a> {
    header: &'a Header,
    /// Of the architecture, before the names of its settings.
    name: &'a str,
}

impl Settings<'_> {
    fn get(&self, field: &str) -> Option<&Value> {
        self.header.setting(&format!("{}.{field}", self.name))
    }

    fn size(&self, field: &str) -> Result<usize, String> {
        self.optional_size(field)?.ok_or_else(|| format!("{}.{field} is missing", self.name))
    }

    fn optional_size(&self, field: &str) -> Result<Option<usize>, String> {
        match self.get(field) {
            None => Ok(None),
            Some(&Value::Integer(value)) => Ok(Some(usize::try_from(value).unwrap_or(usize::MAX))),
            Some(other) => Err(format!("{}.{field} is {other:?}", self.name)),
        }
    }

    fn float(&self, field: &str) -> Result<Option<f64>, String> {
        match self.get(field) {
            None => Ok(None),
            Some(&Value::Float(value)) => Ok(Some(value)),
            Some(other) => Err(format!("{}.{field} is {other:?}", self.name)),
        }
    }

    fn refuse_unsupported(&self) -> Result<(), String> {
        for field in ["expert_count", "attention.sliding_window"] {
            if self.optional_size(field)?.is_some_and(|value| value != 0) {
                return Err(format!("{}.{field} is set, which is not implemented", self.name));
            }
        }
        let key = self.optional_size("attention.key_length")?;
        let (hidden, heads) =
            (self.optional_size("embedding_length")?, self.optional_size("attention.head_count")?);
        let width = key.or(hidden.zip(heads).and_then(|(hidden, heads)| hidden.checked_div(heads)));
        for field in ["attention.value_length", "rope.dimension_count"] {
            let value = self.optional_size(field)?;
            if value.is_some() && value != width {
                let value = value.unwrap_or_default();
                return Err(format!("{}.{field} is {value}, not the width of a head", self.name));
            }
        }
        match self.header.setting("split.count") {
            Some(Value::Integer(count)) if *count > 1 => {
                Err(format!("one of {count} parts; merge them with llama-gguf-split"))
            }
            _ => Ok(()),
        }
    }

    fn scaling(&self, theta: f64, factors: Option<&[f32]>) -> Result<RopeScaling, String> {
        // Old files have another name for it and no type.
        let factor = match self.float("rope.scaling.factor")? {
            None => self.float("rope.scale_linear")?,
            factor => factor,
        };
        let kind = match self.get("rope.scaling.type") {
            Some(Value::Text(kind)) => kind.as_str(),
            _ => "linear",
        };
        match kind {
            "none" => {}
            "linear" => {
                // Both are how files say that nothing is scaled.
                if let Some(factor) = factor.filter(|factor| *factor != 0.0 && *factor != 1.0) {
                    return Ok(RopeScaling::Linear { factor });
                }
            }
            other => return Err(format!("rope.scaling.type {other:?} is not implemented")),
        }
        match factors {
            Some(factors) => llama3(theta, factors)
                .ok_or_else(|| format!("{FACTORS} is not a scaling of Llama 3 that is known")),
            None => Ok(RopeScaling::None),
        }
    }
}

/// The scaling of which llama.cpp keeps the results only: every frequency is divided by a factor.
/// The bounds of the interpolation are always 1 and 4; the original context is tried.
fn llama3(theta: f64, factors: &[f32]) -> Option<RopeScaling> {
    let factor = f64::from(factors.iter().copied().fold(1.0, f32::max));
    let (low, high) = (1.0, 4.0);
    let found = (6..=20).map(|power| 1usize << power).find(|&context| {
        factors.iter().enumerate().all(|(pair, &given)| {
            let wave = TAU * theta.powf(pair as f64 / factors.len() as f64);
            let kept = ((context as f64 / wave - low) / (high - low)).clamp(0.0, 1.0);
            let expected = 1.0 / ((1.0 - kept) / factor + kept);
            (f64::from(given) - expected).abs() <= 1e-4 * expected
        })
    })?;
    Some(RopeScaling::Llama3 {
        factor,
        low_freq_factor: low,
        high_freq_factor: high,
        original_max_position_embeddings: found,
    })
}

/// What a tensor of a checkpoint is called in GGUF.
pub(super) fn tensor_name(name: &str) -> String {
    let (tensor, suffix) = name.rsplit_once('.').unwrap_or((name, ""));
    let theirs = match tensor {
        "model.embed_tokens" => "token_embd".to_owned(),
        "model.norm" => "output_norm".to_owned(),
        "lm_head" => "output".to_owned(),
        _ => {
            let (layer, part) = tensor
                .strip_prefix("model.layers.")
                .and_then(|rest| rest.split_once('.'))
                .unwrap_or(("", tensor));
            let part = match part {
                "input_layernorm" => "attn_norm",
                "self_attn.q_proj" => "attn_q",
                "self_attn.k_proj" => "attn_k",
                "self_attn.v_proj" => "attn_v",
                "self_attn.o_proj" => "attn_output",
                "self_attn.q_norm" => "attn_q_norm",
                "self_attn.k_norm" => "attn_k_norm",
                "post_attention_layernorm" => "ffn_norm",
                "mlp.gate_proj" => "ffn_gate",
                "mlp.up_proj" => "ffn_up",
                "mlp.down_proj" => "ffn_down",
                other => other,
            };
            format!("blk.{layer}.{part}")
        }
    };
    format!("{theirs}.{suffix}")
}

/// Refuses weights that the configuration has no place for.
pub(super) fn refuse_others(header: &Header, config: &ModelConfig) -> Result<(), String> {
    let known: HashSet<String> =
        config.tensors().into_iter().map(|(name, _)| tensor_name(&name)).collect();
    match header.tensor_names().find(|&name| !known.contains(name) && name != FACTORS) {
        Some(name) => Err(format!("holds the tensor {name}, which the model has no place for")),
        None => Ok(()),
    }
}

/// The order of the rows of queries and keys: llama.cpp rotates neighbours where transformers
/// rotates the halves of a head, and reorders the weights of Llama for that.
pub(super) struct Rotated {
    head_dim: usize,
    inputs: usize,
}

pub(super) fn rotated_rows(config: &ModelConfig) -> Option<Rotated> {
    let rotated = config.architecture == Architecture::Llama;
    rotated.then_some(Rotated { head_dim: config.head_dim, inputs: config.hidden_size })
}

impl Rotated {
    /// Puts the rows of a tensor back, if it is one of those.
    pub(super) fn restore(&self, name: &str, values: &mut [f32]) {
        let (tensor, suffix) = name.rsplit_once('.').unwrap_or((name, ""));
        if !tensor.ends_with("q_proj") && !tensor.ends_with("k_proj") {
            return;
        }
        let width = if suffix == "bias" { 1 } else { self.inputs };
        for head in values.chunks_exact_mut(self.head_dim * width) {
            let theirs = head.to_vec();
            for (pair, rows) in theirs.chunks(2 * width).enumerate() {
                let (first, second) = rows.split_at(width);
                head[pair * width..][..width].copy_from_slice(first);
                head[(self.head_dim / 2 + pair) * width..][..width].copy_from_slice(second);
            }
        }
    }
}

/// Elements as `f32`.
pub(super) fn widen(kind: Kind, bytes: &[u8]) -> Vec<f32> {
    match kind {
        Kind::F32 => bytes.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect(),
        Kind::F16 => {
            bytes.as_chunks().0.iter().map(|&word| f16::from_le_bytes(word).to_f32()).collect()
        }
        Kind::Bf16 => {
            bytes.as_chunks().0.iter().map(|&word| bf16::from_le_bytes(word).to_f32()).collect()
        }
        Kind::Blocks(blocks) => blocks.widen(bytes),
        Kind::Other(_) => Vec::new(),
    }
}
