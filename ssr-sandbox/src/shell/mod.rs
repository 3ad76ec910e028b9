//! Bash over the filesystem of a workspace, with our own Python commands, git, diff and patch.

mod diff;
mod fs;
mod git;
mod glob;
mod interactive;
mod ls;
mod output;
mod patch;
mod python;
mod script;
mod session;
mod text;
mod timeout;
mod yes;

pub use interactive::ShellSession;
pub use output::Stream;

pub(crate) use git::History;
pub(crate) use output::Listener;
pub(crate) use script::{Place, fresh_state, run};
