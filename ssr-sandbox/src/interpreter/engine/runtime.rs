//! The wasmtime engine with the compiled guest and the host functions it imports.

use std::sync::Arc;

use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, Linker, Module, OptLevel, PoolConcurrencyLimitError,
};

use super::{instance::State, pool, preview2, stack::GUEST_STACK, ticker};
use crate::interpreter::wasi;
use crate::{Error, Result};

/// Largest memory image that is mapped copy-on-write even when it is mostly zero.
const DENSE_IMAGE: u64 = 1 << 30;

/// An engine with the settings that compiled guests and snapshots depend on.
pub(crate) fn engine() -> Result<Engine> {
    engine_with(pool::slots())
}

/// An engine with room for as many guests at once, where the system has the address space for that;
/// with memory that each guest gets anew otherwise. Machine code is the same for both.
pub(crate) fn engine_with(slots: u32) -> Result<Engine> {
    let mut config = config();
    // Elsewhere memory cannot be reset in place.
    if cfg!(target_os = "linux") {
        config.allocation_strategy(pool::pool(slots));
        match Engine::new(&config) {
            Ok(engine) => return Ok(engine),
            Err(error) => tracing::debug!(%error, slots, "no resident memory for guests"),
        }
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    }
    Engine::new(&config).map_err(Error::engine)
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK)
        // Unused, but wasmtime refuses an async stack that is smaller than the stack of wasm.
        .async_stack_size(GUEST_STACK)
        .memory_guaranteed_dense_image_size(DENSE_IMAGE)
        .memory_may_move(false)
        // Images are modules without code. Compiling them on rayon's threads would wait for threads
        // that may themselves wait for the image.
        .parallel_compilation(false)
        .wasm_backtrace_max_frames(None);
    config
}

/// An engine that compiles a guest for [`engine`] on all processors.
pub(crate) fn compiler() -> Result<Engine> {
    Engine::new(config().parallel_compilation(true)).map_err(Error::engine)
}

/// Why there is no new instance.
pub(super) fn not_instantiated(error: wasmtime::Error) -> Error {
    if error.is::<PoolConcurrencyLimitError>() {
        Error::Crowded { source: error.into() }
    } else {
        Error::engine(error)
    }
}

/// Everything that instances of one guest share.
pub(crate) struct Runtime {
    pub engine: Engine,
    pub code: Module,
    pub linker: Linker<State>,
}

impl Runtime {
    /// Prepares to run `code`, which was compiled by `engine`.
    pub fn new(engine: Engine, code: Module) -> Result<Arc<Self>> {
        let linker = host_functions(&engine, &code).map_err(Error::engine)?;
        ticker::start(&engine)?;
        Ok(Arc::new(Self { engine, code, linker }))
    }
}

fn host_functions(engine: &Engine, code: &Module) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasi::add_to_linker(&mut linker, |state: &mut State| &mut state.ctx)?;
    preview2::add_to_linker(&mut linker)?;
    linker.define_unknown_imports_as_traps(code)?;
    Ok(linker)
}
