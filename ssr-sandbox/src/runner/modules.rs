//! Our own Python modules in the guest: the one that starts every command, and what it uses.

use crate::harness;

const OWN: [(&str, &str); 14] = [
    ("ssr_runtime.py", include_str!("python/ssr_runtime.py")),
    ("ssr_supply.py", include_str!("python/ssr_supply.py")),
    ("ssr_threads.py", include_str!("python/ssr_threads.py")),
    ("ssr_absent.py", include_str!("python/ssr_absent.py")),
    ("ssr_ctypes.py", include_str!("python/ssr_ctypes.py")),
    ("ssr_zones.py", include_str!("python/ssr_zones.py")),
    ("ssr_rehearsal.py", include_str!("python/ssr_rehearsal.py")),
    ("ssr_witness.py", include_str!("python/ssr_witness.py")),
    ("ssr_canary.py", include_str!("python/ssr_canary.py")),
    ("ssr_audit.py", include_str!("python/ssr_audit.py")),
    ("ssr_django.py", include_str!("python/ssr_django.py")),
    ("ssr_session.py", include_str!("python/ssr_session.py")),
    ("ssr_graft.py", include_str!("python/ssr_graft.py")),
    ("ssr_swap.py", include_str!("python/ssr_swap.py")),
];

/// Names and texts of all modules, those that write events included.
pub(crate) fn modules() -> impl Iterator<Item = (&'static str, &'static str)> {
    OWN.into_iter().chain(harness::MODULES)
}
