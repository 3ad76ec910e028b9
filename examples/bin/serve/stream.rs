//! Answers as server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::response::sse::{Event as Sse, KeepAlive};
use axum::response::{IntoResponse, Response, Sse as Stream};
use futures_util::stream::unfold;
use serde_json::{Value, json};
use ssr_core::{Completion, Message};
use ssr_policy::Delta;
use tokio::sync::mpsc::Receiver;

use crate::api::Common;
use crate::refuse::Refusal;
use crate::tools::Tools;
use crate::work::{Event, Job, Server, reason, usage};

/// What the chunks of an answer look like.
pub struct Chunks {
    pub head: Value,
    pub chat: bool,
    pub logprobs: bool,
    pub ids: bool,
    /// The prompt's tokens, where the usage is to be told at the end.
    pub usage: Option<u64>,
    /// Text that may call tools is told when it is whole.
    pub tools: Option<Tools>,
    /// Tokens at the start of every answer that are the client's.
    pub given: u64,
    /// The stop texts, where the one that ends an answer is told.
    pub stop: Vec<String>,
}

/// The stop texts of a request that wants to read them.
pub fn stop_to_tell(common: &Common) -> Vec<String> {
    if common.include_stop_str_in_output { common.stop() } else { Vec::new() }
}

/// The fields at the start of every response.
pub fn head(prefix: &str, object: &str, server: &Server) -> Value {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    json!({
        "id": format!("{prefix}-{}-{number}", server.started),
        "object": object,
        "created": server.started,
        "model": server.name,
    })
}

/// One token in the form of the chat endpoint.
pub fn entry(server: &Server, id: u32, logprob: f32) -> Value {
    let tokenizer = server.policy.tokenizer();
    json!({
        "id": id,
        "token": tokenizer.decode(&[id]),
        "bytes": tokenizer.token_bytes(id),
        "logprob": logprob,
        "top_logprobs": [],
    })
}

/// The length of a conversation in tokens.
pub fn prompt_tokens(server: &Server, messages: &[Message]) -> Result<u64, Refusal> {
    let rendered = ssr_policy::render(server.policy.tokenizer(), messages);
    let rendered = rendered.map_err(|error| Refusal::wrong(error.to_string()))?;
    Ok(rendered.tokens.len() as u64)
}

/// The state of a stream.
struct Writer {
    server: Arc<Server>,
    events: Receiver<Event>,
    chunks: Chunks,
    ready: VecDeque<String>,
    answers: Vec<Completion>,
    ended: bool,
}

/// Starts the jobs and streams what they say; the client's leaving drops the stream and so ends
/// them.
pub fn respond(server: Arc<Server>, jobs: Vec<Job>, chunks: Chunks) -> Result<Response, Refusal> {
    let roles = if chunks.chat { jobs.len() } else { 0 };
    let role = |index| chunks.chunk(index, json!({"role": "assistant", "content": ""}));
    let ready = (0..roles).map(|index| role(index).to_string()).collect();
    let events = server.start(jobs)?;
    let writer = Writer { server, events, chunks, ready, answers: Vec::new(), ended: false };
    let lines = unfold(writer, |mut writer| async {
        let line = writer.next().await?;
        Some((Ok::<_, Infallible>(Sse::default().data(line)), writer))
    });
    Ok(Stream::new(lines).keep_alive(KeepAlive::default()).into_response())
}

impl Writer {
    async fn next(&mut self) -> Option<String> {
        while self.ready.is_empty() && !self.ended {
            match self.events.recv().await {
                Some(Event::Delta(index, delta)) => {
                    if self.chunks.tells_deltas() {
                        let chunk = self.chunks.delta(&self.server, index, &delta);
                        self.ready.push_back(chunk.to_string());
                    }
                }
                Some(Event::Done(index, Ok(answer))) => {
                    let mut finish = reason(answer.finish);
                    if let Some(tools) = &self.chunks.tools {
                        let text = answer.parts.last().map_or("", String::as_str);
                        let (delta, called) = tools.delta(text);
                        self.ready.push_back(self.chunks.chunk(index, delta).to_string());
                        finish = if called { "tool_calls" } else { finish };
                    }
                    let ended = self.server.text(0, &answer, &self.chunks.stop).1;
                    if let (Some(ended), None) = (ended, &self.chunks.tools) {
                        self.ready.push_back(self.chunks.text(index, &ended).to_string());
                    }
                    let mut chunk = self.chunks.chunk(index, json!({}));
                    chunk["choices"][0]["finish_reason"] = json!(finish);
                    self.ready.push_back(chunk.to_string());
                    self.answers.push(*answer);
                }
                Some(Event::Done(_, Err(error))) => {
                    self.ready.push_back(Refusal::from(error).body().to_string());
                    self.ended = true;
                }
                None => {
                    if let Some(prompt) = self.chunks.usage {
                        let mut chunk = self.chunks.head.clone();
                        chunk["choices"] = json!([]);
                        chunk["usage"] = usage(prompt, self.chunks.given, &self.answers);
                        self.ready.push_back(chunk.to_string());
                    }
                    self.ready.push_back("[DONE]".to_owned());
                    self.ended = true;
                }
            }
        }
        self.ready.pop_front()
    }
}

impl Chunks {
    /// A chunk for the answer of an index; in a chat with this delta.
    fn chunk(&self, index: usize, delta: Value) -> Value {
        let mut chunk = self.head.clone();
        let (name, said) = if self.chat { ("delta", delta) } else { ("text", json!("")) };
        chunk["choices"] = json!([{"index": index, name: said, "finish_reason": null}]);
        chunk
    }

    fn text(&self, index: usize, text: &str) -> Value {
        let mut chunk = self.chunk(index, json!({ "content": text }));
        if !self.chat {
            chunk["choices"][0]["text"] = json!(text);
        }
        chunk
    }

    fn tells_deltas(&self) -> bool {
        self.tools.is_none() || self.logprobs || self.ids
    }

    fn delta(&self, server: &Server, index: usize, delta: &Delta) -> Value {
        let text = if self.tools.is_some() { "" } else { &delta.text };
        let mut chunk = self.text(index, text);
        let choice = &mut chunk["choices"][0];
        if self.logprobs {
            let entry = entry(server, delta.id, delta.model_logprob);
            choice["logprobs"] = if self.chat {
                json!({"content": [entry]})
            } else {
                json!({"tokens": [entry["token"]], "token_logprobs": [delta.model_logprob]})
            };
        }
        if self.ids {
            choice["token_ids"] = json!([delta.id]);
        }
        chunk
    }
}
