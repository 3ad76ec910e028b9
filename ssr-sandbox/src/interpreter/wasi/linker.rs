//! Registers the host functions of preview1 with wasmtime.

use wasmtime::{Caller, Extern, Linker};

use crate::interpreter::vfs::Errno;

use super::ctx::{ProcExit, WasiCtx};
use super::memory::GuestMemory;

const MODULE: &str = "wasi_snapshot_preview1";

/// Registers functions of [`WasiCtx`] that return an errno, by their names in preview1.
macro_rules! register {
    ($linker:ident, $get:ident, $($name:ident($($arg:ident: $type:ty),*);)*) => {$(
        $linker.func_wrap(
            MODULE,
            stringify!($name),
            move |mut caller: Caller<'_, T>, $($arg: $type),*| -> u32 {
                call(&mut caller, $get, |ctx, memory| ctx.$name(memory, $($arg),*))
            },
        )?;
    )*};
}

/// Adds every function of `wasi_snapshot_preview1` to `linker`; `get` finds the context in the
/// data of a store.
///
/// The memory is the one that the calling module exports as `memory`. Whatever a guest passes, a
/// function answers with an errno; only `proc_exit` ends the guest, with the error [`ProcExit`].
///
/// # Errors
/// A function of that name is in the linker already.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Copy + Send + Sync + 'static,
) -> wasmtime::Result<()> {
    register!(linker, get,
        args_get(array: u32, text: u32);
        args_sizes_get(count: u32, size: u32);
        environ_get(array: u32, text: u32);
        environ_sizes_get(count: u32, size: u32);
        clock_res_get(id: u32, result: u32);
        clock_time_get(id: u32, precision: u64, result: u32);
        fd_advise(fd: u32, offset: u64, len: u64, advice: u32);
        fd_allocate(fd: u32, offset: u64, len: u64);
        fd_close(fd: u32);
        fd_datasync(fd: u32);
        fd_fdstat_get(fd: u32, result: u32);
        fd_fdstat_set_flags(fd: u32, flags: u32);
        fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
        fd_filestat_get(fd: u32, result: u32);
        fd_filestat_set_size(fd: u32, size: u64);
        fd_filestat_set_times(fd: u32, accessed: u64, modified: u64, flags: u32);
        fd_pread(fd: u32, vectors: u32, count: u32, offset: u64, result: u32);
        fd_prestat_get(fd: u32, result: u32);
        fd_prestat_dir_name(fd: u32, at: u32, len: u32);
        fd_pwrite(fd: u32, vectors: u32, count: u32, offset: u64, result: u32);
        fd_read(fd: u32, vectors: u32, count: u32, result: u32);
        fd_readdir(fd: u32, at: u32, len: u32, cookie: u64, result: u32);
        fd_renumber(from: u32, to: u32);
        fd_seek(fd: u32, delta: i64, whence: u32, result: u32);
        fd_sync(fd: u32);
        fd_tell(fd: u32, result: u32);
        fd_write(fd: u32, vectors: u32, count: u32, result: u32);
        path_create_directory(fd: u32, path: u32, len: u32);
        path_filestat_get(fd: u32, lookup: u32, path: u32, len: u32, result: u32);
        path_filestat_set_times(
            fd: u32, lookup: u32, path: u32, len: u32, accessed: u64, modified: u64, flags: u32
        );
        path_link(
            from_fd: u32, lookup: u32, from: u32, from_len: u32, to_fd: u32, to: u32, to_len: u32
        );
        path_open(
            fd: u32, lookup: u32, path: u32, path_len: u32, oflags: u32, base: u64,
            inheriting: u64, flags: u32, result: u32
        );
        path_readlink(
            fd: u32, path: u32, len: u32, buffer: u32, buffer_len: u32, result: u32
        );
        path_remove_directory(fd: u32, path: u32, len: u32);
        path_rename(
            from_fd: u32, from: u32, from_len: u32, to_fd: u32, to: u32, to_len: u32
        );
        path_symlink(target: u32, target_len: u32, fd: u32, path: u32, len: u32);
        path_unlink_file(fd: u32, path: u32, len: u32);
        poll_oneoff(input: u32, output: u32, count: u32, result: u32);
        proc_raise(signal: u32);
        sched_yield();
        random_get(at: u32, len: u32);
        sock_accept(fd: u32, flags: u32, result: u32);
        sock_recv(fd: u32, vectors: u32, count: u32, flags: u32, size: u32, result: u32);
        sock_send(fd: u32, vectors: u32, count: u32, flags: u32, size: u32);
        sock_shutdown(fd: u32, how: u32);
    );
    linker.func_wrap(
        MODULE,
        "proc_exit",
        move |mut caller: Caller<'_, T>, code: i32| -> wasmtime::Result<()> {
            get(caller.data_mut()).exit = Some(code);
            Err(ProcExit(code).into())
        },
    )?;
    Ok(())
}

/// Runs one function on the memory and context of the caller; gives the errno, 0 for success.
fn call<T: 'static>(
    caller: &mut Caller<'_, T>,
    get: impl Fn(&mut T) -> &mut WasiCtx,
    function: impl FnOnce(&mut WasiCtx, &mut GuestMemory<'_>) -> Result<(), Errno>,
) -> u32 {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return Errno::Fault.code().into();
    };
    let (bytes, data) = memory.data_and_store_mut(caller);
    match function(get(data), &mut GuestMemory::new(bytes)) {
        Ok(()) => 0,
        Err(errno) => errno.code().into(),
    }
}
