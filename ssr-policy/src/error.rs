use std::path::PathBuf;

/// What `ssr-policy` returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with a model, its files or a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model configuration that cannot be built.
    #[error("model configuration: {field} {problem}")]
    Config {
        /// The field of `config.json`.
        field: &'static str,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// A file that holds something else than it should.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content and what to do.
        problem: String,
    },
    /// A file that could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause, from the operating system.
        source: std::io::Error,
    },
    /// A tokenizer that could not be trained or used.
    #[error("tokenizer: {problem}")]
    Tokenizer {
        /// What is wrong and what to do.
        problem: String,
    },
    /// A chat template that is broken, or a conversation that it refuses.
    #[error("chat template: {problem}")]
    Template {
        /// What is wrong, in the words of the template's own checks where it has any.
        problem: String,
    },
    /// Tokens, targets or settings that the model cannot work on.
    #[error("input: {problem}")]
    Input {
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A server that cannot be reached, refuses, or answers what makes no sense.
    #[cfg(feature = "remote")]
    #[error("POST {url}: {problem}")]
    Remote {
        /// The address of the request.
        url: String,
        /// The status or cause, and what to do.
        problem: String,
    },
    /// A tensor operation failed; a bug or a lack of memory.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>, problem: impl std::fmt::Display) -> Self {
        Self::File { path: path.into(), problem: problem.to_string() }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn input(problem: impl Into<String>) -> Self {
        Self::Input { problem: problem.into() }
    }
}
