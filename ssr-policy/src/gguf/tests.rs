//! GGUF files that llama.cpp and candle write, and files that are wrong.

use candle_core::quantized::gguf_file::{self, Content};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Tensor};
use proptest::prelude::*;
use ssr_core::Seed;

use super::*;
use crate::config::{Architecture, ModelConfig, RopeScaling};

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// See `tests/fixtures/make_gguf.py`.
#[test]
fn what_llama_cpp_converts_is_read_back() {
    let files = ["llama3-f32", "llama3-q8_0", "llama2-bf16", "qwen2-f16", "qwen3-q8_0"];
    for file in files {
        let (name, kind) = file.split_once('-').unwrap();
        let original = Model::load(&fixture("models").join(name)).unwrap();
        let model = Model::load_gguf(&fixture("gguf").join(format!("{file}.gguf"))).unwrap();
        // The file says neither where the windows of this Qwen2 are nor that Llama has no ends.
        let expected = ModelConfig {
            sliding_window: None,
            layer_types: Vec::new(),
            dtype: model.config().dtype,
            ..original.config().clone()
        };
        assert_eq!(model.config(), &expected, "{file}");
        for ((name, ours), (_, theirs)) in model.vars().iter().zip(original.vars()) {
            let theirs = theirs.as_tensor();
            let expected = match kind {
                _ if theirs.rank() == 1 => theirs.clone(),
                "f32" => theirs.clone(),
                "f16" => theirs.to_dtype(DType::F16).unwrap().to_dtype(DType::F32).unwrap(),
                "bf16" => theirs.to_dtype(DType::BF16).unwrap().to_dtype(DType::F32).unwrap(),
                // What llama.cpp does to rows that are no multiple of a block.
                _ if theirs.dim(1).unwrap() % 32 != 0 => {
                    theirs.to_dtype(DType::F16).unwrap().to_dtype(DType::F32).unwrap()
                }
                _ => {
                    let blocks = QTensor::quantize(theirs, GgmlDType::Q8_0).unwrap();
                    blocks.dequantize(&Device::Cpu).unwrap()
                }
            };
            assert_eq!(flat(ours.as_tensor()), flat(&expected), "{file}: {name}");
        }
    }
}

/// A Qwen2 of two layers, written by candle.
fn written(kind: GgmlDType) -> (Model, Vec<u8>) {
    written_with(kind, &[])
}

fn written_with(kind: GgmlDType, more: &[(&str, gguf_file::Value)]) -> (Model, Vec<u8>) {
    let config = ModelConfig {
        hidden_size: 64,
        intermediate_size: 96,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        ..ModelConfig::tiny_of(Architecture::Qwen2, 300)
    };
    let model = Model::new(config, Seed::new(1)).unwrap();
    let config = model.config();
    let number = |value: usize| gguf_file::Value::U32(value as u32);
    let text = |value: &str| gguf_file::Value::String(value.to_owned());
    let settings = [
        ("general.architecture", text("qwen2")),
        ("qwen2.block_count", number(config.num_hidden_layers)),
        ("qwen2.context_length", number(config.max_position_embeddings)),
        ("qwen2.embedding_length", number(config.hidden_size)),
        ("qwen2.feed_forward_length", number(config.intermediate_size)),
        ("qwen2.attention.head_count", number(config.num_attention_heads)),
        ("qwen2.attention.head_count_kv", number(config.num_key_value_heads)),
        ("qwen2.rope.freq_base", gguf_file::Value::F32(config.rope_theta as f32)),
        ("qwen2.attention.layer_norm_rms_epsilon", gguf_file::Value::F32(1e-6)),
        ("tokenizer.ggml.tokens", gguf_file::Value::Array(vec![text("a"), text("b")])),
        ("tokenizer.ggml.scores", gguf_file::Value::Array(vec![gguf_file::Value::F32(1.0)])),
        ("tokenizer.ggml.eos_token_id", number(7)),
    ];
    let tensors: Vec<(String, QTensor)> = model
        .vars()
        .iter()
        .map(|(name, var)| {
            let kind = if var.rank() == 1 { GgmlDType::F32 } else { kind };
            (convert::tensor_name(name), QTensor::quantize(var, kind).unwrap())
        })
        .collect();
    let mut file = std::io::Cursor::new(Vec::new());
    let settings = settings.iter().chain(more).map(|(name, value)| (*name, value));
    let settings: Vec<_> = settings.collect();
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    gguf_file::write(&mut file, &settings, &tensors).unwrap();
    (model, file.into_inner())
}

fn load(bytes: &[u8]) -> Result<Model> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    std::fs::write(&path, bytes).unwrap();
    Model::load_gguf(&path)
}

#[test]
fn every_type_is_read_as_candle_reads_it() {
    use GgmlDType::{BF16, F16, F32, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0};
    for kind in [F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1] {
        let (model, file) = written(kind);
        let loaded = load(&file).unwrap();
        assert_eq!(loaded.config().eos_token_ids, [7]);
        assert_eq!(loaded.config().num_parameters(), model.config().num_parameters());
        let mut reader = std::io::Cursor::new(&file);
        let content = Content::read(&mut reader).unwrap();
        for (name, var) in loaded.vars() {
            let name = convert::tensor_name(name);
            let theirs = content.tensor(&mut reader, &name, &Device::Cpu).unwrap();
            let theirs = theirs.dequantize(&Device::Cpu).unwrap();
            assert_eq!(flat(var.as_tensor()), flat(&theirs), "{kind:?}: {name}");
            // Quantising again finds the same blocks.
            if matches!(kind, Q8_0 | Q4_0) && var.rank() == 2 {
                let again = QTensor::quantize(var, kind).unwrap();
                let again = flat(&again.dequantize(&Device::Cpu).unwrap());
                assert_eq!(again, flat(&theirs), "{kind:?}: {name}");
            }
        }
    }
}

