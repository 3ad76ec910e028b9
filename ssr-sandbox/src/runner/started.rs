//! pytest sessions that have started and not yet collected.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use ssr_core::{TestRunner, Tree};

use crate::Result;
use crate::harness::TESTBED;
use crate::interpreter::{ExecOutcome, Footprint, Ino, Vfs, on_guest_stack};

use super::GuestRunner;
use super::layout::Layout;
use super::paused::Paused;
use super::process::{Invocation, Process};
use super::request::request;

/// Files that say how pytest is configured, or where it looks for that.
const CONFIGURATION: [&str; 7] = [
    "pytest.toml",
    "pytest.ini",
    ".pytest.ini",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
    "setup.py",
];

/// A pytest session that has started and not yet collected, as a state to start from: the plugins
/// are registered, the configuration and the first conftest files are loaded. This is most of what
/// a short run of pytest takes.
///
/// A run may go on from it when everything that the session looked at so far is unchanged: files,
/// folders, and names that did not exist. Then starting again would lead to the same state, since
/// the guest is deterministic.
pub(super) struct StartedSession {
    command: SessionCommand,
    paused: Arc<Paused>,
    footprint: Footprint,
    /// Files that the command line names and that nobody has opened: they are there, and pytest knows
    /// no more about them before it collects.
    named: BTreeSet<Ino>,
    /// The conftest files that are loaded.
    conftests: BTreeSet<String>,
}

/// A pytest command line, cut at its `--`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SessionCommand {
    /// What `ssr_runtime` takes, with the options only.
    request: String,
    /// What follows the `--`: files and folders.
    files: Vec<String>,
}

impl SessionCommand {
    pub(super) fn new(process: &Process, layout: &Layout) -> Option<Self> {
        let Invocation::Tests(tests) = &process.invocation else { return None };
        // What a cache says is read when the session starts.
        if tests.runner != TestRunner::Pytest || tests.cache {
            return None;
        }
        let mut process = process.clone();
        // Files are relative to where the command runs.
        let files = process.argv.iter().position(|arg| arg == "--");
        let files = files.filter(|_| process.cwd == TESTBED);
        let files = files.map_or(Vec::new(), |at| process.argv.drain(at..).skip(1).collect());
        // Which ids are wanted is told when the session goes on, and memory is the host's matter.
        if let Invocation::Tests(tests) = &mut process.invocation {
            tests.wanted = None;
        }
        process.write_bytecode = false;
        Some(Self { request: request(&process, layout, None), files })
    }
}

impl StartedSession {
    /// Starts the session of `process` on `vfs`, which has `tree` mounted; `None` when pytest does
    /// not get that far, or does something that a snapshot cannot keep.
    pub(super) fn prepare(
        runner: &GuestRunner,
        tree: &Tree,
        vfs: &Vfs,
        process: &Process,
        layout: &Layout,
    ) -> Result<Option<Self>> {
        let Some(mut command) = SessionCommand::new(process, layout) else { return Ok(None) };
        // Any files can follow later.
        command.files.clear();
        let mut vfs = vfs.clone();
        vfs.watch();
        let source = format!("__import__('ssr_runtime').prepare_session({})\n", command.request);
        let ctx = process.ctx(vfs).build();
        on_guest_stack(|| {
            let mut instance = runner.snapshot().instantiate(ctx, &process.limits())?;
            let outcome = instance.exec(&source)?;
            let ctx = instance.ctx_mut();
            if outcome != (ExecOutcome::Finished { status: 0 }) || !ctx.is_untouched() {
                return Ok(None);
            }
            let footprint = ctx.vfs_mut().footprint();
            let read = |path: &str| ctx.vfs().is_inside(&footprint, path);
            let conftests = tree.files().map(|(path, _)| path).filter(|path| {
                path.file_name() == "conftest.py" && read(&format!("{TESTBED}/{path}"))
            });
            let conftests = conftests.map(|path| path.as_str().to_owned()).collect();
            let words = process.argv.iter().filter(|word| word.ends_with(".py"));
            let named = words.filter_map(|word| ctx.vfs().ino(&format!("{}/{word}", process.cwd)));
            let named = named.filter(|ino| footprint.opened(*ino) == 0).collect();
            let paused = Arc::new(Paused::new(instance, Arc::clone(&runner.shared.reference))?);
            Ok(Some(Self { command, paused, footprint, named, conftests }))
        })?
    }

    /// Whether `process` could go on from this session on some filesystem.
    pub(super) fn serves(&self, process: &Process, layout: &Layout) -> bool {
        let command = SessionCommand::new(process, layout);
        command.is_some_and(|command| command.request == self.command.request)
    }

    /// Whether going on from here is the same as running `process` on `vfs` from the start.
    fn stands_for(&self, command: &SessionCommand, vfs: &Vfs) -> bool {
        self.command.request == command.request
            && self.sees_the_same(vfs)
            && (command.files.is_empty() || self.stands_for_files(&command.files, vfs))
    }

    fn sees_the_same(&self, vfs: &Vfs) -> bool {
        if vfs.matches(&self.footprint) {
            return true;
        }
        let difference = vfs.differences(&self.footprint);
        difference.names.is_empty()
            && difference.inodes.iter().all(|ino| self.named.contains(ino) && vfs.has_file(*ino))
    }

    /// Where pytest looks for configuration and first conftest files depends on the files that it
    /// is given: above each of them.
    fn stands_for_files(&self, files: &[String], vfs: &Vfs) -> bool {
        let mut conftests = BTreeSet::new();
        for file in files {
            // Below a folder pytest looks further, and `@file` is a list of arguments.
            if file.starts_with(['/', '-', '.', '@']) || vfs.is_dir(&format!("{TESTBED}/{file}")) {
                return false;
            }
            let name = file.split("::").next().unwrap_or(file);
            let mut folders: Vec<&str> =
                name.match_indices('/').map(|(at, _)| &name[..at]).collect();
            folders.push(name);
            let has = |folder: &str, file: &str| vfs.exists(&format!("{TESTBED}/{folder}/{file}"));
            for folder in folders {
                if CONFIGURATION.iter().any(|file| has(folder, file)) {
                    return false;
                }
                if has(folder, "conftest.py") {
                    conftests.insert(format!("{folder}/conftest.py"));
                }
            }
        }
        if vfs.exists(&format!("{TESTBED}/conftest.py")) {
            conftests.insert("conftest.py".to_owned());
        }
        conftests == self.conftests
    }

    pub(super) fn paused(&self) -> &Arc<Paused> {
        &self.paused
    }

    /// The files to give to the session when `process` goes on from it on `vfs`; `None` when that
    /// would not be the same as starting `process`.
    pub(super) fn files_for(
        &self,
        vfs: &Vfs,
        process: &Process,
        layout: &Layout,
    ) -> Option<Vec<String>> {
        let command = SessionCommand::new(process, layout)?;
        self.stands_for(&command, vfs).then_some(command.files)
    }
}

/// Remembers which test runs a command starts.
#[derive(Default)]
pub(super) struct Recorder(Mutex<Vec<(Process, Layout)>>);

impl Recorder {
    pub(super) fn note(&self, process: &Process, layout: &Layout) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.push((process.clone(), layout.clone()));
    }

    pub(super) fn take(&self) -> Vec<(Process, Layout)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
