//! Runs a repository's tests in the guest and learns their outcomes from events, never from text.

mod events;

pub(crate) use events::read_events;

/// The Python module that starts every command in the guest.
pub(crate) const RUNTIME: &str = include_str!("ssr_runtime.py");

/// The pytest plugin that writes the events.
pub(crate) const PLUGIN: &str = include_str!("ssr_pytest.py");
