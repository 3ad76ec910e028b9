use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ssr_core::Tree;

use crate::engine::{ExecOutcome, Instance, Limits};
use crate::guest::Guest;
use crate::runner::MODULES;
use crate::tamper::{Judge, Lesson};
use crate::vfs::Vfs;
use crate::wasi::{Observer, WasiCtx};
use crate::{Error, Result};

use super::process::Gate;
use super::{SITE_PACKAGES, Shared, TESTBED, WasiSandbox};

/// Where our own modules are in the guest.
const RUNTIME_PATH: &str = "/usr/lib/ssr";

/// Where the guest leaves what it knows about itself.
const SURVEY: &str = "/run/ssr/survey";

/// What every guest starts with; commands can override it.
pub(crate) const ENVIRONMENT: [(&str, &str); 8] = [
    ("HOME", "/root"),
    ("LANG", "C.UTF-8"),
    ("LOGNAME", "root"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1"),
    ("PYTHONHASHSEED", "0"),
    ("TMPDIR", "/tmp"),
    ("USER", "root"),
];

/// Preparing may take longer than a run, on a slow machine and with many packages.
const PREPARATION: Limits = Limits { wall: Duration::from_secs(300), memory: 1 << 30 };

/// Settings for a [`WasiSandbox`]; each method says its default.
#[derive(Clone)]
pub struct WasiSandboxBuilder {
    guest: Guest,
    site_packages: Tree,
    preload: Vec<String>,
    workers: usize,
}

impl WasiSandbox {
    /// Starts the settings of a sandbox that runs `guest`.
    pub fn builder(guest: &Guest) -> WasiSandboxBuilder {
        WasiSandboxBuilder {
            guest: guest.clone(),
            site_packages: Tree::new(),
            preload: vec!["pytest".to_owned()],
            workers: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

impl WasiSandboxBuilder {
    /// The installed packages, for example what `pip install --target` wrote (default: none, so
    /// that no tests can run). They are pure Python: native extensions cannot be loaded.
    pub fn site_packages(mut self, packages: Tree) -> Self {
        self.site_packages = packages;
        self
    }

    /// Modules that are imported before the snapshot, so that no run pays for them (default:
    /// pytest). What cannot be imported is left to the runs.
    pub fn preload<S: Into<String>>(mut self, modules: impl IntoIterator<Item = S>) -> Self {
        self.preload = modules.into_iter().map(Into::into).collect();
        self
    }

    /// How many guests run at once; a run that comes later waits (default: one per processor).
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Boots the interpreter, imports what is asked for and keeps the result as the state that
    /// every run starts from. Takes about a second.
    ///
    /// # Errors
    /// [`Error::Boot`] when Python does not start, and errors of the engine.
    pub fn build(self) -> Result<WasiSandbox> {
        let vfs = self.filesystem().map_err(|error| Error::Boot(error.to_string()))?;
        let mut ctx = WasiCtx::builder().vfs(vfs);
        for (name, value) in ENVIRONMENT {
            ctx = ctx.env(name, value);
        }
        let mut instance = self.guest.boot(ctx.build(), &PREPARATION)?;
        prepare(&mut instance, &self.preload)?;
        let judge = Arc::new(survey(&mut instance)?);
        let shared = Arc::new(Shared {
            judge,
            snapshot: instance.snapshot()?,
            gate: Gate::new(self.workers),
            warm: Mutex::default(),
            waivers: Mutex::default(),
            clones: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            collected: AtomicU64::new(0),
        });
        Ok(WasiSandbox { shared, recorder: None })
    }

    fn filesystem(&self) -> Result<Vfs, Box<dyn std::error::Error>> {
        let mut vfs = self.guest.base_vfs();
        let runtime = MODULES.iter().map(|(name, text)| {
            Ok((ssr_core::RepoPath::new(name)?, ssr_core::File::new(text.as_bytes())))
        });
        let runtime = runtime.collect::<ssr_core::Result<Vec<_>>>()?;
        vfs.mount(RUNTIME_PATH, &Tree::from_files(runtime)?)?;
        vfs.mount(SITE_PACKAGES, &self.site_packages)?;
        for directory in [TESTBED, "/root", "/run/ssr"] {
            vfs.create_dir_all(directory)?;
        }
        Ok(vfs)
    }
}

fn prepare(instance: &mut Instance, preload: &[String]) -> Result<()> {
    // JSON strings are Python strings.
    let preload = serde_json::to_string(preload).unwrap_or_else(|_| "[]".to_owned());
    let source = format!(
        "import sys; sys.path.append({RUNTIME_PATH:?})\n\
         import ssr_runtime, ssr_witness\n\
         ssr_runtime.prepare({preload})\n\
         sys.path.remove({RUNTIME_PATH:?})\n"
    );
    succeed(instance, &source)
}

/// Learns what the prepared interpreter looks like, to notice later what tests do to it.
fn survey(instance: &mut Instance) -> Result<Judge> {
    instance.ctx_mut().observe(Observer::Lesson(Lesson::default()));
    succeed(instance, &format!("import ssr_witness; ssr_witness.survey({SURVEY:?})\n"))?;
    let lesson = match instance.ctx_mut().observe(Observer::None) {
        Observer::Lesson(lesson) => lesson,
        _ => Lesson::default(),
    };
    let vfs = instance.ctx_mut().vfs_mut();
    let survey = vfs.read(SURVEY).map_err(|error| Error::Boot(error.to_string()))?;
    vfs.remove_file(SURVEY).map_err(|error| Error::Boot(error.to_string()))?;
    Judge::new(&survey, &lesson, instance.memory()).map_err(Error::Boot)
}

fn succeed(instance: &mut Instance, source: &str) -> Result<()> {
    match instance.exec(source)? {
        ExecOutcome::Finished { status: 0 } => Ok(()),
        outcome => {
            let log = instance.ctx().stderr().text().trim().to_owned();
            Err(Error::Boot(format!("preparing ended with {outcome:?}: {log}")))
        }
    }
}
