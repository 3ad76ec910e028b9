//! Bugs of many edits: removal, history and composition.

mod bug;

#[cfg(feature = "python")]
pub(crate) use bug::patch_of;
pub use bug::{Bug, BugId, ScaleOperator};
