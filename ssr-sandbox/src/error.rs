//! The error type of the crate, and what kinds of errors there are.

use std::path::PathBuf;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong in the sandbox itself.
///
/// A program that fails, hangs or exhausts its memory inside the guest is not an error; it is an
/// outcome. The variants are the same with every feature of the crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the interpreter could not be found or downloaded.
    #[error(
        "cannot get the guest interpreter file `{file}` of crate {package}: {reason}; \
         run `cargo info {package}` once with a network connection, then try again"
    )]
    GuestSource {
        /// `name@version` of the crate that holds the file.
        package: String,
        /// Path inside the crate.
        file: String,
        /// What happened.
        reason: String,
    },
    /// A file of the interpreter is not the one that was pinned.
    #[error(
        "`{}` has SHA-256 {found}, expected {expected}; delete that file and the `.crate` archive it came from, \
         then try again", path.display()
    )]
    GuestHash {
        /// The file on this machine.
        path: PathBuf,
        /// The pinned hash.
        expected: String,
        /// The hash of the file.
        found: String,
    },
    /// Programs that compile a guest are missing on this machine.
    #[error(
        "cannot compile the guest: {} missing; on Debian 12 run \
         `apt-get install --no-install-recommends {}`, or copy the cache of a machine that has the \
         guest",
        missing.join(", "), packages.join(" ")
    )]
    GuestTools {
        /// Programs and files that are not there.
        missing: Vec<String>,
        /// The Debian packages that have them.
        packages: Vec<String>,
    },
    /// The source archive of an interpreter cannot be had.
    #[error("cannot get {url}: {reason}; download it by other means to `{}`, then try again", path.display())]
    GuestArchive {
        /// Where it is published.
        url: String,
        /// Where it is looked for first.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// A step of compiling a guest failed.
    #[error("{step} failed: {reason}\nsee `{}`", log.display())]
    GuestBuild {
        /// What was being done.
        step: &'static str,
        /// Everything that the steps printed.
        log: PathBuf,
        /// How it ended, with the end of the log.
        reason: String,
    },
    /// The shared objects of the guest do not link.
    #[error("cannot link guest library `{library}`: {reason}")]
    Link {
        /// The shared object.
        library: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of the cache directory cannot be read or written.
    #[error("cannot use the guest cache at `{}`: {source}; choose a writable directory with SSR_CACHE_DIR", path.display())]
    Cache {
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The standard library archive is malformed.
    #[error("cannot unpack the Python standard library: {source}")]
    Archive {
        /// What is wrong with it.
        source: Cause,
    },
    /// The WebAssembly engine refused something that does not depend on the guest program.
    #[error("WebAssembly engine: {problem}")]
    Engine {
        /// What the engine says, with all causes.
        problem: String,
        /// The error of the engine.
        source: Cause,
    },
    /// As many interpreters are alive in one guest as it has room for.
    #[error(
        "too many interpreters are alive: {source}; drop some, lower `WasiSandboxBuilder::workers`, \
         or prepare another `Guest`, which has room of its own"
    )]
    Crowded {
        /// What the engine says.
        source: Cause,
    },
    /// The machine was so busy that a guest did not get the time which it may use.
    #[error(
        "the machine is too busy: {wall:?} passed before a guest had used its processor time; run \
         less at once, or raise `Limits::wall`"
    )]
    Stalled {
        /// The limit of real time.
        wall: std::time::Duration,
    },
    /// The Python interpreter did not start.
    #[error("cannot start the Python interpreter: {0}")]
    Boot(String),
    /// The instance ended earlier (exit, timeout or trap) and cannot run or be snapshotted any more.
    #[error("the guest instance has ended ({0}); take a fresh one from a snapshot")]
    InstanceSpent(String),
    /// A folder on this machine cannot be read into a tree or written from one.
    #[error("cannot use the folder `{}`: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The Python of this machine cannot be used.
    #[error("cannot run `{}`: {source}; name a CPython with its standard library", program.display())]
    Native {
        /// The interpreter.
        program: PathBuf,
        /// What happened.
        source: Cause,
    },
    /// No container engine answers.
    #[error(
        "no container engine answers at `{address}`: {source}; start Docker or `podman system \
         service`, or set DOCKER_HOST"
    )]
    ContainerEngine {
        /// Where it was looked for.
        address: String,
        /// What happened.
        source: Cause,
    },
    /// A container of the image does not start or lacks what every command needs.
    #[error("cannot use the container image `{image}`: {source}")]
    ContainerImage {
        /// Its name.
        image: String,
        /// What happened.
        source: Cause,
    },
    /// The operating system gives no random numbers for the secret key of a test run.
    #[error("the operating system gives no random numbers: {source}")]
    Random {
        /// The error of the operating system.
        source: Cause,
    },
    /// Python source with a NUL character, which no interpreter accepts.
    #[error("the Python source contains a NUL character; remove it")]
    Source,
}

