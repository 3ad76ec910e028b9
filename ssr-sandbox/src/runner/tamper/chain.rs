//! Walks the frames of the interpreter to find out which Python code is running.

use std::collections::HashSet;

use super::objects::Memory;
use super::survey::Survey;

/// Frames that are looked at before a chain counts as endless.
const MOST_FRAMES: usize = 5_000;

/// Code objects are at multiples of this; references to them use the bits below.
const ALIGNMENT: u32 = 8;

/// How to find out which Python code is running.
pub(super) struct Chain {
    /// Where the interpreter keeps the frame that is running.
    current: u32,
    /// Offsets in a frame of its code and of the frame that called it.
    code: u32,
    previous: u32,
    code_type: u32,
    /// The code objects of the test runner.
    runner: HashSet<u32>,
    emit: u32,
    run: u32,
}

/// A frame whose place is known, at a moment in which it runs.
pub(super) struct Sample {
    frame: u32,
    /// Every place that points to the frame.
    places: HashSet<u32>,
    codes: HashSet<u32>,
    previous: HashSet<u32>,
}

impl Sample {
    /// Reads what `ssr_witness._probe` says about itself: the addresses of its frame object, its
    /// code and the frame object that called it.
    pub(super) fn take(memory: &[u8], line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let mut numbers = line.split_whitespace().map(|number| number.parse::<u32>().ok());
        let (frame, code, back) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let bytes = memory;
        let memory = Memory(memory);
        let (frame, back) = (memory.frame_of(frame)?, memory.frame_of(back)?);
        let words = bytes.chunks_exact(4).zip((0_u32..).step_by(4));
        let places = words.filter(|(word, _)| *word == frame.to_le_bytes());
        let offsets = |wanted: &dyn Fn(u32) -> bool| {
            let offsets = (0..96).step_by(4);
            offsets.filter(|offset| memory.word(frame + offset).is_some_and(wanted)).collect()
        };
        Some(Self {
            frame,
            places: places.map(|(_, at)| at).collect(),
            codes: offsets(&|word| word & !(ALIGNMENT - 1) == code),
            previous: offsets(&|word| word == back),
        })
    }
}

impl Chain {
    /// Learns from frames at different depths; a message when they do not agree on one place.
    pub(super) fn learn(samples: &[Sample], survey: &Survey) -> Result<Self, String> {
        let frames: HashSet<u32> = samples.iter().map(|sample| sample.frame).collect();
        if frames.len() < 2 {
            return Err("the frames of the interpreter were not seen".to_owned());
        }
        let only = |of: fn(&Sample) -> &HashSet<u32>, what: &str| {
            let mut common = of(&samples[0]).clone();
            common.retain(|offset| samples.iter().all(|sample| of(sample).contains(offset)));
            let found: Vec<u32> = common.into_iter().collect();
            match *found {
                [one] => Ok(one),
                _ => Err(format!("{} places could hold {what}", found.len())),
            }
        };
        Ok(Self {
            current: only(|sample| &sample.places, "the running frame")?,
            code: only(|sample| &sample.codes, "the code of a frame")?,
            previous: only(|sample| &sample.previous, "the calling frame")?,
            code_type: survey.code_type,
            runner: survey.codes.iter().copied().collect(),
            emit: survey.emit,
            run: survey.run,
        })
    }

    /// The places that pointed to the running frame in all samples.
    pub(super) fn places(samples: &[Sample]) -> Vec<u32> {
        let [first, rest @ ..] = samples else { return Vec::new() };
        let all = |at: &u32| rest.iter().all(|sample| sample.places.contains(at));
        first.places.iter().copied().filter(all).collect()
    }

    /// Whether the code that runs is the writer of events, called by `ssr_runtime.run`; with
    /// `alone` through nothing but code of the test runner.
    pub(super) fn is_the_runner(&self, memory: &[u8], alone: bool) -> bool {
        self.walk(Memory(memory), alone).unwrap_or(false)
    }

    fn walk(&self, memory: Memory<'_>, alone: bool) -> Option<bool> {
        let mut frame = memory.word(self.current)?;
        let mut first = true;
        for _ in 0..MOST_FRAMES {
            let code = memory.word(frame.checked_add(self.code)?)? & !(ALIGNMENT - 1);
            // Frames at which C calls Python have no code.
            if memory.type_of(code)? == self.code_type {
                if first && code != self.emit {
                    return Some(false);
                }
                first = false;
                if code == self.run {
                    return Some(true);
                }
                if alone && !self.runner.contains(&code) {
                    return Some(false);
                }
            }
            frame = memory.word(frame.checked_add(self.previous)?)?;
        }
        Some(false)
    }
}
