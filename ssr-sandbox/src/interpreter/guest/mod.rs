//! The guest interpreter: where it comes from, how it is linked, compiled and cached.

mod boot;
mod build;
mod cache;
mod compile;
mod dylink;
mod fold;
mod link;
mod progress;
#[cfg(test)]
mod reuse;
mod rewrite;
mod source;
mod split;
mod stdlib;
mod version;

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::interpreter::engine::{GuestInstance, GuestSnapshot, InstanceLimits, Runtime};
use crate::interpreter::vfs::Vfs;
use crate::interpreter::wasi::WasiCtx;
use crate::{Error, Result};

use build::Parts;

pub use progress::GuestProgress;
pub use version::{PythonVersion, UnknownPython};

/// A Python interpreter, compiled and ready to start.
///
/// Make one per process and clone it: clones share everything.
#[derive(Clone)]
pub struct Guest {
    /// The interpreter before its first instruction.
    cold: GuestSnapshot,
    base: Vfs,
    id: Arc<str>,
    version: PythonVersion,
}

impl Guest {
    /// Finds CPython 3.14 in `cache_dir`, or makes it there.
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
        Self::prepare_python(cache_dir, PythonVersion::default(), progress)
    }

    /// Finds the interpreter of that version in `cache_dir`, or makes it there.
    ///
    /// CPython 3.14 is made as [`prepare`](Self::prepare) does it. CPython 3.11 is compiled from
    /// its sources, which takes some minutes once and needs packages of Debian 12: the error says
    /// which are missing. Nothing is installed. A cache that has the interpreter can be copied to
    /// other machines.
    ///
    /// # Errors
    /// Those of [`prepare`](Self::prepare); for CPython 3.11
    /// [`Error::GuestTools`](crate::Error::GuestTools) without the packages,
    /// [`Error::GuestArchive`](crate::Error::GuestArchive) without a network and
    /// [`Error::GuestBuild`](crate::Error::GuestBuild) when a step of the compilation fails.
    pub fn prepare_python(
        cache_dir: &Path,
        version: PythonVersion,
        progress: &dyn Fn(GuestProgress),
    ) -> Result<Self> {
        let _span = tracing::debug_span!("prepare_guest", python = version.as_str()).entered();
        let engine = crate::interpreter::engine::engine()?;
        let parts = build::prepare(cache_dir, version, &engine, progress)?;
        let guest = Self::assemble(version, engine, parts)?;
        progress(GuestProgress::Ready);
        Ok(guest)
    }

    /// The interpreter of that version if `cache_dir` has all that it is made from; then only
    /// machine code for another processor or engine is made anew.
    ///
    /// # Errors
    /// Those of [`prepare`](Self::prepare), except that nothing is downloaded.
    pub fn find(cache_dir: &Path, version: PythonVersion) -> Result<Option<Self>> {
        let engine = crate::interpreter::engine::engine()?;
        let parts = build::find(cache_dir, version, &engine)?;
        parts.map(|parts| Self::assemble(version, engine, parts)).transpose()
    }

    fn assemble(version: PythonVersion, engine: wasmtime::Engine, parts: Parts) -> Result<Self> {
        let runtime = Runtime::new(engine, parts.code)?;
        let mut base = Vfs::new();
        for directory in [version.stdlib(), "/tmp"] {
            base.create_dir_all(directory).map_err(Error::archive)?;
        }
        let stdlib = stdlib::unpack(&parts.stdlib)?;
        base.mount(version.stdlib(), &stdlib).map_err(Error::archive)?;
        let ctx = WasiCtx::builder().vfs(base).build();
        let cold = GuestSnapshot::new(&runtime, &parts.image, ctx)?;
        Ok(Self { base: cold.vfs().clone(), cold, id: parts.id.into(), version })
    }

    /// Which Python it is.
    pub fn version(&self) -> PythonVersion {
        self.version
    }

    /// Names this interpreter: guests with equal ids run equal programs equally.
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
    pub fn boot(&self, ctx: WasiCtx, limits: &InstanceLimits) -> Result<GuestInstance> {
        let mut instance = self.cold.instantiate(ctx, limits)?;
        boot::boot(&mut instance, self.version.stdlib())?;
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
