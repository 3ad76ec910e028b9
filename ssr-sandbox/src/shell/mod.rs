//! Bash over the filesystem of a workspace, with our own Python commands.

mod fs;
mod python;
mod session;

pub(crate) use session::run;
