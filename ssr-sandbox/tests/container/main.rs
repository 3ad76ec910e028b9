//! Containers, where an engine answers. Everything is skipped, and says so, where none does.

mod support;

#[path = "../behaviour/mod.rs"]
mod behaviour;

mod isolation;
mod limits;

behaviour::tests!(crate::support::sandbox());
