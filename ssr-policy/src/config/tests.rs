//! Published configurations, defaults, and configurations that are refused.

use serde_json::{Value, json};

use super::*;

fn read(json: Value) -> Result<ModelConfig> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.json");
    std::fs::write(&path, json.to_string()).unwrap();
    ModelConfig::load(&path)
}

/// What published checkpoints say, shortened to the fields that matter.
fn published(name: &str) -> Value {
    match name {
        "Llama-2-7b-hf" => json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "bos_token_id": 1,
            "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 4096,
            "intermediate_size": 11008, "max_position_embeddings": 4096,
            "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32,
            "pretraining_tp": 1, "rms_norm_eps": 1e-5, "rope_scaling": null,
            "tie_word_embeddings": false, "torch_dtype": "float16", "vocab_size": 32000
        }),
        "CodeLlama-7b-hf" => json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "bos_token_id": 1,
            "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 4096,
            "intermediate_size": 11008, "max_position_embeddings": 16384,
            "num_attention_heads": 32, "num_hidden_layers": 32, "rms_norm_eps": 1e-5,
            "rope_theta": 1000000, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
            "vocab_size": 32016
        }),
        "Llama-3.2-1B-Instruct" => json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": false,
            "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009], "head_dim": 64,
            "hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 8192,
            "max_position_embeddings": 131072, "mlp_bias": false, "num_attention_heads": 32,
            "num_hidden_layers": 16, "num_key_value_heads": 8, "rms_norm_eps": 1e-5,
            "rope_scaling": {
                "factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                "original_max_position_embeddings": 8192, "rope_type": "llama3"
            },
            "rope_theta": 500000.0, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
            "vocab_size": 128256
        }),
        "Qwen2.5-Coder-0.5B-Instruct" => json!({
            "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "bos_token_id": 151643,
            "eos_token_id": 151645, "hidden_act": "silu", "hidden_size": 896,
            "intermediate_size": 4864, "max_position_embeddings": 32768, "max_window_layers": 24,
            "num_attention_heads": 14, "num_hidden_layers": 24, "num_key_value_heads": 2,
            "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "sliding_window": 32768,
            "tie_word_embeddings": true, "torch_dtype": "bfloat16", "use_sliding_window": false,
            "vocab_size": 151936
        }),
        "Qwen3-0.6B" => json!({
            "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "attention_bias": false,
            "bos_token_id": 151643, "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu",
            "hidden_size": 1024, "intermediate_size": 3072, "max_position_embeddings": 40960,
            "max_window_layers": 28, "num_attention_heads": 16, "num_hidden_layers": 28,
            "num_key_value_heads": 8, "rms_norm_eps": 1e-6, "rope_scaling": null,
            "rope_theta": 1000000, "sliding_window": null, "tie_word_embeddings": true,
            "torch_dtype": "bfloat16", "use_sliding_window": false, "vocab_size": 151936
        }),
        "cwm" => json!({
            "architectures": ["CwmForCausalLM"], "model_type": "cwm", "bos_token_id": 128000,
            "eos_token_id": [128001, 128008, 128009], "head_dim": 128, "hidden_act": "silu",
            "hidden_size": 6144, "intermediate_size": 21504, "max_position_embeddings": 131072,
            "mlp_bias": false, "num_attention_heads": 48, "num_hidden_layers": 64,
            "num_key_value_heads": 8, "rms_norm_eps": 1e-5,
            "rope_parameters": {
                "factor": 16.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                "original_max_position_embeddings": 8192, "rope_theta": 1000000.0,
                "rope_type": "llama3"
            },
            "sliding_window": 8192, "tie_word_embeddings": false, "dtype": "bfloat16",
            "vocab_size": 128256
        }),
        other => panic!("{other}"),
    }
}

#[test]
fn published_configurations_give_their_numbers_of_parameters() {
    let counts = [
        ("Llama-2-7b-hf", 6_738_415_616),
        ("CodeLlama-7b-hf", 6_738_546_688),
        ("Llama-3.2-1B-Instruct", 1_235_814_400),
        ("Qwen2.5-Coder-0.5B-Instruct", 494_032_768),
        ("Qwen3-0.6B", 596_049_920),
        ("cwm", 32_581_097_472),
    ];
    for (name, parameters) in counts {
        let config = read(published(name)).unwrap();
        assert_eq!(config.num_parameters(), parameters, "{name}");
    }
}

