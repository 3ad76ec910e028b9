//! A model of ours as llama.cpp reads it, for tests and measurements.

use std::path::Path;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use ssr_policy::{Architecture, Model};

/// A byte-level vocabulary, as `tokenizer.json` has it.
pub struct Vocabulary {
    /// By their ids.
    pub tokens: Vec<String>,
    /// Whether a token is a mark instead of text.
    pub is_control: Vec<bool>,
    pub merges: Vec<String>,
    /// Ends an answer.
    pub end: Option<u32>,
}

/// Writes a Qwen2 or Qwen3 model whose matrices have the type `kind`.
pub fn write(
    model: &Model,
    vocabulary: &Vocabulary,
    kind: GgmlDType,
    path: &Path,
) -> candle_core::Result<()> {
    let config = model.config();
    let name = match config.architecture {
        Architecture::Qwen2 => "qwen2",
        Architecture::Qwen3 => "qwen3",
        other => candle_core::bail!("no GGUF of {other:?} is written"),
    };
    let text = |text: &str| Value::String(text.to_owned());
    let texts = |texts: &[String]| Value::Array(texts.iter().map(|t| text(t)).collect());
    let number = |number: usize| Value::U32(number as u32);
    // 3 is a control token, 1 a normal one.
    let types = vocabulary.is_control.iter().map(|is| Value::I32(if *is { 3 } else { 1 }));
    let sizes = [
        ("context_length", number(config.max_position_embeddings)),
        ("embedding_length", number(config.hidden_size)),
        ("block_count", number(config.num_hidden_layers)),
        ("feed_forward_length", number(config.intermediate_size)),
        ("attention.head_count", number(config.num_attention_heads)),
        ("attention.head_count_kv", number(config.num_key_value_heads)),
        ("attention.key_length", number(config.head_dim)),
        ("attention.value_length", number(config.head_dim)),
        ("attention.layer_norm_rms_epsilon", Value::F32(config.rms_norm_eps as f32)),
        ("rope.freq_base", Value::F32(config.rope_theta as f32)),
    ];
    let mut settings: Vec<(String, Value)> =
        sizes.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)).collect();
    let mut set = |key: &str, value: Value| settings.push((key.to_owned(), value));
    set("general.architecture", text(name));
    set("tokenizer.ggml.model", text("gpt2"));
    set("tokenizer.ggml.pre", text("qwen2"));
    set("tokenizer.ggml.tokens", texts(&vocabulary.tokens));
    set("tokenizer.ggml.token_type", Value::Array(types.collect()));
    set("tokenizer.ggml.merges", texts(&vocabulary.merges));
    set("tokenizer.ggml.add_bos_token", Value::Bool(false));
    if let Some(end) = vocabulary.end {
        set("tokenizer.ggml.eos_token_id", Value::U32(end));
    }
    let tensors = model.vars().iter().map(|(name, var)| {
        let tensor = var.as_detached_tensor();
        let kind = if tensor.rank() == 2 { kind } else { GgmlDType::F32 };
        Ok((rename(name), QTensor::quantize(&tensor, kind)?))
    });
    let tensors: Vec<(String, QTensor)> = tensors.collect::<candle_core::Result<_>>()?;
    let settings: Vec<(&str, &Value)> = settings.iter().map(|(key, v)| (&key[..], v)).collect();
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, t)| (&name[..], t)).collect();
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    gguf_file::write(&mut file, &settings, &tensors)?;
    file.into_inner().map_err(|error| error.into_error())?;
    Ok(())
}

fn rename(name: &str) -> String {
    let pairs = [
        ("model.embed_tokens", "token_embd"),
        ("model.norm", "output_norm"),
        ("lm_head", "output"),
        ("model.layers.", "blk."),
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"),
        ("self_attn.q_norm", "attn_q_norm"),
        ("self_attn.k_norm", "attn_k_norm"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
    ];
    pairs.iter().fold(name.to_owned(), |name, (from, to)| name.replace(from, to))
}
