//! A look at the memory of a guest at the moments in which it calls the host.

use std::any::Any;

/// Sees the linear memory of a guest when the guest calls certain host functions.
///
/// The host knows nothing of what an observer looks for. [`WasiParts`](super::WasiParts) hands it
/// back, as [`Any`], to whoever set it.
pub(crate) trait GuestObserver: Any + Send + Sync {
    /// The guest reads a clock.
    fn clock_read(&mut self, _memory: &[u8]) {}

    /// The guest writes `bytes` to standard output.
    fn output(&mut self, _memory: &[u8], _bytes: &[u8]) {}

    /// The guest writes `bytes` to the event channel, to which it has written `at` bytes before.
    fn event(&mut self, _memory: &[u8], _at: usize, _bytes: &[u8]) {}

    /// The guest has ended.
    fn end(&mut self, _memory: &[u8]) {}
}
