//! The errors of grading, with their causes and their kinds.

use ssr_core::SandboxError;

/// What `ssr-eval` returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be graded. None of these counts against a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A row of a data set or of a file of answers is not JSON of the expected form.
    #[error("{what}, {place}: {source}; expected a JSON array or one JSON object per line")]
    #[non_exhaustive]
    Rows {
        /// What was being read, such as `instances`.
        what: &'static str,
        /// The line or the element, counted from 1.
        place: String,
        /// What the JSON parser says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An answer was graded against another task than its own.
    #[error("an answer to {answer:?} cannot be graded as {task:?}; pair them by id")]
    OtherTask {
        /// The task.
        task: String,
        /// The task that the answer names.
        answer: String,
    },
    /// The sandbox itself failed, not the program that ran in it.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// The kinds of [`Error`], for callers that decide what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EvalErrorKind {
    /// The text that was given cannot be read. Correct the file.
    Input,
    /// Two values that were given do not belong together. Correct the call.
    Mismatch,
    /// The infrastructure failed. The same call may succeed later.
    Infrastructure,
}

impl Error {
    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> EvalErrorKind {
        match self {
            Self::Rows { .. } => EvalErrorKind::Input,
            Self::OtherTask { .. } => EvalErrorKind::Mismatch,
            Self::Sandbox(_) => EvalErrorKind::Infrastructure,
        }
    }

    pub(crate) fn check_task(task: &str, answer: &str) -> Result<()> {
        if task == answer {
            return Ok(());
        }
        Err(Self::OtherTask { task: task.to_owned(), answer: answer.to_owned() })
    }
}
