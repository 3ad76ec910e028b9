use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use ssr_core::{Completion, Policy, PolicyError, Request};

use super::{Completer, Stream, broke};
use crate::engine::{EngineConfig, EngineStats};
use crate::error::Result;
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
    completer: Completer,
    version: AtomicU64,
}

impl std::fmt::Debug for LocalPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalPolicy").field("version", &self.version).finish_non_exhaustive()
    }
}

/// A model and what generation uses of it.
pub(super) struct Weights {
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
        // Another request may have packed them meanwhile.
        if let Some(generator) = self.generator.get() {
            return Ok(generator);
        }
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
        let completer = Completer::new(model.config().vocab_size, tokenizer, config)?;
        let weights = RwLock::new(Weights {
            model,
            generator: OnceLock::new(),
            engine: config,
            kv: Mutex::new(None),
        });
        Ok(Self { weights, completer, version: AtomicU64::new(0) })
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
        self.tokenizer().save(dir)?;
        self.with_model(|model| model.save(dir))
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.completer.tokenizer
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
        let generator = weights.generator().map_err(broke)?;
        let handle = self.completer.start(generator, self.weight_version(), request)?;
        Ok(Stream::new(handle, Some(weights)))
    }

    /// [`Self::stream`] after the tokens of a prompt instead of the messages of the request, which
    /// are not looked at.
    ///
    /// # Errors
    /// [`PolicyError::Request`] when the request cannot be served.
    pub fn stream_after(
        &self,
        prompt: &[u32],
        request: &Request,
    ) -> Result<Stream<'_>, PolicyError> {
        let weights = self.read();
        let generator = weights.generator().map_err(broke)?;
        let version = self.weight_version();
        let handle = self.completer.start_after(generator, version, prompt, request)?;
        Ok(Stream::new(handle, Some(weights)))
    }

    /// What the engine has done so far.
    pub fn stats(&self) -> EngineStats {
        self.completer.engine.stats()
    }

    fn read(&self) -> RwLockReadGuard<'_, Weights> {
        self.weights.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Policy for LocalPolicy {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError> {
        // The version is read under the lock, so it belongs to the weights.
        let weights = self.read();
        let generator = weights.generator().map_err(broke)?;
        self.completer.complete(generator, self.weight_version(), requests)
    }
}
