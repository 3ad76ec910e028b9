//! The error type of the crate.

use std::path::PathBuf;

/// What can go wrong in the sandbox itself.
///
/// A program that fails, hangs or exhausts its memory inside the guest is not an error; it is an
/// [`ExecOutcome`](crate::ExecOutcome).
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
    #[error("cannot unpack the Python standard library: {0}")]
    Archive(String),
    /// The WebAssembly engine refused something that does not depend on the guest program.
    #[error("WebAssembly engine: {0}")]
    Engine(String),
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
    #[error("cannot run `{}`: {reason}; name a CPython with its standard library", program.display())]
    Native {
        /// The interpreter.
        program: PathBuf,
        /// What happened.
        reason: String,
    },
    /// No container engine answers.
    #[cfg(feature = "container")]
    #[error(
        "no container engine answers at `{address}`: {reason}; start Docker or `podman system \
         service`, or set DOCKER_HOST"
    )]
    ContainerEngine {
        /// Where it was looked for.
        address: String,
        /// What happened.
        reason: String,
    },
    /// A container of the image does not start or lacks what every command needs.
    #[cfg(feature = "container")]
    #[error("cannot use the container image `{image}`: {reason}")]
    ContainerImage {
        /// Its name.
        image: String,
        /// What happened.
        reason: String,
    },
    /// Python source with a NUL character, which no interpreter accepts.
    #[error("the Python source contains a NUL character; remove it")]
    Source,
}

/// Result with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn link(library: impl Into<String>, reason: impl ToString) -> Self {
        Self::Link { library: library.into(), reason: reason.to_string() }
    }

    pub(crate) fn folder(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Folder { path: path.into(), source }
    }

    pub(crate) fn native(program: impl Into<PathBuf>, reason: impl ToString) -> Self {
        Self::Native { program: program.into(), reason: reason.to_string().trim().to_owned() }
    }

    pub(crate) fn engine(error: impl std::fmt::Display) -> Self {
        Self::Engine(format!("{error:#}"))
    }

    pub(crate) fn cache(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Cache { path: path.into(), source }
    }
}
