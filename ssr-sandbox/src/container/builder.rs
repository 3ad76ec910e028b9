//! The settings of a `ContainerSandbox`.

use std::collections::BTreeMap;
use std::sync::Arc;

use ssr_core::{SandboxError, Tree};

use crate::{Error, Result};

use super::engine::Engine;
use super::image::{Bounds, Container, Image};
use super::sandbox::{ContainerSandbox, Shared};

/// Settings of a [`ContainerSandbox`].
#[derive(Debug, Clone)]
pub struct ContainerSandboxBuilder {
    image: String,
    engine: Option<String>,
    activate: String,
    env: BTreeMap<String, String>,
    cpus: f64,
    processes: u32,
    file_size: u64,
}

impl ContainerSandboxBuilder {
    pub(super) fn new(image: String) -> Self {
        Self {
            image,
            engine: None,
            activate: String::new(),
            env: [("PYTHONHASHSEED".to_owned(), "0".to_owned())].into(),
            cpus: 1.0,
            processes: 256,
            file_size: 1 << 30,
        }
    }

    /// Where the engine listens, `unix:///path/of/socket` (default: `DOCKER_HOST`, then the usual
    /// sockets of Docker and Podman).
    #[must_use]
    pub fn engine(mut self, address: impl Into<String>) -> Self {
        self.engine = Some(address.into());
        self
    }

    /// A line of shell script that comes before everything, such as `source
    /// /opt/miniconda3/bin/activate testbed` in SWE-bench images. It runs once; commands find the
    /// environment variables that it left.
    #[must_use]
    pub fn activate(mut self, script: impl Into<String>) -> Self {
        self.activate = script.into();
        self
    }

    /// A variable for every command (default: `PYTHONHASHSEED=0`).
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Processors that one workspace may use (default: 1).
    #[must_use]
    pub fn cpus(mut self, cpus: f64) -> Self {
        self.cpus = cpus;
        self
    }

    /// Processes and threads that one workspace may have at once (default: 256).
    #[must_use]
    pub fn processes(mut self, processes: u32) -> Self {
        self.processes = processes;
        self
    }

    /// Bytes that one file may have (default: 1 GiB). The size of all files together is bounded by
    /// what the engine's storage is given, and nothing else.
    #[must_use]
    pub fn file_size(mut self, bytes: u64) -> Self {
        self.file_size = bytes;
        self
    }

    /// Connects to the engine, starts one container of the image and looks around in it.
    ///
    /// # Errors
    /// [`Error::ContainerEngine`] when no engine answers; [`Error::ContainerImage`] when it does not
    /// have the image, or the image lacks bash, GNU find, tar or xargs.
    pub fn build(self) -> Result<ContainerSandbox> {
        let engine = Arc::new(Engine::connect(self.engine.as_deref())?);
        self.look_around(engine).map_err(|error| Error::ContainerImage {
            image: self.image.clone(),
            source: error.into(),
        })
    }

    fn look_around(&self, engine: Arc<Engine>) -> Result<ContainerSandbox, SandboxError> {
        let bounds = Bounds {
            memory: ssr_core::Limits::default().memory,
            #[allow(clippy::cast_possible_truncation)]
            nano_cpus: (self.cpus.clamp(0.01, 1e6) * 1e9) as i64,
            processes: self.processes.max(16).into(),
            file_size: i64::try_from(self.file_size).unwrap_or(i64::MAX),
        };
        let bare = Arc::new(Image::named(Arc::clone(&engine), &self.image, Tree::new()));
        let mut container = Container::start(&bare, bounds)?;
        // There may be no repository yet, and the first command needs a folder to start in.
        container.bring(&Tree::new(), &Tree::new(), Default::default(), super::now())?;
        let facts = container.probe(&self.activate, &self.env)?;
        let tree = container.repository(&Tree::new())?;
        let image = Arc::new(Image::named(engine, &self.image, tree));
        Ok(ContainerSandbox(Arc::new(Shared { image, facts, bounds, env: self.env.clone() })))
    }
}