#[test]
fn what_is_written_is_read_again() {
    let tiny = Architecture::ALL.map(|architecture| ModelConfig::tiny_of(architecture, 300));
    let names = ["Llama-2-7b-hf", "Llama-3.2-1B-Instruct", "Qwen2.5-Coder-0.5B-Instruct", "cwm"];
    let windowed = ModelConfig {
        sliding_window: Some(7),
        layer_types: vec![LayerType::Full, LayerType::Sliding, LayerType::Full, LayerType::Sliding],
        ..ModelConfig::tiny_of(Architecture::Qwen2, 300)
    };
    let linear = ModelConfig {
        rope_scaling: RopeScaling::Linear { factor: 4.0 },
        attention_bias: true,
        attention_output_bias: true,
        mlp_bias: true,
        eos_token_ids: vec![3, 4],
        dtype: WeightType::Bf16,
        ..ModelConfig::tiny_of(Architecture::Llama, 300)
    };
    let published = names.map(|name| read(published(name)).unwrap());
    for config in tiny.into_iter().chain(published).chain([windowed, linear]) {
        config.validate().unwrap();
        assert_eq!(read(serde_json::to_value(&config).unwrap()).unwrap(), config);
    }
}

#[test]
fn defaults_are_those_of_the_architecture() {
    let code_llama = read(published("CodeLlama-7b-hf")).unwrap();
    assert_eq!(code_llama.num_key_value_heads, 32);
    assert_eq!(code_llama.head_dim, 128);
    assert_eq!(code_llama.rope_theta, 1e6);
    assert_eq!(code_llama.dtype, WeightType::Bf16);
    let cwm = read(published("cwm")).unwrap();
    let full = (0..64).filter(|&layer| cwm.window(layer).is_none());
    assert_eq!(full.collect::<Vec<_>>(), (0..64).step_by(4).collect::<Vec<_>>());
    assert_eq!(cwm.window(63), Some(8192));
    let qwen = read(published("Qwen2.5-Coder-0.5B-Instruct")).unwrap();
    assert!(qwen.attention_bias && !qwen.attention_output_bias && !qwen.mlp_bias);
    assert!((0..24).all(|layer| qwen.window(layer).is_none()));
    let mut windowed = published("Qwen2.5-Coder-0.5B-Instruct");
    windowed["use_sliding_window"] = json!(true);
    windowed["max_window_layers"] = json!(20);
    let windowed = read(windowed).unwrap();
    assert_eq!((windowed.window(19), windowed.window(20)), (None, Some(32768)));
    let mut unlimited = published("Qwen2.5-Coder-0.5B-Instruct");
    unlimited["use_sliding_window"] = json!(true);
    unlimited["sliding_window"] = json!(null);
    assert_eq!(read(unlimited).unwrap().window(23), None);
    let mut cwm = published("cwm");
    let left_out =
        ["rope_parameters", "eos_token_id", "head_dim", "sliding_window", "num_key_value_heads"];
    for field in left_out {
        cwm.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(read(cwm).unwrap(), ModelConfig { ..read(published("cwm")).unwrap() });
}

#[test]
fn rotary_settings_are_read_in_their_old_and_new_form() {
    let with = |fields: Value| {
        let mut json = serde_json::to_value(ModelConfig::tiny(300)).unwrap();
        for field in ["rope_theta", "rope_parameters"] {
            json.as_object_mut().unwrap().remove(field);
        }
        json.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        read(json).unwrap()
    };
    let new = with(json!({"rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}}));
    assert_eq!((new.rope_theta, new.rope_scaling), (5e5, RopeScaling::None));
    let old = with(json!({"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2}}));
    assert_eq!((old.rope_theta, old.rope_scaling), (5e5, RopeScaling::Linear { factor: 2.0 }));
    assert_eq!(with(json!({})).rope_theta, 1e4);
}

#[test]
fn what_is_not_implemented_is_refused_by_name() {
    let changes = [
        ("model_type", json!("gpt2")),
        ("architectures", json!(["Qwen3ForSequenceClassification"])),
        ("hidden_act", json!("gelu")),
        ("rope_scaling", json!({"rope_type": "yarn", "factor": 4.0})),
        ("rope_scaling", json!({"rope_type": "llama3", "factor": 4.0})),
        ("rope_scaling", json!({"type": "linear", "factor": 0.5})),
        ("rope_scaling", json!({"full_attention": {"rope_type": "default"}})),
        ("partial_rotary_factor", json!(0.5)),
        ("quantization_config", json!({"quant_method": "gptq"})),
        ("dtype", json!("float8_e4m3fn")),
        ("layer_types", json!(["full_attention"])),
        ("layer_types", json!([])),
        ("sliding_window", json!(0)),
        ("vocab_size", json!(0)),
        ("eos_token_id", json!("<eos>")),
    ];
    for (field, value) in changes {
        let mut json = serde_json::to_value(ModelConfig::tiny(300)).unwrap();
        if field == "sliding_window" {
            json["use_sliding_window"] = json!(true);
            json["layer_types"] = json!(vec!["sliding_attention"; 4]);
        }
        json[field] = value.clone();
        let message = read(json).unwrap_err().to_string();
        assert!(message.contains(field) || field == "eos_token_id", "{field} {value}: {message}");
    }
}

#[test]
fn the_tiny_model_is_valid_and_small() {
    let config = ModelConfig::tiny(2048);
    config.validate().unwrap();
    assert!((2_000_000..5_000_000).contains(&config.num_parameters()));
}

#[test]
fn every_size_is_checked() {
    type Change = fn(&mut ModelConfig);
    let changes: [(&str, Change); 11] = [
        ("vocab_size", |c| c.vocab_size = 0),
        ("hidden_size", |c| c.hidden_size = usize::MAX),
        ("head_dim", |c| c.head_dim = 33),
        ("num_key_value_heads", |c| c.num_key_value_heads = 3),
        ("rope_theta", |c| c.rope_theta = f64::NAN),
        ("rms_norm_eps", |c| c.rms_norm_eps = -1.0),
        ("attention_bias", |c| c.architecture = Architecture::Qwen2),
        ("attention_output_bias", |c| c.attention_bias = true),
        ("mlp_bias", |c| c.mlp_bias = true),
        ("rope_scaling", |c| c.rope_scaling = RopeScaling::Linear { factor: f64::NAN }),
        ("layer_types", |c| c.layer_types = vec![LayerType::Full; 3]),
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
    for field in ["num_hidden_layers", "num_attention_heads", "max_window_layers"] {
        let mut json = serde_json::to_value(ModelConfig::tiny(300)).unwrap();
        json[field] = json!(u64::MAX);
        json["use_sliding_window"] = json!(true);
        json.as_object_mut().unwrap().remove("layer_types");
        json.as_object_mut().unwrap().remove("head_dim");
        let _ = read(json);
    }
}

/// `LlamaRotaryEmbedding(config).inv_freq` of transformers 5.24.0 and torch 2.15.0.
#[test]
fn scaled_frequencies_equal_transformers() {
    let linear = ModelConfig {
        head_dim: 16,
        rope_theta: 10_000.0,
        rope_scaling: RopeScaling::Linear { factor: 4.0 },
        ..ModelConfig::tiny_of(Architecture::Llama, 300)
    };
    let expected =
        [0.25f32, 0.07905694, 0.025, 0.007905695, 0.0025, 0.00079056947, 0.00025, 7.905695e-05];
    assert_close(&linear.rope_frequencies(), &expected);
    let plain = ModelConfig { rope_scaling: RopeScaling::None, ..linear };
    assert_close(&plain.rope_frequencies(), &expected.map(|frequency| frequency * 4.0));
    let expected = [
        1.0f32,
        0.44036663,
        0.19392276,
        0.0853971,
        0.027344134,
        0.0037580212,
        0.00091158313,
        0.00040143076,
        0.00017677668,
        7.7846555e-05,
        3.4281024e-05,
        1.5096218e-05,
        6.6478697e-06,
        2.9274997e-06,
        1.2891732e-06,
        5.677088e-07,
    ];
    let llama3 = ModelConfig::tiny_of(Architecture::Llama, 300);
    assert_close(&llama3.rope_frequencies(), &expected);
}

fn assert_close(ours: &[f32], theirs: &[f32]) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((ours - theirs).abs() <= 2.5e-7 * theirs, "{ours} instead of {theirs}");
    }
}
