//! The loop of an engine's thread: receive, admit, compute a step, send what was generated.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::Instant;

use super::{EngineStats, Event, Job, SharedStats};
use crate::config::EngineConfig;
use crate::generator::ModelRunner;
use crate::kv::{KvCache, Pool, PrefixCache, PrefixKey};
use crate::ops::BLOCK;

/// A job in the batch.
pub(super) struct Active<R: ModelRunner> {
    pub(super) job: Job<R>,
    pub(super) cache: R::Cache,
}

/// What one sequence contributes to a step.
pub(super) struct Plan {
    pub(super) tokens: Vec<u32>,
    /// Whether a token is sampled after them.
    pub(super) logits: bool,
}

pub(super) struct Scheduler<R: ModelRunner> {
    pub(super) config: EngineConfig,
    inbox: Receiver<Job<R>>,
    /// First come, first served; preempted jobs are at the front.
    waiting: VecDeque<Job<R>>,
    /// In the order of admission. All sequences that are not finished have the same weights.
    pub(super) active: Vec<Active<R>>,
    pub(super) prefixes: PrefixCache<R::Cache>,
    pool: Arc<Pool>,
    pub(super) scratches: Vec<R::Scratch>,
    pub(super) stats: EngineStats,
    published: SharedStats,
}

impl<R: ModelRunner> Scheduler<R> {
    /// A scheduler that goes on with the counts in `published`.
    pub(super) fn new(
        config: EngineConfig,
        inbox: Receiver<Job<R>>,
        published: SharedStats,
    ) -> Self {
        Self {
            config,
            inbox,
            waiting: VecDeque::new(),
            active: Vec::new(),
            prefixes: PrefixCache::default(),
            pool: Arc::new(Pool::default()),
            scratches: Vec::new(),
            stats: published.read(),
            published,
        }
    }

    /// Works until nobody can submit jobs any more.
    pub(super) fn run(mut self) {
        while self.receive() {
            let start = Instant::now();
            self.drop_cancelled();
            self.admit();
            if R::ON_RAYON && !self.active.is_empty() {
                // A parallel product that starts inside rayon's pool wakes no thread for its start.
                rayon::scope(|_| self.step());
            } else {
                self.step();
            }
            let events = self.finish();
            self.stats.busy += start.elapsed();
            // The counts are published before the events are sent: whoever has received an answer
            // reads counts that include it.
            self.publish();
            for (owner, event) in events {
                // An owner that is gone has cancelled the job.
                let _ = owner.send(event);
            }
        }
    }

    /// Takes in new jobs, waiting for one when there is nothing else to do; false at the end.
    fn receive(&mut self) -> bool {
        if self.waiting.is_empty() && self.active.is_empty() {
            match self.inbox.recv() {
                Ok(job) => self.waiting.push_back(job),
                Err(_) => return false,
            }
        }
        loop {
            match self.inbox.try_recv() {
                Ok(job) => self.waiting.push_back(job),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => {
                    return !(self.waiting.is_empty() && self.active.is_empty());
                }
            }
        }
    }

    fn drop_cancelled(&mut self) {
        let wanted = |job: &Job<R>| !job.cancelled.load(Ordering::Relaxed);
        self.waiting.retain(wanted);
        self.active.retain(|active| wanted(&active.job));
    }

    /// Admits waiting jobs to the batch, first come, first served, with two exceptions.
    ///
    /// A job with other weights ends the admission until the batch is empty: one step computes one
    /// model, and jobs behind it must not overtake it for ever. A job whose next block is just being
    /// computed by another sequence is passed over: in a later step it finds the block in the prefix
    /// cache, so that the members of a group compute their common prompt once.
    fn admit(&mut self) {
        let mut computing: HashSet<PrefixKey> = HashSet::new();
        for Active { job, cache } in &mut self.active {
            computing.extend(next_key(job, cache.len()));
        }
        let mut postponed = VecDeque::new();
        while self.active.len() < self.config.max_sequences
            && let Some(mut job) = self.waiting.pop_front()
        {
            let mut cache = job.generator.runner.new_cache(&self.pool);
            if job.sequence.is_finished() {
                // Forced text alone: it only passes through to `finish`.
                self.active.push(Active { job, cache });
                continue;
            }
            let other = |active: &Active<R>| !Arc::ptr_eq(&active.job.generator, &job.generator);
            if self.active.iter().any(other) {
                postponed.push_back(job);
                break;
            }
            self.prefixes.set_weights(job.generator.id());
            if self.config.prefix_cache {
                // The last token is always computed: its logits are what the answer begins with.
                let most = job.sequence.len() - 1;
                let known = self.cached_blocks(&mut job, most);
                let next = next_key(&mut job, known * BLOCK);
                if next.is_some_and(|key| computing.contains(&key)) {
                    postponed.push_back(job);
                    continue;
                }
                let tokens = job.sequence.tokens(0..known * BLOCK);
                self.prefixes.restore(&mut cache, &tokens, most);
                cache.trim();
                self.stats.cached_tokens += cache.len() as u64;
                computing.extend(next);
            }
            tracing::debug!(parent: &job.span, cached_tokens = cache.len(), "request admitted");
            self.active.push(Active { job, cache });
        }
        postponed.append(&mut self.waiting);
        self.waiting = postponed;
    }

