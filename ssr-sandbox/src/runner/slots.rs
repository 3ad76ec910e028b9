//! Bounds how many guests run at once.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A number of slots, one for each guest that may run; a run that comes later waits for one.
pub(super) struct Slots {
    all: usize,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    free: usize,
    /// Runs that want to be alone. No other run starts before them, or they might wait forever.
    shy: usize,
}

impl Slots {
    pub(super) fn new(slots: usize) -> Self {
        let all = slots.max(1);
        let state = Mutex::new(State { free: all, shy: 0 });
        Self { all, state, changed: Condvar::new() }
    }

    /// How many guests may run at once.
    pub(super) fn count(&self) -> usize {
        self.all
    }

    /// Waits for a free slot; it is free again when the returned value is dropped.
    pub(super) fn take(&self) -> TakenSlots<'_> {
        let mut state = self.wait(self.state(), |state| state.free == 0 || state.shy > 0);
        state.free -= 1;
        TakenSlots { slots: self, taken: 1 }
    }

    /// Waits until no other guest runs, and lets none start until the returned value is dropped. The
    /// caller must not hold a slot.
    pub(super) fn take_all(&self) -> TakenSlots<'_> {
        let mut state = self.state();
        state.shy += 1;
        let mut state = self.wait(state, |state| state.free < self.all);
        (state.free, state.shy) = (0, state.shy - 1);
        TakenSlots { slots: self, taken: self.all }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(
        &self,
        state: MutexGuard<'s, State>,
        busy: impl Fn(&State) -> bool,
    ) -> MutexGuard<'s, State> {
        self.changed.wait_while(state, |state| busy(state)).unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct TakenSlots<'s> {
    slots: &'s Slots,
    taken: usize,
}

impl Drop for TakenSlots<'_> {
    fn drop(&mut self) {
        self.slots.state().free += self.taken;
        self.slots.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn a_run_that_wants_to_be_alone_is() {
        let (slots, running) = (Slots::new(3), AtomicUsize::new(0));
        let run = |alone: bool| {
            for _ in 0..50 {
                let _taken = if alone { slots.take_all() } else { slots.take() };
                let before = running.fetch_add(1, Ordering::SeqCst);
                assert!(before < if alone { 1 } else { 3 });
                thread::yield_now();
                assert!(!alone || running.load(Ordering::SeqCst) == 1);
                running.fetch_sub(1, Ordering::SeqCst);
            }
        };
        thread::scope(|scope| {
            for thread in 0..6 {
                scope.spawn(move || run(thread % 3 == 0));
            }
        });
        let end = slots.state();
        assert_eq!((end.free, end.shy), (3, 0));
    }
}
