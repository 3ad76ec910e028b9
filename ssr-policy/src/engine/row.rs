use std::collections::HashSet;
use std::sync::Arc;

use ssr_core::{Completion, FinishReason, Request, Sampling, Seed, Usage};

use super::answer::{Answer, Draw};
use super::{Delta, Failure, sample};
use crate::chat::render;
use crate::error::Result;
use crate::generator::Generator;
use crate::kv::PrefixKey;
use crate::ops::BLOCK;
use crate::score::check_tokens;
use crate::tokenizer::Tokenizer;

/// One sequence: its prompt and the answer in the making.
pub(crate) struct Row {
    sampling: Sampling,
    seed: Seed,
    prompt: Vec<u32>,
    answer: Answer,
    /// What has to be drawn next; `None` when finished.
    draw: Option<Draw>,
    /// Keys of the full blocks of the sequence, as far as they were asked for.
    keys: Vec<PrefixKey>,
    version: u64,
    /// The key before the first block.
    root: PrefixKey,
    /// Tokens that the owner of the job has heard of.
    told: usize,
}

impl Row {
    pub(crate) fn new(
        generator: &Generator,
        tokenizer: &Arc<Tokenizer>,
        request: &Request,
        version: u64,
    ) -> Result<Self, Failure> {
        let rendered = render(tokenizer, &request.messages);
        let prompt = rendered.map_err(|e| Failure::Request(e.to_string()))?.tokens;
        Self::after(generator, tokenizer, prompt, request, version)
    }

    /// The same after a prompt that is rendered already.
    pub(crate) fn after(
        generator: &Generator,
        tokenizer: &Arc<Tokenizer>,
        prompt: Vec<u32>,
        request: &Request,
        version: u64,
    ) -> Result<Self, Failure> {
        sample::check(&request.sampling).map_err(Failure::Request)?;
        let config = generator.config();
        check_tokens(config, &prompt).map_err(|e| Failure::Request(format!("its prompt: {e}")))?;
        let room = config.max_position_embeddings - prompt.len();
        let mut answer = Answer::new(tokenizer, &request.answer, room).map_err(Failure::Request)?;
        let draw = answer.next(version);
        Ok(Self {
            sampling: request.sampling,
            seed: request.seed,
            prompt,
            answer,
            draw,
            keys: Vec::new(),
            version,
            root: PrefixKey::root(generator.id()),
            told: 0,
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

    /// Draws one token by the logits of what follows the sequence.
    pub(super) fn step(&mut self, logits: &[f32]) -> Result<()> {
        let Some(draw) = self.draw.take() else { return Ok(()) };
        let allowed = match &draw {
            Draw::Free => None,
            Draw::Among(tokens) => Some(&tokens[..]),
        };
        let position = self.answer.trace.len() as u64;
        let unit = self.seed.derive("token").index(position).unit();
        let seen: HashSet<u32> = if self.sampling.repetition_penalty == 1.0 {
            HashSet::new()
        } else {
            self.prompt.iter().chain(&self.answer.trace.ids).copied().collect()
        };
        let drawn = sample::draw(logits, allowed, &self.sampling, &seen, unit)?;
        self.answer.accept(drawn, draw, self.version);
        self.draw = self.answer.next(self.version);
        Ok(())
    }

    /// The tokens that were added since this was last asked.
    pub(super) fn news(&mut self) -> Vec<Delta> {
        // All text that became certain goes with the last of the tokens.
        let text = self.answer.news();
        let trace = &self.answer.trace;
        let fresh = self.told..trace.len();
        self.told = trace.len();
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
