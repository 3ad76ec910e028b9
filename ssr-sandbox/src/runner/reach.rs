//! Which tests a change of the code can reach.
//!
//! The sandbox is deterministic: a test that executes none of the changed code, and looks at none of
//! the changed files, ends as before. What each test executes is recorded once for a collected
//! session, by running it alone. A test of which that is not the whole story, because it ends
//! differently together with the others, is run with all tests of its file; when even that is not
//! enough, every test runs always.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::ops::BitOrAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use ssr_core::{Exit, TestId, TestReport};

use crate::Result;
use crate::harness::{EVENTS_LIMIT, EventReader, Known, secret};
use crate::interpreter::{Footprint, Vfs};

use super::GuestRunner;
use super::collected::CollectedSession;
use super::execute::{Ran, clone_and_run};
use super::layout::Layout;
use super::passes::{KEY_FILE, key_tree};
use super::process::{Invocation, Process, Tests};
use super::request::{Reporting, resume};
use super::test_watch::TestWatch;
use super::timing::Timing;

/// Suites with more tests than this are run as a whole: recording them would take longer than
/// they are worth.
const MOST_TESTS: usize = 20_000;

/// Which tests execute which code and look at which files, with how all of them end unchanged.
pub(super) struct Reach {
    pub(super) known: Arc<Known>,
    at: HashMap<TestId, usize>,
    /// By file, then by line and name of the code: its tests, in hexadecimal digits.
    codes: BTreeMap<String, BTreeMap<String, String>>,
    /// What the tests looked at, and which of them looked at it.
    footprint: Footprint,
    lookers: Lookers,
}

/// The tests that looked at each part of a footprint, in its order.
struct Lookers {
    inodes: HashMap<crate::interpreter::Ino, TestSet>,
    names: HashMap<crate::interpreter::Place, TestSet>,
}

/// A set of tests, by their places in the order of the collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TestSet(Vec<u64>);

impl TestSet {
    fn one(test: usize) -> Self {
        let mut words = vec![0; test / 64 + 1];
        words[test / 64] = 1 << (test % 64);
        Self(words)
    }

    /// Hexadecimal digits, the last test first: what `int(digits, 16)` reads.
    fn digits(&self) -> String {
        let mut digits = String::new();
        for word in self.0.iter().rev() {
            // Writing to a string cannot fail.
            let _ = write!(digits, "{word:016x}");
        }
        if digits.is_empty() { "0".to_owned() } else { digits }
    }
}

impl BitOrAssign<&Self> for TestSet {
    fn bitor_assign(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word |= other;
        }
    }
}

/// What a resumed session needs to choose the tests to run (`ssr_session.select`).
#[derive(Serialize)]
pub(super) struct ReachRequest<'a> {
    codes: BTreeMap<&'a str, &'a BTreeMap<String, String>>,
    /// Tests that are to run in any case.
    also: String,
    /// Places of tests that all have to pass; they run in this order.
    required: Vec<usize>,
    /// Whether to tell what code is executed.
    record: bool,
}

/// What one run of chosen tests showed.
struct Record {
    tests: TestSet,
    report: TestReport,
    codes: Vec<(String, String)>,
    footprint: Footprint,
}

impl Reach {
    /// What to tell a session in which the files `changed` are exchanged to go on as on `vfs`.
    pub(super) fn request<'a>(
        &'a self,
        vfs: &Vfs,
        changed: &[String],
        required: &[TestId],
    ) -> ReachRequest<'a> {
        let mut also = TestSet::default();
        let difference = vfs.differences(&self.footprint);
        for ino in &difference.inodes {
            if let Some(tests) = self.lookers.inodes.get(ino) {
                also |= tests;
            }
        }
        for place in &difference.names {
            if let Some(tests) = self.lookers.names.get(place) {
                also |= tests;
            }
        }
        let codes = |path| {
            let (path, codes) = self.codes.get_key_value::<String>(path)?;
            Some((path.as_str(), codes))
        };
        ReachRequest {
            codes: changed.iter().filter_map(codes).collect(),
            also: also.digits(),
            required: required.iter().filter_map(|id| self.at.get(id).copied()).collect(),
            record: false,
        }
    }

    /// Runs every test of the session alone; `None` when what a test does cannot be told that way.
    pub(super) fn record(
        runner: &GuestRunner,
        session: &CollectedSession,
        process: &Process,
        layout: &Layout,
    ) -> Result<Option<Self>> {
        let _span = tracing::debug_span!("reach recorded", tests = session.ids.len()).entered();
        let ids = &session.ids;
        let at: HashMap<TestId, usize> = ids.iter().cloned().zip(0..).collect();
        if at.len() != ids.len() || ids.len() > MOST_TESTS {
            return Ok(None);
        }
        let Some(whole) = whole_report(runner, session, process, layout)? else { return Ok(None) };
        let recording = Recording { runner, session, process };
        let alone = recording.each_alone()?;
        let differs = |record: &Record, id: &TestId| record.report.outcome(id) != whole.outcome(id);
        let dependent = ids.iter().zip(&alone).filter(|(id, record)| differs(record, id));
        let files: BTreeSet<&str> = dependent.map(|(id, _)| id.file()).collect();
        let mut records = Vec::new();
        for file in &files {
            let of_file = || ids.iter().zip(&alone).filter(|(id, _)| id.file() == *file);
            let mut tests = TestSet::default();
            of_file().for_each(|(_, record)| tests |= &record.tests);
            let together = recording.run(tests)?;
            if of_file().any(|(id, _)| differs(&together, id)) {
                tracing::debug!(file, "tests depend on tests of other files");
                return Ok(None);
            }
            records.push(together);
        }
        // Alone, such a test may look at what it does not look at otherwise.
        let independent = ids.iter().zip(alone).filter(|(id, _)| !files.contains(id.file()));
        records.extend(independent.map(|(_, record)| record));
        Ok(Some(Self::of(ids.clone(), at, whole, records, &session.original)))
    }

    fn of(
        ids: Vec<TestId>,
        at: HashMap<TestId, usize>,
        report: TestReport,
        records: Vec<Record>,
        original: &Vfs,
    ) -> Self {
        let mut codes: BTreeMap<String, BTreeMap<String, TestSet>> = BTreeMap::new();
        let mut lookers = Lookers { inodes: HashMap::new(), names: HashMap::new() };
        for Record { tests, codes: executed, footprint, .. } in records {
            for (path, code) in executed {
                *codes.entry(path).or_default().entry(code).or_default() |= &tests;
            }
            for ino in footprint.inodes() {
                *lookers.inodes.entry(ino).or_default() |= &tests;
            }
            for place in footprint.names() {
                *lookers.names.entry(place.clone()).or_default() |= &tests;
            }
        }
        let footprint =
            original.footprint_of(lookers.names.keys().cloned(), lookers.inodes.keys().copied());
        let digits = |tests: BTreeMap<String, TestSet>| {
            tests.into_iter().map(|(code, tests)| (code, tests.digits())).collect()
        };
        let codes = codes.into_iter().map(|(path, tests)| (path, digits(tests))).collect();
        Self { known: Arc::new(Known { ids, report }), at, codes, footprint, lookers }
    }
}

