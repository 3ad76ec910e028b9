//! A complete WASI preview1 host over the in-memory filesystem.

mod clock;
mod ctx;
mod descriptor;
mod directory;
mod env;
mod io;
mod linker;
mod memory;
mod open;
mod output;
mod path;
mod poll;
mod table;
mod types;

pub(crate) use ctx::Observer;
pub use ctx::{ProcExit, WasiBuilder, WasiCtx, WasiParts};
pub use linker::add_to_linker;
pub use output::Output;
pub(crate) use table::Table;
