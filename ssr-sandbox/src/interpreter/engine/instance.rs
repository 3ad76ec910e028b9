//! One running interpreter.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use wasmtime::{Memory, Module, Store, Trap, UpdateDeadline, WasmParams, WasmResults};

use super::{
    InstanceLimits,
    budget::{Budget, Stop},
    limits::MemoryLimiter,
    on_guest_stack,
    preview2::Pollables,
    runtime::{Runtime, not_instantiated},
    snapshot::GuestSnapshot,
};
use crate::interpreter::wasi::{ProcExit, WasiCtx};
use crate::{Error, Result};

/// How a piece of Python ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExecOutcome {
    /// The source ran to its end; the instance can go on.
    Finished {
        /// 0, or 1 after an uncaught exception, whose traceback is on the guest's stderr.
        status: i32,
    },
    /// The program left the interpreter, by `sys.exit` or `os._exit`.
    Exited {
        /// The exit code.
        code: i32,
    },
    /// [`InstanceLimits::cpu`] is used up.
    Timeout,
    /// [`InstanceLimits::wall`] passed before that: the machine was too busy.
    Stalled,
    /// The watch that was set by [`GuestInstance::watch`] ended it.
    Interrupted,
    /// [`InstanceLimits::memory`] was not enough.
    OutOfMemory,
    /// Recursion in native code went too deep.
    StackOverflow,
    /// The interpreter failed in another way.
    Trap {
        /// What the engine says about it.
        reason: String,
    },
}

/// Exported name of the global that holds the guest's own stack pointer.
pub(crate) const STACK_POINTER: &str = "__stack_pointer";

/// What the host functions see.
pub(crate) struct State {
    pub ctx: WasiCtx,
    pub(super) pollables: Pollables,
    limiter: MemoryLimiter,
    budget: Budget,
    watch: Option<Box<Watch>>,
}

/// Looks at a run from time to time.
type Watch = dyn FnMut(&WasiCtx) -> ControlFlow<()> + Send + Sync;

impl State {
    /// What happens at the end of an epoch: the guest goes on for some more or ends.
    fn look(&mut self) -> wasmtime::Result<UpdateDeadline> {
        if let Some(stop) = self.budget.over() {
            return Err(stop.into());
        }
        if let Some(watch) = &mut self.watch
            && watch(&self.ctx).is_break()
        {
            return Err(Stop::Interrupted.into());
        }
        Ok(UpdateDeadline::Continue(self.ticks()))
    }

    /// Epochs until the next look.
    fn ticks(&self) -> u64 {
        if self.watch.is_some() { 1 } else { self.budget.ticks() }
    }
}

/// A Python interpreter with its own memory and its own [`WasiCtx`].
///
/// Dropping it gives everything back. After any outcome but [`ExecOutcome::Finished`] it is spent:
/// the context can still be read, but nothing runs in it any more.
pub struct GuestInstance {
    runtime: Arc<Runtime>,
    store: Store<State>,
    guest: wasmtime::Instance,
    memory: Memory,
    limits: InstanceLimits,
    used: Duration,
    spent: Option<ExecOutcome>,
}

impl GuestInstance {
    /// An instance of the guest's code over the memory that `image` exports.
    pub(crate) fn new(
        runtime: &Arc<Runtime>,
        image: &Module,
        ctx: WasiCtx,
        limits: &InstanceLimits,
    ) -> Result<Self> {
        let limiter = MemoryLimiter::new(limits);
        let pollables = Pollables::default();
        let budget = Budget::start(limits.cpu, limits.wall);
        let state = State { ctx, pollables, limiter, budget, watch: None };
        let mut store = Store::new(&runtime.engine, state);
        store.limiter(|state| &mut state.limiter);
        store.set_epoch_deadline(store.data().budget.ticks());
        store.epoch_deadline_callback(|mut store| store.data_mut().look());
        let (memory, guest) = instantiate(runtime, &mut store, image).map_err(not_instantiated)?;
        let (runtime, limits, used) = (Arc::clone(runtime), limits.clone(), Duration::ZERO);
        Ok(Self { runtime, store, guest, memory, limits, used, spent: None })
    }

