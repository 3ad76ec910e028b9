//! The guest interpreter: where it comes from, how it is linked, compiled and cached.

mod boot;
mod build;
mod cache;
mod dylink;
mod fold;
mod link;
mod progress;
mod rewrite;
mod source;
mod stdlib;

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Result,
    engine::{Instance, Limits, Runtime, Snapshot},
    vfs::Vfs,
    wasi::WasiCtx,
};

pub use progress::GuestProgress;

/// A Python interpreter, compiled and ready to start.
///
/// Make one per process and clone it: clones share everything.
#[derive(Clone)]
pub struct Guest {
    /// The interpreter before its first instruction.
    cold: Snapshot,
    base: Vfs,
    id: Arc<str>,
}

impl Guest {
    /// Finds the interpreter in `cache_dir`, or makes it there.
    ///
    /// The first call on a machine downloads two crates (through cargo, unless they are in its
    /// registry folder already), links and compiles them, which takes up to a minute; later ones
    /// take some milliseconds. `progress` hears what is being done. Several processes may call
    /// this at the same time.
    ///
    /// # Errors
    /// [`Error::GuestSource`](crate::Error::GuestSource) without a network, when the crates were
    /// not downloaded before; [`Error::Cache`](crate::Error::Cache) when `cache_dir` cannot be
    /// written.
    pub fn prepare(cache_dir: &Path, progress: &dyn Fn(GuestProgress)) -> Result<Self> {
        let engine = crate::engine::engine()?;
        let parts = build::prepare(cache_dir, &engine, progress)?;
        let runtime = Runtime::new(engine, parts.code)?;
        let mut base = Vfs::new();
        for directory in [boot::STDLIB, "/tmp"] {
            base.create_dir_all(directory).map_err(|e| crate::Error::Archive(e.to_string()))?;
        }
        let stdlib = stdlib::unpack(&parts.stdlib)?;
        base.mount(boot::STDLIB, &stdlib).map_err(|e| crate::Error::Archive(e.to_string()))?;
        let ctx = WasiCtx::builder().vfs(base).build();
        let cold = Snapshot::new(&runtime, &parts.image, ctx)?;
        progress(GuestProgress::Ready);
        Ok(Self { base: cold.vfs().clone(), cold, id: build::id().into() })
    }

    /// Names this interpreter: guests with equal ids run equal programs equally. Also the name of
    /// its folder in the cache.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A filesystem with the standard library and an empty `/tmp`.
    pub fn base_vfs(&self) -> Vfs {
        self.base.clone()
    }

    /// Starts Python in `ctx`, whose filesystem must come from [`base_vfs`](Self::base_vfs).
    ///
    /// When `/site-packages` exists in it, that is on `sys.path`.
    ///
    /// # Errors
    /// [`Error::Boot`](crate::Error::Boot) when Python does not start within `limits`.
    pub fn boot(&self, ctx: WasiCtx, limits: &Limits) -> Result<Instance> {
        let mut instance = self.cold.instantiate(ctx, limits)?;
        boot::boot(&mut instance)?;
        Ok(instance)
    }
}

/// Where programs keep the compiled guest unless they are told otherwise: `$SSR_CACHE_DIR`, or
/// `ssr-cache` in the target directory of a program that cargo built, or `ssr` in the user's cache
/// directory.
pub fn default_cache_dir() -> PathBuf {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(directory) = set("SSR_CACHE_DIR") {
        return directory;
    }
    // Cargo marks its target directory, wherever that is.
    let program = env::current_exe().unwrap_or_default();
    if let Some(target) = program.ancestors().find(|path| path.join("CACHEDIR.TAG").is_file()) {
        return target.join("ssr-cache");
    }
    let user = set("XDG_CACHE_HOME").or_else(|| Some(env::home_dir()?.join(".cache")));
    user.unwrap_or_else(env::temp_dir).join("ssr")
}
