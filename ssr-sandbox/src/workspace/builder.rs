//! The settings of a `WasiSandbox`.

use ssr_core::Tree;

use crate::Result;
use crate::interpreter::Guest;
use crate::runner::{BootSettings, GuestRunner};

use super::WasiSandbox;

/// Settings for a [`WasiSandbox`]; each method says its default.
#[derive(Clone)]
pub struct WasiSandboxBuilder {
    guest: Guest,
    site_packages: Tree,
    preload: Vec<String>,
    workers: usize,
    tamper_signs: bool,
}

impl WasiSandbox {
    /// Starts the settings of a sandbox that runs `guest`.
    #[must_use]
    pub fn builder(guest: &Guest) -> WasiSandboxBuilder {
        WasiSandboxBuilder {
            guest: guest.clone(),
            site_packages: Tree::new(),
            preload: vec!["pytest".to_owned()],
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            tamper_signs: true,
        }
    }
}

impl WasiSandboxBuilder {
    /// The installed packages, for example what `pip install --target` wrote (default: none, so
    /// that no tests can run). They are pure Python: native extensions cannot be loaded.
    #[must_use]
    pub fn site_packages(mut self, packages: Tree) -> Self {
        self.site_packages = packages;
        self
    }

    /// Modules that are imported before the snapshot, so that no run pays for them (default:
    /// pytest). What cannot be imported is left to the runs.
    #[must_use]
    pub fn preload<S: Into<String>>(mut self, modules: impl IntoIterator<Item = S>) -> Self {
        self.preload = modules.into_iter().map(Into::into).collect();
        self
    }

    /// How many guests run at once; a run that comes later waits (default: one per processor).
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Whether reports carry signs that the tested code tampered with the test runner (default:
    /// yes). Without them a report believes whatever the guest says. That is for measuring what is
    /// worth something without them, such as [`ssr_core::audit()`].
    #[must_use]
    pub fn tamper_signs(mut self, tamper_signs: bool) -> Self {
        self.tamper_signs = tamper_signs;
        self
    }

    /// Boots the interpreter, imports what is asked for and keeps the result as the state that
    /// every run starts from. Takes about a second.
    ///
    /// # Errors
    /// [`Error::Boot`](crate::Error::Boot) when Python does not start, and errors of the engine.
    pub fn build(self) -> Result<WasiSandbox> {
        let settings = BootSettings {
            site_packages: &self.site_packages,
            preload: &self.preload,
            workers: self.workers,
            signs: self.tamper_signs,
        };
        Ok(WasiSandbox::new(GuestRunner::boot(&self.guest, &settings)?))
    }
}