    /// Runs `source` in the module `__main__`, as a script would.
    ///
    /// Standard output is line-buffered by the guest and flushed at the end, so what a program
    /// printed before a timeout is kept up to its last full line.
    ///
    /// # Errors
    /// [`Error::InstanceSpent`] after an outcome that ended the instance, and
    /// [`Error::Source`] when `source` contains a NUL character.
    pub fn exec(&mut self, source: &str) -> Result<ExecOutcome> {
        if source.contains('\0') {
            return Err(Error::Source);
        }
        self.guarded(|instance| {
            let text = instance.c_string(source)?;
            let status = instance.call::<_, i32>("PyRun_SimpleStringFlags", (text, 0_u32))?;
            instance.call::<_, ()>("free", text)?;
            instance.flush()?;
            Ok(i32::from(status != 0))
        })
    }

    /// Runs `work` in the guest under the limits and says how it ended.
    pub(crate) fn guarded(
        &mut self,
        work: impl FnOnce(&mut Self) -> wasmtime::Result<i32> + Send,
    ) -> Result<ExecOutcome> {
        if let Some(outcome) = &self.spent {
            return Err(Error::InstanceSpent(format!("{outcome:?}")));
        }
        self.store.data_mut().limiter.refused = false;
        let result = on_guest_stack(|| {
            let state = self.store.data_mut();
            state.budget = Budget::start(self.limits.cpu, self.limits.wall);
            let ticks = state.ticks();
            self.store.set_epoch_deadline(ticks);
            let result = work(self);
            self.used = self.store.data().budget.used();
            result
        })?;
        let out_of_memory = self.store.data().limiter.refused;
        let outcome = match result {
            Ok(0) => ExecOutcome::Finished { status: 0 },
            Ok(_) | Err(_) if out_of_memory && !is_exit_or_timeout(&result) => {
                ExecOutcome::OutOfMemory
            }
            Ok(status) => ExecOutcome::Finished { status },
            Err(error) => self.ended(&error),
        };
        if !matches!(outcome, ExecOutcome::Finished { .. }) {
            self.spent = Some(outcome.clone());
        }
        Ok(outcome)
    }

    /// Changes the limits from the next [`exec`](Self::exec) on.
    pub fn set_limits(&mut self, limits: &InstanceLimits) {
        self.limits = limits.clone();
        self.store.data_mut().limiter.limit = limits.memory;
    }

    /// Has `watch` look at what a run did so far, about every 10 ms; the run ends as
    /// [`ExecOutcome::Interrupted`] when it breaks.
    pub fn watch(
        &mut self,
        watch: impl FnMut(&WasiCtx) -> ControlFlow<()> + Send + Sync + 'static,
    ) {
        self.store.data_mut().watch = Some(Box::new(watch));
    }

    /// Processor time that the last [`exec`](Self::exec) took.
    pub fn cpu_time(&self) -> Duration {
        self.used
    }

    /// The guest's filesystem, output and clock.
    pub fn ctx(&self) -> &WasiCtx {
        &self.store.data().ctx
    }

    /// The guest's filesystem, output and clock, to change between two runs.
    pub fn ctx_mut(&mut self) -> &mut WasiCtx {
        &mut self.store.data_mut().ctx
    }

    /// Lets the observer of the guest look at its memory for the last time.
    pub(crate) fn observe_end(&mut self) {
        let (bytes, state) = self.memory.data_and_store_mut(&mut self.store);
        state.ctx.observe_end(bytes);
    }

    /// The guest's memory.
    pub(crate) fn memory(&self) -> &[u8] {
        self.memory.data(&self.store)
    }

    /// Drops the interpreter and keeps its context.
    pub fn into_ctx(self) -> WasiCtx {
        self.store.into_data().ctx
    }

    /// Size of the linear memory in bytes; it never shrinks.
    pub fn memory_bytes(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    /// Keeps this interpreter as a state that any number of instances can start from.
    ///
    /// Its memory and its filesystem are kept. Descriptors are not: they belong to the context, of
    /// which every new instance gets its own, so a file that is open now is closed in all of them.
    /// The environment, the arguments and the list of preopened directories were read by libc and
    /// Python when they started: instances see those.
    ///
    /// # Errors
    /// [`Error::InstanceSpent`] when the interpreter has ended.
    pub fn snapshot(self) -> Result<GuestSnapshot> {
        if let Some(outcome) = &self.spent {
            return Err(Error::InstanceSpent(format!("{outcome:?}")));
        }
        let image = super::MemoryImage::capture(self.memory.data(&self.store));
        GuestSnapshot::new(&self.runtime, &image, self.store.into_data().ctx)
    }

    /// Calls the exported function `name`.
    pub(crate) fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        name: &str,
        params: P,
    ) -> wasmtime::Result<R> {
        let function = self.guest.get_typed_func::<P, R>(&mut self.store, name)?;
        function.call(&mut self.store, params)
    }

