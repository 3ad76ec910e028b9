//! Continuous batching: a thread of its own runs forward passes over a batch that sequences enter
//! when they are admitted and leave when they are finished.

mod scheduler;
mod sequence;
mod start;
mod step;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ssr_core::Completion;
use tracing::Span;

use crate::config::EngineConfig;
use crate::error::{Error, Result};
use crate::generator::{Generator, ModelRunner};
use scheduler::Scheduler;
pub(crate) use sequence::Sequence;
pub(crate) use start::{AnyEngine, LoadedWeights, start};

/// What the engine has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EngineStats {
    /// Forward passes.
    pub steps: u64,
    /// The time in which there were sequences to compute.
    pub busy: Duration,
    /// Tokens that went through the model.
    pub fed_tokens: u64,
    /// Tokens whose keys and values were found in the prefix cache.
    pub cached_tokens: u64,
    /// How often a sequence was preempted for lack of memory.
    pub preemptions: u64,
    /// Bytes of keys and values that are held now.
    pub kv_bytes: u64,
    /// Blocks that the prefix cache holds now.
    pub cached_blocks: u64,
}

/// The counts of an engine, shared with those who ask for them.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedStats(Arc<Mutex<EngineStats>>);

impl SharedStats {
    pub(crate) fn read(&self) -> EngineStats {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, stats: EngineStats) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }
}

/// Why a sequence has no answer.
pub(crate) enum SequenceError {
    /// The request is wrong.
    Request(String),
    /// The model failed.
    Model(Error),
}

impl From<Error> for SequenceError {
    fn from(error: Error) -> Self {
        Self::Model(error)
    }
}

/// One token of a streamed answer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Delta {
    /// The token.
    pub id: u32,
    /// Text that is final now: complete characters that cannot become part of a stop text.
    pub text: String,
    /// Natural-log probability under the distribution that it was sampled from; 0 if it was forced.
    pub logprob: f32,
    /// Natural-log probability under the model, among the tokens that were allowed.
    pub model_logprob: f32,
}

/// What the engine sends to the owner of a job.
pub(crate) enum Event {
    Delta(Delta),
    Done(Box<Result<Completion, SequenceError>>),
}

/// A sequence on its way through the engine.
pub(crate) struct Job<R> {
    sequence: Sequence,
    generator: Arc<Generator<R>>,
    events: Sender<Event>,
    /// Whether the owner wants every token as a [`Delta`].
    stream: bool,
    cancelled: Arc<AtomicBool>,
    /// Set when the model fails on this sequence.
    failed: Option<SequenceError>,
    /// Open from the submission to the end of the answer.
    span: Span,
}

/// A job as its owner sees it; dropping it cancels the job.
pub(crate) struct Handle {
    pub(crate) events: Receiver<Event>,
    cancelled: Arc<AtomicBool>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// The thread that generates with one kind of executor, and what its snapshots share.
pub(crate) struct Engine<R: ModelRunner> {
    config: EngineConfig,
    jobs: Option<Sender<Job<R>>>,
    thread: Option<JoinHandle<()>>,
    /// Memory for keys and values on a device, kept when the weights change.
    storage: Mutex<Option<R::Storage>>,
}

impl<R: ModelRunner> Engine<R> {
    /// # Errors
    /// [`Error::Input`] when the settings serve no request, [`Error::Device`] when no thread can be
    /// started.
    fn start(config: EngineConfig, stats: &SharedStats) -> Result<Self> {
        config.validate()?;
        let (jobs, inbox) = channel();
        let scheduler = Scheduler::<R>::new(config, inbox, stats.clone());
        let thread = std::thread::Builder::new()
            .name("generate".to_owned())
            .spawn(move || scheduler.run())
            .map_err(|source| Error::Device {
                problem: format!("no thread for generating: {source}"),
                source: Some(source.into()),
            })?;
        Ok(Self { config, jobs: Some(jobs), thread: Some(thread), storage: Mutex::new(None) })
    }

    fn submit(&self, sequence: Sequence, generator: &Arc<Generator<R>>, stream: bool) -> Handle {
        let (events, receiver) = channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let job = Job {
            span: tracing::debug_span!("request", prompt_tokens = sequence.len(), stream),
            sequence,
            generator: Arc::clone(generator),
            events,
            stream,
            cancelled: Arc::clone(&cancelled),
            failed: None,
        };
        if let Some(jobs) = &self.jobs {
            // A thread that is gone drops the job and with it the sender, which ends the channel of
            // the owner.
            let _ = jobs.send(job);
        }
        Handle { events: receiver, cancelled }
    }
}

impl<R: ModelRunner> Drop for Engine<R> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has ended the channels of its jobs.
            let _ = thread.join();
        }
    }
}
