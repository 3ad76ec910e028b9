//! A model that is generated with and trained.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use candle_core::Device;
use ssr_core::{Completion, EditRanking, Policy, PolicyError, Request};

use super::{Completer, RankedEdits, TokenStream, broke, ranking};
use crate::config::EngineConfig;
use crate::engine::{self, AnyEngine, EngineStats, LoadedWeights, SharedStats};
use crate::error::Result;
use crate::model::Model;
use crate::tokenizer::Tokenizer;

/// A model in this process as a [`Policy`].
///
/// Completions share the weights; [`LocalPolicy::update`] waits until none runs and has exclusive
/// access. Equal seeds, weights and requests give equal answers, whatever the batch, the number of
/// threads and the time.
pub struct LocalPolicy {
    weights: RwLock<Weights>,
    completer: Completer,
    version: AtomicU64,
}

impl std::fmt::Debug for LocalPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalPolicy").field("version", &self.version).finish_non_exhaustive()
    }
}

/// A model, the engine that generates with it, and the snapshot that the engine reads.
pub(super) struct Weights {
    model: Model,
    config: EngineConfig,
    engine: Box<dyn AnyEngine>,
    /// Where the model was when the engine was started.
    device: Device,
    /// Arranged when the first completion after an update asks for it.
    loaded: OnceLock<Box<dyn LoadedWeights>>,
    /// Held while a snapshot is arranged, so that requests that arrive together arrange one.
    loading: Mutex<()>,
}

impl Weights {
    fn new(model: Model, config: EngineConfig, stats: &SharedStats) -> Result<Self> {
        let device = model.device().clone();
        let engine = engine::start(config, &device, stats)?;
        Ok(Self { model, config, engine, device, loaded: OnceLock::new(), loading: Mutex::new(()) })
    }

    fn loaded(&self) -> Result<&dyn LoadedWeights> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(&**loaded);
        }
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        // Another request may have arranged them meanwhile.
        if let Some(loaded) = self.loaded.get() {
            return Ok(&**loaded);
        }
        let loaded = self.engine.load(&self.model)?;
        Ok(&**self.loaded.get_or_init(|| loaded))
    }

    /// Drops the snapshot after the model has changed. A model that has moved to another device gets
    /// an engine of its executor.
    fn changed(&mut self, stats: &SharedStats) {
        self.loaded = OnceLock::new();
        let device = self.model.device();
        if device.same_device(&self.device) {
            return;
        }
        // Without a thread for a new engine the old one stays, and refuses the model if it cannot
        // compute on its device.
        if let Ok(engine) = engine::start(self.config, device, stats) {
            self.device = device.clone();
            self.engine = engine;
        }
    }
}

impl LocalPolicy {
    /// A policy of weight version 0.
    ///
    /// # Errors
    /// When the tokenizer has tokens that the model has no logits for, or no thread can be started.
    pub fn new(model: Model, tokenizer: Tokenizer) -> Result<Self> {
        Self::with_engine(model, tokenizer, EngineConfig::default())
    }

    /// The same with settings for the engine.
    ///
    /// # Errors
    /// Those of [`Self::new`], and when the settings could serve no request.
    pub fn with_engine(model: Model, tokenizer: Tokenizer, config: EngineConfig) -> Result<Self> {
        let completer = Completer::new(model.config().vocab_size, tokenizer)?;
        let weights = RwLock::new(Weights::new(model, config, &completer.stats)?);
        Ok(Self { weights, completer, version: AtomicU64::new(0) })
    }

    /// Reads a model and its tokenizer from a folder in Hugging Face's layout, or both from one GGUF
    /// file, as [`Model::load`] and [`Tokenizer::load`] do.
    ///
    /// # Errors
    /// When a file is missing, corrupt, or does not fit the others.
    pub fn load(path: &Path) -> Result<Self> {
        // The tokenizer first: what is wrong with it is found out sooner.
        let tokenizer = Tokenizer::load(path)?;
        Self::new(Model::load(path)?, tokenizer)
    }

