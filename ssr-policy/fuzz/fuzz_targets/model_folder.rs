//! The input is split at the first NUL: a `config.json`, and a `model.safetensors`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ssr_policy::{Model, ScoredSequence, Target};

fuzz_target!(|input: &[u8]| {
    let split = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let (config, weights) = input.split_at(split);
    let folder = tempfile::tempdir().expect("a folder for the files");
    let write = |name: &str, content: &[u8]| {
        std::fs::write(folder.path().join(name), content).expect("the file is written");
    };
    write("config.json", config);
    write("model.safetensors", weights.get(1..).unwrap_or_default());
    let Ok(model) = Model::load(folder.path()) else { return };

    assert!(model.num_parameters() <= input.len());
    let targets = vec![Target { position: 1, allowed: None }];
    // Weights may be no numbers; then this is an error or the result is none either.
    let _ = model.score(&[ScoredSequence { tokens: &[0, 0], targets }]);
});
