//! Clocks over virtual time.

use crate::interpreter::vfs::Errno;

use super::ctx::WasiCtx;
use super::memory::GuestMemory;

/// How far the clocks move when they are read, in nanoseconds: time never stands still, so a loop
/// that waits for a deadline comes to its end.
const STEP: u64 = 1_000;

/// Realtime and monotonic clock over the same virtual time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    epoch: u64,
    elapsed: u64,
}

impl Clocks {
    pub(super) fn new(epoch: u64) -> Self {
        Self { epoch, elapsed: 0 }
    }

    pub(super) fn elapsed(&self) -> u64 {
        self.elapsed
    }

    pub(super) fn advance(&mut self, nanoseconds: u64) {
        self.elapsed = self.elapsed.saturating_add(nanoseconds);
    }

    /// The time of clock `id`: realtime counts from 1970, the others from the start of the run.
    pub(super) fn now(&self, id: u32) -> Result<u64, Errno> {
        match id {
            0 => Ok(self.epoch.saturating_add(self.elapsed)),
            1..=3 => Ok(self.elapsed),
            _ => Err(Errno::Invalid),
        }
    }
}

impl WasiCtx {
    pub(super) fn clock_res_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        id: u32,
        result: u32,
    ) -> Result<(), Errno> {
        self.clocks.now(id)?;
        memory.write_u64(result, STEP)
    }

    pub(super) fn clock_time_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        id: u32,
        _precision: u64,
        result: u32,
    ) -> Result<(), Errno> {
        self.clocks.advance(STEP);
        if let Some(observer) = &mut self.observer {
            observer.clock_read(memory.bytes());
        }
        memory.write_u64(result, self.clocks.now(id)?)
    }
}
