//! One running script: what its commands share, and how it ends early.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use ssr_core::{Limits, TestReport};

use crate::Error;
use crate::runner::Interpreter;

use super::clock::{ScriptClock, ThreadTime};
use super::fs::ShellFs;
use super::git::History;

/// 2025-01-01T00:00:00Z, where the clock of the guests starts, too.
pub(super) const EPOCH: i64 = 1_735_689_600;

/// After this time a sleeping script is looked at in any case.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// One script and what its commands share.
pub(super) struct Session {
    pub(super) interpreter: Arc<dyn Interpreter>,
    pub(super) fs: ShellFs,
    pub(super) limits: Limits,
    /// When the script started, on the clock on the wall.
    start: Instant,
    clock: Mutex<ScriptClock>,
    history: Mutex<History>,
    state: Mutex<State>,
    /// A Python program runs, which has the same limit.
    busy: AtomicBool,
}

/// Stops the watch over a script when it is dropped.
pub(super) struct Watch(#[expect(dead_code, reason = "its end is the message")] Sender<()>);

/// How often the watch looks when the time may be over.
const LOOK: Duration = Duration::from_millis(50);

/// What happened to a script beside its output.
#[derive(Default)]
pub(super) struct State {
    /// What all test runs of the script reported.
    pub(super) report: Option<TestReport>,
    pub(super) truncated: bool,
    pub(super) timed_out: bool,
    pub(super) broken: Option<Error>,
}

impl Session {
    /// A script that begins now.
    pub(super) fn new(
        interpreter: Arc<dyn Interpreter>,
        fs: ShellFs,
        history: History,
        limits: Limits,
    ) -> Self {
        Self {
            interpreter,
            fs,
            limits,
            start: Instant::now(),
            clock: Mutex::new(ScriptClock::start()),
            history: Mutex::new(history),
            state: Mutex::default(),
            busy: AtomicBool::new(false),
        }
    }

    /// Sets `cancelled` when the time of the script is over: a script that only computes never
    /// waits, so nothing else could stop it. A Python program ends by itself and has output to
    /// deliver afterwards. Called on the thread of the script, whose work is what counts.
    pub(super) fn watch(self: &Arc<Self>, cancelled: Arc<AtomicBool>) -> std::io::Result<Watch> {
        let (ended, end) = channel();
        let (session, thread) = (Arc::downgrade(self), ThreadTime::current());
        // No thread uses more than the time that passes.
        let mut wait = self.left();
        std::thread::Builder::new().name("shell time".to_owned()).spawn(move || {
            while end.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                let Some(session) = session.upgrade() else { return };
                wait = LOOK;
                if session.state().timed_out {
                    return;
                }
                if !session.busy.load(Ordering::Acquire) && session.is_over(&thread) {
                    cancelled.store(true, Ordering::Relaxed);
                    return;
                }
            }
        })?;
        Ok(Watch(ended))
    }

    /// Whether the time of the script is over, asked on another thread than its own.
    fn is_over(&self, thread: &ThreadTime) -> bool {
        let elapsed = match thread.used() {
            Some(used) => self.clock().elapsed_at(used),
            None => self.start.elapsed(),
        };
        elapsed >= self.limits.cpu
    }

    /// Runs a Python program, during which the watch over the script waits.
    pub(super) fn while_busy<T>(&self, run: impl FnOnce() -> T) -> T {
        self.busy.store(true, Ordering::Release);
        let done = run();
        self.busy.store(false, Ordering::Release);
        done
    }

    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the clock, on the thread on which the script runs.
    pub(super) fn begin(&self) {
        *self.clock() = ScriptClock::start();
    }

    pub(super) fn clock(&self) -> MutexGuard<'_, ScriptClock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is left of the time of the script.
    pub(super) fn left(&self) -> Duration {
        self.limits.cpu.saturating_sub(self.elapsed())
    }

    /// How long the script has been running, by its own clock.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock().elapsed()
    }

    /// What is left of the time that the machine has for the script.
    pub(super) fn wall_left(&self) -> Duration {
        self.limits.wall_limit().saturating_sub(self.start.elapsed())
    }

    pub(super) fn add_report(&self, report: &TestReport) {
        self.state().report.get_or_insert_default().merge(report);
    }

    /// Notes that a command lost output.
    pub(super) fn truncated(&self) {
        self.state().truncated = true;
    }

    /// Ends the script because its time is over.
    pub(super) fn time_out(&self) -> bashkit::Error {
        self.state().timed_out = true;
        bashkit::Error::Cancelled
    }

    /// Cuts `running` off when the time of the script is over, unless it is ending already because
    /// a Python program was cut off: that one has output to deliver.
    pub(super) async fn in_time<T>(
        &self,
        running: impl Future<Output = bashkit::Result<T>>,
    ) -> bashkit::Result<T> {
        let mut running = pin!(running);
        let mut end = pin!(tokio::time::sleep(self.left()));
        poll_fn(|cx| {
            self.clock().wake();
            let polled = running.as_mut().poll(cx);
            if polled.is_ready() || self.state().timed_out {
                return polled;
            }
            if self.left().is_zero() {
                return Poll::Ready(Err(self.time_out()));
            }
            if self.wall_left().is_zero() {
                return Poll::Ready(Err(self.break_off(self.stalled())));
            }
            let next = self.left().min(self.wall_left()).min(LONGEST_SLEEP);
            end.as_mut().reset(tokio::time::Instant::now() + next);
            if end.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
            self.clock().sleep();
            Poll::Pending
        })
        .await
    }

    /// The machine had no time for the script.
    pub(super) fn stalled(&self) -> Error {
        Error::Stalled { wall: self.limits.wall_limit() }
    }

    /// Ends the script because the sandbox itself failed.
    pub(super) fn break_off(&self, error: Error) -> bashkit::Error {
        self.state().broken = Some(error);
        bashkit::Error::Cancelled
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
