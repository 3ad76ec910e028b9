//! Bash over the filesystem of a workspace, with our own Python commands.

mod fs;
mod python;
mod session;
mod timeout;

pub(crate) use session::run;
