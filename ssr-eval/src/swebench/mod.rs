//! Grades SWE-bench (Jimenez et al., arXiv 2310.06770) as the official harness 4.1 or 5.0 does.
//!
//! An instance is an issue of a real repository. It is graded by which tests pass after the model's
//! patch.
//!
//! | | [`Rules::V4`] | [`Rules::V5`] |
//! |---|---|---|
//! | `XFAIL` | passes | passes |
//! | `SKIPPED` in `FAIL_TO_PASS` | **ignored**: neither success nor failure | fails |
//! | `SKIPPED` in `PASS_TO_PASS` | ignored | passes |
//! | missing id | fails | fails |
//! | truncated id (`test_x[log(ph`) | missing | matches by prefix, if all matches agree |
//! | no test reported | every test fails | the run is invalid, unless the suite ran all the same |
//! | exit code ≠ 0 and no failure reported | graded as reported | the run is invalid |
//!
//! The logs of some repositories list failures alone ([`EvalType::FailOnly`]). There every test
//! passes that the log does not list as `FAILED`, under both rules.

mod directives;
mod grade;
mod instance;
mod prediction;
mod report;
mod status;
mod summary;

pub use grade::{EvalType, Resolution, Rules, Run, Split, TestsStatus};
pub use instance::{Instance, read_instances};
pub use prediction::{Prediction, read_predictions};
pub use report::{InfraFailure, InstanceReport, Tier};
pub use status::{StatusMap, TestStatus};
pub use summary::RunSummary;

/// Indents by four spaces, as the official harness does.
fn to_json<T: serde::Serialize>(value: &T) -> String {
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    // The values are strings, numbers, lists and maps with string keys: writing them to memory
    // cannot fail.
    value
        .serialize(&mut serializer)
        .map(|()| String::from_utf8_lossy(&out).into_owned())
        .unwrap_or_default()
}
