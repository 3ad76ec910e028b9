//! The observer of a run of tests: compares memory and frames, and collects signs of tampering.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::Deserialize;

use crate::interpreter::GuestObserver;

use super::chain::{Chain, Sample};
use super::seals::Seals;
use super::survey::{Scope, Survey};

/// One result in so many is compared with everything, not only with what results are made of.
const SOME: u64 = 32;

/// What the objects of the test runner look like in memory while nobody tampers with them.
#[derive(Clone)]
pub(crate) struct Reference {
    seals: Arc<Seals>,
    /// `None` for interpreters before 3.13, which keep the running frame on the C stack.
    chain: Option<Arc<Chain>>,
    /// Where the interpreter counts how often tracing was switched, and the count.
    tracing: Option<(u32, u32)>,
}

/// Samples of a guest that reports the addresses of its running frames. The offsets that the guard
/// needs are found in these samples, since they differ between builds of CPython.
#[derive(Default)]
pub(crate) struct Calibration {
    samples: Vec<Sample>,
    /// The memory near the running frame, between changes of the trace function.
    switched: Vec<BTreeMap<u32, u32>>,
}

impl GuestObserver for Calibration {
    fn output(&mut self, memory: &[u8], line: &[u8]) {
        if line == b"switched\n" {
            self.switched.push(self.near(memory));
        } else {
            self.samples.extend(Sample::take(memory, line));
        }
    }
}

impl Calibration {
    fn near(&self, memory: &[u8]) -> BTreeMap<u32, u32> {
        let memory = super::objects::Memory(memory);
        let places = Chain::places(&self.samples);
        let near = places.iter().flat_map(|at| (at.saturating_sub(256)..at + 64).step_by(4));
        near.filter_map(|at| Some((at, memory.word(at)?))).collect()
    }

    /// The one word that counts, above its lowest byte.
    fn tracing(&self) -> Option<u32> {
        let [first, rest @ ..] = self.switched.as_slice() else { return None };
        let counts = |at: &u32| {
            let values: Vec<u32> = rest.iter().filter_map(|words| words.get(at).copied()).collect();
            let all = std::iter::once(first[at]).chain(values);
            let steps: Vec<u32> =
                all.clone().zip(all.skip(1)).map(|(one, next)| next.wrapping_sub(one)).collect();
            let step = steps.first().copied().unwrap_or(0);
            step != 0 && step < 1 << 16 && step % 256 == 0 && steps.iter().all(|s| *s == step)
        };
        let found: Vec<u32> = first.keys().copied().filter(counts).collect();
        if let [one] = *found { Some(one) } else { None }
    }
}

impl Reference {
    /// Puts together what the survey in the guest named and the offsets found in the samples.
    /// `memory` is what will be compared with; a message when it is not laid out as expected.
    pub(crate) fn new(
        survey: &[u8],
        calibration: &Calibration,
        memory: &[u8],
    ) -> Result<Self, String> {
        let survey: Survey = serde_json::from_slice(survey).map_err(|error| error.to_string())?;
        let words = super::objects::Memory(memory);
        Ok(Self {
            seals: Arc::new(Seals::new(words, &survey)?),
            chain: (survey.version >= (3, 13))
                .then(|| Chain::learn(&calibration.samples, &survey).map(Arc::new))
                .transpose()?,
            tracing: calibration.tracing().and_then(|at| Some((at, words.word(at)? >> 8))),
        })
    }

    /// The reference for an interpreter that goes on from `memory`, in which we switched tracing.
    pub(crate) fn of(&self, memory: &[u8]) -> Self {
        let words = super::objects::Memory(memory);
        let tracing = self.tracing.and_then(|(at, _)| Some((at, words.word(at)? >> 8)));
        Self { tracing, ..self.clone() }
    }
}

/// Looks at a guest while it runs tests, and remembers what is wrong.
pub(crate) struct Guard {
    reference: Arc<Reference>,
    /// Whether every frame below an event has to be the test runner's.
    strict: bool,
    /// Decides at which results everything is compared.
    dice: ChaCha8Rng,
    ticks: u64,
    broken: BTreeSet<u32>,
    traced: bool,
    /// What was broken of the rest of the world, by the place in the event log.
    world: Vec<(usize, BTreeSet<u32>)>,
    /// Places in the event log that something else than the test runner wrote.
    foreign: Vec<usize>,
}

