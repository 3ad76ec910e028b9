//! Answers by token ids: the server draws free text, choices are drawn here by its scores.

use std::collections::HashSet;
use std::sync::Arc;

use ssr_core::{Completion, FinishReason, PolicyError, Request, Sampling, Segment, Usage};

use super::http::RemoteFailure;
use super::wire::{Ask, Reply};
use super::{NO_RANKING, RemotePolicy};
use crate::answer::{Answer, Draw, Drawn, draw};
use crate::chat::render;
use crate::tokenizer::Tokenizer;

/// What is known of the tokens of an answer.
#[derive(PartialEq)]
enum Record {
    Complete,
    /// A log-probability is missing.
    Gaps,
}

impl RemotePolicy {
    /// One answer over token ids.
    pub(super) fn complete_tokens(
        &self,
        tokenizer: &Arc<Tokenizer>,
        request: &Request,
        version: u64,
    ) -> Result<Completion, RemoteFailure> {
        self.check_sampling(&request.sampling)?;
        check_shape(request)?;
        let prompt = render(tokenizer, &request.messages)
            .map_err(|error| RemoteFailure::Request(error.to_string()))?
            .tokens;
        let window = self.client.settings.context_window.unwrap_or(usize::MAX);
        let room = window.checked_sub(prompt.len()).ok_or_else(|| {
            let length = prompt.len();
            RemoteFailure::Request(format!("a prompt of {length} tokens; the window has {window}"))
        })?;
        let mut answer =
            Answer::new(tokenizer, &request.answer, room).map_err(RemoteFailure::Request)?;
        let mut record = Record::Complete;
        while let Some(next) = answer.next(version) {
            let before = [&prompt[..], &answer.trace.ids].concat();
            match next {
                Draw::Among(tokens) => {
                    let scores = self.scores(tokenizer, request, &before, &tokens)?;
                    let unit = request.seed.derive("token").index(answer.trace.len() as u64).unit();
                    let drawn = draw(&scores, None, &request.sampling, &HashSet::new(), unit)
                        .map_err(|error| self.broken("drawing a choice", error))?;
                    let drawn = Drawn { token: tokens[drawn.token as usize], ..drawn };
                    answer.accept(drawn, Draw::Among(tokens), version);
                }
                Draw::Free => {
                    let reply = self.free_text(tokenizer, request, &answer, &before)?;
                    if reply.ids.is_none() {
                        return self.complete_by_text(request, answer, prompt, reply);
                    }
                    if self.accept(tokenizer, request, &mut answer, &reply, (&before, version))?
                        == Record::Gaps
                    {
                        record = Record::Gaps;
                    }
                }
            }
        }
        let usage = Usage::new(prompt.len() as u64, answer.trace.len() as u64);
        let finish = answer.finish.unwrap_or(FinishReason::Stop);
        let trace = (record == Record::Complete).then_some(answer.trace);
        let completion = Completion::new(answer.parts, finish).with_prompt(prompt);
        Ok(completion.with_trace(trace).with_usage(usage))
    }

    /// Feeds the tokens of free text to the answer, until its segment or they end.
    fn accept(
        &self,
        tokenizer: &Tokenizer,
        request: &Request,
        answer: &mut Answer,
        reply: &Reply,
        (before, version): (&[u32], u64),
    ) -> Result<Record, RemoteFailure> {
        let ids = reply.ids.as_deref().unwrap_or_default();
        let segment = answer.segment;
        let mut record = Record::Complete;
        for (position, (&token, &told)) in ids.iter().zip(&reply.logprobs).enumerate() {
            let logprob = match told {
                Some(logprob) => Some(logprob),
                None if known(&request.sampling) && self.scores_tokens() => {
                    let before = [before, &ids[..position]].concat();
                    Some(self.scores(tokenizer, request, &before, &[token])?[0])
                }
                None => None,
            };
            let drawn = recorded(token, logprob, &request.sampling);
            if drawn.is_none() {
                record = Record::Gaps;
            }
            let drawn = drawn.unwrap_or(Drawn { token, logprob: 0.0, model_logprob: 0.0 });
            answer.accept(drawn, Draw::Free, version);
            if answer.finish.is_some() || answer.segment != segment {
                return Ok(record);
            }
        }
        // The server knows an end of its own: of the message, or of its context window. At the
        // limit of the segment the answer sees the end by itself.
        if !reply.length || ids.len() < limit(request, segment) {
            let finish = if reply.length { FinishReason::Length } else { FinishReason::Stop };
            answer.end(finish);
        }
        Ok(record)
    }

