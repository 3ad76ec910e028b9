//! `poll_oneoff`, in virtual time.

use crate::interpreter::vfs::Errno;

use super::ctx::WasiCtx;
use super::memory::GuestMemory;
use super::table::Object;
use super::types::rights;

const SUBSCRIPTION: u32 = 48;
const EVENT: u32 = 32;
const MAX_SUBSCRIPTIONS: u32 = 4096;

const CLOCK: u8 = 0;
const FD_READ: u8 = 1;
const FD_WRITE: u8 = 2;
const ABSOLUTE: u16 = 1;

/// One subscription, as far as it is decided.
struct Subscription {
    userdata: u64,
    tag: u8,
    state: State,
}

enum State {
    /// Due after so many nanoseconds.
    Timer(u64),
    Ready(u64),
    Failed(Errno),
}

impl WasiCtx {
    /// Waits in virtual time only: files and streams are always ready, and when there are none the
    /// clocks jump to the first timer.
    pub(super) fn poll_oneoff(
        &mut self,
        memory: &mut GuestMemory<'_>,
        input: u32,
        output: u32,
        count: u32,
        result: u32,
    ) -> Result<(), Errno> {
        if count == 0 || count > MAX_SUBSCRIPTIONS {
            return Err(Errno::Invalid);
        }
        memory.check(input, count * SUBSCRIPTION)?;
        memory.check(output, count * EVENT)?;
        memory.check(result, 4)?;
        let subscriptions: Vec<Subscription> = (0..count)
            .map(|index| self.subscription(memory, input + index * SUBSCRIPTION))
            .collect::<Result<_, _>>()?;
        let timers = subscriptions.iter().map(|subscription| match subscription.state {
            State::Timer(wait) => wait,
            State::Ready(_) | State::Failed(_) => 0,
        });
        let waited = timers.min().unwrap_or(0);
        self.clocks.advance(waited);
        let mut events = 0;
        for subscription in subscriptions {
            let (error, ready) = match subscription.state {
                State::Timer(wait) if wait > waited => continue,
                State::Timer(_) => (0, 0),
                State::Ready(bytes) => (0, bytes),
                State::Failed(errno) => (errno.code(), 0),
            };
            let mut record = [0; EVENT as usize];
            record[..8].copy_from_slice(&subscription.userdata.to_le_bytes());
            record[8..10].copy_from_slice(&error.to_le_bytes());
            record[10] = subscription.tag;
            record[16..24].copy_from_slice(&ready.to_le_bytes());
            memory.write(output + events * EVENT, &record)?;
            events += 1;
        }
        memory.write_u32(result, events)
    }

    fn subscription(&self, memory: &GuestMemory<'_>, at: u32) -> Result<Subscription, Errno> {
        let userdata = memory.read_u64(at)?;
        let tag = memory.read_u8(at + 8)?;
        let state = match tag {
            CLOCK => {
                let id = memory.read_u32(at + 16)?;
                let timeout = memory.read_u64(at + 24)?;
                let absolute = memory.read_u16(at + 40)? & ABSOLUTE != 0;
                match self.clocks.now(id) {
                    Err(errno) => State::Failed(errno),
                    Ok(now) if absolute => State::Timer(timeout.saturating_sub(now)),
                    Ok(_) => State::Timer(timeout),
                }
            }
            FD_READ | FD_WRITE => self.readiness(memory.read_u32(at + 16)?, tag),
            _ => return Err(Errno::Invalid),
        };
        Ok(Subscription { userdata, tag, state })
    }

    fn readiness(&self, fd: u32, tag: u8) -> State {
        let ready = || {
            let descriptor = self.table.get(fd)?;
            let file = self.table.file(descriptor)?;
            let right = if tag == FD_READ { rights::FD_READ } else { rights::FD_WRITE };
            if descriptor.base & right == 0 {
                return Err(Errno::BadFd);
            }
            Ok(match file.object {
                Object::File(ino) if tag == FD_READ => {
                    self.vfs.node(ino).len().saturating_sub(file.offset)
                }
                Object::Stdin => (self.stdin.len() - self.stdin_position) as u64,
                _ => 1,
            })
        };
        match ready() {
            Ok(bytes) => State::Ready(bytes),
            Err(errno) => State::Failed(errno),
        }
    }
}