/// Result with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What an [`Error`] is about, to decide what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GuestErrorKind {
    /// Files or programs that the interpreter is made from cannot be had: get them, try again.
    Unavailable,
    /// The interpreter cannot be made from what there is.
    Build,
    /// The cache directory cannot be used: choose another one.
    Cache,
    /// The interpreter does not start, or the WebAssembly engine failed.
    Engine,
    /// The instance has ended: take another one.
    Spent,
    /// Too much runs at once: try again with less.
    Busy,
    /// What was asked for cannot be carried out, whatever the machine.
    Input,
    /// A folder of this machine cannot be read or written.
    Folder,
    /// The Python of this machine cannot be used.
    Native,
    /// The container engine or the image cannot be used.
    Container,
    /// The operating system refused something else.
    System,
}

impl Error {
    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> GuestErrorKind {
        match self {
            Self::GuestSource { .. }
            | Self::GuestHash { .. }
            | Self::GuestTools { .. }
            | Self::GuestArchive { .. } => GuestErrorKind::Unavailable,
            Self::GuestBuild { .. } | Self::Link { .. } | Self::Archive { .. } => {
                GuestErrorKind::Build
            }
            Self::Cache { .. } => GuestErrorKind::Cache,
            Self::Engine { .. } | Self::Boot(_) => GuestErrorKind::Engine,
            Self::Crowded { .. } | Self::Stalled { .. } => GuestErrorKind::Busy,
            Self::InstanceSpent(_) => GuestErrorKind::Spent,
            Self::Source => GuestErrorKind::Input,
            Self::Folder { .. } => GuestErrorKind::Folder,
            Self::Native { .. } => GuestErrorKind::Native,
            Self::ContainerEngine { .. } | Self::ContainerImage { .. } => GuestErrorKind::Container,
            Self::Random { .. } => GuestErrorKind::System,
        }
    }

    pub(crate) fn folder(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Folder { path: path.into(), source }
    }
}

#[cfg(feature = "wasi")]
impl Error {
    pub(crate) fn link(library: impl Into<String>, reason: impl ToString) -> Self {
        Self::Link { library: library.into(), reason: reason.to_string() }
    }

    pub(crate) fn archive(source: impl Into<Cause>) -> Self {
        Self::Archive { source: source.into() }
    }

    pub(crate) fn native(program: impl Into<PathBuf>, source: impl Into<Cause>) -> Self {
        Self::Native { program: program.into(), source: source.into() }
    }

    pub(crate) fn engine(source: impl Into<Cause>) -> Self {
        let source = source.into();
        Self::Engine { problem: with_causes(&*source), source }
    }

    pub(crate) fn cache(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Cache { path: path.into(), source }
    }
}

/// The message of `error`, followed by those of its causes.
#[cfg(feature = "wasi")]
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()) {
        text += &format!(": {cause}");
    }
    text
}

#[cfg(all(test, feature = "wasi"))]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn an_error_keeps_its_cause_and_says_what_it_is_about() {
        let refused = || std::io::Error::other("refused");
        let errors = [
            (Error::folder("f", refused()), GuestErrorKind::Folder),
            (Error::cache("c", refused()), GuestErrorKind::Cache),
            (Error::engine(refused()), GuestErrorKind::Engine),
            (Error::archive(refused()), GuestErrorKind::Build),
            (Error::native("p", refused()), GuestErrorKind::Native),
        ];
        for (error, kind) in errors {
            assert_eq!(error.kind(), kind);
            assert_eq!(error.source().unwrap().to_string(), "refused");
            assert!(error.to_string().contains("refused"), "{error}");
        }
        assert_eq!(Error::Source.kind(), GuestErrorKind::Input);
    }

    #[test]
    fn an_error_of_the_engine_tells_all_causes() {
        let error = wasmtime::Error::msg("root").context("outer");
        assert_eq!(Error::engine(error).to_string(), "WebAssembly engine: outer: root");
    }
}
