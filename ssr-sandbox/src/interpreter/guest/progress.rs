//! What the preparation of a guest is doing, to show to a user.

use std::fmt;

/// What [`Guest::prepare`](super::Guest::prepare) is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GuestProgress {
    /// Downloading a crate, given as `name@version`.
    Fetching(String),
    /// Another process is making the same guest.
    Waiting,
    /// Compiling the interpreter from its sources; the text says how far that is.
    Building(String),
    /// Merging the shared objects.
    Linking,
    /// Compiling to machine code, which takes longest.
    Compiling,
    /// Done.
    Ready,
}

impl fmt::Display for GuestProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetching(package) => write!(f, "fetching {package}"),
            Self::Waiting => f.write_str("waiting for another process that makes the Python guest"),
            Self::Building(step) => write!(f, "building the Python guest: {step}"),
            Self::Linking => f.write_str("linking the Python guest"),
            Self::Compiling => f.write_str("compiling the Python guest (once)"),
            Self::Ready => f.write_str("the Python guest is ready"),
        }
    }
}
