//! The state of one guest on the host side, and the settings to make it from.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::interpreter::vfs::{Errno, Ino, Vfs};

use super::clock::Clocks;
use super::observer::GuestObserver;
use super::output::CapturedOutput;
use super::table::{DescriptorTable, Object, OpenFile};
use super::types::rights;

/// 2025-01-01T00:00:00Z in nanoseconds since 1970: later than the files of a base, with room for
/// more changes than a run makes.
const EPOCH: u64 = 1_735_689_600_000_000_000;

/// The error that ends a guest which called `proc_exit`, with its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the guest exited with code {0}")]
pub struct ProcExit(pub i32);

/// The world of one guest: filesystem, streams, clocks and randomness; all of it in memory and
/// deterministic.
///
/// Descriptors 0, 1 and 2 are the standard streams and 3 is the directory `/`, always.
pub struct WasiCtx {
    pub(super) vfs: Vfs,
    pub(super) table: DescriptorTable,
    pub(super) args: Vec<Vec<u8>>,
    pub(super) env: Vec<Vec<u8>>,
    pub(super) stdin: Vec<u8>,
    pub(super) stdin_position: usize,
    pub(super) stdout: CapturedOutput,
    pub(super) stderr: CapturedOutput,
    pub(super) events: CapturedOutput,
    /// Relative to the root, as the libc of a guest asks for it.
    pub(super) events_path: Option<Box<str>>,
    pub(super) clocks: Clocks,
    pub(super) random: ChaCha8Rng,
    pub(super) exit: Option<i32>,
    pub(super) observer: Option<Box<dyn GuestObserver>>,
}

impl std::fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasiCtx")
            .field("vfs", &self.vfs)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .field("events", &self.events)
            .field("clocks", &self.clocks)
            .field("exit", &self.exit)
            .finish_non_exhaustive()
    }
}

/// Settings for a [`WasiCtx`]; each method says its default.
#[derive(Clone, Debug)]
pub struct WasiBuilder {
    vfs: Vfs,
    args: Vec<Vec<u8>>,
    env: Vec<Vec<u8>>,
    stdin: Vec<u8>,
    output_limit: usize,
    events: Option<(Box<str>, usize)>,
    epoch: u64,
    seed: [u8; 32],
}

/// What is left of a [`WasiCtx`] after a run.
#[non_exhaustive]
pub struct WasiParts {
    /// The filesystem as the guest left it.
    pub vfs: Vfs,
    /// Standard output.
    pub stdout: CapturedOutput,
    /// Standard error.
    pub stderr: CapturedOutput,
    /// What was written to the event channel.
    pub events: CapturedOutput,
    /// The code given to `proc_exit`, if it was called.
    pub exit: Option<i32>,
    /// What looked at the guest.
    pub(crate) observer: Option<Box<dyn GuestObserver>>,
}

impl std::fmt::Debug for WasiParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasiParts")
            .field("vfs", &self.vfs)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .field("events", &self.events)
            .field("exit", &self.exit)
            .finish_non_exhaustive()
    }
}

impl Default for WasiBuilder {
    fn default() -> Self {
        Self {
            vfs: Vfs::new(),
            args: Vec::new(),
            env: Vec::new(),
            stdin: Vec::new(),
            output_limit: 1 << 20,
            events: None,
            epoch: EPOCH,
            seed: [0; 32],
        }
    }
}

impl WasiBuilder {
    /// The filesystem (default: a new one).
    #[must_use]
    pub fn vfs(mut self, vfs: Vfs) -> Self {
        self.vfs = vfs;
        self
    }

    /// The command line, the program's name first (default: none). A NUL ends an argument.
    #[must_use]
    pub fn args<S: AsRef<str>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args = args.into_iter().map(|arg| c_string(arg.as_ref())).collect();
        self
    }

    /// Adds an environment variable (default: none). A NUL ends it.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push(c_string(&format!("{name}={value}")));
        self
    }

    /// What standard input gives before its end (default: nothing).
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// How many bytes of standard output, and as many of standard error, are kept (default 1 MiB).
    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Makes the absolute `path` the event channel: a file that can only be written, that no
    /// listing shows, and whose bytes go to [`WasiParts::events`] instead of the filesystem, the
    /// first `limit` of them (default: no channel).
    #[must_use]
    pub fn events(mut self, path: &str, limit: usize) -> Self {
        self.events = Some((path.trim_start_matches('/').into(), limit));
        self
    }

    /// Where the realtime clock starts, in nanoseconds since 1970 (default 2025-01-01).
    #[must_use]
    pub fn epoch(mut self, nanoseconds: u64) -> Self {
        self.epoch = nanoseconds;
        self
    }

    /// The seed of `random_get`, `/dev/random` and `/dev/urandom` (default: zeros).
    #[must_use]
    pub fn seed(mut self, seed: [u8; 32]) -> Self {
        self.seed = seed;
        self
    }

    /// Opens the standard descriptors and the root.
    #[must_use]
    pub fn build(self) -> WasiCtx {
        let (events_path, events_limit) = self.events.unzip();
        let mut ctx = WasiCtx {
            vfs: self.vfs,
            table: DescriptorTable::default(),
            args: self.args,
            env: self.env,
            stdin: self.stdin,
            stdin_position: 0,
            stdout: CapturedOutput::new(self.output_limit),
            stderr: CapturedOutput::new(self.output_limit),
            events: CapturedOutput::new(events_limit.unwrap_or(0)),
            events_path,
            clocks: Clocks::new(self.epoch),
            random: ChaCha8Rng::from_seed(self.seed),
            exit: None,
            observer: None,
        };
        let standard = [
            (Object::Stdin, rights::PIPE_IN, 0),
            (Object::Stdout, rights::PIPE_OUT, 0),
            (Object::Stderr, rights::PIPE_OUT, 0),
            (Object::Directory(Ino::ROOT), rights::DIRECTORY, rights::ALL),
        ];
        for (object, base, inheriting) in standard {
            // An empty table has room for four.
            let opened = ctx.open(object, 0, base, inheriting);
            debug_assert!(opened.is_ok());
        }
        ctx
    }
}

