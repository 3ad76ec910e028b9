//! Streamed answers.

use std::sync::RwLockReadGuard;

use ssr_core::{Completion, PolicyError};

use super::local::Weights;
use super::{gone, next_event};
use crate::engine::{Delta, Event, Handle};

/// An answer token by token, as it is generated; ends after the last one. Dropping it cancels the
/// request.
///
/// The weights of a [`LocalPolicy`](crate::LocalPolicy) cannot be updated while it exists.
#[must_use = "dropping the stream cancels the request"]
pub struct TokenStream<'a> {
    handle: Handle,
    completion: Option<Result<Completion, PolicyError>>,
    _weights: Option<RwLockReadGuard<'a, Weights>>,
}

impl std::fmt::Debug for TokenStream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenStream").field("completion", &self.completion).finish_non_exhaustive()
    }
}

impl<'a> TokenStream<'a> {
    pub(super) fn new(handle: Handle, weights: Option<RwLockReadGuard<'a, Weights>>) -> Self {
        Self { handle, completion: None, _weights: weights }
    }

    /// The whole answer, waiting for what is missing.
    ///
    /// # Errors
    /// Those of [`Policy::complete`](ssr_core::Policy::complete).
    pub fn completion(mut self) -> Result<Completion, PolicyError> {
        while self.next().is_some() {}
        self.completion.take().unwrap_or_else(|| Err(gone()))
    }
}

impl Iterator for TokenStream<'_> {
    type Item = Delta;

    fn next(&mut self) -> Option<Delta> {
        if self.completion.is_some() {
            return None;
        }
        match next_event(&self.handle) {
            Ok(Event::Delta(delta)) => return Some(delta),
            Ok(Event::Done(done)) => {
                self.completion = Some(done.map_err(|error| error.of_request(0)));
            }
            Err(error) => self.completion = Some(Err(error)),
        }
        None
    }
}
