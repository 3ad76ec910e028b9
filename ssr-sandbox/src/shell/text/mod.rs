//! Lines, what differs between two texts, and how diffs are printed.

mod changes;
mod stamp;
mod unified;

pub(super) use changes::{Change, Matching, Style, changes, is_binary, lines};
pub(super) use stamp::utc;
pub(super) use unified::{Section, unified};
