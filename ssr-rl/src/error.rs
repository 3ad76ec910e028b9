use std::path::{Path, PathBuf};

/// What `ssr-rl` returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why training, a run folder or a self-play run cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is out of its range.
    #[error("configuration: {key}: {problem}")]
    Config {
        /// The setting, as in the configuration file.
        key: &'static str,
        /// What is wrong and what is expected.
        problem: String,
    },
    /// A configuration file cannot be read as one.
    #[error("configuration: {0}")]
    ConfigSyntax(String),
    /// A file of a run cannot be read or written.
    #[error("{path}: {source}, while {doing}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The run folder does not allow what is asked of it.
    #[error("run folder {path}: {problem}")]
    RunDir {
        /// The folder.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A checkpoint is incomplete, damaged or made by something else.
    #[error("checkpoint {path}: {problem}; remove that folder to go on from the one before it")]
    Checkpoint {
        /// The folder of the checkpoint.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A recorded trajectory contradicts itself.
    #[error("episode {group}[{index}] cannot be trained on: {problem}")]
    Episode {
        /// The group of the episode.
        group: String,
        /// Its position in the group.
        index: usize,
        /// What is wrong.
        problem: String,
    },
    /// Gradients, weights and optimiser state do not belong together.
    #[error("optimiser: {0}")]
    Optimiser(String),
    /// The repository cannot be played with.
    #[error("{package}: {problem}")]
    Repository {
        /// The name of the repository.
        package: String,
        /// What is wrong and what is expected.
        problem: String,
    },
    /// The injector broke. What it proposes is never an error.
    #[error("injector failed while {doing}: {source}")]
    Injector {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The policy broke.
    #[error(transparent)]
    Policy(#[from] ssr_core::PolicyError),
    /// The sandbox broke in every episode of a step.
    #[error(transparent)]
    Sandbox(#[from] ssr_core::SandboxError),
    /// The model or its files.
    #[error(transparent)]
    Model(#[from] ssr_policy::Error),
    /// A tensor operation.
    #[error("tensor operation: {0}")]
    Tensor(#[from] candle_core::Error),
}

impl Error {
    pub(crate) fn io(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), source }
    }

    pub(crate) fn checkpoint(path: &Path, problem: impl Into<String>) -> Self {
        Self::Checkpoint { path: path.to_owned(), problem: problem.into() }
    }

    pub(crate) fn run_dir(path: &Path, problem: impl Into<String>) -> Self {
        Self::RunDir { path: path.to_owned(), problem: problem.into() }
    }

    /// Wraps a failure of an [`Injector`](crate::Injector) with what was being done.
    pub fn injector(
        doing: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Injector { doing, source: source.into() }
    }
}