/// How all tests of the session end on the tree that it was made for.
fn whole_report(
    runner: &GuestRunner,
    session: &CollectedSession,
    process: &Process,
    layout: &Layout,
) -> Result<Option<TestReport>> {
    let mut process = process.clone();
    let Invocation::Tests(tests) = &mut process.invocation else { return Ok(None) };
    (tests.required, tests.affected_only) = (Vec::new(), false);
    let tests = tests.clone();
    let finished =
        runner.execute_tests(&session.original, &process, &tests, layout, Timing::Shared)?;
    let whole = matches!(finished.exit, Exit::Code(0 | 1)) && !finished.close;
    Ok(finished.report.filter(|report| whole && report.tampering().is_empty()))
}

struct Recording<'a> {
    runner: &'a GuestRunner,
    session: &'a CollectedSession,
    process: &'a Process,
}

impl Recording<'_> {
    /// A run of each test by itself, on all workers.
    fn each_alone(&self) -> Result<Vec<Record>> {
        let count = self.session.ids.len();
        let (next, records) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(count)));
        let work = || {
            loop {
                let test = next.fetch_add(1, Ordering::Relaxed);
                if test >= count {
                    return;
                }
                let record = self.run(TestSet::one(test));
                records.lock().unwrap_or_else(PoisonError::into_inner).push((test, record));
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.runner.shared.slots.count().min(count) {
                scope.spawn(work);
            }
            work();
        });
        let mut records = records.into_inner().unwrap_or_else(PoisonError::into_inner);
        records.sort_by_key(|(test, _)| *test);
        records.into_iter().map(|(_, record)| record).collect()
    }

    /// Runs `tests` in the unchanged session.
    fn run(&self, tests: TestSet) -> Result<Record> {
        let before = &self.session.original;
        let (key, channel) = (secret()?, format!("/run/ssr/{}", secret()?));
        let mut vfs = before.clone();
        vfs.mount("/", &key_tree(&key)).map_err(crate::Error::engine)?;
        vfs.watch();
        let mut ctx = self.process.ctx(vfs).events(&channel, EVENTS_LIMIT).build();
        let reporting = Reporting { key: KEY_FILE, channel: &channel, skip: &[], required: &[] };
        let reach = ReachRequest {
            codes: BTreeMap::new(),
            also: tests.digits(),
            required: Vec::new(),
            record: true,
        };
        let source = resume(None, &[], &[], reporting, Some(reach));
        let paused = &self.session.paused;
        ctx.adopt(paused.descriptors());
        // A test that is cut off has no outcome, and is compared as such.
        let close = Arc::default();
        let watch = |limit| TestWatch::new(&key, limit, Timing::Alone, &close);
        let watch = self.process.per_test.map(watch);
        let limits = self.process.limits();
        let Ran { mut parts, .. } =
            clone_and_run(paused.snapshot(), ctx, &limits, &source, watch, None)?;
        self.runner.shared.recorded.fetch_add(1, Ordering::Relaxed);
        let mut reader = EventReader::new(runner_name(self.process), &[]);
        reader.know(Arc::new(Known { ids: self.session.ids.clone(), report: TestReport::new() }));
        reader.read(&parts.events.bytes, &key);
        let codes = reader.take_reached();
        let footprint = parts.vfs.footprint_on(before);
        Ok(Record { tests, report: reader.finish(true), codes, footprint })
    }
}

fn runner_name(process: &Process) -> &'static str {
    match &process.invocation {
        Invocation::Tests(tests) => Tests::name(tests),
        _ => "python",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_tests_is_a_number_to_python() {
        assert_eq!(TestSet::default().digits(), "0");
        assert_eq!(TestSet::one(5).digits(), format!("{:016x}", 32));
        let mut both = TestSet::one(0);
        both |= &TestSet::one(64);
        assert_eq!(both.digits(), "00000000000000010000000000000001");
        both |= &TestSet::one(3);
        assert_eq!(both.digits(), "00000000000000010000000000000009");
    }
}
