use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use ssr_core::{Completion, Policy, PolicyError, Request};

use crate::engine::{Delta, Engine, EngineConfig, EngineStats, Event, Failure, Handle, Row};
use crate::error::{Error, Result};
use crate::generator::Generator;
use crate::kv::DeviceKv;
use crate::model::Model;
use crate::tokenizer::Tokenizer;

/// A model in this process as a [`Policy`].
///
/// Completions share the weights; [`LocalPolicy::update`] waits for them and has the weights for
/// itself. Equal seeds, weights and requests give equal answers, whatever the batch, the number of
/// threads and the moment.
pub struct LocalPolicy {
    weights: RwLock<Weights>,
    tokenizer: Arc<Tokenizer>,
    version: AtomicU64,
    engine: Engine,
}

impl std::fmt::Debug for LocalPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalPolicy").field("version", &self.version).finish_non_exhaustive()
    }
}

/// A model and what generation uses of it.
struct Weights {
    model: Model,
    /// Packed when the first completion after an update asks for it.
    generator: OnceLock<Arc<Generator>>,
    engine: EngineConfig,
    /// Places for keys and values on a device, kept when the weights change.
    kv: Mutex<Option<Arc<DeviceKv>>>,
}

impl Weights {
    fn generator(&self) -> Result<&Arc<Generator>> {
        if let Some(generator) = self.generator.get() {
            return Ok(generator);
        }
        let mut kv = self.kv.lock().unwrap_or_else(PoisonError::into_inner);
        let generator = Arc::new(Generator::new(&self.model, &self.engine, &mut kv)?);
        Ok(self.generator.get_or_init(|| generator))
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
    /// Those of [`Self::new`], and when the settings leave no place for any request.
    pub fn with_engine(model: Model, tokenizer: Tokenizer, config: EngineConfig) -> Result<Self> {
        let (ids, logits) = (tokenizer.vocab_size(), model.config().vocab_size);
        if ids > logits {
            let problem = format!("the tokenizer has {ids} tokens, the model has {logits} logits");
            return Err(Error::Input { problem });
        }
        let weights = RwLock::new(Weights {
            model,
            generator: OnceLock::new(),
            engine: config,
            kv: Mutex::new(None),
        });
        let engine = Engine::start(config)?;
        let tokenizer = Arc::new(tokenizer);
        Ok(Self { weights, tokenizer, version: AtomicU64::new(0), engine })
    }

    /// Reads `config.json`, `model.safetensors` and `tokenizer.json` from a folder.
    ///
    /// # Errors
    /// When a file is missing, corrupt, or does not fit the others.
    pub fn load(dir: &Path) -> Result<Self> {
        Self::new(Model::load(dir)?, Tokenizer::load(dir)?)
    }

    /// Writes what [`Self::load`] reads.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self, dir: &Path) -> Result<()> {
        self.tokenizer.save(dir)?;
        self.with_model(|model| model.save(dir))
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// How often the weights have been updated.
    pub fn weight_version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Sets the version, when a run resumes.
    pub fn set_weight_version(&self, version: u64) {
        self.version.store(version, Ordering::Release);
    }

    /// Looks at the weights; completions may run meanwhile. Weights that are changed here instead of
    /// in [`Self::update`] are not seen by completions.
    pub fn with_model<T>(&self, read: impl FnOnce(&Model) -> T) -> T {
        read(&self.read().model)
    }

    /// Changes the weights while no completion runs, and counts the version up if that succeeds.
    ///
    /// # Errors
    /// Those of `change`; what it changed before failing stays changed.
    pub fn update<T, E>(&self, change: impl FnOnce(&mut Model) -> Result<T, E>) -> Result<T, E> {
        let mut weights = self.weights.write().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut weights.model);
        weights.generator = OnceLock::new();
        if result.is_ok() {
            self.version.fetch_add(1, Ordering::AcqRel);
        }
        result
    }

    /// Completes a request and tells each token as it is drawn.
    ///
    /// # Errors
    /// [`PolicyError::Request`] when the request cannot be served.
    pub fn stream(&self, request: &Request) -> Result<Stream<'_>, PolicyError> {
        let weights = self.read();
        let row = self.row(&weights, 0, request)?;
        let handle = self.engine.submit(row, weights.generator().map_err(broke)?, true);
        Ok(Stream { handle, completion: None, _weights: weights })
    }

    /// What the engine has done so far.
    pub fn stats(&self) -> EngineStats {
        self.engine.stats()
    }

    fn row(&self, weights: &Weights, index: usize, request: &Request) -> Result<Row, PolicyError> {
        let generator = weights.generator().map_err(broke)?;
        let row = Row::new(generator, &self.tokenizer, request, self.weight_version());
        row.map_err(|failure| failure.of_request(index))
    }

    fn read(&self) -> RwLockReadGuard<'_, Weights> {
        self.weights.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Policy for LocalPolicy {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError> {
        // The version is read under the lock, so it belongs to the weights.
        let weights = self.read();
        let rows = requests.iter().enumerate();
        let rows = rows.map(|(index, request)| self.row(&weights, index, request));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let generator = weights.generator().map_err(broke)?;
        let handles: Vec<Handle> =
            rows.into_iter().map(|row| self.engine.submit(row, generator, false)).collect();
        handles.iter().enumerate().map(|(index, handle)| finished(index, handle)).collect()
    }
}

/// An answer as it is written, token by token; ends after the last one. Dropping it cancels the
/// request.
///
/// The weights cannot be updated while it exists.
pub struct Stream<'a> {
    handle: Handle,
    completion: Option<Result<Completion, PolicyError>>,
    _weights: RwLockReadGuard<'a, Weights>,
}

impl std::fmt::Debug for Stream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("completion", &self.completion).finish_non_exhaustive()
    }
}

impl Iterator for Stream<'_> {
    type Item = Delta;

    fn next(&mut self) -> Option<Delta> {
        if self.completion.is_some() {
            return None;
        }
        match next_event(&self.handle) {
            Ok(Event::Delta(delta)) => return Some(delta),
            Ok(Event::Done(done)) => {
                self.completion = Some(done.map_err(|failure| failure.of_request(0)));
            }
            Err(error) => self.completion = Some(Err(error)),
        }
        None
    }
}

impl Stream<'_> {
    /// The whole answer, waiting for what is missing.
    ///
    /// # Errors
    /// Those of [`Policy::complete`].
    pub fn completion(mut self) -> Result<Completion, PolicyError> {
        while self.next().is_some() {}
        self.completion.take().unwrap_or_else(|| Err(gone()))
    }
}

/// Waits for the end of a job.
fn finished(index: usize, handle: &Handle) -> Result<Completion, PolicyError> {
    loop {
        if let Event::Done(done) = next_event(handle)? {
            return done.map_err(|failure| failure.of_request(index));
        }
    }
}

fn next_event(handle: &Handle) -> Result<Event, PolicyError> {
    handle.events.recv().map_err(|_| gone())
}

fn gone() -> PolicyError {
    PolicyError::infrastructure("generating", Error::input("the generating thread has stopped"))
}

fn broke(error: Error) -> PolicyError {
    PolicyError::infrastructure("generating", error)
}

impl Failure {
    fn of_request(self, index: usize) -> PolicyError {
        match self {
            Self::Request(problem) => PolicyError::Request { index, problem },
            Self::Model(error) => broke(error),
        }
    }
}
