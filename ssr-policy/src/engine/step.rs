//! One step of an engine: a forward pass over the batch, and a sampled token for each sequence whose
//! prompt is complete.

use std::sync::Arc;

use rayon::prelude::*;

use super::scheduler::{Active, Plan, Scheduler};
use crate::error::Error;
use crate::generator::{ModelRunner, SequenceInput};
use crate::kernels;
use crate::kv::{KvCache, PrefixCache};
use crate::ops::BLOCK;

/// Models of at most so many bytes are decoded by sequences: threads that share each product would
/// wait for each other longer than the products take.
const SMALL_MODEL: usize = 64 << 20;
/// Tokens per thread above which products are large enough to share.
const MANY_TOKENS: usize = 32;

impl<R: ModelRunner> Scheduler<R> {
    /// Computes the planned tokens of the batch and samples.
    pub(super) fn step(&mut self) {
        let plans = loop {
            let plans = self.plan();
            if self.make_room(&plans) {
                break plans;
            }
        };
        if plans.iter().all(Option::is_none) {
            return;
        }
        let Some(generator) = self.active.first().map(|a| Arc::clone(&a.job.generator)) else {
            return;
        };
        let mut turns: Vec<(&mut Active<R>, &Plan)> = self
            .active
            .iter_mut()
            .zip(&plans)
            .filter_map(|(active, plan)| Some((active, plan.as_ref()?)))
            .collect();
        let fed: usize = turns.iter().map(|(_, plan)| plan.tokens.len()).sum();
        let _span = tracing::trace_span!("step", sequences = turns.len(), tokens = fed).entered();
        let threads = rayon::current_num_threads();
        let apart = generator.runner.weight_bytes().is_some_and(|bytes| bytes <= SMALL_MODEL)
            && turns.len() >= threads
            && fed <= MANY_TOKENS * threads;
        let shares = if apart { threads } else { 1 };
        self.scratches.resize_with(self.scratches.len().max(shares), R::Scratch::default);
        let run = |(turns, scratch): (&mut [(&mut Active<R>, &Plan)], &mut R::Scratch)| {
            let mut inputs: Vec<SequenceInput<'_, R::Cache>> = turns
                .iter_mut()
                .map(|(active, plan)| SequenceInput {
                    cache: &mut active.cache,
                    tokens: &plan.tokens,
                    logits: plan.logits,
                })
                .collect();
            let logits = match generator.runner.forward(&mut inputs, scratch) {
                Ok(logits) => logits,
                Err(error) => {
                    let cause = Arc::new(error);
                    for (active, _) in turns.iter_mut() {
                        active.job.failed = Some(Error::Batch(Arc::clone(&cause)).into());
                    }
                    return;
                }
            };
            let width = generator.config().vocab_size;
            let sampling = turns.iter_mut().filter(|(_, plan)| plan.logits);
            let draws: Vec<_> = sampling.zip(logits.chunks(width)).collect();
            draws.into_par_iter().for_each(|((active, _), logits)| active.sample(logits));
        };
        if apart {
            let size = turns.len().div_ceil(shares);
            let shares = turns.par_chunks_mut(size).zip(&mut self.scratches);
            shares.for_each(|share| kernels::serially(|| run(share)));
        } else {
            run((&mut turns, &mut self.scratches[0]));
        }
        self.stats.steps += 1;
        self.stats.fed_tokens += fed as u64;
        for (active, plan) in self.active.iter_mut().zip(&plans) {
            if self.config.prefix_cache
                && active.job.failed.is_none()
                && let Some(plan) = plan
            {
                active.remember(plan.tokens.len(), &mut self.prefixes);
            }
            active.cache.trim();
        }
    }

    /// The tokens of each sequence: one where it decodes, otherwise as much of the prompt as fits
    /// into the step (chunked prefill). Decoding goes first, so that a long prompt does not hold up
    /// the next token of the sequences that decode.
    fn plan(&self) -> Vec<Option<Plan>> {
        let pending =
            |active: &Active<R>| active.job.sequence.len().saturating_sub(active.cache.len());
        let decodes =
            |active: &&Active<R>| !active.job.sequence.is_finished() && pending(active) == 1;
        let decoding = self.active.iter().filter(decodes).count();
        // Without a decoding sequence, at least one token of a prompt must go on.
        let least = usize::from(decoding == 0);
        let mut left = self.config.prefill_tokens.saturating_sub(decoding).max(least);
        let mut plan = |active: &Active<R>| {
            if active.job.sequence.is_finished() {
                return None;
            }
            let pending = pending(active);
            let count = if pending == 1 { 1 } else { pending.min(left) };
            if count == 0 {
                return None;
            }
            if pending > 1 {
                left -= count;
            }
            let start = active.cache.len();
            let tokens = active.job.sequence.tokens(start..start + count);
            Some(Plan { tokens, logits: count == pending })
        };
        self.active.iter().map(&mut plan).collect()
    }
}

impl<R: ModelRunner> Active<R> {
    fn sample(&mut self, logits: &[f32]) {
        if let Err(error) = self.job.sequence.sample(logits) {
            self.job.failed = Some(error.into());
        }
    }

    /// Puts the blocks that the last `fed` tokens have completed into the prefix cache. They are
    /// there as soon as they are full, so that a group need not wait for its first member to finish.
    fn remember(&mut self, fed: usize, prefixes: &mut PrefixCache<R::Cache>) {
        let end = self.cache.len();
        for index in (end - fed) / BLOCK..end / BLOCK {
            self.job.sequence.keys(index + 1);
            let parent = self.job.sequence.parent(index);
            let tokens = self.job.sequence.tokens(index * BLOCK..(index + 1) * BLOCK);
            prefixes.insert(parent, &tokens, &self.cache, index);
        }
    }
}