    /// Writes a folder that [`Self::load`] reads.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self, dir: &Path) -> Result<()> {
        self.tokenizer().save(dir)?;
        self.with_model(|model| model.save(dir))
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.completer.tokenizer
    }

    /// The number of updates of the weights.
    pub fn weight_version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Sets the version, when a run resumes.
    pub fn set_weight_version(&self, version: u64) {
        self.version.store(version, Ordering::Release);
    }

    /// Reads the weights; completions may run meanwhile. Completions do not use weights that are
    /// changed here instead of in [`Self::update`].
    pub fn with_model<T>(&self, read: impl FnOnce(&Model) -> T) -> T {
        read(&self.read().model)
    }

    /// Changes the weights while no completion runs, and increments the version if that succeeds.
    ///
    /// # Errors
    /// Those of `change`; what it changed before failing stays changed.
    pub fn update<T, E>(&self, change: impl FnOnce(&mut Model) -> Result<T, E>) -> Result<T, E> {
        let mut weights = {
            let _span = tracing::debug_span!("wait_for_completions").entered();
            self.weights.write().unwrap_or_else(PoisonError::into_inner)
        };
        let _span =
            tracing::debug_span!("update_weights", version = self.weight_version()).entered();
        let result = change(&mut weights.model);
        weights.changed(&self.completer.stats);
        if result.is_ok() {
            let version = self.version.fetch_add(1, Ordering::AcqRel) + 1;
            tracing::debug!(version, "weights swapped");
        }
        result
    }

    /// Completes a request and streams its tokens.
    ///
    /// # Errors
    /// [`PolicyError::Request`] when the request cannot be served.
    pub fn stream(&self, request: &Request) -> Result<TokenStream<'_>, PolicyError> {
        self.start(None, request)
    }

    /// [`Self::stream`] after the tokens of a prompt instead of the messages of the request, which
    /// are ignored.
    ///
    /// # Errors
    /// [`PolicyError::Request`] when the request cannot be served.
    pub fn stream_after(
        &self,
        prompt: &[u32],
        request: &Request,
    ) -> Result<TokenStream<'_>, PolicyError> {
        self.start(Some(prompt), request)
    }

    fn start(
        &self,
        prompt: Option<&[u32]>,
        request: &Request,
    ) -> Result<TokenStream<'_>, PolicyError> {
        let weights = self.read();
        let loaded = weights.loaded().map_err(broke)?;
        let handle = self.completer.start(loaded, self.weight_version(), prompt, request)?;
        Ok(TokenStream::new(handle, Some(weights)))
    }

    /// How many tokens a text has.
    pub fn count_tokens(&self, text: &str) -> usize {
        // No tokenisation is longer than one token a byte.
        self.tokenizer().encode(text).map_or(text.len(), |tokens| tokens.len())
    }

    /// Ranks edits, as for [`Segment::Ranked`](ssr_core::Segment::Ranked), without drawing one.
    ///
    /// # Errors
    /// When a ranking has no edit, an edit that does not fit its text, or too many tokens.
    pub fn rank(&self, rankings: &[Arc<EditRanking>]) -> Result<Vec<RankedEdits>> {
        let rankings: Vec<_> = rankings.iter().collect();
        let tokenizer = &self.completer.tokenizer;
        ranking::rank(&self.read().model, tokenizer, &rankings).map_err(|(_, error)| error)
    }

    /// What the engine has done so far.
    pub fn stats(&self) -> EngineStats {
        self.completer.stats.read()
    }

    fn read(&self) -> RwLockReadGuard<'_, Weights> {
        self.weights.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Policy for LocalPolicy {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError> {
        // The version is read under the lock, so it belongs to the weights.
        let weights = self.read();
        let version = self.weight_version();
        let (mut ranked, mut others) = (Vec::new(), Vec::new());
        for (index, request) in requests.iter().enumerate() {
            let asked = ranking::asked(request);
            match asked.map_err(|problem| PolicyError::Request { index, problem })? {
                Some(ranking) => ranked.push((index, request, ranking)),
                None => others.push(index),
            }
        }
        if ranked.is_empty() {
            return self.completer.complete(weights.loaded().map_err(broke)?, version, requests);
        }
        let tokenizer = &self.completer.tokenizer;
        let drawn = ranking::complete(&weights.model, tokenizer, version, &ranked)?;
        let mut answers: Vec<(usize, Completion)> =
            ranked.iter().map(|(index, ..)| *index).zip(drawn).collect();
        if !others.is_empty() {
            let requests: Vec<Request> = others.iter().map(|at| requests[*at].clone()).collect();
            let loaded = weights.loaded().map_err(broke)?;
            let completions = self.completer.complete(loaded, version, &requests);
            let completions = completions.map_err(|error| match error {
                PolicyError::Request { index, problem } => {
                    PolicyError::Request { index: others[index], problem }
                }
                other => other,
            })?;
            answers.extend(others.into_iter().zip(completions));
        }
        answers.sort_by_key(|(index, _)| *index);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }
}
