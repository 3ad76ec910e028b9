//! The connection to Docker or Podman, and the thread that drives it.

use std::future::Future;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use bollard::Docker;
use bollard::query_parameters::{RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder};
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{Error, Result};

/// Where engines listen when nobody says otherwise: Docker, then Podman.
const SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/podman/podman.sock"];

/// A connection to a container engine, and the thread that drives it.
///
/// Calls block the caller's thread.
pub(super) struct Engine {
    pub(super) docker: Docker,
    handle: Handle,
    waste: Option<UnboundedSender<(Waste, Sender<()>)>>,
    thread: Option<JoinHandle<()>>,
}

/// What is to be removed, by its id.
pub(super) enum Waste {
    Container(String),
    Image(String),
}

impl Engine {
    /// Connects to the engine at `address`, or to the first that `DOCKER_HOST`, the usual socket of
    /// Docker, or those of Podman name.
    pub(super) fn connect(address: Option<&str>) -> Result<Self> {
        let address = address.map_or_else(usual_address, str::to_owned);
        let unreachable = |source| Error::ContainerEngine { address: address.clone(), source };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| unreachable(error.into()))?;
        let docker = runtime
            .block_on(async { Docker::connect_with_host(&address)?.negotiate_version().await })
            .map_err(|error| unreachable(error.into()))?;
        let handle = runtime.handle().clone();
        let (waste, thrown_away) = unbounded_channel();
        let client = docker.clone();
        let thread = thread::Builder::new()
            .name("container engine".to_owned())
            .spawn(move || runtime.block_on(remove(client, thrown_away)))
            .map_err(|error| unreachable(error.into()))?;
        Ok(Self { docker, handle, waste: Some(waste), thread: Some(thread) })
    }

    /// Waits for `work`. Not to be called on a thread that drives an async runtime.
    pub(super) fn wait<F: Future>(&self, work: F) -> F::Output {
        self.handle.block_on(work)
    }

    /// Removes a container or an image and waits until it is gone, so that a process which ends
    /// afterwards leaves nothing behind. Unlike [`Engine::wait`] this works on threads that drive an
    /// async runtime, too: values are dropped there.
    pub(super) fn discard(&self, waste: Waste) {
        let (done, removed) = channel();
        // The other end lives as long as this engine.
        if self.waste.as_ref().is_some_and(|sender| sender.send((waste, done)).is_ok()) {
            let _ = removed.recv();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.waste.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn remove(docker: Docker, mut thrown_away: UnboundedReceiver<(Waste, Sender<()>)>) {
    while let Some((waste, done)) = thrown_away.recv().await {
        let (id, result) = match waste {
            Waste::Container(id) => {
                let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
                let result = docker.remove_container(&id, Some(options)).await;
                (id, result)
            }
            Waste::Image(id) => {
                let options = RemoveImageOptionsBuilder::new().force(true).build();
                let result = docker.remove_image(&id, Some(options), None).await;
                (id, result.map(|_| ()))
            }
        };
        if let Err(error) = result {
            tracing::warn!(id, %error, "a container or its image stays behind");
        }
        let _ = done.send(());
    }
}

fn usual_address() -> String {
    if let Ok(host) = std::env::var("DOCKER_HOST") {
        return host;
    }
    let own = std::env::var("XDG_RUNTIME_DIR").map(|dir| format!("{dir}/podman/podman.sock"));
    let sockets = SOCKETS.map(str::to_owned).into_iter().chain(own.ok());
    let socket = sockets.into_iter().find(|socket| std::path::Path::new(socket).exists());
    format!("unix://{}", socket.as_deref().unwrap_or(SOCKETS[0]))
}
