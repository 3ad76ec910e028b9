//! The interpreter floor: CPython in WebAssembly, with its WASI host, filesystem and snapshots. It
//! knows nothing of tests or repositories.
//!
//! Rooms, each importing only from those before it: `vfs`, `wasi`, `engine`, `guest`.

mod engine;
mod guest;
mod vfs;
mod wasi;

pub use engine::{ExecOutcome, GuestInstance, GuestSnapshot, InstanceLimits, on_guest_stack};
pub use guest::{Guest, GuestProgress, PythonVersion, UnknownPython, default_cache_dir};
pub use vfs::{DirEntry, Errno, FileKind, Metadata, Vfs, VfsError, VfsLimits};
pub use wasi::{CapturedOutput, ProcExit, WasiBuilder, WasiCtx, WasiParts, add_to_linker};

pub(crate) use engine::processor_time;
pub(crate) use vfs::{Footprint, Ino, Place};
pub(crate) use wasi::{DescriptorTable, GuestObserver};
