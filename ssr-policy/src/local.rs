use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use ssr_core::{Completion, Policy, PolicyError, Request};

use crate::engine::{self, Failure};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::tokenizer::Tokenizer;

/// A model in this process as a [`Policy`].
///
/// Completions share the weights; [`LocalPolicy::update`] waits for them and has the weights for
/// itself. Equal seeds, weights and requests give equal answers, whatever the batch, the number of
/// threads and the moment.
#[derive(Debug)]
pub struct LocalPolicy {
    model: RwLock<Model>,
    tokenizer: Tokenizer,
    version: AtomicU64,
}

impl LocalPolicy {
    /// A policy of weight version 0.
    ///
    /// # Errors
    /// When the tokenizer has tokens that the model has no logits for.
    pub fn new(model: Model, tokenizer: Tokenizer) -> Result<Self> {
        let (ids, logits) = (tokenizer.vocab_size(), model.config().vocab_size);
        if ids > logits {
            let problem = format!("the tokenizer has {ids} tokens, the model has {logits} logits");
            return Err(Error::Input { problem });
        }
        Ok(Self { model: RwLock::new(model), tokenizer, version: AtomicU64::new(0) })
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

    /// Looks at the weights; completions may run meanwhile.
    pub fn with_model<T>(&self, read: impl FnOnce(&Model) -> T) -> T {
        read(&self.model.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the weights while no completion runs, and counts the version up if that succeeds.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn update<T, E>(&self, change: impl FnOnce(&mut Model) -> Result<T, E>) -> Result<T, E> {
        let mut model = self.model.write().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut model)?;
        self.version.fetch_add(1, Ordering::AcqRel);
        Ok(result)
    }
}

impl Policy for LocalPolicy {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError> {
        // The version is read under the lock, so it belongs to the weights.
        let completed = self.with_model(|model| {
            engine::complete(model, &self.tokenizer, requests, self.weight_version())
        });
        completed.map_err(|failure| match failure {
            Failure::Request(index, problem) => PolicyError::Request { index, problem },
            Failure::Model(error) => PolicyError::infrastructure("generating", error),
        })
    }
}
