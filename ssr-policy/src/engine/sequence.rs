//! One sequence of the batch: its prompt, its answer and how its tokens are sampled.

use std::collections::HashSet;
use std::sync::Arc;

use ssr_core::{Completion, FinishReason, Request, Sampling, Seed, Usage};

use super::{Delta, SequenceError};
use crate::answer::{Answer, Draw, check_sampling, draw};
use crate::config::ModelConfig;
use crate::error::Result;
use crate::kv::PrefixKey;
use crate::ops::BLOCK;
use crate::score::check_tokens;
use crate::tokenizer::Tokenizer;

/// A prompt and the answer in the making. It holds no keys and values, so a sequence that is
/// preempted goes on where it was once its tokens are computed again.
pub(crate) struct Sequence {
    sampling: Sampling,
    seed: Seed,
    prompt: Vec<u32>,
    answer: Answer,
    /// What has to be sampled next; `None` when finished.
    draw: Option<Draw>,
    /// Keys of the full blocks of the sequence, as far as they were asked for.
    keys: Vec<PrefixKey>,
    version: u64,
    /// The key before the first block.
    root: PrefixKey,
    /// Tokens that [`Self::take_deltas`] has returned.
    delivered: usize,
}

impl Sequence {
    /// The answer to a request after the tokens of its prompt, by weights with the identity
    /// `weights` of a model of this shape.
    pub(crate) fn new(
        config: &ModelConfig,
        weights: u64,
        tokenizer: &Arc<Tokenizer>,
        prompt: Vec<u32>,
        request: &Request,
        version: u64,
    ) -> Result<Self, SequenceError> {
        check_sampling(&request.sampling).map_err(SequenceError::Request)?;
        check_tokens(config, &prompt)
            .map_err(|e| SequenceError::Request(format!("its prompt: {e}")))?;
        let room = config.max_position_embeddings - prompt.len();
        let mut answer =
            Answer::new(tokenizer, &request.answer, room).map_err(SequenceError::Request)?;
        let draw = answer.next(version);
        Ok(Self {
            sampling: request.sampling,
            seed: request.seed,
            prompt,
            answer,
            draw,
            keys: Vec::new(),
            version,
            root: PrefixKey::root(weights),
            delivered: 0,
        })
    }

    pub(super) fn is_finished(&self) -> bool {
        self.draw.is_none()
    }

    /// Tokens of the prompt and the answer so far.
    pub(super) fn len(&self) -> usize {
        self.prompt.len() + self.answer.trace.len()
    }

    /// The tokens of a range of positions.
    pub(super) fn tokens(&self, range: std::ops::Range<usize>) -> Vec<u32> {
        let prompt = self.prompt.len();
        let own = |from: &[u32], start: usize| {
            let clip = |position: usize| position.clamp(start, start + from.len()) - start;
            from[clip(range.start)..clip(range.end)].to_vec()
        };
        [own(&self.prompt, 0), own(&self.answer.trace.ids, prompt)].concat()
    }

    /// The keys of the first `count` full blocks.
    pub(super) fn keys(&mut self, count: usize) -> &[PrefixKey] {
        while self.keys.len() < count {
            let start = self.keys.len() * BLOCK;
            let tokens = self.tokens(start..start + BLOCK);
            let parent = self.parent(self.keys.len());
            self.keys.push(parent.then(&tokens));
        }
        &self.keys[..count]
    }

    /// The key before block `index`, whose own key is known.
    pub(super) fn parent(&self, index: usize) -> PrefixKey {
        match index {
            0 => self.root,
            index => self.keys[index - 1],
        }
    }

    /// Samples one token from the logits of what follows the sequence.
    pub(super) fn sample(&mut self, logits: &[f32]) -> Result<()> {
        let Some(next) = self.draw.take() else { return Ok(()) };
        let allowed = match &next {
            Draw::Free => None,
            Draw::Among(tokens) => Some(&tokens[..]),
        };
        // Numbered by position, so that neither the batch nor a preemption changes what is sampled.
        let position = self.answer.trace.len() as u64;
        let unit = self.seed.derive("token").index(position).unit();
        let seen: HashSet<u32> = if self.sampling.repetition_penalty == 1.0 {
            HashSet::new()
        } else {
            self.prompt.iter().chain(&self.answer.trace.ids).copied().collect()
        };
        let drawn = draw(logits, allowed, &self.sampling, &seen, unit)?;
        self.answer.accept(drawn, next, self.version);
        self.draw = self.answer.next(self.version);
        Ok(())
    }

    /// The tokens that were appended since the last call.
    pub(super) fn take_deltas(&mut self) -> Vec<Delta> {
        // All text that became final goes with the last of the tokens.
        let text = self.answer.take_text();
        let trace = &self.answer.trace;
        let fresh = self.delivered..trace.len();
        self.delivered = trace.len();
        let last = fresh.end.saturating_sub(1);
        fresh
            .map(|i| Delta {
                id: trace.ids[i],
                text: if i == last { text.clone() } else { String::new() },
                logprob: trace.logprobs[i],
                model_logprob: trace.model_logprobs[i],
            })
            .collect()
    }

    pub(super) fn complete(self) -> Completion {
        let usage = Usage::new(self.prompt.len() as u64, self.answer.trace.len() as u64);
        let finish = self.answer.finish.unwrap_or(FinishReason::Stop);
        Completion::new(self.answer.parts, finish)
            .with_prompt(self.prompt)
            .with_trace(self.answer.trace)
            .with_usage(usage)
    }
}
