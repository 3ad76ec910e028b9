//! Patches and tree hashes against a real git, which has to be installed.
#![cfg(unix)]

mod apply;
mod oracle;
mod props;
mod releases;
mod roundtrip;
mod tree_hash;
