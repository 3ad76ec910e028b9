use std::path::Path;
use std::sync::Arc;

use ssr_core::{Completion, Policy, PolicyError, Request};

use super::{Completer, Stream};
use crate::engine::{EngineConfig, EngineStats};
use crate::error::Result;
use crate::generator::Generator;
use crate::model::Model;
use crate::tokenizer::Tokenizer;

/// A model in this process that is never trained: it holds its weights once, arranged for
/// generation.
pub struct InferencePolicy {
    generator: Arc<Generator>,
    completer: Completer,
}

impl std::fmt::Debug for InferencePolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let config = self.generator.config();
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
        let completer = Completer::new(model.config().vocab_size, tokenizer, config)?;
        let generator = Arc::new(Generator::take(model, &config)?);
        Ok(Self { generator, completer })
    }

    /// Reads a model and its tokenizer from a folder in Hugging Face's layout.
    ///
    /// # Errors
    /// When a file is missing, corrupt, or does not fit the others.
    pub fn load(dir: &Path, config: EngineConfig) -> Result<Self> {
        Self::new(Model::load(dir)?, Tokenizer::load(dir)?, config)
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.completer.tokenizer
    }

    /// The shape of the model.
    pub fn config(&self) -> &crate::ModelConfig {
        self.generator.config()
    }

    /// Completes a request and tells each token as it is drawn.
    ///
    /// # Errors
    /// [`PolicyError::Request`] when the request cannot be served.
    pub fn stream(&self, request: &Request) -> Result<Stream<'static>, PolicyError> {
        Ok(Stream::new(self.completer.start(&self.generator, 0, request)?, None))
    }

    /// What the engine has done so far.
    pub fn stats(&self) -> EngineStats {
        self.completer.engine.stats()
    }
}

impl Policy for InferencePolicy {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError> {
        self.completer.complete(&self.generator, 0, requests)
    }
}
