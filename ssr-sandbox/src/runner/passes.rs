//! Runs tests to the end of the last, in as many interpreters as that takes.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ssr_core::{Exit, File, Outcome, RepoPath, TestId, TestRunner, Tree};

use crate::harness::{EVENTS_LIMIT, EventReader, NO_TESTS, TESTBED, random_bytes, secret};
use crate::interpreter::{CapturedOutput, ExecOutcome, InstanceLimits, Vfs};
use crate::{Error, Result};

use super::GuestRunner;
use super::collected::REFUSED;
use super::execute::{Ran, clone_and_run, exit};
use super::layout::Layout;
use super::process::{Finished, Process, Tests};
use super::request::{Reporting, call, resume};
use super::start::Start;
use super::tamper::{Guard, changed_tests};
use super::test_watch::TestWatch;
use super::timing::Timing;

/// Where the key of a test run lies until the runner has read it.
pub(super) const KEY_FILE: &str = "/run/ssr/key";

/// Interpreters that one run of tests may use up.
const PASSES: usize = 100;

/// What one interpreter may use.
struct Bounds<'b> {
    limits: InstanceLimits,
    timing: Timing,
    /// Becomes true when a test took more than its limit and was not cut off.
    close: &'b Arc<AtomicBool>,
}

impl Bounds<'_> {
    fn watch(&self, key: &str, per_test: Duration) -> TestWatch {
        TestWatch::new(key, per_test, self.timing, self.close)
    }
}

impl GuestRunner {
    /// Runs tests to the end of the last. Nothing can interrupt a test from within, so one that
    /// hangs or crashes is cut off together with its interpreter, and those that had not run get
    /// another one, on the files as they were at first.
    pub(super) fn execute_tests(
        &self,
        vfs: &Vfs,
        process: &Process,
        tests: &Tests,
        layout: &Layout,
        timing: Timing,
    ) -> Result<Finished> {
        let _span = tracing::debug_span!("test_run", runner = tests.name()).entered();
        let start = Instant::now();
        let wanted = tests.wanted.as_deref().unwrap_or_default();
        let mut reader = EventReader::new(tests.name(), wanted);
        reader.waive(self.waived(layout));
        if !self.shared.signs {
            reader.believe();
        }
        let mut stdout = CapturedOutput::new(process.output);
        let mut stderr = CapturedOutput::new(process.output);
        let (mut taken, mut charged) = (Duration::ZERO, Duration::ZERO);
        let close = Arc::new(AtomicBool::new(false));
        for pass in 1.. {
            let limits = process
                .limits()
                .with_cpu(timing.most(process.cpu).saturating_sub(taken))
                .with_wall(process.wall.saturating_sub(start.elapsed()));
            let bounds = Bounds { limits, timing, close: &close };
            let Ran { outcome, parts, cpu } =
                self.execute_pass(vfs.clone(), process, tests, &bounds, layout, &mut reader)?;
            taken += cpu;
            charged += match process.per_test {
                // A test that was cut off would have been cut off sooner alone.
                Some(limit) if outcome == ExecOutcome::Interrupted => {
                    cpu.saturating_sub(timing.excess(limit))
                }
                _ => cpu,
            };
            for (all, part) in [(&mut stdout, &parts.stdout), (&mut stderr, &parts.stderr)] {
                all.push(&part.bytes);
                all.truncated |= part.truncated;
            }
            let running = reader.running().cloned();
            let cut = running.and_then(|id| Some((id, cut(&outcome, process.per_test)?)));
            let next = cut.is_some() && outcome != ExecOutcome::Timeout;
            if let Some((id, (outcome, reason))) = cut {
                reader.cut_off(outcome);
                let said =
                    if tests.runner == TestRunner::Pytest { &mut stdout } else { &mut stderr };
                say(said, tests.runner, &id, &reason);
            }
            if next && reader.is_incomplete() && pass < PASSES {
                continue;
            }
            let complete = next && !reader.is_incomplete();
            if next && !complete {
                reader.problem(format!("{PASSES} tests were cut off; the rest did not run"));
            }
            let is_over = outcome == ExecOutcome::Timeout;
            let close = !is_over && (close.load(Ordering::Relaxed) || charged > process.cpu);
            let exit = match exit(outcome) {
                _ if complete => Exit::Code(1),
                Exit::Code(0 | NO_TESTS) if pass > 1 => Exit::Code(1),
                exit => exit,
            };
            let report = Some(reader.finish(complete));
            let (vfs, cpu) = (parts.vfs, charged);
            return Ok(Finished { exit, stdout, stderr, vfs, report, cpu, close });
        }
        Err(Error::engine("test runs without an end"))
    }

