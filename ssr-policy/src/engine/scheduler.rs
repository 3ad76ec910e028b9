use std::collections::{HashSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rayon::prelude::*;

use super::{EngineConfig, EngineStats, Event, Job};
use crate::error::Error;
use crate::generator::{Feed, Scratch};
use crate::kernels;
use crate::kv::{Cache, Pool, PrefixCache, PrefixKey};
use crate::ops::BLOCK;

/// Models of at most so many bytes are decoded by rows: threads that share each product would wait
/// for each other longer than the products take.
const SMALL_MODEL: usize = 64 << 20;
/// Rows per thread above which products are large enough to share.
const MANY_ROWS: usize = 32;

/// A job that has a place in the batch.
struct Active {
    job: Job,
    cache: Cache,
}

/// What a row is fed in a step.
struct Plan {
    tokens: Vec<u32>,
    logits: bool,
}

pub(super) struct Scheduler {
    config: EngineConfig,
    inbox: Receiver<Job>,
    waiting: VecDeque<Job>,
    active: Vec<Active>,
    prefixes: PrefixCache,
    pool: Arc<Pool>,
    scratches: Vec<Scratch>,
    stats: EngineStats,
    published: Arc<Mutex<EngineStats>>,
}

impl Scheduler {
    pub(super) fn new(
        config: EngineConfig,
        inbox: Receiver<Job>,
        published: Arc<Mutex<EngineStats>>,
    ) -> Self {
        Self {
            config,
            inbox,
            waiting: VecDeque::new(),
            active: Vec::new(),
            prefixes: PrefixCache::default(),
            pool: Arc::new(Pool::default()),
            scratches: Vec::new(),
            stats: EngineStats::default(),
            published,
        }
    }

    /// Works until nobody can submit jobs any more.
    pub(super) fn run(mut self) {
        while self.receive() {
            let start = Instant::now();
            self.drop_cancelled();
            self.admit();
            let kernels = |active: &Active| active.job.generator.weight_bytes().is_some();
            if self.active.first().is_some_and(kernels) {
                // Inside the pool, parallel products start without waking anybody.
                rayon::scope(|_| self.step());
            } else {
                self.step();
            }
            let news = self.finish();
            self.stats.busy += start.elapsed();
            // Before anybody hears, so that the counts are never behind the answers.
            self.publish();
            for (owner, event) in news {
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
        let wanted = |job: &Job| !job.cancelled.load(Ordering::Relaxed);
        self.waiting.retain(wanted);
        self.active.retain(|active| wanted(&active.job));
    }

    /// Gives waiting jobs a place, the first first. A job whose next block is being computed by
    /// another waits for it.
    fn admit(&mut self) {
        let mut computing: HashSet<PrefixKey> = HashSet::new();
        for Active { job, cache } in &mut self.active {
            computing.extend(next_key(job, cache.len()));
        }
        let mut postponed = VecDeque::new();
        while self.active.len() < self.config.max_rows
            && let Some(mut job) = self.waiting.pop_front()
        {
            if job.row.is_finished() {
                self.active.push(Active { cache: job.generator.new_cache(&self.pool), job });
                continue;
            }
            let other = |active: &Active| !Arc::ptr_eq(&active.job.generator, &job.generator);
            if self.active.iter().any(other) {
                postponed.push_back(job);
                break;
            }
            self.prefixes.set_weights(job.generator.id());
            let mut cache = job.generator.new_cache(&self.pool);
            if self.config.prefix_cache {
                let most = job.row.len() - 1;
                let known = self.known(&mut job, most);
                let next = next_key(&mut job, known * BLOCK);
                if next.is_some_and(|key| computing.contains(&key)) {
                    postponed.push_back(job);
                    continue;
                }
                let tokens = job.row.tokens(0..known * BLOCK);
                self.prefixes.restore(&mut cache, &tokens, most);
                cache.trim();
                self.stats.cached_tokens += cache.len() as u64;
                computing.extend(next);
            }
            self.active.push(Active { job, cache });
        }
        postponed.append(&mut self.waiting);
        self.waiting = postponed;
    }

    /// How many leading blocks of a job are known, within its first `most` tokens.
    fn known(&self, job: &mut Job, most: usize) -> usize {
        let keys = job.row.keys(most / BLOCK);
        keys.iter().take_while(|key| self.prefixes.contains(**key)).count()
    }

    /// Feeds every row that has a turn, and draws tokens.
    fn step(&mut self) {
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
        let mut turns: Vec<(&mut Active, &Plan)> = self
            .active
            .iter_mut()
            .zip(&plans)
            .filter_map(|(active, plan)| Some((active, plan.as_ref()?)))
            .collect();
        let fed: usize = turns.iter().map(|(_, plan)| plan.tokens.len()).sum();
        let threads = rayon::current_num_threads();
        let apart = generator.weight_bytes().is_some_and(|bytes| bytes <= SMALL_MODEL)
            && turns.len() >= threads
            && fed <= MANY_ROWS * threads;
        let shares = if apart { threads } else { 1 };
        self.scratches.resize_with(self.scratches.len().max(shares), Scratch::default);
        let run = |(turns, scratch): (&mut [(&mut Active, &Plan)], &mut Scratch)| {
            let mut feeds: Vec<Feed<'_>> = turns
                .iter_mut()
                .map(|(active, plan)| Feed {
                    cache: &mut active.cache,
                    tokens: &plan.tokens,
                    logits: plan.logits,
                })
                .collect();
            if let Err(error) = generator.forward(&mut feeds, scratch) {
                for (active, _) in turns.iter_mut() {
                    active.job.failed = Some(Error::input(error.to_string()).into());
                }
                return;
            }
            let width = generator.config().vocab_size;
            let drawing = turns.iter_mut().filter(|(_, plan)| plan.logits);
            let draws: Vec<_> = drawing.zip(scratch.logits.chunks(width)).collect();
            draws.into_par_iter().for_each(|((active, _), logits)| active.draw(logits));
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

    /// What each row is fed: one token where it decodes, otherwise as much of the prompt as fits
    /// into the step.
    fn plan(&self) -> Vec<Option<Plan>> {
        let pending = |active: &Active| active.job.row.len().saturating_sub(active.cache.len());
        let decoding = |active: &&Active| !active.job.row.is_finished() && pending(active) == 1;
        let mut left = self.config.prefill_tokens.max(self.active.iter().filter(decoding).count());
        left -= self.active.iter().filter(decoding).count();
        // Something has to go on, even where every row decodes.
        let mut left = left.max(usize::from(!self.active.iter().any(|a| decoding(&a))));
        let mut plan = |active: &Active| {
            if active.job.row.is_finished() {
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
            let tokens = active.job.row.tokens(start..start + count);
            Some(Plan { tokens, logits: count == pending })
        };
        self.active.iter().map(&mut plan).collect()
    }

    /// Frees memory for a step: forgets unused blocks, then sends the youngest rows back to wait.
    /// False when the rows have changed and the step must be planned again.
    fn make_room(&mut self, plans: &[Option<Plan>]) -> bool {
        let needed: usize = self
            .active
            .iter()
            .zip(plans)
            .filter_map(|(active, plan)| {
                let (start, tokens) = (active.cache.len(), plan.as_ref()?.tokens.len());
                let blocks = (start + tokens).div_ceil(BLOCK) - start.div_ceil(BLOCK);
                Some(blocks * active.job.generator.column_bytes())
            })
            .sum();
        while self.pool.bytes() + needed > self.config.kv_bytes {
            if self.prefixes.evict() {
                continue;
            }
            let running = self.active.iter().filter(|a| !a.job.row.is_finished()).count();
            if running <= 1 {
                return true;
            }
            if let Some(last) = self.active.iter().rposition(|a| !a.job.row.is_finished()) {
                let Active { job, .. } = self.active.remove(last);
                self.waiting.push_front(job);
                self.stats.preemptions += 1;
            }
            return false;
        }
        true
    }

    /// Lets finished rows go. Returns what their owners and those of the others have to hear.
    fn finish(&mut self) -> Vec<(Sender<Event>, Event)> {
        let mut news = Vec::new();
        let mut running = Vec::with_capacity(self.active.len());
        for mut active in self.active.drain(..) {
            let Job { row, stream, failed, events, .. } = &mut active.job;
            if *stream {
                let deltas = row.news().into_iter();
                news.extend(deltas.map(|delta| (events.clone(), Event::Delta(delta))));
            }
            let result = match failed.take() {
                Some(failure) => Err(failure),
                None if row.is_finished() => Ok(active.job.row.complete()),
                None => {
                    running.push(active);
                    continue;
                }
            };
            news.push((active.job.events, Event::Done(Box::new(result))));
        }
        self.active = running;
        news
    }

    fn publish(&mut self) {
        self.stats.kv_bytes = self.pool.bytes() as u64;
        self.stats.cached_blocks = self.prefixes.len() as u64;
        *self.published.lock().unwrap_or_else(PoisonError::into_inner) = self.stats;
    }
}

impl Active {
    fn draw(&mut self, logits: &[f32]) {
        if let Err(error) = self.job.row.step(logits) {
            self.job.failed = Some(error.into());
        }
    }

    /// Offers the blocks that the last `fed` tokens have completed to later sequences.
    fn remember(&mut self, fed: usize, prefixes: &mut PrefixCache) {
        let end = self.cache.len();
        for index in (end - fed) / BLOCK..end / BLOCK {
            self.job.row.keys(index + 1);
            let parent = self.job.row.parent(index);
            let tokens = self.job.row.tokens(index * BLOCK..(index + 1) * BLOCK);
            prefixes.insert(parent, &tokens, &self.cache, index);
        }
    }
}

/// The key of the block that a job computes next when `done` tokens are done; `None` when less than
/// a block of its tokens is left.
fn next_key(job: &mut Job, done: usize) -> Option<PrefixKey> {
    let index = done / BLOCK;
    let full = (index + 1) * BLOCK < job.row.len();
    full.then(|| job.row.keys(index + 1)[index])
}
