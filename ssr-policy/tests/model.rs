//! The model against candle-transformers, its two executors against each other.

use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor};
use candle_nn::{Activation, VarBuilder};
use candle_transformers::models::qwen3;
use ssr_core::{Seed, TokenSet};
use ssr_policy::{Architecture, LoraConfig, Model, ModelConfig, ScoredSequence, Target};

/// Small enough to be quick, with more query heads than key heads and an untied output head.
fn small_config() -> ModelConfig {
    ModelConfig::tiny(300)
        .with_hidden_size(64)
        .with_intermediate_size(96)
        .with_num_hidden_layers(2)
        .with_num_attention_heads(4)
        .with_num_key_value_heads(2)
        .with_head_dim(32)
        .with_tie_word_embeddings(false)
}

/// Weights away from their initial values, so that norms and near-uniform attention hide nothing.
fn perturbed(config: ModelConfig) -> Model {
    let model = Model::new(config, Seed::new(1)).unwrap();
    for (index, (_, var)) in model.vars().iter().enumerate() {
        let seed = Seed::new(2).index(index as u64);
        let noise: Vec<f32> =
            (0..var.elem_count() as u64).map(|i| seed.index(i).unit() as f32 * 0.2 - 0.1).collect();
        let noise = Tensor::from_vec(noise, var.shape(), &Device::Cpu).unwrap();
        var.set(&(var.as_tensor() + noise).unwrap()).unwrap();
    }
    model
}

fn tokens(count: usize, seed: u64) -> Vec<u32> {
    (0..count as u64).map(|i| Seed::new(seed).index(i).below(300) as u32).collect()
}

#[test]
fn logits_equal_candle_transformers_at_every_position() {
    for tie_word_embeddings in [false, true] {
        let config = small_config().with_tie_word_embeddings(tie_word_embeddings);
        let model = perturbed(config.clone());
        let tensors: HashMap<String, Tensor> = model
            .vars()
            .iter()
            .map(|(name, var)| (name.clone(), var.as_detached_tensor()))
            .collect();
        let oracle_config = qwen3::Config {
            vocab_size: config.vocab_size,
            hidden_size: config.hidden_size,
            intermediate_size: config.intermediate_size,
            num_hidden_layers: config.num_hidden_layers,
            num_attention_heads: config.num_attention_heads,
            head_dim: config.head_dim,
            attention_bias: false,
            num_key_value_heads: config.num_key_value_heads,
            max_position_embeddings: config.max_position_embeddings,
            sliding_window: None,
            max_window_layers: 0,
            tie_word_embeddings,
            rope_theta: config.rope_theta,
            rms_norm_eps: config.rms_norm_eps,
            use_sliding_window: false,
            hidden_act: Activation::Silu,
        };
        let vars = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        let mut oracle = qwen3::ModelForCausalLM::new(&oracle_config, vars).unwrap();
        let tokens = tokens(150, 3);
        let ours = model.logits(&tokens).unwrap();
        for position in 0..tokens.len() {
            let input = Tensor::new(&tokens[position..=position], &Device::Cpu).unwrap();
            let theirs = oracle.forward(&input.unsqueeze(0).unwrap(), position).unwrap();
            let ours = ours.narrow(0, position, 1).unwrap();
            let difference = (ours - theirs.squeeze(0).unwrap()).unwrap().abs().unwrap();
            let largest = difference.max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(largest <= 1e-4, "position {position} differs by {largest}");
        }
    }
}

/// Every architecture, and what Llama's derivatives may have, with windows of few tokens.
fn all_shapes() -> Vec<ModelConfig> {
    let small = |architecture| {
        let config = ModelConfig::tiny_of(architecture, 300);
        let window = config.sliding_window.map(|_| 9);
        config
            .with_hidden_size(64)
            .with_intermediate_size(96)
            .with_num_attention_heads(4)
            .with_sliding_window(window)
    };
    let biased = small(Architecture::Llama)
        .with_attention_bias(true)
        .with_attention_output_bias(true)
        .with_mlp_bias(true)
        .with_tie_word_embeddings(true);
    let untied = small(Architecture::Qwen2).with_tie_word_embeddings(false);
    Architecture::ALL.map(small).into_iter().chain([biased, untied]).collect()
}

/// Log-probabilities of two packed sequences and the gradients of their mean.
fn gradients(model: &Model) -> (Vec<f32>, GradStore) {
    let (first, second) = (tokens(140, 4), tokens(9, 5));
    let target = |position| Target { position, allowed: None };
    let sequences = [
        ScoredSequence { tokens: &first, targets: (100..140).map(target).collect() },
        ScoredSequence { tokens: &second, targets: (1..9).map(target).collect() },
    ];
    let scores = model.score(&sequences).unwrap();
    let grads = scores.logprobs.mean_all().unwrap().backward().unwrap();
    (scores.logprobs.to_vec1().unwrap(), grads)
}

