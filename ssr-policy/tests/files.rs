//! Saving and loading models.

use std::path::Path;

use candle_core::Tensor;
use proptest::prelude::*;
use ssr_core::Seed;
use ssr_policy::{
    Architecture, LocalPolicy, Model, ModelConfig, ModelErrorKind, SaveOptions, Tokenizer,
    WeightType,
};

fn config() -> ModelConfig {
    ModelConfig::tiny(300)
        .with_hidden_size(32)
        .with_intermediate_size(48)
        .with_num_hidden_layers(1)
        .with_num_attention_heads(2)
        .with_num_key_value_heads(1)
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
    let small = config().with_vocab_size(100);
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
    let wide = Model::new(config().with_hidden_size(64), Seed::new(5)).unwrap();
    assert!(model.copy_from(&wide).is_err());
}

#[test]
fn a_refused_file_keeps_the_error_of_its_parser() {
    let dir = tempfile::tempdir().unwrap();
    Model::new(config(), Seed::new(5)).unwrap().save(dir.path()).unwrap();
    std::fs::write(dir.path().join("config.json"), "{").unwrap();
    let error = Model::load(dir.path()).unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::File);
    let cause = std::error::Error::source(&error).unwrap();
    assert!(cause.is::<serde_json::Error>(), "{cause}");
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

fn rounded(model: &Model, to: candle_core::DType) -> Vec<(String, Vec<f32>)> {
    let round = |tensor: &Tensor| {
        let low = tensor.to_dtype(to).unwrap().to_dtype(candle_core::DType::F32).unwrap();
        low.flatten_all().unwrap().to_vec1().unwrap()
    };
    model.vars().iter().map(|(name, var)| (name.clone(), round(var.as_tensor()))).collect()
}

fn names(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn weights_are_saved_in_every_type_and_in_several_files() {
    let types = [
        (WeightType::F32, candle_core::DType::F32),
        (WeightType::F16, candle_core::DType::F16),
        (WeightType::Bf16, candle_core::DType::BF16),
    ];
    let dir = tempfile::tempdir().unwrap();
    for architecture in Architecture::ALL {
        let config =
            ModelConfig::tiny_of(architecture, 300).with_hidden_size(32).with_intermediate_size(48);
        let model = Model::new(config, Seed::new(5)).unwrap();
        for (dtype, candle) in types {
            for max_shard_bytes in [None, Some(1 << 16), Some(1)] {
                let options =
                    SaveOptions::default().with_dtype(dtype).with_max_shard_bytes(max_shard_bytes);
                model.save_with(dir.path(), &options).unwrap();
                let loaded = Model::load(dir.path()).unwrap();
                assert_eq!(values(&loaded), rounded(&model, candle));
                assert_eq!(loaded.config(), &model.config().clone().with_dtype(dtype));
                let files = names(dir.path());
                let sharded = files.contains(&"model.safetensors.index.json".to_owned());
                assert_eq!(sharded, max_shard_bytes.is_some());
                match max_shard_bytes {
                    None => assert_eq!(files, ["config.json", "model.safetensors"]),
                    Some(1) => assert_eq!(files.len(), model.vars().len() + 2, "{files:?}"),
                    Some(_) => assert!(files.len() > 3 && files.len() < 20, "{files:?}"),
                }
            }
        }
    }
}

#[test]
fn weights_that_a_type_cannot_hold_are_not_saved() {
    let dir = tempfile::tempdir().unwrap();
    let model = Model::new(config(), Seed::new(5)).unwrap();
    let (name, var) = &model.vars()[2];
    var.set(&(var.ones_like().unwrap() * 1e5).unwrap()).unwrap();
    let options = SaveOptions::default().with_dtype(WeightType::F16);
    let error = model.save_with(dir.path(), &options).unwrap_err().to_string();
    assert!(error.contains(name) && error.contains("bf16"), "{error}");
    assert_eq!(names(dir.path()), Vec::<String>::new());
}

#[test]
fn a_changed_index_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let options = SaveOptions::default().with_max_shard_bytes(1 << 14);
    Model::new(config(), Seed::new(5)).unwrap().save_with(dir.path(), &options).unwrap();
    let path = dir.path().join("model.safetensors.index.json");
    let index: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let refuse = |change: &dyn Fn(&mut serde_json::Value), reason: &str| {
        let mut changed = index.clone();
        change(&mut changed["weight_map"]);
        std::fs::write(&path, changed.to_string()).unwrap();
        let error = Model::load(dir.path()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    };
    let norm = "model.norm.weight";
    refuse(&|map| map[norm] = "../secret.safetensors".into(), "not the name of a file");
    refuse(&|map| map[norm] = "/etc/secret.safetensors".into(), "not the name of a file");
    refuse(&|map| map[norm] = "model-00001-of-00001.safetensors".into(), "model-00001-of-00001");
    refuse(&|map| map[norm] = map["model.embed_tokens.weight"].clone(), "norm.weight is missing");
    refuse(&|map| map["other.weight"] = map[norm].clone(), "other.weight");
    refuse(&|map| drop(map.as_object_mut().unwrap().remove(norm)), "norm.weight is missing");
    refuse(&|map| *map = 3.into(), "index.json");
    std::fs::write(&path, vec![b'['; 1 << 20]).unwrap();
    assert!(Model::load(dir.path()).is_err());
}

#[test]
#[cfg(unix)]
fn files_without_an_end_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    Model::new(config(), Seed::new(5)).unwrap().save(dir.path()).unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        let path = dir.path().join(name);
        let _ = std::fs::remove_file(&path);
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let error = match name {
            "tokenizer.json" => Tokenizer::load(dir.path()).unwrap_err(),
            _ => Model::load(dir.path()).unwrap_err(),
        };
        assert!(error.to_string().contains(name), "{error}");
        std::fs::remove_file(&path).unwrap();
        if name == "config.json" {
            std::fs::write(&path, serde_json::to_vec(&config()).unwrap()).unwrap();
        }
    }
}

