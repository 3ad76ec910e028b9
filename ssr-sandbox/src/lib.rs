#![doc = include_str!("../README.md")]
//!
//! ## Features
//!
#![doc = document_features::document_features!()]
#![deny(unsafe_code, missing_docs)]

#[cfg(feature = "container")]
mod container;
mod error;
mod folder;
mod gates;
#[cfg(any(feature = "wasi", feature = "container"))]
mod harness;
#[cfg(feature = "wasi")]
mod interpreter;
#[cfg(feature = "wasi")]
mod native;
#[cfg(feature = "wasi")]
mod runner;
#[cfg(feature = "shell")]
mod shell;
#[cfg(feature = "wasi")]
mod workspace;

#[cfg(feature = "container")]
pub use container::{ContainerSandbox, ContainerSandboxBuilder, ContainerWorkspace};
pub use error::{Error, GuestErrorKind, Result};
pub use folder::{FolderSurvey, LeftOut, read_folder, survey_folder, write_folder};
pub use gates::{Finding, Gate, GateReport, GateVerdict};
#[cfg(feature = "wasi")]
pub use interpreter::{
    CapturedOutput, DirEntry, Errno, ExecOutcome, FileKind, Guest, GuestInstance, GuestProgress,
    GuestSnapshot, InstanceLimits, Metadata, ProcExit, PythonVersion, UnknownPython, Vfs, VfsError,
    VfsLimits, WasiBuilder, WasiCtx, WasiParts, add_to_linker, default_cache_dir, on_guest_stack,
};
#[cfg(feature = "wasi")]
pub use native::NativePython;
#[cfg(feature = "wasi")]
pub use runner::SandboxCounters;
#[cfg(feature = "shell")]
pub use shell::OutputStream;
#[cfg(feature = "shell")]
pub use workspace::ShellSession;
#[cfg(feature = "wasi")]
pub use workspace::{WasiSandbox, WasiSandboxBuilder, WasiWorkspace};

/// The WebAssembly engine whose types [`add_to_linker`] takes.
#[cfg(feature = "wasi")]
pub use wasmtime;