#[test]
fn every_variable_of_every_architecture_gets_a_gradient() {
    for config in all_shapes() {
        let model = perturbed(config);
        let (_, grads) = gradients(&model);
        for (name, var) in model.vars() {
            let grad = grads.get(var).unwrap_or_else(|| panic!("{name} has no gradient"));
            assert_eq!(grad.dims(), var.dims());
            let norm = grad.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(norm > 0.0 && norm.is_finite(), "{name}: squared norm {norm}");
        }
    }
}

#[test]
fn checkpointing_does_not_change_a_bit() {
    for (index, config) in all_shapes().into_iter().enumerate() {
        let mut model = perturbed(config);
        if index % 2 == 1 {
            model = model.with_adapter(LoraConfig::default(), Seed::new(3)).unwrap();
        }
        let (logprobs, grads) = gradients(&model);
        model.set_checkpointing(true);
        let (again, checkpointed) = gradients(&model);
        assert_eq!(logprobs, again);
        for (name, var) in model.vars() {
            let flat = |grads: &GradStore| -> Vec<f32> {
                grads.get(var).unwrap().flatten_all().unwrap().to_vec1().unwrap()
            };
            assert_eq!(flat(&grads), flat(&checkpointed), "{name}");
        }
        let ids = |grads: &GradStore| grads.get_ids().count();
        assert!(ids(&checkpointed) <= ids(&grads) + 1);
    }
}

#[test]
fn gradients_predict_the_change_of_the_loss() {
    let model = perturbed(small_config());
    let tokens = tokens(133, 6);
    let allowed: TokenSet = (0..300).step_by(3).chain([tokens[40]]).collect();
    let loss = || {
        let target = |position| Target { position, allowed: (position == 40).then_some(&allowed) };
        let targets = (30..133).map(target).collect();
        let sequence = ScoredSequence { tokens: &tokens, targets };
        model.score(&[sequence]).unwrap().logprobs.mean_all().unwrap()
    };
    let grads = loss().backward().unwrap();
    for (name, var) in model.vars() {
        let grad = grads.get(var).unwrap();
        let norm = grad.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap().sqrt();
        let step = 0.02 / f64::from(norm);
        let original = var.as_tensor().copy().unwrap();
        let at = |step: f64| {
            var.set(&(&original + (grad * step).unwrap()).unwrap()).unwrap();
            f64::from(loss().to_scalar::<f32>().unwrap())
        };
        let change = at(step) - at(-step);
        var.set(&original).unwrap();
        let predicted = 2.0 * step * f64::from(norm) * f64::from(norm);
        let error = (change - predicted).abs();
        assert!(error < 0.02 * predicted + 2e-6, "{name}: {change} instead of {predicted}");
    }
}

#[test]
fn packing_does_not_change_a_bit() {
    let model = perturbed(small_config());
    let sequences: Vec<Vec<u32>> =
        [1, 2, 3, 17, 128, 129, 300].iter().map(|&n| tokens(n + 1, n as u64)).collect();
    let score = |sequences: &[Vec<u32>]| {
        let scored: Vec<_> = sequences
            .iter()
            .map(|tokens| ScoredSequence {
                tokens,
                targets: (1..tokens.len())
                    .map(|position| Target { position, allowed: None })
                    .collect(),
            })
            .collect();
        let scores = model.score(&scored).unwrap();
        let logprobs = scores.logprobs.to_vec1::<f32>().unwrap();
        assert!(scores.entropies.iter().all(|&h| h > 0.0 && h < 300f32.ln()));
        logprobs
    };
    let together = score(&sequences);
    let apart: Vec<f32> =
        sequences.iter().flat_map(|tokens| score(std::slice::from_ref(tokens))).collect();
    assert_eq!(together, apart);
}

#[test]
fn impossible_targets_are_refused() {
    let model = Model::new(small_config(), Seed::new(1)).unwrap();
    let refuse = |tokens: &[u32], position, allowed: Option<&[u32]>, reason: &str| {
        let allowed: Option<TokenSet> = allowed.map(|tokens| tokens.iter().copied().collect());
        let targets = vec![Target { position, allowed: allowed.as_ref() }];
        let error = model.score(&[ScoredSequence { tokens, targets }]).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    };
    refuse(&[1, 2], 0, None, "position 0");
    refuse(&[1, 2], 2, None, "position 2");
    refuse(&[1, 300], 1, None, "vocabulary of 300");
    refuse(&[], 1, None, "0 tokens");
    refuse(&[1; 5000], 1, None, "5000 tokens");
    refuse(&[1, 2], 1, Some(&[3]), "not among its allowed");
    refuse(&[1, 2], 1, Some(&[2, 301]), "vocabulary of 300");
    assert!(model.score(&[]).unwrap_err().to_string().contains("no token to score"));
}
