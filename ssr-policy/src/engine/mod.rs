//! Batched generation: a thread of its own on which rows join and leave the batch as requests begin
//! and end.

mod answer;
mod choice;
mod row;
mod sample;
mod scheduler;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ssr_core::Completion;

use crate::error::{Error, Result};
use crate::generator::Generator;
#[cfg(feature = "remote")]
pub(crate) use answer::{Answer, Draw};
pub(crate) use row::Row;
#[cfg(feature = "remote")]
pub(crate) use sample::{Drawn, check as check_sampling, draw};
use scheduler::Scheduler;

/// How a [`LocalPolicy`](crate::LocalPolicy) generates. Nothing but the precision and the executor
/// changes an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// Sequences that are decoded together; more wait for a place. Default: 64.
    pub max_rows: usize,
    /// Prompt tokens that are fed in one step, so that long prompts do not hold up the rows that
    /// are decoding. Default: 512.
    pub prefill_tokens: usize,
    /// Bytes of keys and values. Above it, blocks of finished sequences are forgotten first, then
    /// the youngest sequences step back and are computed again later. A single sequence may exceed
    /// it. Default: 2 GiB.
    pub kv_bytes: usize,
    /// Whether blocks of finished and running sequences serve later ones that begin alike.
    /// Default: true.
    pub prefix_cache: bool,
    /// How precisely the weights of the projections are kept for generation. Default: `f32`, which
    /// alone agrees with training to the last bit.
    pub precision: Precision,
    /// What computes the forward passes. Default: [`Executor::Auto`].
    pub executor: Executor,
}

/// What computes forward passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Executor {
    /// The kernels for a model on the CPU, tensors for one on a GPU.
    #[default]
    Auto,
    /// This crate's kernels: CPU only, and exact. What is generated has the very log-probabilities
    /// that training computes, whatever the batch.
    Kernels,
    /// candle's operations, on any device. They round as the device's libraries do.
    Tensors,
}

/// How precisely weights are kept for generation. Activations are `f32` unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Precision {
    /// 32 bits, as in training.
    #[default]
    F32,
    /// Bfloat16, activations and cache included; only with [`Executor::Tensors`].
    Bf16,
    /// GGUF's `Q8_0`: 8 bits, and a 16-bit scale for 32 weights. What projections multiply by the
    /// weights is rounded to 8 bits as well, with a scale for 32 inputs, as in llama.cpp.
    Q8,
    /// GGUF's `Q4_0`: 4 bits, otherwise like [`Precision::Q8`].
    Q4,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            max_rows: 64,
            prefill_tokens: 512,
            kv_bytes: 2 << 30,
            prefix_cache: true,
            precision: Precision::F32,
            executor: Executor::Auto,
        }
    }
}

impl EngineConfig {
    /// # Errors
    /// When nothing could ever be served.
    pub(crate) fn validate(&self) -> Result<()> {
        if self.max_rows == 0 || self.prefill_tokens == 0 {
            return Err(Error::input("max_rows and prefill_tokens must be at least 1"));
        }
        Ok(())
    }
}

/// What the engine has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EngineStats {
    /// Forward passes.
    pub steps: u64,
    /// The time in which it had something to do.
    pub busy: Duration,
    /// Tokens that went through the model.
    pub fed_tokens: u64,
    /// Tokens whose keys and values were found in the prefix cache.
    pub cached_tokens: u64,
    /// Sequences that stepped back for lack of memory.
    pub preemptions: u64,
    /// Bytes of keys and values that are held now.
    pub kv_bytes: u64,
    /// Blocks that the prefix cache holds now.
    pub cached_blocks: u64,
}

/// Why a request could not be served.
pub(crate) enum Failure {
    /// The request is wrong.
    Request(String),
    /// The model failed.
    Model(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Model(error)
    }
}

/// One token of an answer as it is written.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Delta {
    /// The token.
    pub id: u32,
    /// Text that is certain now: complete characters that can no longer turn out to be part of a
    /// stop text.
    pub text: String,
    /// Natural-log probability under the distribution that it was drawn from; 0 if it was forced.
    pub logprob: f32,
    /// Natural-log probability under the model, among the tokens that were allowed.
    pub model_logprob: f32,
}

/// What a job's owner hears.
pub(crate) enum Event {
    Delta(Delta),
    Done(Box<Result<Completion, Failure>>),
}

/// A request on its way through the engine.
pub(crate) struct Job {
    pub(crate) row: Row,
    pub(crate) generator: Arc<Generator>,
    pub(crate) events: Sender<Event>,
    /// Whether the owner wants to hear every token.
    pub(crate) stream: bool,
    pub(crate) cancelled: Arc<AtomicBool>,
    /// Set when the model fails on this row.
    failed: Option<Failure>,
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

/// The engine's thread.
pub(crate) struct Engine {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    stats: Arc<Mutex<EngineStats>>,
}

impl Engine {
    pub(crate) fn start(config: EngineConfig) -> Result<Self> {
        config.validate()?;
        let (jobs, inbox) = channel();
        let stats = Arc::new(Mutex::new(EngineStats::default()));
        let scheduler = Scheduler::new(config, inbox, Arc::clone(&stats));
        let thread = std::thread::Builder::new()
            .name("generate".to_owned())
            .spawn(move || scheduler.run())
            .map_err(|e| Error::input(format!("no thread for generating: {e}")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), stats })
    }

    pub(crate) fn submit(&self, row: Row, generator: &Arc<Generator>, stream: bool) -> Handle {
        let (events, receiver) = channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let job = Job {
            row,
            generator: Arc::clone(generator),
            events,
            stream,
            cancelled: Arc::clone(&cancelled),
            failed: None,
        };
        if let Some(jobs) = &self.jobs {
            // A thread that is gone drops the job and with it the sender: the owner hears that.
            let _ = jobs.send(job);
        }
        Handle { events: receiver, cancelled }
    }

    pub(crate) fn stats(&self) -> EngineStats {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported to the owners of its jobs.
            let _ = thread.join();
        }
    }
}
