//! Tokens per second of the built-in policy: a training step (forward, backward) and decoding.
//!
//! `cargo bench -p ssr-policy --profile dev`: the dev profile of this workspace is optimised.

use std::time::Instant;

use ssr_core::{Message, Policy, Request, Seed, Segment};
use ssr_policy::{LocalPolicy, Model, ModelConfig, ScoredSequence, Target, Tokenizer};

const VOCABULARY: usize = 2048;
const ROUNDS: u32 = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = Model::new(ModelConfig::tiny(VOCABULARY), Seed::new(0))?;
    println!("{} parameters", model.num_parameters());
    for (sequences, length) in [(8, 256), (8, 1024)] {
        let rate = train(&model, sequences, length, length / 2)?;
        println!("train {sequences} x {length}, half scored: {rate:.0} tokens/s");
    }
    let tokenizer = Tokenizer::train(["seed"], VOCABULARY)?;
    let policy = LocalPolicy::new(model, tokenizer)?;
    for (sequences, prompt, shared) in
        [(1, 256, true), (8, 256, true), (8, 1000, true), (8, 1000, false), (32, 256, true)]
    {
        let (first, rate) = decode(&policy, sequences, prompt, shared)?;
        let shared = if shared { "shared" } else { "different" };
        println!(
            "{sequences} sequences, {shared} prompt of {prompt}: first token after {first:.3} s, then {rate:.0} tokens/s"
        );
    }
    Ok(())
}

fn tokens(count: usize, seed: u64) -> Vec<u32> {
    (0..count as u64).map(|i| Seed::new(seed).index(i).below(VOCABULARY) as u32).collect()
}

fn train(model: &Model, sequences: u64, length: usize, scored: usize) -> candle_core::Result<f64> {
    let tokens: Vec<Vec<u32>> = (0..sequences).map(|seed| tokens(length, seed)).collect();
    let target = |position| Target { position, allowed: None };
    let sequences: Vec<_> = tokens
        .iter()
        .map(|tokens| ScoredSequence {
            tokens,
            targets: (length - scored..length).map(target).collect(),
        })
        .collect();
    let step = || {
        let scores = model.score(&sequences).map_err(candle_core::Error::wrap)?;
        scores.logprobs.mean_all()?.backward()
    };
    step()?;
    let start = Instant::now();
    for _ in 0..ROUNDS {
        step()?;
    }
    Ok((sequences.len() * length) as f64 * f64::from(ROUNDS) / start.elapsed().as_secs_f64())
}

/// Seconds until every sequence has a token, and tokens per second from then on.
fn decode(
    policy: &LocalPolicy,
    sequences: u64,
    prompt: usize,
    shared: bool,
) -> Result<(f64, f64), ssr_core::PolicyError> {
    let run = |max_tokens| {
        let request = |index| {
            let letter = if shared { b'a' } else { b'a' + index as u8 };
            let text = String::from_utf8_lossy(&[letter]).repeat(prompt);
            Request::new(
                vec![Message::user(text)],
                vec![Segment::Free { max_tokens, stop: vec![] }],
                Seed::new(index),
            )
        };
        let requests: Vec<Request> = (0..sequences).map(request).collect();
        let start = Instant::now();
        let completions = policy.complete(&requests)?;
        let tokens: u64 = completions.iter().map(|c| c.usage.completion_tokens).sum();
        Ok((start.elapsed().as_secs_f64(), tokens as f64))
    };
    run(1)?;
    let (first, drawn) = run(1)?;
    let (all, total) = run(128)?;
    Ok((first, (total - drawn) / (all - first)))
}
