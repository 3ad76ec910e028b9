//! Attacks on the sandbox and on its judge, each with what must hold against it.

#[path = "../sandbox/support.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod support;

mod escapes;
mod floods;
mod forgery;
mod modules;
mod suite;
