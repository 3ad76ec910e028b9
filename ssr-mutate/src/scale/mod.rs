//! Bugs of many edits: removal, history and composition.

mod bug;
#[cfg(feature = "history")]
mod history;

#[cfg(feature = "python")]
pub(crate) use bug::patch_of;
pub use bug::{Bug, BugId, ScaleOperator};
#[cfg(feature = "history")]
pub use history::{Commit, History, HistoryBounds};
