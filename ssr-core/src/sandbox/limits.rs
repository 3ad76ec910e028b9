//! What a command may use.

use std::time::Duration;

#[cfg(doc)]
use super::{Exit, Output};

/// What one command may use. A command that exceeds a limit ends with the [`Exit`] that names the
/// limit; its output until then is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Wall-clock time. Default: 90 s, the paper's bound for a suite.
    pub wall: Duration,
    /// Time of one test, its set-up and teardown included; processor time where the sandbox can
    /// measure it, so that a busy machine cuts nothing off. A test that takes longer ends
    /// as [`Outcome::Timeout`](crate::Outcome::Timeout), and the tests after it still run. `None`:
    /// only [`Limits::wall`] applies. Default: 30 s.
    ///
    /// It applies to what the sandbox knows to be a test: a run with an [`Output::report`].
    pub per_test: Option<Duration>,
    /// Memory in bytes. Default: 1 GiB.
    pub memory: u64,
    /// Bytes kept of each output stream; the rest is dropped and [`Output::truncated`] set.
    /// Default: 8 MiB.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(90),
            per_test: Some(Duration::from_secs(30)),
            memory: 1 << 30,
            output: 8 << 20,
        }
    }
}

impl Limits {
    /// Sets [`Limits::wall`].
    #[must_use]
    pub fn with_wall(self, wall: Duration) -> Self {
        Self { wall, ..self }
    }

    /// Sets [`Limits::per_test`].
    #[must_use]
    pub fn with_per_test(self, per_test: impl Into<Option<Duration>>) -> Self {
        Self { per_test: per_test.into(), ..self }
    }

    /// Sets [`Limits::memory`].
    #[must_use]
    pub fn with_memory(self, bytes: u64) -> Self {
        Self { memory: bytes, ..self }
    }

    /// Sets [`Limits::output`].
    #[must_use]
    pub fn with_output(self, bytes: usize) -> Self {
        Self { output: bytes, ..self }
    }
}
