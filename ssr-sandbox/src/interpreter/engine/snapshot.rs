//! A warm interpreter at rest.

use std::sync::Arc;

use wasmtime::Module;

use super::{GuestInstance, InstanceLimits, MemoryImage, runtime::Runtime};
use crate::interpreter::vfs::Vfs;
use crate::interpreter::wasi::WasiCtx;
use crate::{Error, Result};

/// An interpreter's memory and filesystem, ready to be cloned.
///
/// While no guest call is active the linear memory is the whole state of an instance: the linked
/// guest has one memory and a table of fixed size, and its only mutable global is the stack pointer,
/// which is back at its start then. The memory is kept as a module without code that the engine maps
/// copy-on-write, so a clone costs what it writes. Cloning the handle is cheap, and it can be shared
/// between threads.
#[derive(Clone)]
pub struct GuestSnapshot(Arc<Inner>);

struct Inner {
    runtime: Arc<Runtime>,
    image: Module,
    image_bytes: usize,
    vfs: Vfs,
    elapsed: u64,
    random: u128,
}

impl GuestSnapshot {
    pub(crate) fn new(runtime: &Arc<Runtime>, image: &MemoryImage, ctx: WasiCtx) -> Result<Self> {
        let _span = tracing::debug_span!("snapshot", bytes = image.bytes.len()).entered();
        let (elapsed, random) = (ctx.elapsed(), ctx.random_position());
        let mut vfs = ctx.into_parts().vfs;
        vfs.freeze();
        Ok(Self(Arc::new(Inner {
            runtime: Arc::clone(runtime),
            image: Module::new(&runtime.engine, image.to_module()).map_err(Error::engine)?,
            image_bytes: image.bytes.len(),
            vfs,
            elapsed,
            random,
        })))
    }

    /// A new interpreter in this state, in its own context `ctx`.
    ///
    /// The filesystem of `ctx` is the one that the guest sees; start from [`vfs`](Self::vfs). Its
    /// clock is moved on to where the snapshot's was, since time never goes back, and so is its
    /// randomness: nothing comes twice.
    ///
    /// # Errors
    /// [`Error::Engine`] when `limits.memory` is smaller than the snapshot's memory, or the host
    /// has no memory left.
    pub fn instantiate(&self, mut ctx: WasiCtx, limits: &InstanceLimits) -> Result<GuestInstance> {
        ctx.advance(self.0.elapsed.saturating_sub(ctx.elapsed()));
        ctx.skip_random(self.0.random);
        GuestInstance::new(&self.0.runtime, &self.0.image, ctx, limits)
    }

    /// The filesystem at the time of the snapshot.
    pub fn vfs(&self) -> &Vfs {
        &self.0.vfs
    }

    /// Bytes that the memory image occupies, shared by all clones.
    pub fn image_bytes(&self) -> usize {
        self.0.image_bytes
    }
}
