//! The errors of this crate, with their causes and kinds.

use std::path::PathBuf;
use std::sync::Arc;

/// What `ssr-policy` returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The cause of an error, whatever library it comes from.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong with a model, its files or a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model configuration that cannot be built.
    #[error("model configuration: {field} {problem}")]
    #[non_exhaustive]
    Config {
        /// The field of `config.json`.
        field: &'static str,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// A file that holds something else than it should.
    #[error("{}: {problem}", path.display())]
    #[non_exhaustive]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content and what to do.
        problem: String,
        /// The parser's error, if one refused the content.
        source: Option<Cause>,
    },
    /// A file that could not be read or written.
    #[error("{}: {source}", path.display())]
    #[non_exhaustive]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause, from the operating system.
        source: std::io::Error,
    },
    /// A tokenizer that could not be trained or used.
    #[error("tokenizer: {problem}")]
    #[non_exhaustive]
    Tokenizer {
        /// What is wrong and what to do.
        problem: String,
        /// The error of the tokenizer library, if it has one.
        source: Option<Cause>,
    },
    /// A chat template that is broken, or a conversation that it refuses.
    #[error("chat template: {problem}")]
    #[non_exhaustive]
    Template {
        /// What is wrong, in the words of the template's own checks where it has any.
        problem: String,
        /// The error of the template engine, if it has one.
        source: Option<Cause>,
    },
    /// Tokens, targets or settings that the model cannot work on.
    #[error("input: {problem}")]
    #[non_exhaustive]
    Input {
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The machine cannot do what was asked: it has no thread or no memory left, or the thread that
    /// generates is gone.
    #[error("device: {problem}")]
    #[non_exhaustive]
    Device {
        /// What failed and what to do.
        problem: String,
        /// The cause, if there is a deeper one.
        source: Option<Cause>,
    },
    /// A server that cannot be reached, refuses, or answers what makes no sense.
    #[cfg(feature = "remote")]
    #[error("POST {url}: {problem}")]
    #[non_exhaustive]
    Remote {
        /// The address of the request.
        url: String,
        /// The status or cause, and what to do.
        problem: String,
        /// The error of the HTTP client. It is left out if it would reveal the API key.
        source: Option<Cause>,
    },
    /// A tensor operation failed; a bug or a lack of memory.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
    /// The forward pass of a batch failed. Every sequence of the batch gets this one cause.
    #[error(transparent)]
    Batch(Arc<Self>),
}

/// What an [`Error`] is about, for callers that decide what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModelErrorKind {
    /// A model configuration that cannot be built.
    Config,
    /// The content of a file.
    File,
    /// Reading or writing a file; it may work another time.
    Io,
    /// A tokenizer.
    Tokenizer,
    /// A chat template or the conversation that it was given.
    Template,
    /// Tokens, targets or settings of the caller.
    Input,
    /// The machine: a thread, its memory or its GPU.
    Device,
    /// The server of a remote policy.
    Remote,
    /// A tensor operation, for another reason than the device.
    Tensor,
}

impl Error {
    /// What the error is about.
    ///
    /// ```
    /// use ssr_policy::{Model, ModelErrorKind};
    ///
    /// let error = Model::load("no/such/folder".as_ref()).unwrap_err();
    /// assert_eq!(error.kind(), ModelErrorKind::Io);
    /// ```
    #[must_use]
    pub fn kind(&self) -> ModelErrorKind {
        match self {
            Self::Config { .. } => ModelErrorKind::Config,
            Self::File { .. } => ModelErrorKind::File,
            Self::Io { .. } => ModelErrorKind::Io,
            Self::Tokenizer { .. } => ModelErrorKind::Tokenizer,
            Self::Template { .. } => ModelErrorKind::Template,
            Self::Input { .. } => ModelErrorKind::Input,
            Self::Device { .. } => ModelErrorKind::Device,
            #[cfg(feature = "remote")]
            Self::Remote { .. } => ModelErrorKind::Remote,
            Self::Tensor(error) if is_of_device(error) => ModelErrorKind::Device,
            Self::Tensor(_) => ModelErrorKind::Tensor,
            Self::Batch(error) => error.kind(),
        }
    }

    pub(crate) fn file(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::File { path: path.into(), problem: problem.into(), source: None }
    }

    /// A file that a parser refused; `context` goes before the parser's own message.
    pub(crate) fn file_from(
        path: impl Into<PathBuf>,
        context: &str,
        source: impl Into<Cause>,
    ) -> Self {
        let source = source.into();
        Self::File {
            path: path.into(),
            problem: format!("{context}{source}"),
            source: Some(source),
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn tokenizer(problem: impl Into<String>) -> Self {
        Self::Tokenizer { problem: problem.into(), source: None }
    }

    pub(crate) fn template(problem: impl Into<String>) -> Self {
        Self::Template { problem: problem.into(), source: None }
    }

    pub(crate) fn input(problem: impl Into<String>) -> Self {
        Self::Input { problem: problem.into() }
    }

    pub(crate) fn device(problem: impl Into<String>) -> Self {
        Self::Device { problem: problem.into(), source: None }
    }
}

/// Whether candle reports a failure of the device itself.
fn is_of_device(error: &candle_core::Error) -> bool {
    use candle_core::Error as Candle;
    match error {
        Candle::Cuda(_) | Candle::Metal(_) => true,
        Candle::NotCompiledWithCudaSupport | Candle::NotCompiledWithMetalSupport => true,
        Candle::Context { inner, .. }
        | Candle::WithBacktrace { inner, .. }
        | Candle::WithPath { inner, .. } => is_of_device(inner),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_batch_hands_its_cause_and_kind_to_every_sequence() {
        let lost = std::io::Error::other("lost");
        let cause = Error::Device { problem: "no".into(), source: Some(lost.into()) };
        let batch = Error::Batch(Arc::new(cause));
        assert_eq!(batch.kind(), ModelErrorKind::Device);
        assert_eq!(batch.to_string(), "device: no");
        assert_eq!(batch.source().unwrap().to_string(), "lost");
    }

    #[test]
    fn failures_of_a_gpu_are_of_the_device_however_deep_they_lie() {
        let cuda = candle_core::Error::Cuda("out of memory".into()).context("matmul").bt();
        assert_eq!(Error::from(cuda).kind(), ModelErrorKind::Device);
        let shape = candle_core::Error::Msg("shapes differ".into());
        assert_eq!(Error::from(shape).kind(), ModelErrorKind::Tensor);
    }
}
