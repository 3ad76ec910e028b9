//! Models in this process as policies.

mod inference;
mod local;
mod ranking;
mod token_stream;

use std::sync::Arc;

use ssr_core::{Completion, PolicyError, Request};

use crate::chat::render;
use crate::engine::{Event, Handle, LoadedWeights, Sequence, SequenceError, SharedStats};
use crate::error::{Error, Result};
use crate::tokenizer::Tokenizer;
pub use inference::InferencePolicy;
pub use local::LocalPolicy;
pub use ranking::RankedEdits;
pub use token_stream::TokenStream;

/// What every policy in this process needs besides weights and their engine.
struct Completer {
    tokenizer: Arc<Tokenizer>,
    stats: SharedStats,
}

impl Completer {
    fn new(vocab_size: usize, tokenizer: Tokenizer) -> Result<Self> {
        let ids = tokenizer.vocab_size();
        if ids > vocab_size {
            let problem =
                format!("the tokenizer has {ids} tokens, the model has {vocab_size} logits");
            return Err(Error::input(problem));
        }
        Ok(Self { tokenizer: Arc::new(tokenizer), stats: SharedStats::default() })
    }

    /// Completes requests with one version of the weights.
    fn complete(
        &self,
        weights: &dyn LoadedWeights,
        version: u64,
        requests: &[Request],
    ) -> Result<Vec<Completion>, PolicyError> {
        // Nothing is submitted before every request has been found good.
        let sequences = requests.iter().enumerate().map(|(index, request)| {
            let sequence = self.sequence(weights, version, None, request);
            sequence.map_err(|error| error.of_request(index))
        });
        let sequences = sequences.collect::<Result<Vec<_>, _>>()?;
        let handles: Vec<Handle> =
            sequences.into_iter().map(|sequence| weights.submit(sequence, false)).collect();
        handles.iter().enumerate().map(|(index, handle)| finished(index, handle)).collect()
    }

    /// Starts a request whose tokens are streamed, after its messages or after the tokens of a
    /// prompt.
    fn start(
        &self,
        weights: &dyn LoadedWeights,
        version: u64,
        prompt: Option<&[u32]>,
        request: &Request,
    ) -> Result<Handle, PolicyError> {
        let sequence = self.sequence(weights, version, prompt, request);
        Ok(weights.submit(sequence.map_err(|error| error.of_request(0))?, true))
    }

    fn sequence(
        &self,
        weights: &dyn LoadedWeights,
        version: u64,
        prompt: Option<&[u32]>,
        request: &Request,
    ) -> Result<Sequence, SequenceError> {
        let prompt = match prompt {
            Some(tokens) => tokens.to_vec(),
            None => {
                let rendered = render(&self.tokenizer, &request.messages);
                rendered.map_err(|e| SequenceError::Request(e.to_string()))?.tokens
            }
        };
        let (config, id) = (weights.config(), weights.id());
        Sequence::new(config, id, &self.tokenizer, prompt, request, version)
    }
}

/// Waits for the end of a job.
fn finished(index: usize, handle: &Handle) -> Result<Completion, PolicyError> {
    loop {
        if let Event::Done(done) = next_event(handle)? {
            return done.map_err(|error| error.of_request(index));
        }
    }
}

fn next_event(handle: &Handle) -> Result<Event, PolicyError> {
    handle.events.recv().map_err(|_| gone())
}

fn gone() -> PolicyError {
    broke(Error::device("the generating thread has stopped"))
}

fn broke(error: Error) -> PolicyError {
    PolicyError::infrastructure("generating", error)
}

impl SequenceError {
    fn of_request(self, index: usize) -> PolicyError {
        match self {
            Self::Request(problem) => PolicyError::Request { index, problem },
            Self::Model(error) => broke(error),
        }
    }
}
