//! Every architecture against Hugging Face transformers and PyTorch; see `fixtures/make_models.py`.

use std::path::PathBuf;

use candle_core::{Device, Tensor};
use ssr_core::Seed;
use ssr_policy::{LoraConfig, Model, ModelConfig, SaveOptions, ScoredSequence, Target};

const FIXTURES: [&str; 6] = ["llama2", "llama3", "llama-biases", "qwen2", "qwen3", "cwm"];

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models").join(name)
}

fn fixture(name: &str) -> (Model, serde_json::Value) {
    let expected = std::fs::read(folder(name).join("expected.json")).unwrap();
    (Model::load(&folder(name)).unwrap(), serde_json::from_slice(&expected).unwrap())
}

fn numbers<T: serde::de::DeserializeOwned>(value: &serde_json::Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap()
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn largest_difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn rotary_frequencies_equal_transformers() {
    for name in FIXTURES {
        let (model, expected) = fixture(name);
        let ours = model.config().rope_frequencies();
        let theirs: Vec<f32> = numbers(&expected["frequencies"]);
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert!((ours - theirs).abs() <= 2.5e-7 * theirs, "{name}: {ours} not {theirs}");
        }
    }
}

#[test]
fn logits_equal_transformers_at_every_position() {
    for name in FIXTURES {
        let (model, expected) = fixture(name);
        let logits = model.logits(&numbers::<u32>(&expected["tokens"])).unwrap();
        for (position, ours) in logits.to_vec2::<f32>().unwrap().iter().enumerate() {
            let theirs: Vec<f32> = numbers(&expected["logits"][position]);
            let difference = largest_difference(ours, &theirs);
            assert!(difference <= 1e-4, "{name}, position {position}: {difference}");
        }
    }
}

#[test]
fn greedy_text_equals_transformers() {
    for name in FIXTURES {
        let (model, expected) = fixture(name);
        let greedy: Vec<u32> = numbers(&expected["greedy"]);
        assert_eq!(greedy.len(), 8 + 64);
        let logits = model.logits(&greedy).unwrap().to_vec2::<f32>().unwrap();
        for position in 8..greedy.len() {
            let row = &logits[position - 1];
            let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
            assert_eq!(best as u32, greedy[position], "{name}, position {position}");
        }
    }
}

#[test]
fn log_probabilities_and_gradients_equal_pytorch() {
    for name in FIXTURES {
        let (model, expected) = fixture(name);
        let tokens: Vec<u32> = numbers(&expected["tokens"]);
        let target = |position| Target { position, allowed: None };
        let targets = (1..tokens.len()).map(target).collect();
        let scores = model.score(&[ScoredSequence { tokens: &tokens, targets }]).unwrap();
        let difference =
            largest_difference(&flat(&scores.logprobs), &numbers(&expected["logprobs"]));
        assert!(difference <= 1e-5, "{name}: {difference}");
        let grads = scores.logprobs.mean_all().unwrap().neg().unwrap().backward().unwrap();
        let path = folder(name).join("gradients.safetensors");
        let theirs = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
        assert_eq!(theirs.len(), model.vars().len());
        for (variable, var) in model.vars() {
            let grad = flat(grads.get(var).unwrap_or_else(|| panic!("{name}: {variable}")));
            let theirs = flat(&theirs[variable]);
            let difference = largest_difference(&grad, &theirs);
            // PyTorch itself is as far away from its gradients in double precision.
            let size = theirs.iter().fold(1f32, |max, value| max.max(value.abs()));
            assert!(difference <= 2e-5 * size, "{name}, {variable}: {difference} of {size}");
        }
    }
}

#[test]
fn configurations_of_transformers_survive_a_round_trip() {
    for name in FIXTURES {
        let config = ModelConfig::load(&folder(name).join("config.json")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        std::fs::write(&path, serde_json::to_vec(&config).unwrap()).unwrap();
        assert_eq!(ModelConfig::load(&path).unwrap(), config, "{name}");
    }
}

/// Leaves folders for `fixtures/check_saved.py`, which loads them with transformers and PEFT.
#[test]
fn saved_folders_are_complete() {
    let saved = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("saved");
    for name in FIXTURES {
        let (mut model, expected) = fixture(name);
        let max_shard_bytes = (name != "llama3").then_some(30_000);
        if name.starts_with("llama") {
            model = model.with_adapter(LoraConfig::default(), Seed::new(1)).unwrap();
            for (_, var) in model.vars() {
                let value = var.ones_like().unwrap() * 0.01;
                var.set(&value.unwrap()).unwrap();
            }
        }
        let options = SaveOptions::default().with_max_shard_bytes(max_shard_bytes);
        let dir = saved.join(name);
        model.save_with(&dir, &options).unwrap();
        let tokens: Vec<u32> = numbers(&expected["tokens"]);
        let logits = model.logits(&tokens).unwrap().to_vec2::<f32>().unwrap();
        let expected = serde_json::json!({ "tokens": tokens, "logits": logits });
        std::fs::write(dir.join("expected.json"), expected.to_string()).unwrap();
        let loaded = Model::load(&dir).unwrap();
        assert_eq!(loaded.logits(&tokens).unwrap().to_vec2::<f32>().unwrap(), logits);
        // What version 4 of transformers reads, and what version 5 reads.
        let json = std::fs::read(dir.join("config.json")).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["rope_theta"], json["rope_parameters"]["rope_theta"]);
        assert_eq!(json["torch_dtype"], json["dtype"]);
    }
}
