use ssr_core::SandboxError;

/// What `ssr-eval` returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be graded. None of these counts against a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A data set or a file of answers does not hold what it should.
    #[error("{what}, {place}: {source}; expected a JSON array or one JSON object per line")]
    Rows {
        /// What was being read.
        what: &'static str,
        /// The line or the element, counted from 1.
        place: String,
        /// The cause.
        source: serde_json::Error,
    },
    /// An answer was graded against another task than its own.
    #[error("an answer to {answer:?} cannot be graded as {task:?}; pair them by id")]
    OtherTask {
        /// The task.
        task: String,
        /// The task that the answer names.
        answer: String,
    },
    /// The sandbox itself failed, not what ran in it.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

impl Error {
    pub(crate) fn check_task(task: &str, answer: &str) -> Result<()> {
        if task == answer {
            return Ok(());
        }
        Err(Self::OtherTask { task: task.to_owned(), answer: answer.to_owned() })
    }
}
