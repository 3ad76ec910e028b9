//! Talks with a model from a folder in Hugging Face's layout, a GGUF file, or the word `smollm2`.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use ssr_core::{Completion, FinishReason, Message, PolicyError, Request, Sampling, Seed, Segment};
use ssr_examples::{Failure, ModelArgs, Result};
use ssr_policy::InferencePolicy;

/// Talk with a model: one answer with --prompt, otherwise a conversation over standard input
///
/// Exit codes: 0 when all was answered, 1 when the model fails, 2 when the input cannot be used.
#[derive(Parser)]
#[command(name = "generate", version)]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Answer this and end
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// What the model is told before everything
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// The most tokens of an answer
    #[arg(long, value_name = "N", default_value_t = 512)]
    max_tokens: usize,
    /// A text that ends an answer; may be repeated
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// 0 takes the most likely token
    #[arg(long, value_name = "T", default_value_t = 1.0)]
    temperature: f32,
    /// Keep the most likely tokens with this mass
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    top_p: f32,
    /// Keep this many most likely tokens; 0 keeps all
    #[arg(long, value_name = "K", default_value_t = 0)]
    top_k: usize,
    /// Keep the tokens at least this many times as likely as the most likely one
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    min_p: f32,
    /// Make tokens that occurred already less likely; 1 does not
    #[arg(long, value_name = "R", default_value_t = 1.0)]
    repetition_penalty: f32,
    /// Equal seeds give equal answers
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// End with one line of JSON about the answers on standard output
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let start = Instant::now();
    let wrong = |error: ssr_policy::Error| Failure::input(error.to_string());
    let (model, tokenizer, engine) = args.model.load()?;
    let parameters = model.num_parameters();
    let policy = InferencePolicy::new(model, tokenizer, engine).map_err(wrong)?;
    eprintln!("{parameters} parameters after {:.1} s", start.elapsed().as_secs_f64());

    let mut talk = Talk { policy, args, messages: Vec::new(), answers: Vec::new() };
    talk.messages.extend(args.system.as_deref().map(Message::system));
    match &args.prompt {
        Some(prompt) => talk.say(prompt)?,
        None => talk.listen()?,
    }
    if args.json {
        write(&format!("{}\n", serde_json::json!({ "answers": talk.answers })))?;
    }
    Ok(())
}

struct Talk<'a> {
    policy: InferencePolicy,
    args: &'a Args,
    messages: Vec<Message>,
    answers: Vec<serde_json::Value>,
}

impl Talk<'_> {
    /// Answers every line until the input ends.
    fn listen(&mut self) -> Result<()> {
        let input = std::io::stdin();
        let invite = || {
            if input.is_terminal() {
                eprint!("> ");
            }
        };
        invite();
        for line in input.lock().lines() {
            let line = line.map_err(|error| Failure::input(format!("standard input: {error}")))?;
            if !line.trim().is_empty() {
                self.say(&line)?;
            }
            invite();
        }
        Ok(())
    }

    /// Prints the answer to a message as it is written.
    fn say(&mut self, text: &str) -> Result<()> {
        let Args { temperature, top_p, top_k, min_p, repetition_penalty, .. } = *self.args;
        self.messages.push(Message::user(text));
        let (max_tokens, stop) = (self.args.max_tokens, self.args.stop.clone());
        let answer = vec![Segment::Free { max_tokens, stop }];
        let sampling = Sampling::default()
            .with_temperature(temperature)
            .with_top_p(top_p)
            .with_top_k(top_k)
            .with_min_p(min_p)
            .with_repetition_penalty(repetition_penalty);
        let seed = Seed::new(self.args.seed).index(self.answers.len() as u64);
        let request = Request::new(self.messages.clone(), answer, seed).with_sampling(sampling);
        let start = Instant::now();
        let mut stream = self.policy.stream(&request).map_err(failure)?;
        let mut first = None;
        for delta in stream.by_ref() {
            first.get_or_insert_with(|| start.elapsed().as_secs_f64());
            write(&delta.text)?;
        }
        write("\n")?;
        let completion = stream.completion().map_err(failure)?;
        let seconds = start.elapsed().as_secs_f64();
        let first = first.unwrap_or(seconds);
        self.account(&completion, first, seconds);
        self.messages.push(completion.message());
        Ok(())
    }

    fn account(&mut self, completion: &Completion, first: f64, seconds: f64) {
        let drawn = completion.usage.completion_tokens;
        let rate = drawn.saturating_sub(1) as f64 / (seconds - first).max(1e-9);
        let prompt = completion.usage.prompt_tokens;
        eprintln!("[{prompt} + {drawn} tokens, first after {first:.2} s, then {rate:.1}/s]");
        let trace = completion.trace.as_ref();
        self.answers.push(serde_json::json!({
            "text": completion.text(),
            "finish": if completion.finish == FinishReason::Length { "length" } else { "stop" },
            "prompt_tokens": prompt,
            "completion_tokens": drawn,
            "logprob": trace.map(|t| t.model_logprobs.iter().map(|&p| f64::from(p)).sum::<f64>()),
            "first_token_s": first,
            "tokens_per_s": rate,
        }));
    }
}

/// To standard output, at once.
fn write(text: &str) -> Result<()> {
    let mut output = std::io::stdout().lock();
    let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    written.map_err(|error| Failure::Infrastructure(format!("standard output: {error}")))
}

fn failure(error: PolicyError) -> Failure {
    match error {
        PolicyError::Request { problem, .. } => Failure::Input(problem),
        other => Failure::Infrastructure(other.to_string()),
    }
}
