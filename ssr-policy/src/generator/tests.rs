//! Both executors against greedy answers of Hugging Face transformers.

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
        assert_eq!(greedy::<KernelRunner>(&model, &expected), expected, "{name}, kernels");
        assert_eq!(greedy::<TensorRunner>(&model, &expected), expected, "{name}, tensors");
    }
}

/// Continues the first eight tokens to the same length.
fn greedy<R: ModelRunner>(model: &Model, expected: &[u32]) -> Vec<u32> {
    let generator = Generator::<R>::new(model, &EngineConfig::default(), &mut None).unwrap();
    let mut cache = generator.runner.new_cache(&Arc::new(Pool::default()));
    let mut scratch = R::Scratch::default();
    let (mut text, mut fed) = (expected[..8].to_vec(), 0);
    while text.len() < expected.len() {
        let tokens = &text[fed..];
        let mut inputs = [SequenceInput { cache: &mut cache, tokens, logits: true }];
        let logits = generator.runner.forward(&mut inputs, &mut scratch).unwrap();
        fed = text.len();
        let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
        text.push(best.unwrap() as u32);
    }
    text
}