#[test]
fn files_that_lie_are_refused() {
    let (_, file) = written(GgmlDType::Q8_0);
    let find = |text: &[u8]| file.windows(text.len()).position(|w| w == text).unwrap();
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = file.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        load(&changed).unwrap_err().to_string()
    };
    let refuse = |error: String, reason: &str| assert!(error.contains(reason), "{error}");
    refuse(with(0, b"GGML"), "does not begin with GGUF");
    refuse(with(4, &1u32.to_le_bytes()), "version 1");
    refuse(with(8, &u64::MAX.to_le_bytes()), "tensors");
    refuse(with(16, &u64::MAX.to_le_bytes()), "settings");
    refuse(with(24, &(1u64 << 60).to_le_bytes()), "truncated");
    refuse(with(24, &(1u64 << 63).to_le_bytes()), "truncated");
    let architecture = find(b"general.architecture") + 20;
    refuse(with(architecture, &99u32.to_le_bytes()), "unknown type 99");
    refuse(with(architecture + 12, b"gpt-2"), "\"gpt-2\"");
    let tokens = find(b"tokenizer.ggml.tokens") + 21;
    refuse(with(tokens + 4, &9u32.to_le_bytes()), "a list of the type 9");
    refuse(with(tokens + 8, &u64::MAX.to_le_bytes()), "truncated");
    let scores = find(b"tokenizer.ggml.scores") + 21;
    refuse(with(scores + 8, &u64::MAX.to_le_bytes()), "truncated");
    let layers = find(b"qwen2.block_count") + 21;
    refuse(with(layers, &u32::MAX.to_le_bytes()), "num_hidden_layers");
    refuse(with(layers, &3u32.to_le_bytes()), "blk.2.attn_norm.weight is missing");
    refuse(with(layers, &1u32.to_le_bytes()), "no place for");
    let query = find(b"blk.1.attn_q.weight") + 19;
    refuse(with(query, &7u32.to_le_bytes()), "7 dimensions");
    refuse(with(query + 4, &u64::MAX.to_le_bytes()), "has shape");
    refuse(
        with(query + 20, &19u32.to_le_bytes()),
        "blk.1.attn_q.weight is IQ1_S, which is not read",
    );
    refuse(with(query + 20, &77u32.to_le_bytes()), "of the unknown type 77");
    refuse(with(query + 24, &0u64.to_le_bytes()), "overlap");
    refuse(with(query + 24, &u64::MAX.to_le_bytes()), "not all there");
    refuse(with(query + 24, &(1u64 << 40).to_le_bytes()), "not all there");
    refuse(load(&file[..file.len() - 64]).unwrap_err().to_string(), "not all there");
    refuse(load(&file[..100]).unwrap_err().to_string(), "truncated");
    refuse(load(b"").unwrap_err().to_string(), "truncated");
    // An alignment of 0, which candle divides by.
    let name = find(b"qwen2.context_length");
    let mut aligned = file.clone();
    aligned.splice(name - 8..name + 28, {
        let mut setting = 17u64.to_le_bytes().to_vec();
        setting.extend(b"general.alignment");
        setting.extend(4u32.to_le_bytes());
        setting.extend(0u32.to_le_bytes());
        setting
    });
    refuse(load(&aligned).unwrap_err().to_string(), "an alignment of 0");
}

/// As llama.cpp reads these settings.
#[test]
fn rotations_are_scaled_as_llama_cpp_scales_them() {
    use gguf_file::Value;
    let config = |settings: &[(&str, Value)]| {
        let (_, file) = written_with(GgmlDType::F32, settings);
        load(&file).map(|model| model.config().rope_scaling)
    };
    let (old, new) = ("qwen2.rope.scale_linear", "qwen2.rope.scaling.factor");
    let kind = |kind: &str| ("qwen2.rope.scaling.type", Value::String(kind.to_owned()));
    let linear = RopeScaling::Linear { factor: 4.0 };
    assert_eq!(config(&[(old, Value::F32(4.0))]).unwrap(), linear);
    assert_eq!(config(&[(new, Value::F32(4.0))]).unwrap(), linear);
    assert_eq!(config(&[(new, Value::F32(4.0)), kind("linear")]).unwrap(), linear);
    assert_eq!(config(&[(new, Value::F32(4.0)), kind("none")]).unwrap(), RopeScaling::None);
    assert_eq!(config(&[(new, Value::F32(1.0))]).unwrap(), RopeScaling::None);
    assert!(config(&[(new, Value::F32(4.0)), kind("yarn")]).is_err());
    let part = [("qwen2.rope.dimension_count", Value::U32(16))];
    assert!(config(&part).unwrap_err().to_string().contains("rope.dimension_count is 16"));
    config(&[("qwen2.rope.dimension_count", Value::U32(32))]).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever happens to a file, it is loaded or refused.
    #[test]
    fn damaged_files_never_panic(
        cut in any::<prop::sample::Index>(),
        truncate in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        static FILE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut bytes = FILE.get_or_init(|| written(GgmlDType::Q4_0).1).clone();
        if truncate {
            bytes.truncate(cut.index(bytes.len()));
        }
        for (position, byte) in changes {
            let end = bytes.len().min(2500);
            if end > 0 {
                bytes[position.index(end)] = byte;
            }
        }
        if let Ok(model) = load(&bytes) {
            prop_assert!(model.num_parameters() > 0);
        }
    }
}