#[test]
fn weights_that_the_configuration_has_no_place_for_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let biased = config().with_attention_bias(true).with_attention_output_bias(true);
    Model::new(biased, Seed::new(5)).unwrap().save(dir.path()).unwrap();
    std::fs::write(dir.path().join("config.json"), serde_json::to_vec(&config()).unwrap()).unwrap();
    let error = Model::load(dir.path()).unwrap_err().to_string();
    assert!(error.contains("bias, which config.json has no place for"), "{error}");
}

#[test]
fn the_spare_tensors_of_old_checkpoints_are_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let untied = config().with_tie_word_embeddings(false);
    let model = Model::new(untied, Seed::new(5)).unwrap();
    let var = |name: &str| &model.vars().iter().find(|(found, _)| found == name).unwrap().1;
    let save = || {
        model.save(dir.path()).unwrap();
        let tied = serde_json::to_vec(&config()).unwrap();
        std::fs::write(dir.path().join("config.json"), tied).unwrap();
    };
    save();
    let error = Model::load(dir.path()).unwrap_err().to_string();
    assert!(error.contains("lm_head.weight is not model.embed_tokens.weight"), "{error}");
    var("lm_head.weight").set(&var("model.embed_tokens.weight").as_detached_tensor()).unwrap();
    save();
    assert!(Model::load(dir.path()).unwrap().config().tie_word_embeddings);
}

#[test]
fn a_save_that_fails_leaves_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let model = Model::new(config(), Seed::new(5)).unwrap();
    let shards = SaveOptions::default().with_max_shard_bytes(1 << 14);
    model.save_with(dir.path(), &shards).unwrap();
    let (files, expected) = (names(dir.path()), values(&model));
    let (_, last) = model.vars().last().unwrap();
    last.set(&(last.as_detached_tensor() * 1e6).unwrap()).unwrap();
    let half = shards.with_dtype(WeightType::F16);
    let error = model.save_with(dir.path(), &half).unwrap_err().to_string();
    assert!(error.contains("too large for f16"), "{error}");
    assert_eq!(names(dir.path()), files);
    assert_eq!(values(&Model::load(dir.path()).unwrap()), expected);
}

