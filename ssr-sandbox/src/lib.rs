#![doc = include_str!("../README.md")]
#![deny(unsafe_code, missing_docs)]

#[cfg(feature = "container")]
mod container;
mod engine;
mod error;
mod folder;
mod gates;
mod guest;
mod native;
mod runner;
mod sandbox;
mod shell;
mod tamper;
mod vfs;
mod wasi;

#[cfg(feature = "container")]
pub use container::{ContainerSandbox, ContainerSandboxBuilder, ContainerWorkspace};
pub use engine::{ExecOutcome, Instance, Limits, Snapshot, on_guest_stack};
pub use error::{Error, Result};
pub use folder::{read_folder, write_folder};
pub use gates::{Finding, Gate, GateReport, GateVerdict};
pub use guest::{Guest, GuestProgress, PythonVersion, UnknownPython, default_cache_dir};
pub use native::NativePython;
pub use sandbox::{SandboxCounters, WasiSandbox, WasiSandboxBuilder, WasiWorkspace};
pub use shell::{ShellSession, Stream};
pub use vfs::{DirEntry, Errno, FileKind, Metadata, Vfs, VfsError, VfsLimits};
pub use wasi::{Output, ProcExit, WasiBuilder, WasiCtx, WasiParts, add_to_linker};