    /// How many leading blocks of a job are cached, within its first `most` tokens.
    fn cached_blocks(&self, job: &mut Job<R>, most: usize) -> usize {
        let keys = job.sequence.keys(most / BLOCK);
        keys.iter().take_while(|key| self.prefixes.contains(**key)).count()
    }

    /// Frees memory for a step: evicts blocks that no sequence uses, then preempts the most recently
    /// admitted sequence. False when the batch has changed and the step must be planned again.
    ///
    /// The most recently admitted sequence has the least work to lose, and the earliest one is never
    /// preempted while another runs: so some sequence always finishes. A preempted job waits at the
    /// front and keeps its answer so far; its keys and values are recomputed, or found in the prefix
    /// cache as far as they have not been evicted.
    pub(super) fn make_room(&mut self, plans: &[Option<Plan>]) -> bool {
        let needed: usize = self
            .active
            .iter()
            .zip(plans)
            .filter_map(|(active, plan)| {
                let (start, tokens) = (active.cache.len(), plan.as_ref()?.tokens.len());
                let blocks = (start + tokens).div_ceil(BLOCK) - start.div_ceil(BLOCK);
                Some(blocks * active.job.generator.runner.block_bytes())
            })
            .sum();
        let mut evicted = 0;
        let ready = loop {
            if self.pool.bytes() + needed <= self.config.kv_bytes {
                break true;
            }
            if self.prefixes.evict() {
                evicted += 1;
                continue;
            }
            let running = |active: &Active<R>| !active.job.sequence.is_finished();
            if self.active.iter().filter(|active| running(active)).count() <= 1 {
                // Nobody else to preempt: a single sequence may exceed the budget.
                break true;
            }
            if let Some(last) = self.active.iter().rposition(running) {
                let Active { job, cache } = self.active.remove(last);
                tracing::debug!(parent: &job.span, tokens = cache.len(), "sequence preempted");
                self.waiting.push_front(job);
                self.stats.preemptions += 1;
            }
            break false;
        };
        if evicted > 0 {
            tracing::debug!(blocks = evicted, "blocks evicted from the prefix cache");
        }
        ready
    }

    /// Takes finished jobs out of the batch. Returns the events for the owners of all jobs.
    fn finish(&mut self) -> Vec<(Sender<Event>, Event)> {
        let mut events = Vec::new();
        let mut running = Vec::with_capacity(self.active.len());
        for mut active in self.active.drain(..) {
            let job = &mut active.job;
            if job.stream {
                let deltas = job.sequence.take_deltas().into_iter();
                events.extend(deltas.map(|delta| (job.events.clone(), Event::Delta(delta))));
            }
            let failed = job.failed.take();
            if failed.is_none() && !job.sequence.is_finished() {
                running.push(active);
                continue;
            }
            let Job { sequence, events: owner, span, .. } = active.job;
            tracing::debug!(parent: &span, ok = failed.is_none(), "request finished");
            let result = failed.map_or_else(|| Ok(sequence.complete()), Err);
            events.push((owner, Event::Done(Box::new(result))));
        }
        self.active = running;
        events
    }

    fn publish(&mut self) {
        self.stats.kv_bytes = self.pool.bytes() as u64;
        self.stats.cached_blocks = self.prefixes.len() as u64;
        self.published.publish(self.stats);
    }
}

/// The key of the block that a job computes next when `done` of its tokens are computed; `None` when
/// less than a full block and one token are left.
fn next_key<R>(job: &mut Job<R>, done: usize) -> Option<PrefixKey> {
    let index = done / BLOCK;
    let full = (index + 1) * BLOCK < job.sequence.len();
    full.then(|| job.sequence.keys(index + 1)[index])
}