fn c_string(text: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = text.bytes().take_while(|&byte| byte != 0).collect();
    bytes.push(0);
    bytes
}

impl WasiCtx {
    /// Settings to build a context from.
    #[must_use]
    pub fn builder() -> WasiBuilder {
        WasiBuilder::default()
    }

    /// The filesystem.
    pub fn vfs(&self) -> &Vfs {
        &self.vfs
    }

    /// The filesystem, to change while the guest rests.
    pub fn vfs_mut(&mut self) -> &mut Vfs {
        &mut self.vfs
    }

    /// Standard output so far.
    pub fn stdout(&self) -> &CapturedOutput {
        &self.stdout
    }

    /// Standard error so far.
    pub fn stderr(&self) -> &CapturedOutput {
        &self.stderr
    }

    /// What was written to the event channel so far.
    pub fn events(&self) -> &CapturedOutput {
        &self.events
    }

    /// The code given to `proc_exit`, if it was called.
    pub fn exit(&self) -> Option<i32> {
        self.exit
    }

    /// Sets what looks at the guest from now on, and gives back what did.
    pub(crate) fn observe(
        &mut self,
        observer: Option<Box<dyn GuestObserver>>,
    ) -> Option<Box<dyn GuestObserver>> {
        std::mem::replace(&mut self.observer, observer)
    }

    /// Lets the observer look at the memory of a guest that has ended.
    pub(crate) fn observe_end(&mut self, memory: &[u8]) {
        if let Some(observer) = &mut self.observer {
            observer.end(memory);
        }
    }

    /// Virtual nanoseconds since the start, as the monotonic clock shows them.
    pub fn elapsed(&self) -> u64 {
        self.clocks.elapsed()
    }

    /// Lets virtual time pass, as a sleep of the guest does.
    pub fn advance(&mut self, nanoseconds: u64) {
        self.clocks.advance(nanoseconds);
    }

    /// Whether the guest changed nothing in here but what is open: nothing read from standard
    /// input, no file changed since the last freeze.
    pub(crate) fn is_untouched(&self) -> bool {
        self.stdin_position == 0 && self.vfs.overlay_len() == 0
    }

    /// What is open now.
    pub(crate) fn descriptors(&self) -> &DescriptorTable {
        &self.table
    }

    /// Lets exactly `descriptors` be open. They come from a context with the same files.
    pub(crate) fn adopt(&mut self, descriptors: &DescriptorTable) {
        for ino in descriptors.objects().filter_map(Object::ino) {
            self.vfs.retain(ino);
        }
        self.close_all();
        self.table = descriptors.clone();
    }

    /// How much randomness was given out, in words of the generator.
    pub(crate) fn random_position(&self) -> u128 {
        self.random.get_word_pos()
    }

    /// Leaves out the randomness up to `position`.
    pub(crate) fn skip_random(&mut self, position: u128) {
        self.random.set_word_pos(position.max(self.random.get_word_pos()));
    }

    /// Ends the run: closes all descriptors and gives the results.
    pub fn into_parts(mut self) -> WasiParts {
        self.close_all();
        let Self { vfs, stdout, stderr, events, exit, observer, .. } = self;
        WasiParts { vfs, stdout, stderr, events, exit, observer }
    }

    fn close_all(&mut self) {
        let open: Vec<u32> = self.table.numbers().collect();
        for fd in open {
            let closed = self.table.close(fd).ok().flatten();
            self.closed(closed);
        }
    }

    pub(super) fn open(
        &mut self,
        object: Object,
        flags: u32,
        base: u64,
        inheriting: u64,
    ) -> Result<u32, Errno> {
        let fd = self.table.open(object, flags, base, inheriting)?;
        if let Some(ino) = object.ino() {
            self.vfs.look_into(ino);
            self.vfs.retain(ino);
        }
        Ok(fd)
    }

    /// Gives back the inode of an open file whose last descriptor was closed.
    pub(super) fn closed(&mut self, file: Option<OpenFile>) {
        if let Some(ino) = file.and_then(|file| file.object.ino()) {
            self.vfs.release(ino);
        }
    }
}
