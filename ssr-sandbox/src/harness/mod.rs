//! What every sandbox of this crate shares: where the repository lies, how test runners are called,
//! and the event log on which they report, with the Python modules that write it.

mod command;
mod event;
mod events;
mod secret;

use ssr_core::TestRunner;

pub(crate) use command::CommandLine;
#[cfg(feature = "wasi")]
pub(crate) use event::{Event, Line};
pub(crate) use events::EventReader;
#[cfg(feature = "wasi")]
pub(crate) use events::Known;
#[cfg(feature = "wasi")]
pub(crate) use secret::random_bytes;
pub(crate) use secret::secret;

/// Where the repository is, as in SWE-bench images.
pub(crate) const TESTBED: &str = "/testbed";

/// Folders that tools make in a repository and nobody commits.
pub(crate) const TOOL_CACHES: [&str; 3] = [".pytest_cache", ".mypy_cache", ".ruff_cache"];

/// Bytes of events that one run may report: enough for some hundred thousand tests.
pub(crate) const EVENTS_LIMIT: usize = 64 << 20;

/// The exit status of a runner that found no tests.
pub(crate) const NO_TESTS: i32 = 5;

/// The Python modules that write events.
pub(crate) const MODULES: [(&str, &str); 3] = [
    ("ssr_events.py", include_str!("ssr_events.py")),
    ("ssr_pytest.py", include_str!("ssr_pytest.py")),
    ("ssr_unittest.py", include_str!("ssr_unittest.py")),
];

/// What a runner is called in Python modules and in messages.
pub(crate) fn runner_name(runner: TestRunner) -> &'static str {
    match runner {
        TestRunner::Unittest => "unittest",
        TestRunner::Django => "django",
        _ => "pytest",
    }
}
