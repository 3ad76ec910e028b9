//! Saving and loading models, and PyTorch as the oracle of what is loaded.

use std::path::Path;

use ssr_core::Seed;
use ssr_policy::{LocalPolicy, Model, ModelConfig, ScoredSequence, Target, Tokenizer};

fn config() -> ModelConfig {
    ModelConfig {
        hidden_size: 32,
        intermediate_size: 48,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        ..ModelConfig::tiny(300)
    }
}

fn values(model: &Model) -> Vec<(String, Vec<f32>)> {
    let flat = |var: &candle_core::Var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    model.vars().iter().map(|(name, var)| (name.clone(), flat(var))).collect()
}

#[test]
fn a_saved_model_is_the_same_model() {
    let dir = tempfile::tempdir().unwrap();
    let model = Model::new(config(), Seed::new(5)).unwrap();
    model.save(dir.path()).unwrap();
    let loaded = Model::load(dir.path()).unwrap();
    assert_eq!(model.config(), loaded.config());
    assert_eq!(values(&model), values(&loaded));
    let names: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "temporary files are left: {names:?}");
    let first = std::fs::read(dir.path().join("model.safetensors")).unwrap();
    loaded.save(dir.path()).unwrap();
    assert_eq!(first, std::fs::read(dir.path().join("model.safetensors")).unwrap());
}

#[test]
fn a_saved_policy_is_the_same_policy() {
    let dir = tempfile::tempdir().unwrap();
    let tokenizer = Tokenizer::train(["a"], 300).unwrap();
    let policy = LocalPolicy::new(Model::new(config(), Seed::new(5)).unwrap(), tokenizer).unwrap();
    policy.save(dir.path()).unwrap();
    let loaded = LocalPolicy::load(dir.path()).unwrap();
    assert_eq!(loaded.with_model(values), policy.with_model(values));
    let small = ModelConfig { vocab_size: 100, ..config() };
    Model::new(small, Seed::new(0)).unwrap().save(dir.path()).unwrap();
    let error = LocalPolicy::load(dir.path()).unwrap_err().to_string();
    assert!(error.contains("100 logits"), "{error}");
}

#[test]
fn copies_are_independent() {
    let model = Model::new(config(), Seed::new(5)).unwrap();
    let copy = model.duplicate().unwrap();
    let other = Model::new(config(), Seed::new(6)).unwrap();
    model.copy_from(&other).unwrap();
    assert_eq!(values(&model), values(&other));
    assert_ne!(values(&model), values(&copy));
    let wide = Model::new(ModelConfig { hidden_size: 64, ..config() }, Seed::new(5)).unwrap();
    assert!(model.copy_from(&wide).is_err());
}

#[test]
fn corrupt_models_are_refused_with_the_file_and_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let refuse = |file: &str, content: &[u8], reason: &str| {
        Model::new(config(), Seed::new(5)).unwrap().save(dir.path()).unwrap();
        std::fs::write(dir.path().join(file), content).unwrap();
        let error = Model::load(dir.path()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    };
    assert!(Model::load(dir.path()).unwrap_err().to_string().contains("config.json"));
    refuse("config.json", b"{", "config.json");
    refuse("config.json", b"{\"vocab_size\": -1}", "not a model configuration");
    let json = serde_json::to_string(&config()).unwrap();
    refuse("config.json", json.replace("qwen3", "gpt2").as_bytes(), "model_type");
    let wide = json.replace("\"hidden_size\":32", "\"hidden_size\":64");
    refuse("config.json", wide.as_bytes(), "has shape [300, 32]");
    let deep = json.replace("\"num_hidden_layers\":1", "\"num_hidden_layers\":2");
    refuse("config.json", deep.as_bytes(), "model.layers.1.input_layernorm.weight is missing");
    let huge = json.replace("\"hidden_size\":32", "\"hidden_size\":18446744073709551615");
    refuse("config.json", huge.as_bytes(), "hidden_size");
    let weights = std::fs::read(dir.path().join("model.safetensors")).unwrap();
    refuse("model.safetensors", &weights[..weights.len() - 5], "truncated");
    refuse("model.safetensors", &weights[..3], "truncated");
    refuse("model.safetensors", &[0xFF; 64], "corrupt");
    let position = weights.windows(3).position(|window| window == b"F32").unwrap();
    let mut integers = weights.clone();
    integers[position..position + 3].copy_from_slice(b"I32");
    refuse("model.safetensors", &integers, "has type I32");
}

/// See `fixtures/make_qwen3.py`.
fn fixture() -> (Model, serde_json::Value) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/qwen3");
    let expected = std::fs::read(dir.join("expected.json")).unwrap();
    (Model::load(&dir).unwrap(), serde_json::from_slice(&expected).unwrap())
}

fn numbers(value: &serde_json::Value) -> Vec<f32> {
    serde_json::from_value(value.clone()).unwrap()
}

fn largest_difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn logits_equal_hugging_face_transformers() {
    let (model, expected) = fixture();
    let tokens: Vec<u32> = serde_json::from_value(expected["tokens"].clone()).unwrap();
    let logits = model.logits(&tokens).unwrap().to_vec2::<f32>().unwrap();
    for (position, ours) in logits.iter().enumerate() {
        let difference = largest_difference(ours, &numbers(&expected["logits"][position]));
        assert!(difference <= 1e-4, "position {position} differs by {difference}");
    }
}

#[test]
fn greedy_text_equals_hugging_face_transformers() {
    let (model, expected) = fixture();
    let greedy: Vec<u32> = serde_json::from_value(expected["greedy"].clone()).unwrap();
    let logits = model.logits(&greedy).unwrap().to_vec2::<f32>().unwrap();
    for position in 8..greedy.len() {
        let row = &logits[position - 1];
        let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
        assert_eq!(best as u32, greedy[position], "position {position}");
    }
}

#[test]
fn gradients_equal_pytorch() {
    let (model, expected) = fixture();
    let tokens: Vec<u32> = serde_json::from_value(expected["tokens"].clone()).unwrap();
    let targets = (1..tokens.len()).map(|position| Target { position, allowed: None }).collect();
    let scores = model.score(&[ScoredSequence { tokens: &tokens, targets }]).unwrap();
    let ours = scores.logprobs.to_vec1::<f32>().unwrap();
    assert!(largest_difference(&ours, &numbers(&expected["logprobs"])) <= 1e-4);
    let grads = scores.logprobs.mean_all().unwrap().backward().unwrap();
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/qwen3/gradients.safetensors");
    let theirs = candle_core::safetensors::load(path, &candle_core::Device::Cpu).unwrap();
    assert_eq!(theirs.len(), model.vars().len());
    for (name, var) in model.vars() {
        let flat = |t: &candle_core::Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let difference = largest_difference(&flat(grads.get(var).unwrap()), &flat(&theirs[name]));
        assert!(difference <= 1e-5, "{name} differs by {difference}");
    }
}
