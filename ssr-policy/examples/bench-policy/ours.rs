use std::time::Instant;

use ssr_core::{Message, Policy, Request, Sampling, Seed, Segment};
use ssr_policy::{Architecture, EngineConfig, LocalPolicy, Model, ModelConfig, Tokenizer};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Shapes that are measured, with random weights.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// 5 million parameters.
    Small,
    /// That of Qwen2.5-0.5B.
    Half,
}

impl Shape {
    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "5m",
            Self::Half => "0.5b",
        }
    }

    fn config(self) -> ModelConfig {
        let tiny = ModelConfig::tiny_of(Architecture::Qwen2, 4096);
        match self {
            Self::Small => ModelConfig {
                hidden_size: 256,
                intermediate_size: 768,
                num_hidden_layers: 5,
                num_attention_heads: 4,
                num_key_value_heads: 2,
                head_dim: 64,
                max_position_embeddings: 4096,
                ..tiny
            },
            Self::Half => ModelConfig {
                vocab_size: 151_936,
                hidden_size: 896,
                intermediate_size: 4864,
                num_hidden_layers: 24,
                num_attention_heads: 14,
                num_key_value_heads: 2,
                head_dim: 64,
                max_position_embeddings: 4096,
                ..tiny
            },
        }
    }
}

pub fn measure(shape: Shape) -> Result<()> {
    let start = Instant::now();
    let model = Model::new(shape.config(), Seed::new(0))?;
    println!(
        "{} {} parameters, {:.1} s",
        shape.name(),
        model.num_parameters(),
        start.elapsed().as_secs_f64()
    );
    let config = EngineConfig { prefix_cache: false, ..EngineConfig::default() };
    let policy = LocalPolicy::with_engine(model, Tokenizer::train([""; 0], 259)?, config)?;
    let tokens = if shape == Shape::Half { 24 } else { 128 };
    let start = Instant::now();
    run(&policy, &[0], 16, 1)?;
    println!("packing {:.2} s", start.elapsed().as_secs_f64());
    for (rows, prompt) in [(1, 256), (8, 256), (32, 256)] {
        let seeds = lasting(&policy, rows, prompt, tokens)?;
        let (first, _) = run(&policy, &seeds, prompt, 1)?;
        let (all, _) = run(&policy, &seeds, prompt, tokens)?;
        println!(
            "batch {rows}: prefill {:.0} tokens/s, decode {:.1} tokens/s",
            (rows * prompt) as f64 / first,
            (rows * (tokens - 1)) as f64 / (all - first)
        );
    }
    Ok(())
}

/// Seeds of answers that do not end by themselves before `tokens`.
fn lasting(policy: &LocalPolicy, rows: usize, prompt: usize, tokens: usize) -> Result<Vec<u64>> {
    // A random model ends an answer once in a vocabulary.
    let spare =
        if policy.with_model(|model| model.config().vocab_size) < 10_000 { rows + 4 } else { 0 };
    let seeds: Vec<u64> = (0..(rows + spare) as u64).collect();
    if spare == 0 {
        return Ok(seeds);
    }
    let (_, lengths) = run(policy, &seeds, prompt, tokens)?;
    let last = seeds.into_iter().zip(lengths).filter(|(_, length)| *length == tokens as u64);
    let seeds: Vec<u64> = last.map(|(seed, _)| seed).take(rows).collect();
    if seeds.len() < rows { Err("too many answers end early".into()) } else { Ok(seeds) }
}

/// Seconds for answers of up to `tokens` tokens to different prompts, and their lengths.
fn run(
    policy: &LocalPolicy,
    seeds: &[u64],
    prompt: usize,
    tokens: usize,
) -> Result<(f64, Vec<u64>)> {
    let requests: Vec<Request> = seeds
        .iter()
        .map(|&seed| Request {
            messages: vec![Message::user(format!("{seed:02}{}", "a".repeat(prompt - 12)))],
            answer: vec![Segment::Free { max_tokens: tokens, stop: vec![] }],
            sampling: Sampling::default(),
            seed: Seed::new(seed),
        })
        .collect();
    let start = Instant::now();
    let completions = policy.complete(&requests)?;
    let seconds = start.elapsed().as_secs_f64();
    Ok((seconds, completions.iter().map(|c| c.usage.completion_tokens).collect()))
}
