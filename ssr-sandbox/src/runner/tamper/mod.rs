//! Signs that tested code tampered with its test runner, gathered from outside of the guest.
//! `SECURITY.md` says what this is for and what it cannot do.
//!
//! Tested code and test runner share one interpreter, so nothing that runs inside of it can be
//! relied on alone. The host knows where in the snapshot's memory the functions, classes and
//! modules of the runner are, and compares these words while a suite runs ([`seals`]); and when a
//! result is reported it walks the interpreter's frames, all of which have to be the runner's own
//! ([`chain`]). Afterwards it looks at what became of the test files ([`files`]).

mod chain;
mod files;
mod guard;
mod objects;
mod seals;
mod survey;

pub(crate) use files::changed_tests;
pub(crate) use guard::{Calibration, Guard, Reference};
