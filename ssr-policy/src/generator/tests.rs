use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::kv::Pool;

/// The same tokens as Hugging Face transformers, one at a time from a cache; see
/// `tests/fixtures/make_models.py`.
#[test]
fn greedy_text_equals_transformers() {
    for name in ["llama2", "llama3", "llama-biases", "qwen2", "qwen3", "cwm"] {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models").join(name);
        let model = Model::load(&dir).unwrap();
        let expected = std::fs::read(dir.join("expected.json")).unwrap();
        let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
        let expected: Vec<u32> = serde_json::from_value(expected["greedy"].clone()).unwrap();
        for executor in [Executor::Kernels, Executor::Tensors] {
            let engine = EngineConfig { executor, ..EngineConfig::default() };
            let generator = Generator::new(&model, &engine, &mut None).unwrap();
            let mut cache = generator.new_cache(&Arc::new(Pool::default()));
            let mut scratch = Scratch::default();
            let (mut text, mut fed) = (expected[..8].to_vec(), 0);
            while text.len() < expected.len() {
                let tokens = &text[fed..];
                let mut feeds = [Feed { cache: &mut cache, tokens, logits: true }];
                generator.forward(&mut feeds, &mut scratch).unwrap();
                fed = text.len();
                let logits = &scratch.logits;
                let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
                text.push(best.unwrap() as u32);
            }
            assert_eq!(text, expected, "{name}, {executor:?}");
        }
    }
}
