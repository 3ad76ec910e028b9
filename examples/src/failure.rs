//! The error of the example programs, with its exit code.

use std::process::ExitCode;

/// Why a program cannot go on.
#[derive(Debug)]
pub enum Failure {
    /// What the user gave cannot be used; exit code 2.
    Input(String),
    /// Something around the program broke; exit code 1.
    Infrastructure(String),
}

/// What the parts of the programs return.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A problem with what the user gave.
    pub fn input(message: impl Into<String>) -> Self {
        Self::Input(message.into())
    }

    /// The exit code of a program that ends with this.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) => 2.into(),
            Self::Infrastructure(_) => 1.into(),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Input(message) | Self::Infrastructure(message)) = self;
        f.write_str(message)
    }
}

impl From<ssr_core::Error> for Failure {
    fn from(error: ssr_core::Error) -> Self {
        Self::Input(error.to_string())
    }
}

impl From<ssr_core::SandboxError> for Failure {
    fn from(error: ssr_core::SandboxError) -> Self {
        Self::Infrastructure(error.to_string())
    }
}
