//! Keys and values of sequences in shared blocks.

mod cache;
mod prefix;

pub(crate) use cache::{Cache, Pool};
pub(crate) use prefix::{PrefixCache, PrefixKey};
