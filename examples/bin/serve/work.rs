//! Answers on threads of their own, off the threads that serve connections.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use ssr_core::{Completion, FinishReason, PolicyError, Request, Usage};
use ssr_policy::{Delta, LocalPolicy, ScoredSequence, Target, ToolFormat};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::refuse::Refusal;
use crate::tools;

/// Tokens that wait for a slow client before the thread that draws them does.
const AHEAD: usize = 256;

pub struct Server {
    pub policy: LocalPolicy,
    pub name: String,
    /// In seconds since 1970.
    pub started: u64,
    places: Arc<Semaphore>,
    max_answers: usize,
    /// Whether prompts are scored with the very weights that answer.
    pub scores: bool,
    /// The turn to score prompts.
    pub scoring: Semaphore,
}

/// The start of an answer that the client gave itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given {
    pub tokens: usize,
    pub bytes: usize,
}

/// One answer to be written.
pub struct Job {
    /// The prompt, where it is not the messages of the request.
    pub prompt: Option<Vec<u32>>,
    pub request: Request,
    pub given: Given,
}

/// What happens to the job of an index.
pub enum Event {
    Delta(usize, Delta),
    Done(usize, Result<Box<Completion>, PolicyError>),
}

impl Server {
    pub fn new(policy: LocalPolicy, name: String, max_answers: usize, scores: bool) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let started = now.map_or(0, |now| now.as_secs());
        let max_answers = max_answers.clamp(1, Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(max_answers));
        Self { policy, name, started, places, max_answers, scores, scoring: Semaphore::new(1) }
    }

    /// How the model calls tools.
    pub fn tool_format(&self, opened: bool) -> &'static dyn ToolFormat {
        tools::format(self.policy.with_model(|model| model.config().architecture), opened)
    }

    pub fn in_flight(&self) -> usize {
        self.max_answers - self.places.available_permits()
    }

    /// Starts the jobs. They end early when the receiver is dropped.
    pub fn start(self: &Arc<Self>, jobs: Vec<Job>) -> Result<mpsc::Receiver<Event>, Refusal> {
        let count = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
        if jobs.len() > self.max_answers {
            let most = self.max_answers;
            let message = format!("{count} answers; this server writes {most} together at most");
            return Err(Refusal::wrong(message));
        }
        let places = Arc::clone(&self.places).try_acquire_many_owned(count);
        let mut places = places.map_err(|_| Refusal::busy())?;
        let (events, receiver) = mpsc::channel(AHEAD);
        for (index, job) in jobs.into_iter().enumerate() {
            let (server, events) = (Arc::clone(self), events.clone());
            let place = places.split(1);
            tokio::task::spawn_blocking(move || {
                let _place: Option<OwnedSemaphorePermit> = place;
                server.work(index, &job, &events);
            });
        }
        Ok(receiver)
    }

    fn work(&self, index: usize, job: &Job, events: &mpsc::Sender<Event>) {
        let stream = match &job.prompt {
            Some(prompt) => self.policy.stream_after(prompt, &job.request),
            None => self.policy.stream(&job.request),
        };
        let done = match stream {
            Err(error) => Err(error),
            Ok(mut stream) => {
                let Given { tokens, bytes: mut given } = job.given;
                for (position, mut delta) in stream.by_ref().enumerate() {
                    // The text of several tokens may come with the last of them.
                    let known = given.min(delta.text.len());
                    delta.text.drain(..known);
                    given -= known;
                    if position < tokens {
                        continue;
                    }
                    if events.blocking_send(Event::Delta(index, delta)).is_err() {
                        // Nobody listens: dropping the stream ends the answer.
                        return;
                    }
                }
                stream.completion().map(Box::new)
            }
        };
        let _ = events.blocking_send(Event::Done(index, done));
    }

    /// All answers, in the order of the jobs.
    pub async fn finish(
        mut events: mpsc::Receiver<Event>,
        count: usize,
    ) -> Result<Vec<Completion>, Refusal> {
        let mut answers: Vec<Option<Completion>> = vec![None; count];
        while let Some(event) = events.recv().await {
            if let Event::Done(index, done) = event {
                answers[index] = Some(*done?);
            }
        }
        let answers: Option<Vec<Completion>> = answers.into_iter().collect();
        answers.ok_or_else(|| Refusal::broken("an answer was lost"))
    }

    /// The log-probabilities of a prompt's tokens, in vLLM's form.
    pub fn score(&self, prompt: &[u32]) -> Result<Value, Refusal> {
        let targets: Vec<Target<'_>> =
            (1..prompt.len()).map(|position| Target { position, allowed: None }).collect();
        let mut entries = vec![Value::Null];
        if !targets.is_empty() {
            let sequence = ScoredSequence { tokens: prompt, targets };
            let scores = self
                .policy
                .with_model(|model| {
                    model.score(&[sequence])?.logprobs.to_vec1::<f32>().map_err(Into::into)
                })
                .map_err(|error: ssr_policy::Error| Refusal::wrong(error.to_string()))?;
            entries.extend(prompt[1..].iter().zip(scores).map(|(token, logprob)| {
                let text = self.policy.tokenizer().decode(&[*token]);
                json!({token.to_string(): {"logprob": logprob, "decoded_token": text}})
            }));
        }
        Ok(Value::Array(entries))
    }

    /// The text of an answer after the tokens that the client gave, and the stop text that ended it.
    pub fn text(
        &self,
        given: usize,
        answer: &Completion,
        stop: &[String],
    ) -> (String, Option<String>) {
        let text = answer.parts.last().cloned().unwrap_or_default();
        let ids = answer.trace.as_ref().map_or(&[][..], |trace| &trace.ids[..]);
        let drawn = ids.get(given..).unwrap_or_default();
        let all = self.policy.tokenizer().decode(drawn);
        let rest = all.strip_prefix(text.as_str()).unwrap_or_default();
        let ended = answer.finish == FinishReason::Stop;
        let ended = stop.iter().find(|stop| ended && rest.starts_with(stop.as_str()));
        (text, ended.cloned())
    }
}

pub fn reason(finish: FinishReason) -> &'static str {
    match finish {
        FinishReason::Length => "length",
        _ => "stop",
    }
}

/// `given` tokens of every answer are the client's and count for the prompt.
pub fn usage(prompt_tokens: u64, given: u64, answers: &[Completion]) -> Value {
    let mut all = Usage::default();
    answers.iter().for_each(|answer| all += answer.usage);
    let written = all.completion_tokens.saturating_sub(given * answers.len() as u64);
    json!({
        "prompt_tokens": prompt_tokens,
        "completion_tokens": written,
        "total_tokens": prompt_tokens + written,
    })
}
