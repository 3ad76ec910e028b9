//! The interpreter from the outside: boot, snapshots, limits and the cache.

mod boot;
mod cache;
mod limits;
mod older;
mod snapshot;
#[cfg(not(feature = "shell"))]
mod without_shell;

use std::sync::OnceLock;

use ssr_sandbox::{
    ExecOutcome, Guest, GuestInstance, GuestSnapshot, InstanceLimits, WasiCtx, default_cache_dir,
};

/// One guest for all tests of this binary.
fn guest() -> &'static Guest {
    static GUEST: OnceLock<Guest> = OnceLock::new();
    GUEST.get_or_init(|| {
        Guest::prepare(&default_cache_dir(), &|step| eprintln!("{step}")).expect("a guest")
    })
}

/// A started interpreter that nothing was run in.
fn warm() -> &'static GuestSnapshot {
    static WARM: OnceLock<GuestSnapshot> = OnceLock::new();
    WARM.get_or_init(|| booted().snapshot().expect("a snapshot"))
}

fn booted() -> GuestInstance {
    let ctx = WasiCtx::builder().vfs(guest().base_vfs()).build();
    guest().boot(ctx, &InstanceLimits::default()).expect("Python starts")
}

/// A clone of [`warm`].
fn fresh(limits: &InstanceLimits) -> GuestInstance {
    let ctx = WasiCtx::builder().vfs(warm().vfs().clone()).build();
    warm().instantiate(ctx, limits).expect("a clone")
}

fn stdout(instance: &GuestInstance) -> String {
    instance.ctx().stdout().text().into_owned()
}

/// What `source` prints in a fresh clone; it must run to its end.
fn output_of(source: &str) -> String {
    let mut instance = fresh(&InstanceLimits::default());
    let outcome = instance.exec(source).expect("the clone is not spent");
    let stderr = instance.ctx().stderr().text();
    assert_eq!(outcome, ExecOutcome::Finished { status: 0 }, "{stderr}");
    stdout(&instance)
}
