//! SWE-bench (Jimenez et al., arXiv 2310.06770): issues of real repositories, graded by which tests
//! pass after the model's patch. Follows the official harness, versions 4.1 and 5.0.
//!
//! | | [`Rules::V4`] | [`Rules::V5`] |
//! |---|---|---|
//! | `XFAIL` | passes | passes |
//! | `SKIPPED` in `FAIL_TO_PASS` | **ignored**: neither success nor failure | fails |
//! | `SKIPPED` in `PASS_TO_PASS` | ignored | passes |
//! | missing id | fails | fails |
//! | truncated id (`test_x[log(ph`) | missing | matches by prefix, if all matches agree |
//! | no test reported | every test fails | the run is void, unless the suite is known to have run |
//! | exit code ≠ 0 and no failure reported | graded as reported | the run is void |
//!
//! For repositories whose logs list failures alone ([`EvalType::FailOnly`]) everything but `FAILED`
//! passes, under both rules.

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
pub use summary::Summary;

/// Four spaces, as the official harness indents.
fn to_json<T: serde::Serialize>(value: &T) -> String {
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    // Writing strings, numbers and lists to memory has nothing that can fail.
    value
        .serialize(&mut serializer)
        .map(|()| String::from_utf8_lossy(&out).into_owned())
        .unwrap_or_default()
}
