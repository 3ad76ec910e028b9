//! The endpoint `/v1/completions`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use ssr_core::{Completion, Request};

use crate::api::{Completions, Prompt};
use crate::refuse::Refusal;
use crate::sampling::Plan;
use crate::stream::{self, Chunks, stop_to_tell};
use crate::work::{Given, Job, Server, reason, usage};

/// The most prompts of a request.
const MOST_PROMPTS: usize = 1024;

pub async fn answer(
    State(server): State<Arc<Server>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let asked: Completions =
        serde_json::from_slice(&body?).map_err(|error| Refusal::wrong(error.to_string()))?;
    if asked.echo {
        return Err(Refusal::wrong("echo is not offered; prompt_logprobs scores a prompt"));
    }
    if asked.prompt_logprobs.is_some() && !server.scores {
        let problem = "prompt_logprobs are those of the weights in f32; serve with that precision";
        return Err(Refusal::wrong(problem));
    }
    if asked.prompt_logprobs.is_some() && asked.common.stream {
        return Err(Refusal::wrong("prompt_logprobs are not streamed; leave one of them out"));
    }
    let plan = Plan::read(&server, &asked.common)?;
    let prompts = tokens(&server, &asked.prompt)?;
    let answer = vec![asked.common.segment(16)];
    let mut jobs = Vec::new();
    for prompt in &prompts {
        for &seed in &plan.seeds {
            let request =
                Request::new(Vec::new(), answer.clone(), seed).with_sampling(plan.sampling);
            jobs.push(Job { prompt: Some(prompt.clone()), request, given: Given::default() });
        }
    }
    let prompt_tokens = prompts.iter().map(|prompt| prompt.len() as u64).sum();
    let head = stream::head("cmpl", "text_completion", &server);
    if asked.common.stream {
        let chunks = Chunks {
            head,
            chat: false,
            logprobs: asked.logprobs.is_some(),
            ids: asked.common.return_token_ids,
            usage: asked.common.stream_options.include_usage.then_some(prompt_tokens),
            tools: None,
            given: 0,
            stop: stop_to_tell(&asked.common),
        };
        return stream::respond(server, jobs, chunks);
    }
    let count = jobs.len();
    let events = server.start(jobs)?;
    let scores = match asked.prompt_logprobs {
        None => Vec::new(),
        Some(_) => {
            // One request at a time: a prompt's logits are large.
            let _turn = server.scoring.acquire().await;
            let (server, prompts) = (Arc::clone(&server), prompts.clone());
            let score = move || prompts.iter().map(|prompt| server.score(prompt)).collect();
            let scores = tokio::task::spawn_blocking(score).await;
            scores
                .map_err(|error| Refusal::broken(error.to_string()))
                .and_then(|scores: Result<Vec<Value>, Refusal>| scores)?
        }
    };
    let answers = Server::finish(events, count).await?;
    let n = plan.seeds.len();
    let choices: Vec<Value> = answers
        .iter()
        .enumerate()
        .map(|(index, answer)| {
            let mut choice = choice(&server, &asked, index, answer);
            if let Some(scores) = scores.get(index / n) {
                choice["prompt_logprobs"] = scores.clone();
            }
            if asked.common.return_token_ids {
                choice["prompt_token_ids"] = json!(prompts[index / n]);
            }
            choice
        })
        .collect();
    let mut body = head;
    body["choices"] = Value::Array(choices);
    body["usage"] = usage(prompt_tokens, 0, &answers);
    Ok(Json(body).into_response())
}

fn choice(server: &Server, asked: &Completions, index: usize, answer: &Completion) -> Value {
    let (mut text, ended) = server.text(0, answer, &asked.common.stop());
    if asked.common.include_stop_str_in_output {
        text.extend(ended.iter().map(String::as_str));
    }
    let mut choice = json!({
        "index": index,
        "text": text,
        "finish_reason": reason(answer.finish),
        "stop_reason": ended,
        "logprobs": null,
    });
    let Some(trace) = &answer.trace else { return choice };
    if asked.logprobs.is_some() {
        let tokens: Vec<String> =
            trace.ids.iter().map(|id| server.policy.tokenizer().decode(&[*id])).collect();
        choice["logprobs"] = json!({"tokens": tokens, "token_logprobs": trace.model_logprobs});
    }
    if asked.common.return_token_ids {
        choice["token_ids"] = json!(trace.ids);
    }
    choice
}

/// The prompts as token ids.
fn tokens(server: &Server, prompt: &Prompt) -> Result<Vec<Vec<u32>>, Refusal> {
    let encode = |text: &String| {
        server.policy.tokenizer().encode(text).map_err(|error| Refusal::wrong(error.to_string()))
    };
    let prompts = match prompt {
        Prompt::Text(text) => vec![encode(text)?],
        Prompt::Tokens(tokens) => vec![tokens.clone()],
        Prompt::Texts(texts) => texts.iter().map(encode).collect::<Result<_, _>>()?,
        Prompt::ManyTokens(prompts) => prompts.clone(),
    };
    if prompts.is_empty() || prompts.len() > MOST_PROMPTS {
        let count = prompts.len();
        return Err(Refusal::wrong(format!("{count} prompts; there may be 1 to {MOST_PROMPTS}")));
    }
    Ok(prompts)
}
