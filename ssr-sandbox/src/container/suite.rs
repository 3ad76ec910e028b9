//! Runs tests in containers and reads the events that they report.

use std::time::Instant;

use serde::Serialize;
use ssr_core::{Command, Exit, Outcome, Output, SandboxError, TestReport, TestRun, Tree};

use crate::harness::{
    CommandLine, EVENTS_LIMIT, EventReader, MODULES, NO_TESTS, runner_name, secret,
};

use super::OWN;
use super::archive::{self, Owner, Packer};
use super::capture::Capture;
use super::exec::Exec;
use super::image::Container;
use super::workspace::ContainerWorkspace;

/// The program that runs a selection of tests.
const LAUNCHER: &str = "/run/ssr/ssr_launch.py";

/// What test runs in a container need, beside what they share with those in the guest.
const OWN_MODULES: [(&str, &str); 3] = [
    ("ssr_channel.py", include_str!("ssr_channel.py")),
    ("ssr_launch.py", include_str!("ssr_launch.py")),
    ("ssr_watch.py", include_str!("ssr_watch.py")),
];

/// Containers that one run of tests may use up.
const PASSES: usize = 20;

/// With what `ssr_launch.py` leaves when a test takes too long.
const CUT_OFF: i32 = 124;

impl ContainerWorkspace {
    /// Runs tests to the end of the last. A test that hangs or crashes takes its interpreter with
    /// it, and those that had not run get another one in another container.
    pub(super) fn run_tests(
        &mut self,
        command: &Command,
        run: &TestRun,
    ) -> Result<Output, SandboxError> {
        let runner = runner_name(run.runner);
        let _span = tracing::debug_span!("test_run", runner).entered();
        let start = Instant::now();
        let python = self.sandbox.tests_with(run)?;
        let mut state = self.state();
        let tree = state.tree(&self.base)?;
        let line = CommandLine::new(run, |file| is_there(&tree, file));
        let wanted = line.wanted.as_deref().unwrap_or_default();
        let mut reader = EventReader::new(runner, wanted);
        let mut output = Capture::new(command.limits.output);
        let mut pass = 1;
        let (exit, complete) = loop {
            let mut live = state.throw_away(&self.sandbox, &self.base, command.limits.memory)?;
            let channel = Channel::new(LaunchRequest {
                runner,
                arguments: &line.argv,
                wanted: line.wanted.as_deref(),
                skip: reader.reported(),
                per_test: command.limits.per_test.map(|limit| limit.as_secs_f64()),
            })?;
            let time = state.tick();
            live.container.upload(channel.files(self.sandbox.facts.owner, time)?)?;
            let exec = Exec {
                argv: vec![python.clone(), LAUNCHER.to_owned()],
                env: self.sandbox.environment(command, false),
                stdin: &command.stdin,
                time: command.limits.cpu.saturating_sub(start.elapsed()),
            };
            let exit = live.container.run(&exec, &mut output)?;
            for log in channel.logs(&live.container)? {
                reader.read(&log, &channel.key);
            }
            let cut = reader.running().and_then(|_| cut(&exit));
            if let Some(outcome) = cut {
                reader.cut_off(outcome);
            }
            let next = cut.is_some() && exit != Exit::Timeout;
            if next && reader.is_incomplete() && pass < PASSES {
                pass += 1;
                continue;
            }
            let complete = next && !reader.is_incomplete();
            break match exit {
                _ if complete => (Exit::Code(1), true),
                Exit::Code(0 | NO_TESTS) if pass > 1 => (Exit::Code(1), false),
                exit => (exit, false),
            };
        };
        let mut report = reader.finish(complete);
        for file in line.absent {
            report.add_problem(format!("there is no test file {file}"));
        }
        Ok(output.into_output(exit, Some(report)))
    }
}

/// What the end of a process means for the test that was running.
fn cut(exit: &Exit) -> Option<Outcome> {
    match exit {
        Exit::Timeout | Exit::Code(CUT_OFF) => Some(Outcome::Timeout),
        // A signal.
        Exit::OutOfMemory | Exit::Code(129..) => Some(Outcome::Error),
        // A test that leaves the interpreter has not ended, and takes the rest with it.
        _ => None,
    }
}

fn is_there(tree: &Tree, path: &str) -> bool {
    let below = format!("{}/", path.trim_end_matches('/'));
    tree.contains(path) || tree.files().any(|(path, _)| path.as_str().starts_with(&below))
}

/// The event channel of one command: a folder outside of the repository, with one file for each test
/// run.
pub(super) struct Channel<'a> {
    request: LaunchRequest<'a>,
    key: String,
    folder: String,
}

/// What to run, for `ssr_launch.py`. Nothing for `ssr_watch.py`, which watches what others run.
#[derive(Serialize, Default)]
pub(super) struct LaunchRequest<'a> {
    runner: &'a str,
    arguments: &'a [String],
    wanted: Option<&'a [String]>,
    skip: Vec<String>,
    /// Seconds.
    per_test: Option<f64>,
}

impl<'a> Channel<'a> {
    pub(super) fn new(request: LaunchRequest<'a>) -> Result<Self, SandboxError> {
        let doing = "making the key of a test run";
        let random = || secret().map_err(|error| SandboxError::infrastructure(doing, error));
        Ok(Self { request, key: random()?, folder: format!("{OWN}/{}", random()?) })
    }

    /// The archive to unpack before the command.
    pub(super) fn files(&self, owner: Owner, time: u64) -> Result<Vec<u8>, SandboxError> {
        #[derive(Serialize)]
        struct Whole<'a> {
            key: &'a str,
            folder: &'a str,
            #[serde(flatten)]
            request: &'a LaunchRequest<'a>,
        }
        let whole = Whole { key: &self.key, folder: &self.folder, request: &self.request };
        let request = serde_json::to_vec(&whole).map_err(std::io::Error::from);
        let inside = |path: &str| path.trim_start_matches('/').to_owned();
        let pack = || {
            let mut packer = Packer::new(owner, time);
            packer.directory(&inside(OWN))?;
            packer.directory(&inside(&self.folder))?;
            for (name, text) in MODULES.into_iter().chain(OWN_MODULES) {
                packer.file(&inside(&format!("{OWN}/{name}")), text.as_bytes(), false)?;
            }
            packer.file(&inside(&format!("{OWN}/request.json")), &request?, false)?;
            packer.finish()
        };
        pack().map_err(archive::packing)
    }

    /// The event logs of all test runs. Whatever else a program left there is no failure of ours:
    /// what cannot be read is missing.
    fn logs(&self, container: &Container) -> Result<Vec<Vec<u8>>, SandboxError> {
        let archive = container.download(&self.folder, EVENTS_LIMIT)?.unwrap_or_default();
        Ok(archive::every_file(&archive))
    }

    /// What the test runs that a script started reported, the worst of all; nothing when none did.
    pub(super) fn report(&self, container: &Container) -> Result<Option<TestReport>, SandboxError> {
        let reports = self.logs(container)?.into_iter().map(|log| {
            let mut reader = EventReader::new("pytest", &[]);
            reader.read(&log, &self.key);
            reader.finish(false)
        });
        Ok(reports.reduce(|mut whole, report| {
            whole.merge(&report);
            whole
        }))
    }
}
