//! Threads with room for deep guest recursion.

use std::{cell::Cell, panic, thread};

use crate::{Error, Result};

/// How much native stack guest code may use before it traps.
pub(super) const GUEST_STACK: usize = 64 << 20;

/// Stack of the threads that run guests: the guest's share and plenty for the host functions it
/// calls. Only touched pages cost memory.
const THREAD_STACK: usize = GUEST_STACK + (8 << 20);

thread_local! {
    static IS_LARGE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` on a thread whose stack is larger than what guest code may use.
///
/// A guest that recurses on a smaller stack would overflow it and abort the whole process, so
/// every call into a guest goes through here. One thread is started per call, unless the caller
/// is already inside of `on_guest_stack`: wrap a sequence of guest calls to pay for one thread.
///
/// # Errors
/// [`Error::Engine`] when the operating system refuses to start a thread.
///
/// # Panics
/// Passes on a panic of `f`.
pub fn on_guest_stack<R: Send>(f: impl FnOnce() -> R + Send) -> Result<R> {
    if IS_LARGE.get() {
        return Ok(f());
    }
    let work = || {
        IS_LARGE.set(true);
        f()
    };
    let builder = thread::Builder::new().name("guest".to_owned()).stack_size(THREAD_STACK);
    thread::scope(|scope| {
        let worker = builder.spawn_scoped(scope, work).map_err(|refused| {
            Error::engine(wasmtime::Error::from(refused).context("no thread for a guest"))
        })?;
        Ok(worker.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_calls_stay_on_one_thread() {
        let here = thread::current().id();
        let (outer, inner) =
            on_guest_stack(|| (thread::current().id(), on_guest_stack(|| thread::current().id())))
                .unwrap();
        assert_ne!(here, outer);
        assert_eq!(outer, inner.unwrap());
    }

    #[test]
    fn deep_host_recursion_fits() {
        fn depth(n: usize) -> usize {
            let frame = std::hint::black_box([n; 64]);
            if n == 0 { frame[0] } else { depth(n - 1) + std::hint::black_box(1) }
        }
        assert_eq!(on_guest_stack(|| depth(25_000)).unwrap(), 25_000);
    }
}
