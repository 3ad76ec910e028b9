//! The optimiser and the loss compute what PyTorch computes; see `fixtures/make_fixtures.py`.

use candle_core::{D, Device, Tensor, Var};
use serde::Deserialize;
use ssr_core::TokenSet;
use ssr_rl::{
    AdamW, Batch, Behaviour, Gradients, GrpoConfig, OptimizerConfig, TargetScores, TrainSequence,
    TrainTarget, TrainUse, policy_gradient,
};

fn fixture<T: for<'a> Deserialize<'a>>(name: &str) -> T {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn assert_close(ours: &[f32], theirs: &[f32], tolerance: f32, what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (at, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what}[{at}]: {a} and {b}");
    }
}

#[derive(Deserialize)]
struct AdamCases {
    cases: Vec<AdamCase>,
}

#[derive(Deserialize)]
struct AdamCase {
    lr: f64,
    betas: (f64, f64),
    eps: f64,
    weight_decay: f64,
    max_norm: Option<f64>,
    shapes: Vec<Vec<usize>>,
    start: Vec<Vec<f32>>,
    steps: Vec<AdamStep>,
    exp_avg: Vec<Vec<f32>>,
    exp_avg_sq: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct AdamStep {
    grads: Vec<Vec<f32>>,
    norm: f64,
    params: Vec<Vec<f32>>,
}

#[test]
fn adamw_follows_pytorch_over_several_steps() {
    for case in fixture::<AdamCases>("adamw.json").cases {
        let config = OptimizerConfig::default()
            .with_learning_rate(case.lr)
            .with_warmup_steps(0)
            .with_beta1(case.betas.0)
            .with_beta2(case.betas.1)
            .with_epsilon(case.eps)
            .with_weight_decay(case.weight_decay)
            .with_max_grad_norm(case.max_norm.unwrap_or(0.0));
        let var = |(values, shape): (&Vec<f32>, &Vec<usize>)| {
            Var::from_slice(values, shape.as_slice(), &Device::Cpu).unwrap()
        };
        let vars: Vec<(String, Var)> = case
            .start
            .iter()
            .zip(&case.shapes)
            .enumerate()
            .map(|(at, start)| (format!("p{at}"), var(start)))
            .collect();
        let mut adam = AdamW::new(&vars, config).unwrap();
        for (number, step) in case.steps.iter().enumerate() {
            let mut gradients = Gradients::zeros(&vars);
            for (at, gradient) in step.grads.iter().enumerate() {
                gradients.set(at, gradient).unwrap();
            }
            let outcome = adam.step(&vars, &gradients).unwrap();
            assert!((outcome.grad_norm - step.norm).abs() < 1e-4 * step.norm);
            for ((name, var), theirs) in vars.iter().zip(&step.params) {
                let ours: Vec<f32> = var.flatten_all().unwrap().to_vec1().unwrap();
                assert_close(&ours, theirs, 2e-6, &format!("step {number}, {name}"));
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.safetensors");
        adam.save(&path).unwrap();
        let state = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
        for (kind, theirs) in [("exp_avg", &case.exp_avg), ("exp_avg_sq", &case.exp_avg_sq)] {
            for (at, theirs) in theirs.iter().enumerate() {
                let ours: Vec<f32> = state[&format!("{kind}/p{at}")].to_vec1().unwrap();
                assert_close(&ours, theirs, 2e-6, kind);
            }
        }
    }
}

#[derive(Deserialize)]
struct LossCase {
    constant: f64,
    low: f64,
    high: f64,
    vocab: usize,
    logits: Vec<Vec<f32>>,
    allowed: Vec<Option<TokenSet>>,
    ids: Vec<u32>,
    logprobs: Vec<f32>,
    behaviour: Vec<f32>,
    advantage: Vec<f32>,
    loss: f64,
    gradient: Vec<Vec<f32>>,
}

impl LossCase {
    /// One sequence a token; its position says which row of the logits it is.
    fn batch(&self) -> Batch {
        let sequence = |at: usize| TrainSequence {
            tokens: vec![self.ids[at]; at + 2],
            targets: vec![TrainTarget::Token {
                position: at + 1,
                allowed: self.allowed[at].clone(),
            }],
            uses: vec![TrainUse {
                advantage: self.advantage[at],
                behaviour: vec![Some(Behaviour { logprob: self.behaviour[at], staleness: 1 })],
            }],
            ..TrainSequence::default()
        };
        (0..self.ids.len()).map(sequence).collect()
    }

    fn score(&self, logits: &Tensor, sequences: &[TrainSequence]) -> TargetScores {
        let rows: Vec<Tensor> = sequences
            .iter()
            .map(|sequence| {
                let (position, allowed) = target(sequence);
                let row = logits.get(position - 1).unwrap();
                let all = || (0..self.vocab as u32).collect();
                let allowed: Vec<u32> = allowed.map_or_else(all, |set| set.iter().collect());
                let token = sequence.tokens[position];
                let index = allowed.iter().position(|id| *id == token).unwrap();
                let allowed = Tensor::new(allowed, &Device::Cpu).unwrap();
                let row = row.index_select(&allowed, 0).unwrap();
                let row = log_softmax(&row);
                row.narrow(0, index, 1).unwrap()
            })
            .collect();
        let logprobs = Tensor::cat(&rows, 0).unwrap();
        TargetScores::new(logprobs, vec![0.0; sequences.len()])
    }
}

/// The position of the only target of a sequence, and among which tokens it was drawn.
fn target(sequence: &TrainSequence) -> (usize, Option<&TokenSet>) {
    match &sequence.targets[..] {
        [TrainTarget::Token { position, allowed }] => (*position, allowed.as_ref()),
        other => panic!("{other:?}"),
    }
}

fn log_softmax(row: &Tensor) -> Tensor {
    let shifted = row.broadcast_sub(&row.max_keepdim(D::Minus1).unwrap()).unwrap();
    let sum = shifted.exp().unwrap().sum_keepdim(D::Minus1).unwrap();
    shifted.broadcast_sub(&sum.log().unwrap()).unwrap()
}

#[test]
fn the_clipped_loss_and_its_gradient_are_pytorchs_for_any_micro_batch() {
    let case: LossCase = fixture("clipped_loss.json");
    let logits: Vec<f32> = case.logits.concat();
    let shape = (case.ids.len(), case.vocab);
    let vars = vec![("logits".to_owned(), Var::from_vec(logits, shape, &Device::Cpu).unwrap())];
    let batch = case.batch();
    let mut passes = Vec::new();
    for micro_batch_tokens in [1, 40, 100_000] {
        let config = GrpoConfig::default()
            .with_clip_low(case.low)
            .with_clip_high(case.high)
            .with_loss_constant(case.constant)
            .with_dual_clip(0.0)
            .with_micro_batch_tokens(micro_batch_tokens);
        let mut calls = 0;
        let (gradients, metrics) = policy_gradient(&batch, &config, &vars, |sequences| {
            calls += 1;
            let scores = case.score(vars[0].1.as_tensor(), sequences);
            let ours: Vec<f32> = scores.logprobs.to_vec1()?;
            let at: Vec<usize> = sequences.iter().map(|one| target(one).0 - 1).collect();
            let theirs: Vec<f32> = at.iter().map(|at| case.logprobs[*at]).collect();
            assert_close(&ours, &theirs, 2e-6, "log-probabilities");
            Ok(scores)
        })
        .unwrap();
        passes.push(calls);
        assert!((metrics.policy_loss - case.loss).abs() < 2e-6, "{}", metrics.policy_loss);
        let gradient = gradients.get(0).unwrap();
        assert_close(gradient, &case.gradient.concat(), 2e-6, "gradient");
        assert!(metrics.clip_fraction > 0.0 && metrics.clip_fraction < 1.0);
    }
    assert_eq!((passes[0], passes[2]), (24, 1));
}
