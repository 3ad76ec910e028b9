//! What both halves of a step share: its number, its seed, the policy, the suites, the observer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ssr_core::{
    BugInstance, Completion, Message, Policy, Request, Seed, Segment, Suites, Trajectory, Turn,
};

use super::audited::Auditor;
use super::{Event, Progress};
use crate::{BugRecord, Config, Error};

/// One step, as both roles see it.
pub(super) struct StepContext<'a, S> {
    /// The step, from 1.
    pub(super) number: u64,
    /// The seed of this step.
    pub(super) seed: Seed,
    pub(super) config: &'a Config,
    pub(super) suites: &'a Suites<S>,
    pub(super) auditor: Auditor<'a>,
    pub(super) policy: &'a dyn Policy,
    pub(super) progress: &'a dyn Progress,
    pub(super) clock: Clock,
    pub(super) dropped: FirstFailure,
}

/// A bug and what is kept of it.
#[derive(Clone)]
pub(super) struct FoundBug {
    pub(super) bug: BugInstance,
    pub(super) record: BugRecord,
}

impl<S> StepContext<'_, S> {
    /// Warns of a failure of the infrastructure that drops episodes.
    pub(super) fn note(&self, consequence: &str, failure: Error) {
        self.progress.event(Event::Warning(&format!("{consequence}: {failure}")));
        self.dropped.keep(failure);
    }

    /// The requests of a group: they share their prompt and differ in their randomness.
    pub(super) fn requests(
        &self,
        count: usize,
        messages: &[Message],
        answer: &[Segment],
        seed: Seed,
    ) -> Vec<Request> {
        let request = |index| {
            Request::new(messages.to_vec(), answer.to_vec(), seed.index(index as u64))
                .with_sampling(self.config.sampling)
        };
        (0..count).map(request).collect()
    }
}

/// Where the time of a step goes.
#[derive(Default)]
pub(super) struct Clock {
    generation: AtomicU64,
    tests: AtomicU64,
}

impl Clock {
    /// Runs `work` and counts its time as generation.
    pub(super) fn generate<T>(&self, work: impl FnOnce() -> T) -> T {
        Self::measure(&self.generation, work)
    }

    /// Runs `work` and counts its time as testing.
    pub(super) fn test<T>(&self, work: impl FnOnce() -> T) -> T {
        Self::measure(&self.tests, work)
    }

    fn measure<T>(sum: &AtomicU64, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        sum.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        result
    }

    pub(super) fn generation_seconds(&self) -> f64 {
        Self::seconds(&self.generation)
    }

    pub(super) fn test_seconds(&self) -> f64 {
        Self::seconds(&self.tests)
    }

    fn seconds(sum: &AtomicU64) -> f64 {
        Duration::from_nanos(sum.load(Ordering::Relaxed)).as_secs_f64()
    }

    /// Seconds since 1970.
    pub(super) fn now() -> f64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
    }
}

/// The first failure of the infrastructure in a step. A step that still has episodes goes on
/// without those that were dropped; one that has none fails with it.
#[derive(Default)]
pub(super) struct FirstFailure(Mutex<Option<Error>>);

impl FirstFailure {
    fn keep(&self, failure: Error) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
    }

    pub(super) fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A trajectory of a single turn.
pub(super) fn trajectory(completion: &Completion) -> Trajectory {
    std::iter::once(Turn::from(completion.clone())).collect()
}
