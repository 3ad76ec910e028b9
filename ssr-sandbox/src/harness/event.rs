//! The lines that test runners write on the event channel, by `ssr_events.py`.

use serde::Deserialize;
use ssr_core::Outcome;

#[derive(Deserialize)]
pub(crate) struct Line {
    pub(crate) key: String,
    pub(super) n: u64,
    #[serde(flatten)]
    pub(crate) event: Event,
}

/// What the runners write by `ssr_events.py`.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Event {
    /// The tests that are going to run.
    Collected { ids: Vec<String> },
    /// Which of the known tests are going to run and which do not exist any more, each as a number in
    /// hexadecimal digits; the others end as they are known to.
    Selected {
        run: String,
        #[serde(default)]
        gone: String,
    },
    /// The code that was executed, by file, and by line and name.
    Reached { codes: Vec<(String, String)> },
    /// A file or fixture that stands for several tests.
    Collection { id: String, outcome: PhaseOutcome, message: String },
    /// The test, or the file to collect, that the limit of one test applies to from now on.
    Started { id: String },
    /// One phase of a test, for runners that report phases.
    Test { id: String, phase: Phase, outcome: PhaseOutcome, expected: bool },
    /// A test as a whole, after its teardown.
    Outcome { id: String, outcome: Outcome },
    /// The runner itself failed.
    Broken { message: String },
    /// A sign of tampering that the runner noticed itself.
    Sign { message: String },
    /// The runner returned. A canary is a test of our own that must fail.
    Finished {
        status: i32,
        #[serde(default)]
        canary: Option<PhaseOutcome>,
    },
}

impl Event {
    /// Whether the limit of one test no longer applies to `running`.
    pub(crate) fn ends(&self, running: &str) -> bool {
        match self {
            Self::Collection { id, .. } | Self::Outcome { id, .. } => id == running,
            Self::Test { id, phase, .. } => *phase == Phase::Teardown && id == running,
            Self::Finished { .. } => true,
            Self::Collected { .. }
            | Self::Selected { .. }
            | Self::Reached { .. }
            | Self::Started { .. }
            | Self::Broken { .. }
            | Self::Sign { .. } => false,
        }
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    Setup,
    Call,
    Teardown,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PhaseOutcome {
    Passed,
    Failed,
    Skipped,
}
