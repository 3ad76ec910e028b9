//! Models in this process as policies.

mod inference;
mod local;
mod stream;

use std::sync::Arc;

use ssr_core::{Completion, PolicyError, Request};

use crate::engine::{Engine, EngineConfig, Event, Failure, Handle, Row};
use crate::error::{Error, Result};
use crate::generator::Generator;
use crate::tokenizer::Tokenizer;
pub use inference::InferencePolicy;
pub use local::LocalPolicy;
pub use stream::Stream;

/// What every policy in this process needs besides weights.
struct Completer {
    tokenizer: Arc<Tokenizer>,
    engine: Engine,
}

impl Completer {
    fn new(vocab_size: usize, tokenizer: Tokenizer, config: EngineConfig) -> Result<Self> {
        let ids = tokenizer.vocab_size();
        if ids > vocab_size {
            let problem =
                format!("the tokenizer has {ids} tokens, the model has {vocab_size} logits");
            return Err(Error::Input { problem });
        }
        Ok(Self { tokenizer: Arc::new(tokenizer), engine: Engine::start(config)? })
    }

    /// Completes requests with one version of the weights.
    fn complete(
        &self,
        generator: &Arc<Generator>,
        version: u64,
        requests: &[Request],
    ) -> Result<Vec<Completion>, PolicyError> {
        let rows = requests.iter().enumerate();
        let rows = rows.map(|(index, request)| self.row(generator, version, index, request));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let handles: Vec<Handle> =
            rows.into_iter().map(|row| self.engine.submit(row, generator, false)).collect();
        handles.iter().enumerate().map(|(index, handle)| finished(index, handle)).collect()
    }

    /// Starts a request whose tokens are told as they are drawn.
    fn start(
        &self,
        generator: &Arc<Generator>,
        version: u64,
        request: &Request,
    ) -> Result<Handle, PolicyError> {
        let row = self.row(generator, version, 0, request)?;
        Ok(self.engine.submit(row, generator, true))
    }

    /// The same after a prompt that is tokens already.
    fn start_after(
        &self,
        generator: &Arc<Generator>,
        version: u64,
        prompt: &[u32],
        request: &Request,
    ) -> Result<Handle, PolicyError> {
        let row = Row::after(generator, &self.tokenizer, prompt.to_vec(), request, version);
        let row = row.map_err(|failure| failure.of_request(0))?;
        Ok(self.engine.submit(row, generator, true))
    }

    fn row(
        &self,
        generator: &Generator,
        version: u64,
        index: usize,
        request: &Request,
    ) -> Result<Row, PolicyError> {
        let row = Row::new(generator, &self.tokenizer, request, version);
        row.map_err(|failure| failure.of_request(index))
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
    broke(Error::input("the generating thread has stopped"))
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
