//! Why training or a run cannot go on.

use std::path::{Path, PathBuf};

/// What `ssr-rl` returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The cause of an [`enum@Error`], from another library.
type Cause = Box<dyn std::error::Error + Send + Sync>;

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
    #[error("configuration: {problem}")]
    ConfigSyntax {
        /// The line and what is wrong there.
        problem: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
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
        /// The cause, where a file cannot be understood.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A checkpoint is incomplete, damaged or made by something else.
    #[error("checkpoint {path}: {problem}; remove that folder to go on from the one before it")]
    Checkpoint {
        /// The folder of the checkpoint.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// The cause, where a file cannot be read or understood.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
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
    /// A repair passes its tests, and nothing shows that it could have failed.
    #[error("a repair cannot be audited: {reason}")]
    Unaudited {
        /// Why.
        reason: String,
    },
    /// A tensor operation.
    #[error("tensor operation: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// The kinds of [`enum@Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LearningErrorKind {
    /// A setting or a configuration file is wrong.
    Config,
    /// A run folder or a checkpoint is damaged or belongs to something else.
    Run,
    /// The repository is not fit for self-play.
    Repository,
    /// Episodes, gradients or weights contradict each other.
    Training,
    /// The policy, the sandbox, the injector, the file system or the device failed.
    Infrastructure,
}

impl Error {
    /// What kind of failure this is.
    pub fn kind(&self) -> LearningErrorKind {
        match self {
            Self::Config { .. } | Self::ConfigSyntax { .. } => LearningErrorKind::Config,
            Self::RunDir { .. } | Self::Checkpoint { .. } => LearningErrorKind::Run,
            Self::Repository { .. } => LearningErrorKind::Repository,
            Self::Episode { .. } | Self::Optimiser(_) => LearningErrorKind::Training,
            Self::Io { .. }
            | Self::Injector { .. }
            | Self::Policy(_)
            | Self::Sandbox(_)
            | Self::Model(_)
            | Self::Unaudited { .. }
            | Self::Tensor(_) => LearningErrorKind::Infrastructure,
        }
    }

    pub(crate) fn config_syntax(problem: String, source: impl Into<Cause>) -> Self {
        Self::ConfigSyntax { problem, source: source.into() }
    }

    pub(crate) fn io(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), source }
    }

    pub(crate) fn checkpoint(path: &Path, problem: impl Into<String>) -> Self {
        Self::Checkpoint { path: path.to_owned(), problem: problem.into(), source: None }
    }

    /// A checkpoint in which another library found something wrong.
    pub(crate) fn damaged(path: &Path, problem: String, source: impl Into<Cause>) -> Self {
        Self::Checkpoint { path: path.to_owned(), problem, source: Some(source.into()) }
    }

    pub(crate) fn run_dir(path: &Path, problem: impl Into<String>) -> Self {
        Self::RunDir { path: path.to_owned(), problem: problem.into(), source: None }
    }

    /// A file of a run that serde cannot write or read.
    pub(crate) fn unreadable(path: &Path, problem: String, source: impl Into<Cause>) -> Self {
        Self::RunDir { path: path.to_owned(), problem, source: Some(source.into()) }
    }

    /// Wraps a failure of an [`Injector`](crate::Injector) with what was being done.
    pub fn injector(
        doing: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Injector { doing, source: source.into() }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn errors_have_a_kind_and_keep_their_cause() {
        let error = crate::Config::from_toml("steps = ").unwrap_err();
        assert_eq!(error.kind(), LearningErrorKind::Config);
        assert!(error.source().is_some_and(|cause| error.to_string().contains(&cause.to_string())));
        let error = Error::injector("editing", "it is gone");
        assert_eq!(error.kind(), LearningErrorKind::Infrastructure);
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("it is gone"));
        assert!(Error::checkpoint(Path::new("x"), "gone").source().is_none());
    }
}
