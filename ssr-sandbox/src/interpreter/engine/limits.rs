//! What a guest instance may use.

use std::time::Duration;

/// Bounds on one instance; a breach ends the run with its own [`ExecOutcome`](super::ExecOutcome).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstanceLimits {
    /// Real time for one [`exec`](super::GuestInstance::exec), to a precision of about 20 ms.
    pub wall: Duration,
    /// Size of the guest's linear memory in bytes. Beyond it Python raises `MemoryError`.
    pub memory: usize,
}

impl Default for InstanceLimits {
    /// One minute and 512 MiB.
    fn default() -> Self {
        Self { wall: Duration::from_secs(60), memory: 512 << 20 }
    }
}

impl InstanceLimits {
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
