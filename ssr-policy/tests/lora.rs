//! Adapters: against PEFT, and against what they are merged into.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use proptest::prelude::*;
use ssr_core::{Message, Policy, Request, Seed, Segment};
use ssr_policy::{
    Architecture, LocalPolicy, LoraConfig, Model, ModelConfig, ScoredSequence, Target, Tokenizer,
};

fn config(architecture: Architecture) -> ModelConfig {
    ModelConfig::tiny_of(architecture, 320)
        .with_hidden_size(32)
        .with_intermediate_size(48)
        .with_num_attention_heads(4)
}

fn randomise(model: &Model) {
    for (index, (_, var)) in model.vars().iter().enumerate() {
        let seed = Seed::new(2).index(index as u64);
        let noise: Vec<f32> =
            (0..var.elem_count() as u64).map(|i| seed.index(i).unit() as f32 * 0.2 - 0.1).collect();
        var.set(&Tensor::from_vec(noise, var.shape(), &Device::Cpu).unwrap()).unwrap();
    }
}

fn adapted(architecture: Architecture) -> Model {
    let model = Model::new(config(architecture), Seed::new(1)).unwrap();
    let model = model.with_adapter(LoraConfig::default(), Seed::new(3)).unwrap();
    randomise(&model);
    model
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn logits(model: &Model) -> Vec<f32> {
    flat(&model.logits(&(0..50).collect::<Vec<u32>>()).unwrap())
}

fn values(model: &Model) -> Vec<(String, Vec<f32>)> {
    let all = model.weights().iter().chain(model.vars());
    all.map(|(name, var)| (name.clone(), flat(var.as_tensor()))).collect()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn largest_difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// See `fixtures/make_lora.py`.
#[test]
fn logits_and_gradients_equal_peft() {
    for name in ["llama3", "qwen2"] {
        let dir = fixtures().join("lora").join(name);
        let expected = std::fs::read(dir.join("expected.json")).unwrap();
        let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
        let tokens: Vec<u32> = serde_json::from_value(expected["tokens"].clone()).unwrap();
        let model = Model::load(&fixtures().join("models").join(name)).unwrap();
        let model = model.load_adapter(&dir).unwrap();
        let rows = model.logits(&tokens).unwrap().to_vec2::<f32>().unwrap();
        for (position, ours) in rows.iter().enumerate() {
            let theirs: Vec<f32> =
                serde_json::from_value(expected["logits"][position].clone()).unwrap();
            let difference = largest_difference(ours, &theirs);
            assert!(difference <= 1e-4, "{name}, position {position}: {difference}");
        }
        let target = |position| Target { position, allowed: None };
        let targets = (1..tokens.len()).map(target).collect();
        let scores = model.score(&[ScoredSequence { tokens: &tokens, targets }]).unwrap();
        let grads = scores.logprobs.mean_all().unwrap().neg().unwrap().backward().unwrap();
        let path = dir.join("gradients.safetensors");
        let theirs = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
        assert_eq!(theirs.len(), model.vars().len());
        for (variable, var) in model.vars() {
            let theirs = flat(&theirs[variable]);
            let difference = largest_difference(&flat(grads.get(var).unwrap()), &theirs);
            let size = theirs.iter().fold(1f32, |max, value| max.max(value.abs()));
            assert!(difference <= 1e-5 * size, "{name}, {variable}: {difference} of {size}");
        }
    }
}

#[test]
fn a_new_adapter_changes_nothing() {
    for architecture in Architecture::ALL {
        let model = Model::new(config(architecture), Seed::new(1)).unwrap();
        let before = logits(&model);
        let model = model.with_adapter(LoraConfig::default(), Seed::new(3)).unwrap();
        assert_eq!(before, logits(&model));
        assert_eq!(model.vars().len(), 2 * 7 * 4);
    }
}

#[test]
fn a_merged_adapter_gives_the_same_bits() {
    for architecture in Architecture::ALL {
        let model = adapted(architecture);
        let before = logits(&model);
        let merged = model.merge_adapter().unwrap();
        assert!(merged.adapter().is_none());
        assert_eq!(merged.vars().len(), merged.weights().len());
        assert_eq!(before, logits(&merged));
    }
}

/// Frozen weights are detached, so their gradients would have ids that are not those of variables.
#[test]
fn frozen_weights_get_no_gradient() {
    for architecture in [Architecture::Llama, Architecture::Qwen3, Architecture::Cwm] {
        let model = adapted(architecture);
        let tokens: Vec<u32> = (0..50).collect();
        let target = |position| Target { position, allowed: None };
        let targets = (1..50).map(target).collect();
        let scores = model.score(&[ScoredSequence { tokens: &tokens, targets }]).unwrap();
        let grads = scores.logprobs.mean_all().unwrap().backward().unwrap();
        let trained: Vec<_> = model.vars().iter().map(|(_, var)| var.id()).collect();
        for (name, var) in model.vars() {
            assert!(flat(grads.get(var).unwrap()).iter().any(|&x| x != 0.0), "{name}");
        }
        let others = grads.get_ids().filter(|&&id| !trained.contains(&id));
        let others: Vec<_> = others.map(|&id| grads.get_id(id).unwrap().dims().to_vec()).collect();
        // Only what the embeddings of the tokens get, where the first layer's result is added.
        assert!(others.iter().all(|dims| dims == &[50, 32]), "{others:?}");
        assert!(others.len() <= 1, "{others:?}");
    }
}

#[test]
fn training_scores_what_generation_recorded_to_the_last_bit() {
    let tokenizer = Tokenizer::train(["for x in seq:\n    n += 1\n"], 320).unwrap();
    for architecture in Architecture::ALL {
        let vocab_size = tokenizer.vocab_size();
        let model = config(architecture).with_vocab_size(vocab_size);
        let model = Model::new(model, Seed::new(1)).unwrap();
        let model = model.with_adapter(LoraConfig::default(), Seed::new(3)).unwrap();
        let policy = LocalPolicy::new(model, tokenizer.clone()).unwrap();
        policy
            .update(|model| {
                randomise(model);
                Ok::<_, ssr_policy::Error>(())
            })
            .unwrap();
        let request = Request::new(
            vec![Message::user("for x in seq:\n".repeat(9))],
            vec![Segment::Free { max_tokens: 40, stop: vec![] }],
            Seed::new(4),
        );
        let completion = policy.complete(&[request]).unwrap().remove(0);
        let trace = completion.trace.unwrap();
        let tokens = [&completion.prompt[..], &trace.ids].concat();
        let drawn: Vec<usize> = (0..trace.len()).filter(|&i| trace.loss_mask[i]).collect();
        let target = |&i: &usize| Target {
            position: completion.prompt.len() + i,
            allowed: trace.allowed.get(&i),
        };
        let targets = drawn.iter().map(target).collect();
        let sequence = ScoredSequence { tokens: &tokens, targets };
        let scored = policy.with_model(|model| flat(&model.score(&[sequence]).unwrap().logprobs));
        let recorded: Vec<f32> = drawn.iter().map(|&i| trace.model_logprobs[i]).collect();
        assert!(!recorded.is_empty());
        assert_eq!(scored, recorded, "{architecture:?}");
    }
}

#[test]
fn adapters_are_saved_alone_and_with_their_model() {
    let dir = tempfile::tempdir().unwrap();
    let model = adapted(Architecture::Qwen2);
    let (alone, both) = (dir.path().join("alone"), dir.path().join("both"));
    model.save_adapter(&alone).unwrap();
    model.save(&both).unwrap();
    assert_eq!(values(&Model::load(&both).unwrap()), values(&model));
    assert_eq!(values(&model.duplicate().unwrap()), values(&model));
    let base = Model::new(config(Architecture::Qwen2), Seed::new(1)).unwrap();
    let loaded = base.load_adapter(&alone).unwrap();
    assert_eq!(values(&loaded), values(&model));
    let other = adapted(Architecture::Qwen2);
    randomise(&other);
    other.copy_from(&model).unwrap();
    assert_eq!(values(&other), values(&model));
    // Another adapter is another model, and a second one has no place.
    let merged = model.duplicate().unwrap().merge_adapter().unwrap();
    assert!(merged.copy_from(&model).is_err());
    assert!(model.load_adapter(&alone).unwrap_err().to_string().contains("merge it first"));
    assert!(merged.save_adapter(&alone).unwrap_err().to_string().contains("no adapter"));
    // What is saved without an adapter is loaded without one.
    merged.save(&both).unwrap();
    assert!(Model::load(&both).unwrap().adapter().is_none());
}

#[test]
fn what_is_not_implemented_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    adapted(Architecture::Llama).save_adapter(dir.path()).unwrap();
    let path = dir.path().join("adapter_config.json");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let refuse = |field: &str, value: serde_json::Value, reason: &str| {
        let mut changed = json.clone();
        changed[field] = value;
        std::fs::write(&path, changed.to_string()).unwrap();
        let base = Model::new(config(Architecture::Llama), Seed::new(1)).unwrap();
        let error = base.load_adapter(dir.path()).unwrap_err().to_string();
        assert!(error.contains(reason), "{field}: {error}");
    };
    refuse("peft_type", "IA3".into(), "peft_type");
    refuse("bias", "all".into(), "bias");
    refuse("use_dora", true.into(), "use_dora");
    refuse("modules_to_save", serde_json::json!(["lm_head"]), "modules_to_save");
    refuse("rank_pattern", serde_json::json!({"q_proj": 2}), "rank_pattern");
    refuse("init_lora_weights", "pissa".into(), "init_lora_weights");
    refuse("target_modules", ".*_proj".into(), "target_modules");
    refuse("target_modules", serde_json::json!(["lm_head"]), "lm_head");
    refuse("target_modules", serde_json::json!([]), "no target modules");
    refuse("target_modules", serde_json::json!(["q_proj"]), "which adapter_config.json");
    refuse("r", 0.into(), "rank");
    refuse("r", u64::MAX.into(), "rank");
    refuse("r", 8.into(), "has shape [16, 32]");
    refuse("lora_alpha", "big".into(), "adapter_config.json");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens to a file, it is loaded or refused.
    #[test]
    fn damaged_files_never_panic(
        file in prop::sample::select(vec!["adapter_config.json", "adapter_model.safetensors"]),
        cut in any::<prop::sample::Index>(),
        truncate in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let dir = tempfile::tempdir().unwrap();
        adapted(Architecture::Llama).save_adapter(dir.path()).unwrap();
        let path = dir.path().join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        if truncate {
            bytes.truncate(cut.index(bytes.len()));
        }
        for (position, byte) in changes {
            let end = bytes.len().min(4000);
            if end > 0 {
                bytes[position.index(end)] = byte;
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        let base = Model::new(config(Architecture::Llama), Seed::new(1)).unwrap();
        if let Ok(model) = base.load_adapter(dir.path()) {
            prop_assert!(model.adapter().is_some());
        }
    }
}
