//! The shell floor: bash over the filesystem of a workspace, with our own Python commands, git, diff
//! and patch. Python programs run through the trait `Interpreter` of the runner.

mod braces;
mod clock;
mod complete;
mod diff;
mod files;
mod fs;
mod git;
mod glob;
mod ls;
mod output;
mod patch;
mod pytest_cache;
mod python;
mod script;
mod session;
mod text;
mod timeout;
mod yes;

pub use output::OutputStream;

pub(crate) use bashkit::ShellState;
pub(crate) use complete::is_complete;
pub(crate) use git::History;
pub(crate) use output::Listener;
pub(crate) use script::{World, fresh_state, run};
