//! What a command may use.

use std::time::Duration;

#[cfg(doc)]
use super::{Exit, Output, SandboxError};

/// What one command may use. A command that exceeds a limit ends with the [`Exit`] that names the
/// limit; its output until then is kept. [`Limits::wall`] alone is no verdict.
///
/// ```
/// use std::time::Duration;
///
/// use ssr_core::Limits;
///
/// let limits = Limits::default().with_cpu(Duration::from_secs(5));
/// assert_eq!(limits.wall_limit(), Duration::from_secs(110));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Time that the command's own work may take: processor time, so that the verdict does not depend
    /// on what else the machine does. Time in which the command only waits counts, too. A sandbox
    /// that cannot measure processor time, such as a container, takes the wall clock for it.
    /// Default: 90 s, the paper's bound for a suite.
    pub cpu: Duration,
    /// Wall-clock time, which protects the machine and judges nobody: a command that needs more
    /// fails with [`SandboxError::Infrastructure`], after a second attempt. `None`: ten times
    /// [`Limits::cpu`] and a minute. Default: `None`.
    ///
    /// A sandbox that takes the wall clock for [`Limits::cpu`] does not need it.
    pub wall: Option<Duration>,
    /// Time of one test, its set-up and teardown included; processor time where the sandbox can
    /// measure it, so that a busy machine cuts nothing off. A test that takes longer ends
    /// as [`Outcome::Timeout`](crate::Outcome::Timeout), and the tests after it still run. `None`:
    /// only [`Limits::cpu`] applies. Default: 30 s.
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
            cpu: Duration::from_secs(90),
            wall: None,
            per_test: Some(Duration::from_secs(30)),
            memory: 1 << 30,
            output: 8 << 20,
        }
    }
}

impl Limits {
    /// Sets [`Limits::cpu`].
    #[must_use]
    pub fn with_cpu(self, cpu: Duration) -> Self {
        Self { cpu, ..self }
    }

    /// Sets [`Limits::wall`].
    #[must_use]
    pub fn with_wall(self, wall: impl Into<Option<Duration>>) -> Self {
        Self { wall: wall.into(), ..self }
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

    /// [`Limits::wall`], or what stands for it.
    #[must_use]
    pub fn wall_limit(&self) -> Duration {
        const LEAST: Duration = Duration::from_secs(60);
        self.wall.unwrap_or_else(|| self.cpu.saturating_mul(10).saturating_add(LEAST))
    }
}
