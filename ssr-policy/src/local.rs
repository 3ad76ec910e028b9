use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard};

use ssr_core::{Completion, Policy, PolicyError, Request};

use crate::engine::{self, Failure, Workers};
use crate::error::{Error, Result};
use crate::generator::Generator;
use crate::model::Model;
use crate::tokenizer::Tokenizer;

/// A model in this process as a [`Policy`].
///
/// Completions share the weights; [`LocalPolicy::update`] waits for them and has the weights for
/// itself. Equal seeds, weights and requests give equal answers, whatever the batch, the number of
/// threads and the moment.
pub struct LocalPolicy {
    weights: RwLock<Weights>,
    tokenizer: Tokenizer,
    version: AtomicU64,
    workers: Workers,
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
    generator: OnceLock<Generator>,
}

impl Weights {
    fn generator(&self) -> Result<&Generator> {
        if let Some(generator) = self.generator.get() {
            return Ok(generator);
        }
        let generator = Generator::new(&self.model)?;
        Ok(self.generator.get_or_init(|| generator))
    }
}

impl LocalPolicy {
    /// A policy of weight version 0.
    ///
    /// # Errors
    /// When the tokenizer has tokens that the model has no logits for, or no thread can be started.
    pub fn new(model: Model, tokenizer: Tokenizer) -> Result<Self> {
        let (ids, logits) = (tokenizer.vocab_size(), model.config().vocab_size);
        if ids > logits {
            let problem = format!("the tokenizer has {ids} tokens, the model has {logits} logits");
            return Err(Error::Input { problem });
        }
        let weights = RwLock::new(Weights { model, generator: OnceLock::new() });
        Ok(Self { weights, tokenizer, version: AtomicU64::new(0), workers: Workers::new()? })
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

    fn read(&self) -> RwLockReadGuard<'_, Weights> {
        self.weights.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Policy for LocalPolicy {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError> {
        // The version is read under the lock, so it belongs to the weights.
        let weights = self.read();
        let version = self.weight_version();
        let completed = weights.generator().map_err(Failure::Model).and_then(|generator| {
            engine::complete(generator, &self.tokenizer, requests, version, &self.workers)
        });
        completed.map_err(|failure| match failure {
            Failure::Request(index, problem) => PolicyError::Request { index, problem },
            Failure::Model(error) => PolicyError::infrastructure("generating", error),
        })
    }
}