#[test]
fn threads_may_save_to_one_folder() {
    let dir = tempfile::tempdir().unwrap();
    let models = [5, 6].map(|seed| Model::new(config(), Seed::new(seed)).unwrap());
    for _ in 0..8 {
        std::thread::scope(|scope| {
            for model in &models {
                scope.spawn(|| model.save(dir.path()).unwrap());
            }
        });
        let found = values(&Model::load(dir.path()).unwrap());
        assert!(models.iter().any(|model| values(model) == found));
    }
}

#[test]
fn the_ends_of_both_configurations_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let config = config().with_eos_token_ids(vec![7]);
    Model::new(config, Seed::new(5)).unwrap().save(dir.path()).unwrap();
    let path = dir.path().join("generation_config.json");
    std::fs::write(&path, r#"{"eos_token_id": [7, 3], "top_p": 0.8}"#).unwrap();
    assert_eq!(Model::load(dir.path()).unwrap().config().eos_token_ids, [7, 3]);
    std::fs::write(&path, "[").unwrap();
    assert!(Model::load(dir.path()).unwrap_err().to_string().contains("generation_config.json"));
}

/// A safetensors file with this header and so many bytes of data.
fn with_header(header: &str, data: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; data]].concat()
}

#[test]
fn headers_that_lie_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    Model::new(config(), Seed::new(5)).unwrap().save(dir.path()).unwrap();
    let tensor = |name: &str, shape: &str, from: u64, to: u64| {
        format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}"#)
    };
    let norm = "model.norm.weight";
    let huge = format!("[{}, {}]", u64::MAX, u64::MAX);
    let files = [
        u64::MAX.to_le_bytes().to_vec(),
        [&(1u64 << 40).to_le_bytes()[..], b"{}"].concat(),
        with_header("{}", 0),
        with_header("[]", 0),
        with_header(&"[".repeat(100_000), 0),
        // Overlapping, leaving a gap, ending before they begin, too long for the shape.
        with_header(
            &format!("{{{},{}}}", tensor(norm, "[32]", 0, 128), tensor("b", "[32]", 64, 192)),
            192,
        ),
        with_header(&format!("{{{}}}", tensor(norm, "[32]", 64, 192)), 192),
        with_header(&format!("{{{}}}", tensor(norm, "[32]", 128, 0)), 128),
        with_header(&format!("{{{}}}", tensor(norm, "[32]", 0, 256)), 256),
        with_header(&format!("{{{}}}", tensor(norm, &huge, 0, 128)), 128),
        with_header(&format!("{{{}}}", tensor(norm, "[32]", 0, u64::MAX)), 128),
        // Data that belongs to no tensor.
        with_header(&format!("{{{}}}", tensor(norm, "[32]", 0, 128)), 129),
    ];
    for (index, file) in files.into_iter().enumerate() {
        std::fs::write(&path, file).unwrap();
        let error = Model::load(dir.path()).unwrap_err().to_string();
        assert!(error.contains("model.safetensors"), "{index}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens to a file, it is loaded or refused.
    #[test]
    fn damaged_files_never_panic(
        file in prop::sample::select(vec![
            "config.json",
            "model.safetensors",
            "model.safetensors.index.json",
            "model-00001",
        ]),
        cut in any::<prop::sample::Index>(),
        truncate in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let model = Model::new(config(), Seed::new(5)).unwrap();
        let shard = (file.starts_with("model-") || file.contains("index")).then_some(40_000);
        let options = SaveOptions::default().with_max_shard_bytes(shard);
        model.save_with(dir.path(), &options).unwrap();
        let found = names(dir.path()).into_iter().find(|name| name.starts_with(file));
        let path = dir.path().join(found.unwrap());
        let mut bytes = std::fs::read(&path).unwrap();
        if truncate {
            bytes.truncate(cut.index(bytes.len()));
        }
        for (position, byte) in changes {
            // Most of a file is numbers; the header is more interesting.
            let end = bytes.len().min(4000);
            if end > 0 {
                bytes[position.index(end)] = byte;
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(loaded) = Model::load(dir.path()) {
            prop_assert_eq!(loaded.vars().len(), loaded.config().num_hidden_layers * 11 + 2);
        }
    }
}