impl GuestObserver for Guard {
    /// pytest reads the clock before and after each phase of a test, twice in a row: every second
    /// time is enough.
    fn clock_read(&mut self, memory: &[u8]) {
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(2) {
            self.look(memory);
        }
    }

    fn event(&mut self, memory: &[u8], at: usize, event: &[u8]) {
        let has = |part: &[u8]| event.windows(part.len()).any(|window| window == part);
        if has(b"\"event\": \"started\"") {
            return;
        }
        self.look(memory);
        let chain = self.reference.chain.as_ref();
        if chain.is_some_and(|chain| !chain.is_the_runner(memory, self.strict)) {
            self.foreign.push(at);
        }
        let ends = has(b"\"event\": \"collected\"") || has(b"\"event\": \"finished\"");
        // A full comparison at every result would cost more than the tests. Tested code cannot
        // know at which results it takes place.
        if !ends && !self.dice.next_u64().is_multiple_of(SOME) {
            return;
        }
        let seals = &self.reference.seals;
        seals.broken(memory, Scope::Judge, &mut self.broken);
        let mut world = BTreeSet::new();
        seals.broken(memory, Scope::World, &mut world);
        if !world.is_empty() {
            self.world.push((at, world));
        }
    }

    fn end(&mut self, memory: &[u8]) {
        self.look(memory);
        self.reference.seals.broken(memory, Scope::Judge, &mut self.broken);
    }
}

impl Guard {
    /// `strict` when nothing of the repository takes part in running its tests.
    /// The guest must not know `seed`.
    pub(crate) fn new(reference: Arc<Reference>, strict: bool, seed: [u8; 32]) -> Self {
        Self {
            reference,
            strict,
            dice: ChaCha8Rng::from_seed(seed),
            ticks: 0,
            broken: BTreeSet::new(),
            traced: false,
            world: Vec::new(),
            foreign: Vec::new(),
        }
    }

    fn look(&mut self, memory: &[u8]) {
        self.reference.seals.broken(memory, Scope::Hot, &mut self.broken);
        if let Some((at, count)) = self.reference.tracing {
            let now = super::objects::Memory(memory).word(at).map(|word| word >> 8);
            self.traced |= now != Some(count);
        }
    }

    /// What the run has against it, given the events that it wrote.
    pub(crate) fn signs(&self, events: &[u8]) -> Vec<String> {
        let mut signs = BTreeSet::new();
        let name = |label: &u32| self.reference.seals.name(*label);
        signs.extend(self.broken.iter().map(|label| format!("{} was replaced", name(label))));
        if self.traced {
            signs.insert("the tracing of Python code was switched on".to_owned());
        }
        for (at, labels) in &self.world {
            if Line::at(events, *at).is_some_and(|line| line.is_between_tests()) {
                let left = |label| format!("{} was left replaced", name(label));
                signs.extend(labels.iter().map(left));
            }
        }
        for at in &self.foreign {
            if Line::at(events, *at).is_none_or(|line| line.can_help()) {
                signs.insert("an event was not written by the test runner".to_owned());
            }
        }
        signs.into_iter().collect()
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { broken, traced, foreign, .. } = self;
        write!(f, "Guard({} broken, traced: {traced}, foreign: {foreign:?})", broken.len())
    }
}

/// What matters of an event here.
#[derive(Deserialize)]
struct Line {
    event: String,
    #[serde(default)]
    phase: String,
    #[serde(default)]
    outcome: String,
}

impl Line {
    fn at(events: &[u8], at: usize) -> Option<Self> {
        let rest = events.get(at..)?;
        serde_json::from_slice(rest.split(|byte| *byte == b'\n').next()?).ok()
    }

    /// Whether tests have put back by now what they replace.
    fn is_between_tests(&self) -> bool {
        matches!(&*self.event, "collected" | "finished")
            || self.phase == "teardown"
            || self.event == "outcome"
    }

    /// Whether a forger gains by it. A failing subtest is reported from within its test.
    fn can_help(&self) -> bool {
        match &*self.event {
            "test" | "outcome" => self.outcome == "passed",
            "collection" | "started" | "broken" | "sign" => false,
            _ => true,
        }
    }
}
