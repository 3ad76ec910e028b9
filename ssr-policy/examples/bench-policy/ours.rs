//! The worker that measures this crate.

use std::io::BufRead;
use std::time::Instant;

use ssr_core::{Message, Policy, Request, Seed, Segment};
use ssr_policy::{Device, EngineConfig, InferencePolicy, Model, Precision, Tokenizer};

use crate::Result;
use crate::shape::Shape;

/// The special tokens and characters that the chat format adds to a prompt.
const FRAME: usize = 12;

/// Answers questions on standard input until it ends.
pub fn serve(args: &[String]) -> Result<()> {
    let [shape, device, precision] = args else {
        return Err("--worker needs a shape, a device and a precision".into());
    };
    let shape = Shape::parse(shape)?;
    let precision = match precision.as_str() {
        "f32" => Precision::F32,
        "bf16" => Precision::Bf16,
        "q8" => Precision::Q8,
        other => return Err(format!("there is no precision {other:?}").into()),
    };
    let mut model = Model::new(shape.config(), Seed::new(0))?;
    let config = model.config();
    // As many bytes as llama.cpp reserves (peers.py), in half precision, for 32 sequences.
    let width = 2 * config.num_key_value_heads * config.head_dim;
    let kv_bytes = 32 * 1280 * config.num_hidden_layers * width * 2;
    if device == "cuda" {
        model = model.to_device(&Device::new_cuda(0)?)?;
    }
    let engine = EngineConfig::default().with_precision(precision).with_kv_bytes(kv_bytes);
    let policy = InferencePolicy::new(model, Tokenizer::train([""; 0], 259)?, engine)?;
    let mut ours = Ours { policy, asked: 0 };
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |index: usize| -> Result<usize> {
            Ok(words.get(index).ok_or("a number is missing")?.parse()?)
        };
        let seconds = match words.first() {
            Some(&"ready") => ours.decode(1, 32, 4)?,
            Some(&"prefill") => ours.answers(1, number(1)?, 1, false)?,
            Some(&"decode") => ours.decode(number(1)?, number(2)?, number(3)?)?,
            Some(&"shared") => ours.answers(number(1)?, number(2)?, number(3)?, true)?,
            _ => return Err(format!("what is {line:?}?").into()),
        };
        println!("seconds {seconds}");
    }
    Ok(())
}

struct Ours {
    policy: InferencePolicy,
    /// Makes every prompt a new one.
    asked: usize,
}

impl Ours {
    /// Seconds of `tokens` steps of so many sequences, from the first token of the last one on.
    fn decode(&mut self, sequences: usize, prompt: usize, tokens: usize) -> Result<f64> {
        self.again(|ours| ours.try_decode(sequences, prompt, tokens))
    }

    /// Seconds of whole answers.
    fn answers(
        &mut self,
        sequences: usize,
        prompt: usize,
        tokens: usize,
        same: bool,
    ) -> Result<f64> {
        self.again(|ours| ours.try_answers(sequences, prompt, tokens, same))
    }

    /// Random answers end by themselves now and then: such a measurement is made again, and so is
    /// one that the machine's other work has spoiled.
    fn again(&mut self, measure: impl Fn(&mut Self) -> Result<Option<f64>>) -> Result<f64> {
        for _ in 0..100 {
            if let Some(seconds) = measure(self)? {
                return Ok(seconds);
            }
        }
        Err("a hundred times, an answer ended early or the machine was too busy".into())
    }

    fn try_decode(
        &mut self,
        sequences: usize,
        prompt: usize,
        tokens: usize,
    ) -> Result<Option<f64>> {
        let requests = self.requests(sequences, prompt, tokens + 1, false);
        // With the prompts known already, all sequences decode together for most of the time.
        let first = vec![Segment::Free { max_tokens: 1, stop: vec![] }];
        let read = |request: &Request| request.clone().with_answer(first.clone());
        self.policy.complete(&requests.iter().map(read).collect::<Vec<_>>())?;
        let mut streams = Vec::with_capacity(sequences);
        for request in &requests {
            streams.push(self.policy.stream(request)?);
        }
        for stream in &mut streams {
            stream.next().ok_or("no first token")?;
        }
        // All sequences decode from here on; those that began earlier are some steps ahead.
        // The engine's own clock tells how long, because this thread may have to wait for a processor.
        let before = self.policy.stats();
        let lengths: Vec<usize> =
            streams.iter_mut().map(|stream| stream.by_ref().count()).collect();
        let after = self.policy.stats();
        let whole = lengths.iter().all(|&length| length == tokens);
        let (asked, fed) =
            ((sequences * tokens) as f64, (after.fed_tokens - before.fed_tokens) as f64);
        let seconds = (after.busy - before.busy).as_secs_f64();
        // Too few are no sample.
        Ok((whole && 2.0 * fed >= asked).then_some(seconds * asked / fed))
    }

    fn try_answers(
        &mut self,
        sequences: usize,
        prompt: usize,
        tokens: usize,
        same: bool,
    ) -> Result<Option<f64>> {
        let requests = self.requests(sequences, prompt, tokens, same);
        let start = Instant::now();
        let completions = self.policy.complete(&requests)?;
        let seconds = start.elapsed().as_secs_f64();
        let whole = completions.iter().all(|c| c.usage.completion_tokens == tokens as u64);
        Ok(whole.then_some(seconds))
    }

    fn requests(
        &mut self,
        sequences: usize,
        prompt: usize,
        tokens: usize,
        same: bool,
    ) -> Vec<Request> {
        let answer = vec![Segment::Free { max_tokens: tokens, stop: vec![] }];
        let request = |index: usize| {
            let number = if same { self.asked } else { self.asked + index };
            let text = format!("{number:08}{}", "a".repeat(prompt.saturating_sub(FRAME + 8)));
            Request::new(
                vec![Message::user(text)],
                answer.clone(),
                Seed::new((self.asked + index) as u64),
            )
        };
        let requests = (0..sequences).map(request).collect();
        self.asked += sequences;
        requests
    }
}
