//! Runs a repository's tests in the guest and learns their outcomes from events, never from text.

mod command;
mod events;
mod watch;

pub(crate) use command::CommandLine;
pub(crate) use events::EventReader;
pub(crate) use watch::TestWatch;

/// Our own modules in the guest: the one that starts every command, and what it uses.
pub(crate) const MODULES: &[(&str, &str)] = &[
    ("ssr_runtime.py", include_str!("ssr_runtime.py")),
    ("ssr_supply.py", include_str!("ssr_supply.py")),
    ("ssr_threads.py", include_str!("ssr_threads.py")),
    ("ssr_absent.py", include_str!("ssr_absent.py")),
    ("ssr_ctypes.py", include_str!("ssr_ctypes.py")),
    ("ssr_rehearsal.py", include_str!("ssr_rehearsal.py")),
    ("ssr_events.py", include_str!("ssr_events.py")),
    ("ssr_witness.py", include_str!("ssr_witness.py")),
    ("ssr_canary.py", include_str!("ssr_canary.py")),
    ("ssr_audit.py", include_str!("ssr_audit.py")),
    ("ssr_pytest.py", include_str!("ssr_pytest.py")),
    ("ssr_django.py", include_str!("ssr_django.py")),
    ("ssr_unittest.py", include_str!("ssr_unittest.py")),
    ("ssr_session.py", include_str!("ssr_session.py")),
    ("ssr_swap.py", include_str!("ssr_swap.py")),
];
