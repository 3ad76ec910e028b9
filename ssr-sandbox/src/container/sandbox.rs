//! `ContainerSandbox`: opens workspaces in containers.

use std::collections::BTreeMap;
use std::sync::Arc;

use ssr_core::{Sandbox, SandboxError, Tree};

use super::ContainerSandboxBuilder;
use super::image::{Bounds, Image};
use super::probe::Facts;
use super::workspace::ContainerWorkspace;

/// Docker or Podman as a sandbox, for repositories that need native code.
///
/// Every workspace has a container of its own: no network, no capabilities, no new privileges,
/// bounded memory, processors and processes. The container starts from layers that all share, takes
/// every command of its workspace, and is removed with it.
///
/// What runs in a container shares the kernel of the host, and whoever may talk to the engine is
/// root on it: this is weaker isolation than `WasiSandbox`, where a program
/// cannot make a system call at all. Reports are weaker, too: inside of a container all runs
/// as one user, so tests that mean to can find the channel on which they are reported.
///
/// Clones share everything. A workspace that is dropped takes its container along; those of a
/// process that was killed carry the label `ssr-sandbox`.
#[derive(Clone)]
pub struct ContainerSandbox(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) image: Arc<Image>,
    pub(super) facts: Facts,
    pub(super) bounds: Bounds,
    /// Variables for every command, beside those of the image.
    pub(super) env: BTreeMap<String, String>,
}

impl ContainerSandbox {
    /// Containers that start from `image`, a name or id that the engine has.
    #[must_use]
    pub fn builder(image: impl Into<String>) -> ContainerSandboxBuilder {
        ContainerSandboxBuilder::new(image.into())
    }

    /// The repository that the image holds at `/testbed`: what a SWE-bench image was built for.
    /// Files that a build made there belong to it; open trees that keep them.
    pub fn repository(&self) -> &Tree {
        &self.0.image.tree
    }
}

impl Sandbox for ContainerSandbox {
    type Workspace = ContainerWorkspace;

    fn reports(&self) -> bool {
        self.0.facts.pytest
    }

    fn open(&self, tree: &Tree) -> Result<ContainerWorkspace, SandboxError> {
        Ok(ContainerWorkspace::new(Arc::clone(&self.0), tree))
    }
}
