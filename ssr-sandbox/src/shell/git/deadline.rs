//! Ends a git command when the time of its script, or of a `timeout` around it, is over.

use std::collections::HashMap;
use std::time::Duration;

use super::{Fatal, Result};
use crate::interpreter::processor_time;
use crate::shell::session::Session;
use crate::shell::timeout::DEADLINE;

/// When a command has to stop, as processor time of its thread.
///
/// A command computes without ever waiting, so the shell cannot cut it off between two polls:
/// whatever can take long calls [`Deadline::check`] in between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Option<Duration>);

impl Deadline {
    pub fn new(session: &Session, env: &HashMap<String, String>) -> Self {
        let left = session.left();
        let own = env.get(DEADLINE).and_then(|at| at.parse().ok()).map(Duration::from_millis);
        let own = own.map(|own| own.saturating_sub(session.elapsed()));
        Self(processor_time().checked_add(own.map_or(left, |own| own.min(left))))
    }

    /// # Errors
    /// [`Fatal::out_of_time`] from the deadline on.
    pub fn check(self) -> Result<()> {
        match self.0 {
            Some(end) if processor_time() >= end => Err(Fatal::out_of_time()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
impl Deadline {
    pub fn never() -> Self {
        Self(None)
    }

    pub fn passed() -> Self {
        Self(Some(Duration::ZERO))
    }
}
