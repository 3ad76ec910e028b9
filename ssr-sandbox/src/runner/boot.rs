//! Boots the interpreter into the state that every run starts from.

use std::any::Any;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ssr_core::{File, RepoPath, Tree};

use crate::harness::TESTBED;
use crate::interpreter::{ExecOutcome, Guest, GuestInstance, InstanceLimits, Vfs, WasiCtx};
use crate::{Error, Result};

use super::slots::Slots;
use super::tamper::{Calibration, Reference};
use super::{GuestRunner, SITE_PACKAGES, Shared, modules};

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

/// Preparing may take longer than a run, with many packages. On a busy machine it takes as long as it
/// takes.
const PREPARATION_TIME: Duration = Duration::from_secs(300);
const PREPARATION_WALL: Duration = Duration::from_secs(3600);
const PREPARATION_MEMORY: usize = 1 << 30;

/// What the interpreter is booted with.
pub(crate) struct BootSettings<'a> {
    pub(crate) site_packages: &'a Tree,
    /// Modules that are imported before the snapshot.
    pub(crate) preload: &'a [String],
    /// How many guests run at once.
    pub(crate) workers: usize,
    /// Whether reports carry signs of tampering.
    pub(crate) signs: bool,
}

impl GuestRunner {
    /// Boots `guest`, imports what is asked for and keeps the result as a snapshot.
    pub(crate) fn boot(guest: &Guest, settings: &BootSettings<'_>) -> Result<Self> {
        let _span = tracing::debug_span!("boot", guest = guest.id()).entered();
        let vfs = filesystem(guest, settings.site_packages)
            .map_err(|error| Error::Boot(error.to_string()))?;
        let mut ctx = WasiCtx::builder().vfs(vfs);
        for (name, value) in ENVIRONMENT {
            ctx = ctx.env(name, value);
        }
        let limits = InstanceLimits::default()
            .with_cpu(PREPARATION_TIME)
            .with_wall(PREPARATION_WALL)
            .with_memory(PREPARATION_MEMORY);
        let mut instance = guest.boot(ctx.build(), &limits)?;
        prepare(&mut instance, settings.preload)?;
        let reference = Arc::new(survey(&mut instance)?);
        let shared = Arc::new(Shared {
            reference,
            snapshot: instance.snapshot()?,
            slots: Slots::new(settings.workers),
            signs: settings.signs,
            warm: Mutex::default(),
            waivers: Mutex::default(),
            clones: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            collected: AtomicU64::new(0),
            recorded: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            processor: AtomicU64::new(0),
        });
        Ok(Self { shared, recorder: None })
    }
}

fn filesystem(guest: &Guest, site_packages: &Tree) -> Result<Vfs, Box<dyn std::error::Error>> {
    let mut vfs = guest.base_vfs();
    let runtime =
        modules().map(|(name, text)| Ok((RepoPath::new(name)?, File::new(text.as_bytes()))));
    let runtime = runtime.collect::<ssr_core::Result<Vec<_>>>()?;
    vfs.mount(RUNTIME_PATH, &Tree::from_files(runtime)?)?;
    vfs.mount(SITE_PACKAGES, site_packages)?;
    for directory in [TESTBED, "/root", "/run/ssr"] {
        vfs.create_dir_all(directory)?;
    }
    Ok(vfs)
}

fn prepare(instance: &mut GuestInstance, preload: &[String]) -> Result<()> {
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
fn survey(instance: &mut GuestInstance) -> Result<Reference> {
    instance.ctx_mut().observe(Some(Box::new(Calibration::default())));
    succeed(instance, &format!("import ssr_witness; ssr_witness.survey({SURVEY:?})\n"))?;
    let observer = instance.ctx_mut().observe(None).map(|observer| observer as Box<dyn Any>);
    let calibration = observer.and_then(|observer| observer.downcast::<Calibration>().ok());
    let calibration = calibration.unwrap_or_default();
    let vfs = instance.ctx_mut().vfs_mut();
    let survey = vfs.read(SURVEY).map_err(|error| Error::Boot(error.to_string()))?;
    vfs.remove_file(SURVEY).map_err(|error| Error::Boot(error.to_string()))?;
    Reference::new(&survey, &calibration, instance.memory()).map_err(Error::Boot)
}

fn succeed(instance: &mut GuestInstance, source: &str) -> Result<()> {
    match instance.exec(source)? {
        ExecOutcome::Finished { status: 0 } => Ok(()),
        outcome => {
            let log = instance.ctx().stderr().text().trim().to_owned();
            Err(Error::Boot(format!("preparing ended with {outcome:?}: {log}")))
        }
    }
}
