//! Compares a device with the CPU.

use ssr_core::{Completion, Message, Policy, Request, Seed, Segment};
use ssr_policy::{
    Architecture, Device, EngineConfig, LocalPolicy, Model, ModelConfig, ScoredSequence, Target,
    Tokenizer,
};

use crate::Result;

/// How far log-probabilities and gradients of a device may be from those of the CPU.
const TOLERANCE: f32 = 1e-3;

/// Compares generation, scores and gradients of every architecture on a device with the CPU.
pub fn verify(device: &Device) -> Result<()> {
    for architecture in Architecture::ALL {
        let mut config = ModelConfig::tiny_of(architecture, 300)
            .with_hidden_size(64)
            .with_intermediate_size(96)
            .with_num_hidden_layers(4)
            .with_num_attention_heads(4)
            .with_num_key_value_heads(2)
            .with_head_dim(32);
        config.sliding_window = config.sliding_window.map(|_| 40);
        let model = Model::new(config, Seed::new(1))?;
        let copy = model.to_device(device)?;
        let policy = |model| -> Result<LocalPolicy> {
            let tokenizer = Tokenizer::train([""; 0], 259)?;
            Ok(LocalPolicy::with_engine(model, tokenizer, EngineConfig::default())?)
        };
        let (host, device) = (policy(model)?, policy(copy)?);
        let requests: Vec<Request> = (0..16).map(request).collect();
        let (expected, found) = (host.complete(&requests)?, device.complete(&requests)?);
        let mut equal = 0;
        let mut logprobs = 0f32;
        for (expected, found) in expected.iter().zip(&found) {
            let (Some(ours), Some(theirs)) = (&expected.trace, &found.trace) else {
                return Err("a completion without tokens".into());
            };
            // A different token is no error: the last bits decide where probabilities are near.
            let same = ours.ids.iter().zip(&theirs.ids).take_while(|(a, b)| a == b).count();
            equal += usize::from(same == ours.ids.len());
            let pairs = ours.model_logprobs.iter().zip(&theirs.model_logprobs).take(same);
            logprobs = pairs.map(|(a, b)| (a - b).abs()).fold(logprobs, larger);
        }
        let (scores, gradients) = training(&host, &device, &expected)?;
        println!(
            "{}: {equal} of {} answers equal; log-probabilities differ by {logprobs:.1e}, scores \
             by {scores:.1e}, gradients by {gradients:.1e}",
            architecture.name(),
            requests.len()
        );
        let worst = larger(larger(logprobs, scores), gradients);
        if worst.is_nan() || worst > TOLERANCE || equal * 2 < requests.len() {
            return Err(format!("{} does not compute the same", architecture.name()).into());
        }
    }
    Ok(())
}

/// Unlike `f32::max`, what is no number is the largest.
fn larger(a: f32, b: f32) -> f32 {
    if a.is_nan() || a > b { a } else { b }
}

fn request(seed: u64) -> Request {
    Request::new(
        vec![Message::user("to and fro ".repeat(1 + 2 * (seed as usize % 8)))],
        vec![Segment::Free { max_tokens: 40, stop: vec![] }],
        Seed::new(seed),
    )
}

/// The largest differences of scores and, relative to the largest of each variable, of gradients.
fn training(a: &LocalPolicy, b: &LocalPolicy, answers: &[Completion]) -> Result<(f32, f32)> {
    let tokens: Vec<(usize, Vec<u32>)> = answers
        .iter()
        .map(|completion| {
            let ids = completion.trace.as_ref().map(|trace| trace.ids.clone()).unwrap_or_default();
            (completion.prompt.len(), [completion.prompt.clone(), ids].concat())
        })
        .collect();
    let run = |policy: &LocalPolicy| -> Result<(Vec<f32>, Vec<Vec<f32>>)> {
        let sequences: Vec<ScoredSequence<'_>> = tokens
            .iter()
            .map(|(prompt, tokens)| ScoredSequence {
                tokens,
                targets: (*prompt..tokens.len())
                    .map(|position| Target { position, allowed: None })
                    .collect(),
            })
            .collect();
        policy.with_model(|model| {
            let scores = model.score(&sequences)?;
            let grads = scores.logprobs.mean_all()?.backward()?;
            let gradients = model.vars().iter().map(|(name, var)| {
                let grad = grads.get(var).ok_or_else(|| format!("{name} has no gradient"))?;
                Ok(grad.flatten_all()?.to_vec1::<f32>()?)
            });
            Ok((scores.logprobs.to_vec1::<f32>()?, gradients.collect::<Result<Vec<_>>>()?))
        })
    };
    let ((scores, gradients), (other_scores, other_gradients)) = (run(a)?, run(b)?);
    let largest =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0f32, larger);
    let relative = gradients
        .iter()
        .zip(&other_gradients)
        .map(|(a, b)| largest(a, b) / a.iter().fold(1e-6f32, |max, value| max.max(value.abs())));
    Ok((largest(&scores, &other_scores), relative.fold(0f32, larger)))
}
