//! The error of the example programs, with its exit code.

use std::process::ExitCode;

/// Why a program stops.
#[derive(Debug)]
pub enum Failure {
    /// The input of the user cannot be used; exit code 2.
    Input(String),
    /// The infrastructure failed; exit code 1.
    Infrastructure(String),
}

/// The result of the parts of the programs.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A problem with the input of the user.
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
