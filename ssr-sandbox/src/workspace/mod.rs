//! The workspace floor: the traits `Sandbox` and `Workspace` of ssr-core over the runner and, with
//! the feature `shell`, the shell.

mod builder;
mod sandbox;
#[cfg(feature = "shell")]
mod shell_session;
mod wasi;

pub use builder::WasiSandboxBuilder;
pub use sandbox::WasiSandbox;
#[cfg(feature = "shell")]
pub use shell_session::ShellSession;
pub use wasi::WasiWorkspace;

use ssr_core::SandboxError;

fn failed(
    doing: &'static str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> SandboxError {
    SandboxError::infrastructure(doing, error)
}