    /// Runs the tests that have not reported yet in one clone.
    fn execute_pass(
        &self,
        mut vfs: Vfs,
        process: &Process,
        tests: &Tests,
        bounds: &Bounds<'_>,
        layout: &Layout,
        reader: &mut EventReader,
    ) -> Result<Ran> {
        let skip = reader.reported();
        let starts = if skip.is_empty() {
            self.starts(&vfs, process, layout)?
        } else {
            vec![self.session_for(&vfs, process, layout).unwrap_or(Start::Fresh)]
        };
        // What tested code would need to forge events: the key, which the runner removes as soon as it
        // has read it, and the name of the channel, which no listing shows.
        let (key, channel) = (secret()?, format!("/run/ssr/{}", secret()?));
        let before = vfs.clone();
        vfs.mount("/", &key_tree(&key)).map_err(Error::engine)?;
        let run = |start: &Start| -> Result<_> {
            let mut ctx = process.ctx(vfs.clone()).events(&channel, EVENTS_LIMIT).build();
            let required = &tests.required;
            let reporting = Reporting { key: KEY_FILE, channel: &channel, skip: &skip, required };
            let wanted = tests.wanted.as_deref();
            let source = match start {
                Start::Fresh => call(process, layout, Some(reporting)),
                Start::Session { files, .. } => resume(wanted, files, &[], reporting, None),
                Start::Collected { changed, reach: Some(reach), .. } => {
                    // It names the required tests by their places.
                    let reporting = Reporting { required: &[], ..reporting };
                    let reach = reach.request(&before, changed, required);
                    resume(wanted, &[], changed, reporting, Some(reach))
                }
                Start::Collected { changed, .. } => resume(wanted, &[], changed, reporting, None),
            };
            let _span = tracing::debug_span!("pass", start = start.name()).entered();
            let (mut snapshot, mut reference) = (self.snapshot(), &self.shared.reference);
            if let Some(paused) = start.paused() {
                ctx.adopt(paused.descriptors());
                (snapshot, reference) = (paused.snapshot(), paused.reference());
            }
            // Django's own test suite is run by the Django that it tests.
            let strict = tests.runner == TestRunner::Pytest;
            let guard = Box::new(Guard::new(Arc::clone(reference), strict, random_bytes()?));
            let watch = process.per_test.map(|limit| bounds.watch(&key, limit));
            let mut ran =
                clone_and_run(snapshot, ctx, &bounds.limits, &source, watch, Some(guard))?;
            let refused = ran.outcome == ExecOutcome::Exited { code: REFUSED };
            if start.is_collected() && refused && !has_begun(&ran.parts.events.bytes) {
                return Ok(None);
            }
            self.count(start, ran.cpu);
            if let Some(paused) = start.paused() {
                paused.complete(&mut ran.parts.stdout, &mut ran.parts.stderr);
            }
            Ok(Some(ran))
        };
        let mut ran = None;
        for start in &starts {
            ran = run(start)?;
            if ran.is_some() {
                if let Start::Collected { reach: Some(reach), .. } = start {
                    reader.know(Arc::clone(&reach.known));
                }
                break;
            }
        }
        let Some(mut ran) = ran else {
            return Err(Error::engine("a run of tests had nothing to start from"));
        };
        let parts = &mut ran.parts;
        reader.read(&parts.events.bytes, &key);
        let observer = parts.observer.take().map(|observer| observer as Box<dyn Any>);
        if let Some(guard) = observer.and_then(|observer| observer.downcast::<Guard>().ok()) {
            reader.tampering(guard.signs(&parts.events.bytes));
            let (files, bytecode) = (reader.files(), process.write_bytecode);
            reader.tampering(changed_tests(&vfs, &parts.vfs, TESTBED, &files, bytecode));
        }
        // The run may have ended before the runner took it away, or have put something else there;
        // nothing that a guest leaves is a failure of ours.
        let _ = parts.vfs.remove_file(KEY_FILE).or_else(|_| parts.vfs.remove_dir_all(KEY_FILE));
        Ok(ran)
    }
}

/// Whether a log says that a test was started, so that tested code may have ended the run.
fn has_begun(events: &[u8]) -> bool {
    const STARTED: &[u8] = b"\"started\"";
    events.windows(STARTED.len()).any(|window| window == STARTED)
}

/// What the end of an interpreter means for the test that was running, with the reason.
fn cut(outcome: &ExecOutcome, per_test: Option<Duration>) -> Option<(Outcome, String)> {
    match outcome {
        ExecOutcome::Interrupted => {
            let limit = per_test.unwrap_or_default().as_secs_f64();
            let reason = format!("Timeout: it ran past the limit of {limit} s for one test");
            Some((Outcome::Timeout, reason))
        }
        ExecOutcome::Timeout | ExecOutcome::Stalled => {
            Some((Outcome::Timeout, "Timeout: the time for all tests was over".to_owned()))
        }
        ExecOutcome::Finished { .. } | ExecOutcome::OutOfMemory => {
            Some((Outcome::Error, "Error: it ran out of memory".to_owned()))
        }
        ExecOutcome::StackOverflow => {
            Some((Outcome::Error, "Error: it overflowed the stack".to_owned()))
        }
        ExecOutcome::Trap { reason } => Some((Outcome::Error, format!("Error: {reason}"))),
        // A test that leaves the interpreter has not ended, and takes the rest with it.
        ExecOutcome::Exited { .. } => None,
    }
}

/// Adds to the output what the runner had no time to say, in its own words.
fn say(output: &mut CapturedOutput, runner: TestRunner, id: &TestId, reason: &str) {
    if output.bytes.last().is_some_and(|byte| *byte != b'\n') {
        output.push(b"\n");
    }
    let line = match runner {
        TestRunner::Unittest | TestRunner::Django => format!("{id} ... FAIL\n{reason}\n"),
        _ => format!("FAILED {id} - {reason}\n"),
    };
    output.push(line.as_bytes());
}

pub(super) fn key_tree(key: &str) -> Tree {
    let path = RepoPath::new(KEY_FILE.trim_start_matches('/'));
    let files = path.map(|path| (path, File::new(key.as_bytes())));
    Tree::from_files(files).unwrap_or_default()
}
