//! Time to get a warm interpreter: a clone of a snapshot against starting CPython.

use ssr_examples::bench::Row;
use ssr_examples::{Failure, Result};
use ssr_sandbox::{Guest, GuestSnapshot, InstanceLimits, WasiCtx};

use crate::measure::median_of;
use crate::peer::Peer;

/// The time to get a warm interpreter: a clone of ours, a fresh start of the peer's.
pub fn row(guest: &Guest, native: &Peer, rounds: usize) -> Result<Row> {
    let warm = warm(guest).map_err(|error| broke(&error))?;
    let ours = median_of(rounds * 10, |_| {
        let ctx = WasiCtx::builder().vfs(warm.vfs().clone()).build();
        warm.instantiate(ctx, &InstanceLimits::default()).map(drop).map_err(|error| broke(&error))
    })?;
    let theirs = median_of(rounds, |_| native.nothing())?;
    Ok(Row::duration("clone of an interpreter", ours, native.name, theirs))
}

fn warm(guest: &Guest) -> ssr_sandbox::Result<GuestSnapshot> {
    let ctx = WasiCtx::builder().vfs(guest.base_vfs()).build();
    let mut python = guest.boot(ctx, &InstanceLimits::default())?;
    python.exec("import json, unittest, random")?;
    python.snapshot()
}

fn broke(error: &ssr_sandbox::Error) -> Failure {
    Failure::Infrastructure(error.to_string())
}
