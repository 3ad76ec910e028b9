//! A model that is only generated with.

use std::path::Path;

use ssr_core::{Completion, Policy, PolicyError, Request};

use super::{Completer, TokenStream};
use crate::config::{EngineConfig, ModelConfig};
use crate::engine::{self, EngineStats, LoadedWeights};
use crate::error::Result;
use crate::model::Model;
use crate::tokenizer::Tokenizer;

/// A model in this process that is never trained: it holds its weights once, arranged for
/// generation.
pub struct InferencePolicy {
    weights: Box<dyn LoadedWeights>,
    completer: Completer,
}

impl std::fmt::Debug for InferencePolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let config = self.config();
        f.debug_struct("InferencePolicy").field("config", config).finish_non_exhaustive()
    }
}

impl InferencePolicy {
    /// Takes a model apart, weight by weight.
    ///
    /// # Errors
    /// When the tokenizer has tokens that the model has no logits for, or the settings do not fit
    /// the model.
    pub fn new(model: Model, tokenizer: Tokenizer, config: EngineConfig) -> Result<Self> {
        let completer = Completer::new(model.config().vocab_size, tokenizer)?;
        let engine = engine::start(config, model.device(), &completer.stats)?;
        Ok(Self { weights: engine.take(model)?, completer })
    }

    /// Reads a model and its tokenizer from a folder in Hugging Face's layout, or both from one GGUF
    /// file, as [`Model::load`] and [`Tokenizer::load`] do.
    ///
    /// # Errors
    /// When a file is missing, corrupt, or does not fit the others.
    pub fn load(path: &Path, config: EngineConfig) -> Result<Self> {
        let tokenizer = Tokenizer::load(path)?;
        Self::new(Model::load(path)?, tokenizer, config)
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.completer.tokenizer
    }

    /// The shape of the model.
    pub fn config(&self) -> &ModelConfig {
        self.weights.config()
    }

    /// Completes a request and streams its tokens.
    ///
    /// # Errors
    /// [`PolicyError::Request`] when the request cannot be served.
    pub fn stream(&self, request: &Request) -> Result<TokenStream<'static>, PolicyError> {
        Ok(TokenStream::new(self.completer.start(&*self.weights, 0, None, request)?, None))
    }

    /// What the engine has done so far.
    pub fn stats(&self) -> EngineStats {
        self.completer.stats.read()
    }
}

impl Policy for InferencePolicy {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError> {
        self.completer.complete(&*self.weights, 0, requests)
    }
}
