//! The few WASI 0.2 functions that the guest's libc imports beside preview1.
//!
//! Sleeping works, in virtual time. Sockets and name look-ups fail like on a machine without a
//! network. Everything else that libc lists is never reached from preview1 descriptors and traps.

use std::collections::BTreeMap;

use wasmtime::{Caller, Linker, Memory, Result, bail, error::Context as _};

use super::instance::State;

/// Most timers that may exist at once; a well-behaved libc has one.
const MAX_POLLABLES: usize = 1024;

/// `error-code::not-supported` of wasi:sockets.
const NOT_SUPPORTED: u8 = 2;

/// Timers by handle; each is the virtual time at which it is ready.
#[derive(Debug, Default)]
pub(super) struct Pollables {
    deadlines: BTreeMap<u32, u64>,
    next: u32,
}

impl Pollables {
    fn insert(&mut self, deadline: u64) -> Result<u32> {
        if self.deadlines.len() >= MAX_POLLABLES {
            bail!("the guest holds too many timers");
        }
        self.next = self.next.wrapping_add(1);
        self.deadlines.insert(self.next, deadline);
        Ok(self.next)
    }

    fn deadline(&self, handle: u32) -> Result<u64> {
        self.deadlines.get(&handle).copied().context("the guest waits for an unknown timer")
    }
}

/// Defines the functions in `linker`.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    add_clocks(linker)?;
    add_poll(linker)?;
    add_sockets(linker)
}

fn add_clocks(linker: &mut Linker<State>) -> Result<()> {
    const CLOCK: &str = "wasi:clocks/monotonic-clock@0.2.0";
    linker.func_wrap(CLOCK, "now", |caller: Caller<'_, State>| caller.data().ctx.elapsed())?;
    linker.func_wrap(CLOCK, "resolution", || 1_u64)?;
    linker.func_wrap(CLOCK, "subscribe-instant", |mut caller: Caller<'_, State>, when: u64| {
        caller.data_mut().pollables.insert(when)
    })?;
    linker.func_wrap(CLOCK, "subscribe-duration", |mut caller: Caller<'_, State>, wait: u64| {
        let when = caller.data().ctx.elapsed().saturating_add(wait);
        caller.data_mut().pollables.insert(when)
    })?;
    Ok(())
}

fn add_poll(linker: &mut Linker<State>) -> Result<()> {
    const POLL: &str = "wasi:io/poll@0.2.0";
    linker.func_wrap(
        POLL,
        "[resource-drop]pollable",
        |mut caller: Caller<'_, State>, handle: u32| {
            caller.data_mut().pollables.deadlines.remove(&handle);
        },
    )?;
    linker.func_wrap(
        POLL,
        "[method]pollable.ready",
        |caller: Caller<'_, State>, handle: u32| -> Result<u32> {
            let state = caller.data();
            Ok(u32::from(state.pollables.deadline(handle)? <= state.ctx.elapsed()))
        },
    )?;
    linker.func_wrap(
        POLL,
        "[method]pollable.block",
        |mut caller: Caller<'_, State>, handle: u32| -> Result<()> {
            let deadline = caller.data().pollables.deadline(handle)?;
            advance_to(&mut caller, deadline);
            Ok(())
        },
    )?;
    linker.func_wrap(
        POLL,
        "poll",
        |mut caller: Caller<'_, State>, list: u32, len: u32, result: u32| {
            poll(&mut caller, list, len, result)
        },
    )?;
    Ok(())
}

/// Waits until one of the `len` handles at `list` is ready; stores a list of ready positions.
fn poll(caller: &mut Caller<'_, State>, list: u32, len: u32, result: u32) -> Result<()> {
    if len as usize > MAX_POLLABLES {
        bail!("the guest waits for too many timers");
    }
    let memory = memory(caller)?;
    let mut handles = vec![0; len as usize * 4];
    memory.read(&*caller, list as usize, &mut handles)?;
    let mut deadlines = Vec::new();
    for handle in handles.chunks_exact(4) {
        let handle = u32::from_le_bytes([handle[0], handle[1], handle[2], handle[3]]);
        deadlines.push(caller.data().pollables.deadline(handle)?);
    }
    let first = deadlines.iter().min().copied().context("the guest waits for nothing")?;
    advance_to(caller, first);
    let now = caller.data().ctx.elapsed();
    let ready: Vec<u32> =
        (0..len).filter(|position| deadlines[*position as usize] <= now).collect();
    let bytes: Vec<u8> = ready.iter().flat_map(|position| position.to_le_bytes()).collect();

    let realloc = caller.get_export("cabi_realloc").and_then(|export| export.into_func());
    let realloc = realloc.context("the guest has no allocator")?;
    let realloc = realloc.typed::<(u32, u32, u32, u32), u32>(&*caller)?;
    let address = realloc.call(&mut *caller, (0, 0, 4, bytes.len() as u32))?;
    memory.write(&mut *caller, address as usize, &bytes)?;
    memory.write(&mut *caller, result as usize, &address.to_le_bytes())?;
    let count = (ready.len() as u32).to_le_bytes();
    Ok(memory.write(&mut *caller, result as usize + 4, &count)?)
}

fn add_sockets(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap("wasi:sockets/instance-network@0.2.0", "instance-network", || 0_u32)?;
    linker.func_wrap("wasi:sockets/network@0.2.0", "[resource-drop]network", |_: u32| {})?;
    for (module, name) in [
        ("wasi:sockets/tcp-create-socket@0.2.0", "create-tcp-socket"),
        ("wasi:sockets/udp-create-socket@0.2.0", "create-udp-socket"),
    ] {
        linker.func_wrap(module, name, |mut caller: Caller<'_, State>, _: u32, result: u32| {
            refuse(&mut caller, result)
        })?;
    }
    linker.func_wrap(
        "wasi:sockets/ip-name-lookup@0.2.0",
        "resolve-addresses",
        |mut caller: Caller<'_, State>, _: u32, _: u32, _: u32, result: u32| {
            refuse(&mut caller, result)
        },
    )?;
    Ok(())
}

/// Stores `Err(not-supported)` as a `result<handle, error-code>`.
fn refuse(caller: &mut Caller<'_, State>, result: u32) -> Result<()> {
    let memory = memory(caller)?;
    Ok(memory.write(&mut *caller, result as usize, &[1, 0, 0, 0, NOT_SUPPORTED])?)
}

fn memory(caller: &mut Caller<'_, State>) -> Result<Memory> {
    let memory = caller.get_export("memory").and_then(|export| export.into_memory());
    memory.context("the guest exports no memory")
}

fn advance_to(caller: &mut Caller<'_, State>, deadline: u64) {
    let ctx = &mut caller.data_mut().ctx;
    ctx.advance(deadline.saturating_sub(ctx.elapsed()));
}
