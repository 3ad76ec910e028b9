//! Bugs that consist of many edits: removal, history and composition.

mod bug;
mod compose;
#[cfg(feature = "history")]
mod history;
mod interaction;

#[cfg(feature = "python")]
pub(crate) use bug::patch_of;
pub use bug::{Bug, BugId, ScaleOperator};
pub(crate) use compose::Links;
pub use compose::{Composer, Composition, Part, Relation};
#[cfg(feature = "history")]
pub use history::{Commit, History, HistoryBounds};
pub use interaction::Interaction;