    fn free_text(
        &self,
        tokenizer: &Tokenizer,
        request: &Request,
        answer: &Answer,
        before: &[u32],
    ) -> Result<Reply, RemoteFailure> {
        let stop = match request.answer.get(answer.segment) {
            Some(Segment::Free { stop, .. }) => &stop[..],
            _ => &[],
        };
        let ask = Ask {
            model: &self.client.settings.model,
            max_tokens: limit(request, answer.segment).min(answer.room),
            stop,
            sampling: &request.sampling,
            seed: request.seed.derive("segment").index(answer.segment as u64).value(),
        };
        let dialect = self.client.settings.dialect;
        let (doing, path) = ("asking a server for text", dialect.tokens_path());
        let bytes = self.client.post(
            doing,
            path,
            &dialect.tokens_body(&ask, before, tokenizer.ends()),
            request.seed,
        )?;
        dialect.parse_tokens(&bytes).map_err(|problem| self.client.nonsense(doing, path, problem))
    }

    /// The log-probabilities of tokens after others.
    fn scores(
        &self,
        tokenizer: &Tokenizer,
        request: &Request,
        before: &[u32],
        tokens: &[u32],
    ) -> Result<Vec<f32>, RemoteFailure> {
        let settings = &self.client.settings;
        let (dialect, end) = (settings.dialect, tokenizer.end_of_message());
        let vocabulary = tokenizer.vocab_size();
        let body = dialect.scores_body(&settings.model, before, tokens, vocabulary, end);
        let body = body.ok_or_else(|| RemoteFailure::Request(super::NO_CHOICE.to_owned()))?;
        let (doing, path) = ("asking a server for scores", dialect.tokens_path());
        let bytes = self.client.post(doing, path, &body, request.seed)?;
        dialect
            .parse_scores(&bytes, tokens)
            .map_err(|problem| self.client.nonsense(doing, path, problem))
    }

    fn scores_tokens(&self) -> bool {
        self.client.settings.dialect != super::Dialect::OpenAi
    }

    /// Ends an answer whose server tells text alone.
    fn complete_by_text(
        &self,
        request: &Request,
        answer: Answer,
        prompt: Vec<u32>,
        reply: Reply,
    ) -> Result<Completion, RemoteFailure> {
        if answer.segment + 1 < request.answer.len() {
            return Err(RemoteFailure::Request(super::NO_SEGMENTS.to_owned()));
        }
        let mut parts = answer.parts;
        parts.push(reply.text);
        let finish = if reply.length { FinishReason::Length } else { FinishReason::Stop };
        Ok(Completion::new(parts, finish).with_prompt(prompt).with_usage(reply.usage))
    }

    fn broken(&self, doing: &'static str, error: crate::Error) -> RemoteFailure {
        RemoteFailure::Server(PolicyError::infrastructure(doing, error))
    }
}

/// Refuses what scores of single tokens cannot serve.
fn check_shape(request: &Request) -> Result<(), RemoteFailure> {
    let refuse = |problem: &str| Err(RemoteFailure::Request(problem.to_owned()));
    for segment in &request.answer {
        match segment {
            Segment::Ranked(_) => return refuse(NO_RANKING),
            Segment::Grammar { .. } => {
                return refuse(
                    "a grammar is served over the chat endpoint only; leave the tokenizer out",
                );
            }
            Segment::Choice(_) if request.sampling.repetition_penalty != 1.0 => {
                return refuse(
                    "a choice with a repetition penalty, which needs the model's logits",
                );
            }
            _ => {}
        }
    }
    Ok(())
}

/// The token limit of a free segment.
fn limit(request: &Request, segment: usize) -> usize {
    match request.answer.get(segment) {
        Some(Segment::Free { max_tokens, .. }) => *max_tokens,
        _ => 0,
    }
}

/// Whether the distribution that a server draws from follows from the model's log-probabilities of
/// the drawn tokens alone.
fn known(sampling: &Sampling) -> bool {
    let all = sampling.top_p == 1.0 && sampling.top_k == 0 && sampling.min_p == 0.0;
    let plain = all && sampling.repetition_penalty == 1.0;
    sampling.temperature == 0.0 || (sampling.temperature == 1.0 && plain)
}

fn recorded(token: u32, model_logprob: Option<f32>, sampling: &Sampling) -> Option<Drawn> {
    let model_logprob = model_logprob.filter(|_| known(sampling))?;
    let logprob = if sampling.temperature == 0.0 { 0.0 } else { model_logprob };
    Some(Drawn { token, logprob, model_logprob })
}
