//! Images and running containers.

use std::collections::HashMap;
use std::sync::Arc;

use bollard::models::{
    ContainerConfig, ContainerCreateBody, ContainerUpdateBody, HostConfig, ResourcesUlimits,
};
use bollard::query_parameters::{CommitContainerOptionsBuilder, RestartContainerOptionsBuilder};
use ssr_core::{SandboxError, Tree};

use super::engine::{Engine, Waste};
use super::{LABEL, failed};

/// What PID 1 of a container does: it sleeps, and reaps orphaned processes.
const IDLE: &str = "while :; do sleep 3600 & wait; done";

/// An image that containers start from.
pub(super) struct Image {
    engine: Arc<Engine>,
    pub(super) id: String,
    /// What is in the repository of it.
    pub(super) tree: Tree,
    /// Whether it was made here and goes with its last user.
    temporary: bool,
}

impl Image {
    /// An image that the engine has under a name of its own.
    pub(super) fn named(engine: Arc<Engine>, name: &str, tree: Tree) -> Self {
        Self { engine, id: name.to_owned(), tree, temporary: false }
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if self.temporary {
            self.engine.discard(Waste::Image(std::mem::take(&mut self.id)));
        }
    }
}

/// What a container may use of the machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes.
    pub(super) memory: u64,
    /// Processors, in billionths.
    pub(super) nano_cpus: i64,
    pub(super) processes: i64,
    /// Bytes of one file.
    pub(super) file_size: i64,
}

/// A running container. Dropping it has it removed.
pub(super) struct Container {
    pub(super) engine: Arc<Engine>,
    pub(super) id: String,
    /// When it was made, by the engine's clock.
    pub(super) created: String,
    pub(super) image: Arc<Image>,
    pub(super) bounds: Bounds,
    /// How often the kernel has ended a process in it for lack of memory.
    pub(super) out_of_memory: u64,
}

impl Container {
    pub(super) fn start(image: &Arc<Image>, bounds: Bounds) -> Result<Self, SandboxError> {
        let _span = tracing::debug_span!("start_container", image = image.id.as_str()).entered();
        let engine = Arc::clone(&image.engine);
        let docker = &engine.docker;
        let id = engine
            .wait(docker.create_container(None, settings(&image.id, bounds)))
            .map_err(failed("creating a container"))?
            .id;
        let mut container = Self {
            id,
            created: String::new(),
            image: Arc::clone(image),
            bounds,
            out_of_memory: 0,
            engine: Arc::clone(&engine),
        };
        engine
            .wait(docker.start_container(&container.id, None))
            .map_err(failed("starting a container"))?;
        let seen = engine
            .wait(docker.inspect_container(&container.id, None))
            .map_err(failed("looking at a container"))?;
        container.created = seen.created.unwrap_or_default();
        Ok(container)
    }

    /// Sets the memory that commands may use; `false` when the engine cannot change it.
    pub(super) fn limit_memory(&mut self, memory: u64) -> bool {
        if memory == self.bounds.memory {
            return true;
        }
        let bytes = i64::try_from(memory).unwrap_or(i64::MAX);
        let body = ContainerUpdateBody {
            memory: Some(bytes),
            memory_swap: Some(bytes),
            ..ContainerUpdateBody::default()
        };
        let changed = self.engine.wait(self.engine.docker.update_container(&self.id, body)).is_ok();
        if changed {
            self.bounds.memory = memory;
        }
        changed
    }

    /// Ends everything that runs in it; files stay.
    pub(super) fn restart(&self) -> Result<(), SandboxError> {
        let options = RestartContainerOptionsBuilder::new().t(0).build();
        self.engine
            .wait(self.engine.docker.restart_container(&self.id, Some(options)))
            .map_err(failed("ending what runs in a container"))
    }

    /// An image of its files as they are now, in the repository and elsewhere.
    pub(super) fn commit(&self, tree: Tree) -> Result<Image, SandboxError> {
        let options = CommitContainerOptionsBuilder::new().container(&self.id).build();
        let config = ContainerConfig { labels: Some(labels()), ..ContainerConfig::default() };
        let id = self
            .engine
            .wait(self.engine.docker.commit_container(options, config))
            .map_err(failed("copying a container"))?
            .id;
        Ok(Image { engine: Arc::clone(&self.engine), id, tree, temporary: true })
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.engine.discard(Waste::Container(std::mem::take(&mut self.id)));
    }
}

fn labels() -> HashMap<String, String> {
    [(LABEL.to_owned(), std::process::id().to_string())].into()
}

fn settings(image: &str, bounds: Bounds) -> ContainerCreateBody {
    let memory = i64::try_from(bounds.memory).unwrap_or(i64::MAX);
    ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: Some(Vec::new()),
        cmd: Some(["/bin/sh", "-c", IDLE].map(str::to_owned).to_vec()),
        working_dir: Some("/".to_owned()),
        labels: Some(labels()),
        network_disabled: Some(true),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            memory: Some(memory),
            // No swap beside it.
            memory_swap: Some(memory),
            nano_cpus: Some(bounds.nano_cpus),
            pids_limit: Some(bounds.processes),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            // An engine that is told nothing asks for more than a host may allow.
            ulimits: Some(vec![
                ulimit("nproc", 4096),
                ulimit("nofile", 4096),
                ulimit("core", 0),
                ulimit("fsize", bounds.file_size),
            ]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

fn ulimit(name: &str, most: i64) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.to_owned()), soft: Some(most), hard: Some(most) }
}
