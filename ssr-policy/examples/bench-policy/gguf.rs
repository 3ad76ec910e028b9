use std::path::Path;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use ssr_policy::{Model, Precision};

use crate::Result;

/// Writes a Qwen2 model as llama.cpp reads it, with a vocabulary of numbers.
pub fn write(model: &Model, precision: Precision, path: &Path) -> Result<()> {
    let config = model.config();
    let text = |text: &str| Value::String(text.to_owned());
    let number = |number: usize| Value::U32(number as u32);
    // The characters of the byte-level alphabet have to be there.
    let printable = (33u8..=126).map(|byte| char::from(byte).to_string());
    let tokens = printable.chain((0..config.vocab_size).map(|id| format!("t{id}t")));
    let tokens: Vec<Value> = tokens.take(config.vocab_size).map(Value::String).collect();
    let types = vec![Value::I32(1); config.vocab_size];
    let metadata = [
        ("general.architecture", text("qwen2")),
        ("qwen2.context_length", number(config.max_position_embeddings)),
        ("qwen2.embedding_length", number(config.hidden_size)),
        ("qwen2.block_count", number(config.num_hidden_layers)),
        ("qwen2.feed_forward_length", number(config.intermediate_size)),
        ("qwen2.attention.head_count", number(config.num_attention_heads)),
        ("qwen2.attention.head_count_kv", number(config.num_key_value_heads)),
        ("qwen2.attention.layer_norm_rms_epsilon", Value::F32(config.rms_norm_eps as f32)),
        ("qwen2.rope.freq_base", Value::F32(config.rope_theta as f32)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("qwen2")),
        ("tokenizer.ggml.tokens", Value::Array(tokens)),
        ("tokenizer.ggml.token_type", Value::Array(types)),
        ("tokenizer.ggml.merges", Value::Array(vec![text("a b")])),
        ("tokenizer.ggml.add_bos_token", Value::Bool(false)),
    ];
    let mut tensors: Vec<(String, QTensor)> = Vec::new();
    for (name, var) in model.vars() {
        let tensor = var.as_detached_tensor();
        let kind = match precision {
            Precision::Q8 if tensor.rank() == 2 => GgmlDType::Q8_0,
            _ => GgmlDType::F32,
        };
        tensors.push((rename(name), QTensor::quantize(&tensor, kind)?));
    }
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(name, v)| (*name, v)).collect();
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, t)| (&name[..], t)).collect();
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    gguf_file::write(&mut file, &metadata, &tensors)?;
    Ok(())
}

fn rename(name: &str) -> String {
    let pairs = [
        ("model.embed_tokens", "token_embd"),
        ("model.norm", "output_norm"),
        ("model.layers.", "blk."),
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"),
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
