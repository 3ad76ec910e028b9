//! Bounds how many guests run at once.

use std::sync::{Condvar, Mutex, PoisonError};

/// A number of slots, one for each guest that may run; a run that comes later waits for one.
pub(super) struct Slots {
    count: usize,
    free: Mutex<usize>,
    left: Condvar,
}

impl Slots {
    pub(super) fn new(slots: usize) -> Self {
        let count = slots.max(1);
        Self { count, free: Mutex::new(count), left: Condvar::new() }
    }

    /// How many guests may run at once.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Waits for a free slot; it is free again when the returned value is dropped.
    pub(super) fn take(&self) -> TakenSlot<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free =
            self.left.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        TakenSlot(self)
    }
}

pub(super) struct TakenSlot<'s>(&'s Slots);

impl Drop for TakenSlot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.left.notify_one();
    }
}
