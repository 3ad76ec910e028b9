//! The sandbox as its users see it: repositories, tests, programs and scripts in a real guest.

mod support;

#[path = "../behaviour/mod.rs"]
mod behaviour;
#[path = "../commands/mod.rs"]
mod commands;

mod affected;
mod collected;
mod determinism;
mod django;
mod gates;
mod git;
mod isolation;
mod limits;
mod load;
mod outcomes;
mod pytest_cache;
mod python;
mod sessions;
mod shell;
mod shell_session;
mod supplies;
mod unittests;

behaviour::tests!(Some(support::sandbox()));
