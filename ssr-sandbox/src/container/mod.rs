//! Containers of Docker or Podman behind the traits `Sandbox` and `Workspace`.

mod archive;
mod builder;
mod capture;
mod engine;
mod exec;
mod image;
mod probe;
mod repository;
mod sandbox;
mod suite;
mod workspace;

use std::time::{SystemTime, UNIX_EPOCH};

use ssr_core::SandboxError;

pub use builder::ContainerSandboxBuilder;
pub use sandbox::ContainerSandbox;
pub use workspace::ContainerWorkspace;

/// Where our own files are in a container, out of the repository.
const OWN: &str = "/run/ssr";

/// The label of every container and image that is made here. A killed process leaves some behind; the
/// label finds them.
const LABEL: &str = "ssr-sandbox";

/// Wraps what the engine said with what was being done.
fn failed(doing: &'static str) -> impl Fn(bollard::errors::Error) -> SandboxError {
    move |error| SandboxError::infrastructure(doing, error)
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
