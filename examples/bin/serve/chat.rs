//! The endpoint `/v1/chat/completions`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use ssr_core::{ChatRole, Completion, Message, Request, Segment};

use crate::api::Chat;
use crate::refuse::Refusal;
use crate::sampling::Plan;
use crate::stream::{self, Chunks, entry, stop_to_tell};
use crate::tools::Tools;
use crate::work::{Given, Job, Server, reason, usage};

pub async fn answer(
    State(server): State<Arc<Server>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let asked: Chat =
        serde_json::from_slice(&body?).map_err(|error| Refusal::wrong(error.to_string()))?;
    let plan = Plan::read(&server, &asked.common)?;
    let mut tools = Tools::read(&server, &asked)?;
    let format = server.tool_format(false);
    let messages = asked.messages.into_iter().map(|message| message.read(format));
    let mut messages = messages.collect::<Result<Vec<Message>, Refusal>>()?;
    let mut answer = Vec::new();
    let mut given = Given::default();
    if asked.continue_final_message {
        let last = messages.pop().filter(|last| last.role == ChatRole::Assistant);
        let last = last.ok_or_else(|| Refusal::wrong("the last message is not the assistant's"))?;
        let tokens = server.policy.tokenizer().encode(&last.text);
        let tokens = tokens.map_err(|error| Refusal::wrong(error.to_string()))?.len();
        given = Given { tokens, bytes: last.text.len() };
        answer.push(Segment::Forced(last.text));
    }
    let prompt = tools.as_mut().map(|tools| tools.prompt(&server, &messages)).transpose()?;
    answer.push(match &tools {
        Some(tools) => tools.segment(&asked.common),
        None => asked.common.segment(usize::MAX),
    });
    let jobs: Vec<Job> = plan
        .seeds
        .iter()
        .map(|&seed| {
            let (messages, answer) = (messages.clone(), answer.clone());
            let request = Request::new(messages, answer, seed).with_sampling(plan.sampling);
            Job { prompt: prompt.clone(), request, given }
        })
        .collect();
    if asked.common.stream {
        let head = stream::head("chatcmpl", "chat.completion.chunk", &server);
        let prompt_tokens = match &prompt {
            Some(prompt) => prompt.len() as u64,
            None => stream::prompt_tokens(&server, &messages)? + given.tokens as u64,
        };
        let chunks = Chunks {
            head,
            chat: true,
            logprobs: asked.logprobs,
            ids: asked.common.return_token_ids,
            usage: asked.common.stream_options.include_usage.then_some(prompt_tokens),
            tools,
            given: given.tokens as u64,
            stop: stop_to_tell(&asked.common),
        };
        return stream::respond(server, jobs, chunks);
    }
    let count = jobs.len();
    let answers = Server::finish(server.start(jobs)?, count).await?;
    let stop = asked.common.stop();
    let choices = answers.iter().enumerate().map(|(index, answer)| {
        let (mut text, ended) = server.text(given.tokens, answer, &stop);
        if asked.common.include_stop_str_in_output {
            text.extend(ended.iter().map(String::as_str));
        }
        let (message, called) = match &tools {
            Some(tools) => tools.message(&text),
            None => (json!({"role": "assistant", "content": text}), false),
        };
        let mut choice = json!({
            "index": index,
            "message": message,
            "finish_reason": if called { "tool_calls" } else { reason(answer.finish) },
            "stop_reason": ended,
            "logprobs": null,
        });
        if asked.logprobs {
            choice["logprobs"] = json!({"content": entries(&server, given.tokens, answer)});
        }
        if let (true, Some(trace)) = (asked.common.return_token_ids, &answer.trace) {
            choice["token_ids"] = json!(trace.ids.get(given.tokens..).unwrap_or_default());
        }
        choice
    });
    let choices: Vec<Value> = choices.collect();
    let given = given.tokens as u64;
    let prompt_tokens = answers.first().map_or(0, |answer| answer.prompt.len() as u64) + given;
    let mut body = stream::head("chatcmpl", "chat.completion", &server);
    body["choices"] = Value::Array(choices);
    body["usage"] = usage(prompt_tokens, given, &answers);
    if asked.common.return_token_ids {
        body["prompt_token_ids"] = json!(answers.first().map(|answer| &answer.prompt));
    }
    Ok(Json(body).into_response())
}

fn entries(server: &Server, given: usize, answer: &Completion) -> Vec<Value> {
    let Some(trace) = &answer.trace else { return Vec::new() };
    let tokens = trace.ids.iter().zip(&trace.model_logprobs).skip(given);
    tokens.map(|(id, logprob)| entry(server, *id, *logprob)).collect()
}
