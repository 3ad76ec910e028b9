//! The clock behind wall-time limits.

use std::{thread, time::Duration};

use crate::{Error, Result};

/// Time between two epochs; guests notice a deadline at the next one.
const TICK: Duration = Duration::from_millis(10);

/// Starts the thread that advances the epoch of `engine` until the engine is dropped.
pub(super) fn start(engine: &wasmtime::Engine) -> Result<()> {
    let engine = engine.weak();
    let ticking = move || {
        loop {
            thread::sleep(TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    };
    let builder = thread::Builder::new().name("epoch".to_owned());
    builder.spawn(ticking).map(drop).map_err(|e| Error::engine(format!("no timer thread: {e}")))
}

/// How many epochs from now `wall` has certainly passed.
pub(super) fn ticks(wall: Duration) -> u64 {
    let ticks = wall.as_nanos().div_ceil(TICK.as_nanos());
    // Far enough below the maximum that adding the current epoch cannot overflow.
    u64::try_from(ticks).unwrap_or(u64::MAX).min(u64::MAX / 2) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_round_up_and_never_overflow() {
        assert_eq!(ticks(Duration::ZERO), 1);
        assert_eq!(ticks(Duration::from_millis(11)), 3);
        assert_eq!(ticks(Duration::MAX), u64::MAX / 2 + 1);
    }
}
