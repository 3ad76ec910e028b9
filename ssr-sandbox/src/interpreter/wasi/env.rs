//! Arguments, environment, randomness, and calls that do nothing here.

use rand_chacha::rand_core::Rng;

use crate::interpreter::vfs::Errno;

use super::ctx::WasiCtx;
use super::memory::GuestMemory;

type Done = Result<(), Errno>;

/// Arguments, environment, randomness, and the calls that do nothing here.
impl WasiCtx {
    pub(super) fn args_sizes_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        count: u32,
        size: u32,
    ) -> Done {
        write_sizes(memory, &self.args, count, size)
    }

    pub(super) fn args_get(&mut self, memory: &mut GuestMemory<'_>, array: u32, text: u32) -> Done {
        write_strings(memory, &self.args, array, text)
    }

    pub(super) fn environ_sizes_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        count: u32,
        size: u32,
    ) -> Done {
        write_sizes(memory, &self.env, count, size)
    }

    pub(super) fn environ_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        array: u32,
        text: u32,
    ) -> Done {
        write_strings(memory, &self.env, array, text)
    }

    pub(super) fn random_get(&mut self, memory: &mut GuestMemory<'_>, at: u32, len: u32) -> Done {
        self.random.fill_bytes(memory.slice_mut(at, len)?);
        Ok(())
    }

    pub(super) fn sched_yield(&mut self, _memory: &mut GuestMemory<'_>) -> Done {
        Ok(())
    }

    pub(super) fn proc_raise(&mut self, _memory: &mut GuestMemory<'_>, _signal: u32) -> Done {
        Err(Errno::NotSupported)
    }

    pub(super) fn sock_accept(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        _flags: u32,
        _result: u32,
    ) -> Done {
        self.no_socket(fd)
    }

    #[allow(clippy::too_many_arguments, reason = "the signature of preview1")]
    pub(super) fn sock_recv(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        _vectors: u32,
        _count: u32,
        _flags: u32,
        _size: u32,
        _result: u32,
    ) -> Done {
        self.no_socket(fd)
    }

    pub(super) fn sock_send(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        _vectors: u32,
        _count: u32,
        _flags: u32,
        _size: u32,
    ) -> Done {
        self.no_socket(fd)
    }

    pub(super) fn sock_shutdown(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        _how: u32,
    ) -> Done {
        self.no_socket(fd)
    }

    /// No descriptor is ever a socket.
    fn no_socket(&self, fd: u32) -> Done {
        self.table.get(fd)?;
        Err(Errno::NotSocket)
    }
}

fn write_sizes(memory: &mut GuestMemory<'_>, strings: &[Vec<u8>], count: u32, size: u32) -> Done {
    let bytes: usize = strings.iter().map(Vec::len).sum();
    memory.write_u32(count, u32::try_from(strings.len()).map_err(|_| Errno::Overflow)?)?;
    memory.write_u32(size, u32::try_from(bytes).map_err(|_| Errno::Overflow)?)
}

/// Writes the strings to `text`, one after the other, and their addresses to `array`.
fn write_strings(
    memory: &mut GuestMemory<'_>,
    strings: &[Vec<u8>],
    mut array: u32,
    mut text: u32,
) -> Done {
    for string in strings {
        memory.write_u32(array, text)?;
        memory.write(text, string)?;
        array = array.checked_add(4).ok_or(Errno::Fault)?;
        text = text.checked_add(string.len() as u32).ok_or(Errno::Fault)?;
    }
    Ok(())
}
