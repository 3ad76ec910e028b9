//! A model of ours as llama.cpp reads it.

use std::path::Path;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use ssr_policy::{Model, Tokenizer};

/// Writes a Qwen3 model in `f32` with its tokenizer.
pub fn write(model: &Model, tokenizer: &Tokenizer, path: &Path) {
    let config = model.config();
    let text = |text: &str| Value::String(text.to_owned());
    let number = |number: usize| Value::U32(number as u32);
    let (tokens, merges) = vocabulary(tokenizer);
    let types = (0..tokens.len()).map(|id| {
        // 3 is a control token, 1 a normal one.
        Value::I32(if tokenizer.token_bytes(id as u32).is_empty() { 3 } else { 1 })
    });
    let texts = |texts: &[String]| Value::Array(texts.iter().map(|t| text(t)).collect());
    let metadata = [
        ("general.architecture", text("qwen3")),
        ("qwen3.context_length", number(config.max_position_embeddings)),
        ("qwen3.embedding_length", number(config.hidden_size)),
        ("qwen3.block_count", number(config.num_hidden_layers)),
        ("qwen3.feed_forward_length", number(config.intermediate_size)),
        ("qwen3.attention.head_count", number(config.num_attention_heads)),
        ("qwen3.attention.head_count_kv", number(config.num_key_value_heads)),
        ("qwen3.attention.key_length", number(config.head_dim)),
        ("qwen3.attention.value_length", number(config.head_dim)),
        ("qwen3.attention.layer_norm_rms_epsilon", Value::F32(config.rms_norm_eps as f32)),
        ("qwen3.rope.freq_base", Value::F32(config.rope_theta as f32)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("qwen2")),
        ("tokenizer.ggml.tokens", texts(&tokens)),
        ("tokenizer.ggml.token_type", Value::Array(types.collect())),
        ("tokenizer.ggml.merges", texts(&merges)),
        ("tokenizer.ggml.eos_token_id", Value::U32(tokenizer.end_of_message())),
        ("tokenizer.ggml.add_bos_token", Value::Bool(false)),
    ];
    let tensors: Vec<(String, QTensor)> = model
        .vars()
        .iter()
        .map(|(name, var)| {
            let tensor = var.as_detached_tensor();
            (rename(name), QTensor::quantize(&tensor, GgmlDType::F32).unwrap())
        })
        .collect();
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(name, v)| (*name, v)).collect();
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, t)| (&name[..], t)).collect();
    let mut file = std::fs::File::create(path).unwrap();
    gguf_file::write(&mut file, &metadata, &tensors).unwrap();
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

/// The tokens by id and the merges, as `tokenizer.json` has them.
fn vocabulary(tokenizer: &Tokenizer) -> (Vec<String>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    tokenizer.save(dir.path()).unwrap();
    let file = std::fs::read(dir.path().join("tokenizer.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let mut tokens = vec![String::new(); tokenizer.vocab_size()];
    for (token, id) in json["model"]["vocab"].as_object().unwrap() {
        tokens[id.as_u64().unwrap() as usize] = token.clone();
    }
    for added in json["added_tokens"].as_array().unwrap() {
        tokens[added["id"].as_u64().unwrap() as usize] = added["content"].as_str().unwrap().into();
    }
    let merge = |merge: &serde_json::Value| match merge {
        serde_json::Value::String(pair) => pair.clone(),
        pair => format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()),
    };
    (tokens, json["model"]["merges"].as_array().unwrap().iter().map(merge).collect())
}