    /// Copies `text` into the guest as a C string; the caller frees it.
    pub(crate) fn c_string(&mut self, text: &str) -> wasmtime::Result<u32> {
        let address: u32 = self.call("malloc", text.len() as u32 + 1)?;
        if address == 0 {
            self.store.data_mut().limiter.refused = true;
            wasmtime::bail!("the guest has no memory left");
        }
        self.memory.write(&mut self.store, address as usize, text.as_bytes())?;
        self.memory.write(&mut self.store, address as usize + text.len(), &[0])?;
        Ok(address)
    }

    /// The C string at `address`, or what can be read of it.
    pub(crate) fn read_c_string(&self, address: u32) -> String {
        let memory = self.memory.data(&self.store);
        let tail = memory.get(address as usize..).unwrap_or_default();
        let end = tail.iter().position(|byte| *byte == 0).unwrap_or(tail.len());
        String::from_utf8_lossy(&tail[..end]).into_owned()
    }

    /// The pointer stored at `address`.
    pub(crate) fn read_pointer(&self, address: u32) -> wasmtime::Result<u32> {
        let mut bytes = [0; 4];
        self.memory.read(&self.store, address as usize, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Stores pointers one after another in newly allocated guest memory.
    pub(crate) fn pointers(&mut self, values: &[u32]) -> wasmtime::Result<u32> {
        let address: u32 = self.call("malloc", (values.len() as u32 * 4).max(4))?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.memory.write(&mut self.store, address as usize, &bytes)?;
        Ok(address)
    }

    fn ended(&mut self, error: &wasmtime::Error) -> ExecOutcome {
        if let Some(ProcExit(code)) = error.downcast_ref::<ProcExit>() {
            return ExecOutcome::Exited { code: *code };
        }
        if let Some(stop) = error.downcast_ref::<Stop>() {
            return match stop {
                Stop::OutOfTime => ExecOutcome::Timeout,
                Stop::Stalled => ExecOutcome::Stalled,
                Stop::Interrupted => ExecOutcome::Interrupted,
            };
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::StackOverflow) => ExecOutcome::StackOverflow,
            Some(Trap::MemoryOutOfBounds) if self.own_stack_overflowed() => {
                ExecOutcome::StackOverflow
            }
            _ => ExecOutcome::Trap { reason: format!("{error:#}") },
        }
    }

    /// Whether the guest's stack in linear memory, which grows down from its start, left it.
    fn own_stack_overflowed(&mut self) -> bool {
        let pointer = self.guest.get_global(&mut self.store, STACK_POINTER);
        let pointer = pointer.and_then(|global| global.get(&mut self.store).i32());
        pointer.is_some_and(|address| address <= 0)
    }

    /// Flushes `sys.stdout`, whatever the program put there.
    fn flush(&mut self) -> wasmtime::Result<()> {
        let (name, method) = (self.c_string("stdout")?, self.c_string("flush")?);
        let stream: u32 = self.call("PySys_GetObject", name)?;
        if stream != 0 {
            // A variadic function takes the address of its arguments last; there are none.
            let arguments = (stream, method, 0_u32, 0_u32);
            let flushed: u32 = self.call("PyObject_CallMethod", arguments)?;
            if flushed == 0 {
                self.call::<_, ()>("PyErr_Clear", ())?;
            } else {
                self.call::<_, ()>("Py_DecRef", flushed)?;
            }
        }
        self.call::<_, ()>("free", name)?;
        self.call("free", method)
    }
}

fn instantiate(
    runtime: &Runtime,
    store: &mut Store<State>,
    image: &Module,
) -> wasmtime::Result<(Memory, wasmtime::Instance)> {
    let holder = wasmtime::Instance::new(&mut *store, image, &[])?;
    let memory = holder
        .get_memory(&mut *store, "memory")
        .ok_or_else(|| wasmtime::format_err!("the image exports no memory"))?;
    let mut linker = runtime.linker.clone();
    linker.define(&mut *store, "env", "memory", memory)?;
    let guest = linker.instantiate(&mut *store, &runtime.code)?;
    Ok((memory, guest))
}

fn is_exit_or_timeout<T>(result: &wasmtime::Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.is::<ProcExit>() || error.is::<Stop>())
}
