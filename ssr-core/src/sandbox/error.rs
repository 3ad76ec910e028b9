//! Failures of a sandbox.

/// A failure of the sandbox itself, never of what runs in it. An episode that meets one is dropped,
/// not scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The request cannot be carried out by this sandbox.
    #[error("sandbox refused: {0}")]
    Refused(String),
    /// The infrastructure broke.
    #[error("sandbox failed while {doing}: {source}")]
    Infrastructure {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The kinds of [`SandboxError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SandboxErrorKind {
    /// A request that this sandbox cannot carry out; others may be.
    Refused,
    /// The infrastructure broke.
    Infrastructure,
}

impl SandboxError {
    /// What kind of failure this is.
    pub fn kind(&self) -> SandboxErrorKind {
        match self {
            Self::Refused(_) => SandboxErrorKind::Refused,
            Self::Infrastructure { .. } => SandboxErrorKind::Infrastructure,
        }
    }

    /// Wraps a cause with what was being done.
    pub fn infrastructure(
        doing: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Infrastructure { doing, source: source.into() }
    }
}
