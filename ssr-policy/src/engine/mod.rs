//! Batched generation: rows join and leave the batch as requests begin and end.

mod answer;
mod choice;
mod sample;
mod workers;

use std::collections::VecDeque;

use candle_core::Tensor;
use rayon::prelude::*;
use ssr_core::{Completion, FinishReason, Request, Usage};

use crate::cache::Cache;
use crate::chat::render;
use crate::error::{Error, Result};
use crate::generator::Generator;
use crate::ops::with_slice;
use crate::score::check_tokens;
use crate::tokenizer::Tokenizer;
use answer::{Answer, Draw};
pub(crate) use workers::Workers;

/// Rows that a worker decodes together; more wait for a place.
const MAX_ROWS: usize = 64;
/// Prompt tokens that are fed at once.
const PREFILL: usize = 512;

/// Why a batch could not be served.
pub(crate) enum Failure {
    /// The request at this index is wrong.
    Request(usize, String),
    /// The model failed.
    Model(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Model(error)
    }
}

/// One request on its way.
struct Row<'a> {
    request: &'a Request,
    /// Its place in the batch of requests.
    index: usize,
    prompt: Vec<u32>,
    answer: Answer<'a>,
    /// What has to be drawn next; `None` when finished.
    draw: Option<Draw>,
    cache: Cache,
}

impl<'a> Row<'a> {
    fn new(
        generator: &Generator,
        tokenizer: &'a Tokenizer,
        request: &'a Request,
        index: usize,
        version: u64,
    ) -> Result<Self, Failure> {
        let wrong = |problem: String| Failure::Request(index, problem);
        sample::check(&request.sampling).map_err(wrong)?;
        let prompt = render(tokenizer, &request.messages)?.tokens;
        check_tokens(generator.config(), &prompt).map_err(|e| wrong(format!("its prompt: {e}")))?;
        let room = generator.config().max_position_embeddings - prompt.len();
        let mut answer = Answer::new(tokenizer, &request.answer, room).map_err(wrong)?;
        let draw = answer.next(version);
        Ok(Self { request, index, prompt, answer, draw, cache: generator.new_cache() })
    }

    /// The tokens that the cache has not seen.
    fn pending(&self) -> Vec<u32> {
        let seen = self.cache.len();
        let prompt = self.prompt.get(seen..).unwrap_or_default();
        let answer = &self.answer.trace.ids[seen.saturating_sub(self.prompt.len())..];
        [prompt, answer].concat()
    }

    /// Draws one token by the logits of what follows the pending tokens.
    fn step(&mut self, logits: &[f32], version: u64) -> Result<()> {
        let Some(draw) = self.draw.take() else { return Ok(()) };
        let allowed = match &draw {
            Draw::Free => None,
            Draw::Among(tokens) => Some(&tokens[..]),
        };
        let position = self.answer.trace.len() as u64;
        let unit = self.request.seed.derive("token").index(position).unit();
        let drawn = sample::draw(logits, allowed, &self.request.sampling, unit)?;
        self.answer.accept(drawn, draw, version);
        self.draw = self.answer.next(version);
        Ok(())
    }

    fn complete(self) -> Completion {
        let usage = Usage {
            prompt_tokens: self.prompt.len() as u64,
            completion_tokens: self.answer.trace.len() as u64,
        };
        Completion {
            parts: self.answer.parts,
            prompt: self.prompt,
            trace: Some(self.answer.trace),
            finish: self.answer.finish.unwrap_or(FinishReason::Stop),
            usage,
        }
    }
}

/// Completes all requests with one version of the weights.
pub(crate) fn complete(
    generator: &Generator,
    tokenizer: &Tokenizer,
    requests: &[Request],
    version: u64,
    workers: &Workers,
) -> Result<Vec<Completion>, Failure> {
    let mut rows = Vec::with_capacity(requests.len());
    for (index, request) in requests.iter().enumerate() {
        rows.push(Row::new(generator, tokenizer, request, index, version)?);
    }
    // Equal prompts become neighbours, so that one prompt's cache at a time serves all its rows.
    rows.sort_by(|a, b| a.prompt.cmp(&b.prompt));
    let mut done = Vec::with_capacity(requests.len());
    for share in workers.share(rows, |rows| run(generator, rows, version)) {
        done.extend(share?);
    }
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, completion)| completion).collect())
}

/// Completes rows, a limited number at a time; each result comes with the request's index.
fn run(
    generator: &Generator,
    rows: Vec<Row<'_>>,
    version: u64,
) -> Result<Vec<(usize, Completion)>> {
    let mut waiting = VecDeque::from(rows);
    let mut prompt: Option<(Vec<u32>, Cache)> = None;
    let mut active: Vec<Row<'_>> = Vec::new();
    let mut done = Vec::with_capacity(waiting.len());
    loop {
        while active.len() < MAX_ROWS
            && let Some(mut row) = waiting.pop_front()
        {
            if row.draw.is_none() {
                done.push((row.index, row.complete()));
                continue;
            }
            row.cache = prefill(generator, &row.prompt, &mut prompt)?;
            active.push(row);
        }
        if active.is_empty() {
            return Ok(done);
        }
        decode(generator, &mut active, version)?;
        let (unfinished, finished): (Vec<_>, Vec<_>) =
            active.into_iter().partition(|row| row.draw.is_some());
        active = unfinished;
        done.extend(finished.into_iter().map(|row| (row.index, row.complete())));
    }
}

/// The cache of all but the last token of a prompt, computed once for rows that follow each other.
fn prefill(
    generator: &Generator,
    prompt: &[u32],
    last: &mut Option<(Vec<u32>, Cache)>,
) -> Result<Cache> {
    if let Some((tokens, cache)) = last
        && tokens == prompt
    {
        return Ok(cache.clone());
    }
    let mut cache = generator.new_cache();
    for tokens in prompt[..prompt.len() - 1].chunks(PREFILL) {
        generator.feed(&mut [(&mut cache, tokens)])?;
    }
    *last = Some((prompt.to_vec(), cache.clone()));
    Ok(cache)
}

/// Feeds every row what its cache has not seen and draws one token for each.
fn decode(generator: &Generator, rows: &mut [Row<'_>], version: u64) -> Result<()> {
    let pending: Vec<Vec<u32>> = rows.iter().map(Row::pending).collect();
    let mut batch: Vec<_> =
        rows.iter_mut().zip(&pending).map(|(row, tokens)| (&mut row.cache, &tokens[..])).collect();
    let logits: Tensor = generator.logits(&mut batch)?;
    let width = generator.config().vocab_size;
    with_slice(&logits, |logits| {
        let rows = rows.par_iter_mut().zip(logits.par_chunks(width));
        Ok(rows.map(|(row, logits)| row.step(logits, version)).collect::<Result<()>>())
    })?
}
