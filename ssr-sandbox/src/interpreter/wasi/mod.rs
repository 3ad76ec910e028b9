//! A complete WASI preview1 host over the in-memory filesystem.

mod clock;
mod ctx;
mod descriptor;
mod directory;
mod env;
mod io;
mod linker;
mod memory;
mod observer;
mod open;
mod output;
mod path;
mod poll;
mod table;
mod types;

pub use ctx::{ProcExit, WasiBuilder, WasiCtx, WasiParts};
pub use linker::add_to_linker;
pub use output::CapturedOutput;

pub(crate) use observer::GuestObserver;
pub(crate) use table::DescriptorTable;
