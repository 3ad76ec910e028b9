//! The folder of a run and what is in it.

mod bug;
mod checkpoint;
mod dir;
mod event_file;
mod manifest;
mod metrics;
mod report;

pub use bug::BugRecord;
pub use checkpoint::Checkpoint;
pub use dir::RunDir;
pub use manifest::Manifest;
pub use metrics::{StepMetrics, Summary};
pub(crate) use metrics::{rate, ratio};
pub use report::report_html;
