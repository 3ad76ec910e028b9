//! What a guest instance may use.

use std::time::Duration;

/// Bounds on one instance; a breach ends the run with its own [`ExecOutcome`](super::ExecOutcome).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstanceLimits {
    /// Processor time for one [`exec`](super::GuestInstance::exec), to a precision of about 20 ms.
    /// A breach is an [`ExecOutcome::Timeout`](super::ExecOutcome::Timeout).
    pub cpu: Duration,
    /// Real time for one [`exec`](super::GuestInstance::exec). It protects the host: a guest that
    /// gets so little of a processor has done nothing wrong, and ends as
    /// [`ExecOutcome::Stalled`](super::ExecOutcome::Stalled).
    pub wall: Duration,
    /// Size of the guest's linear memory in bytes. Beyond it Python raises `MemoryError`.
    pub memory: usize,
}

impl Default for InstanceLimits {
    /// One minute of processor time, eleven of real time, and 512 MiB.
    fn default() -> Self {
        Self { cpu: Duration::from_secs(60), wall: Duration::from_secs(660), memory: 512 << 20 }
    }
}

impl InstanceLimits {
    /// Sets the processor time for one [`exec`](super::GuestInstance::exec).
    #[must_use]
    pub fn with_cpu(mut self, cpu: Duration) -> Self {
        self.cpu = cpu;
        self
    }

    /// Sets the real time for one [`exec`](super::GuestInstance::exec).
    #[must_use]
    pub fn with_wall(mut self, wall: Duration) -> Self {
        self.wall = wall;
        self
    }

    /// Sets the size of the linear memory.
    #[must_use]
    pub fn with_memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }
}

/// Refuses growth beyond a limit and remembers that it did.
#[derive(Debug)]
pub(super) struct MemoryLimiter {
    pub limit: usize,
    pub refused: bool,
}

impl MemoryLimiter {
    pub fn new(limits: &InstanceLimits) -> Self {
        Self { limit: limits.memory, refused: false }
    }
}

impl wasmtime::ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= self.limit;
        self.refused |= !allowed;
        Ok(allowed)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // The linked guest has a table of fixed size.
        Ok(current == 0 || desired <= current)
    }
}
