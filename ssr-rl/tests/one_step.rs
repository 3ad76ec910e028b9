//! One step of AdamW on every architecture against PyTorch: forward, backward and optimiser
//! together. The fixtures and the script that made them are those of `ssr-policy`.

use std::path::Path;

use candle_core::{Device, Tensor};
use ssr_policy::{Model, ScoredSequence, Target};
use ssr_rl::{AdamW, Gradients, OptimizerConfig};

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn one_step_gives_the_weights_of_pytorch_for_every_architecture() {
    let config = OptimizerConfig::default()
        .with_learning_rate(1e-3)
        .with_warmup_steps(0)
        .with_beta1(0.9)
        .with_beta2(0.95)
        .with_epsilon(1e-8)
        .with_weight_decay(0.1)
        .with_max_grad_norm(0.0);
    for name in ["llama2", "llama3", "llama-biases", "qwen2", "qwen3", "cwm"] {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ssr-policy/tests/fixtures");
        let folder = fixtures.join("models").join(name);
        let model = Model::load(&folder).unwrap();
        let expected = std::fs::read(folder.join("expected.json")).unwrap();
        let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
        let tokens: Vec<u32> = serde_json::from_value(expected["tokens"].clone()).unwrap();
        let target = |position| Target { position, allowed: None };
        let targets = (1..tokens.len()).map(target).collect();
        let scores = model.score(&[ScoredSequence { tokens: &tokens, targets }]).unwrap();
        let loss = scores.logprobs.mean_all().unwrap().neg().unwrap();

        let mut gradients = Gradients::zeros(model.vars());
        gradients.add(model.vars(), &loss.backward().unwrap()).unwrap();
        let mut optimizer = AdamW::new(model.vars(), config).unwrap();
        assert!(optimizer.step(model.vars(), &gradients).unwrap().applied);

        let stepped = folder.join("stepped.safetensors");
        let stepped = candle_core::safetensors::load(stepped, &Device::Cpu).unwrap();
        let mut largest = 0f32;
        for (variable, var) in model.vars() {
            for (ours, theirs) in flat(var.as_tensor()).iter().zip(flat(&stepped[variable])) {
                largest = largest.max((ours - theirs).abs());
            }
        }
        assert!(largest <= 1e-5, "{name}: {largest}");
    }
}
