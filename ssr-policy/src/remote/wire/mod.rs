//! The bodies of requests by token ids and what the answers to them hold.

mod reply;
mod request;
#[cfg(test)]
mod tests;

pub(super) use reply::{Reply, choice, length, parse, text, usage};
pub(super) use request::Ask;
