//! Where code runs: sandboxes open workspaces, workspaces run commands.

mod command;
mod dynamic;
mod error;
mod limits;
mod output;

use std::sync::Arc;

use crate::{File, Patch, RepoPath, Tree};

pub use command::{Command, Program, TestRun, TestRunner, TestSelection};
pub use dynamic::{DynSandbox, DynWorkspace};
pub use error::{SandboxError, SandboxErrorKind};
pub use limits::Limits;
pub use output::{Exit, Output};

/// Opens isolated workspaces on trees.
///
/// Implementations are deterministic: equal trees and commands give equal outputs. They block the
/// calling thread; run them off an async runtime. [`DynSandbox`] is for sandboxes that are chosen at
/// run time.
pub trait Sandbox: Send + Sync {
    /// What [`Sandbox::open`] gives.
    type Workspace: Workspace;

    /// Whether every run of tests fills [`Output::report`]. Where it does, a command without a
    /// report has run no tests, whatever it printed. Default: `false`.
    fn reports(&self) -> bool {
        false
    }

    /// Opens a workspace whose repository is `tree`.
    ///
    /// # Errors
    /// Only when the infrastructure fails, never because of what is in the tree.
    fn open(&self, tree: &Tree) -> Result<Self::Workspace, SandboxError>;
}

impl<S: Sandbox + ?Sized> Sandbox for &S {
    type Workspace = S::Workspace;

    fn reports(&self) -> bool {
        (**self).reports()
    }

    fn open(&self, tree: &Tree) -> Result<Self::Workspace, SandboxError> {
        (**self).open(tree)
    }
}

impl<S: Sandbox + ?Sized> Sandbox for Box<S> {
    type Workspace = S::Workspace;

    fn reports(&self) -> bool {
        (**self).reports()
    }

    fn open(&self, tree: &Tree) -> Result<Self::Workspace, SandboxError> {
        (**self).open(tree)
    }
}

impl<S: Sandbox + ?Sized> Sandbox for Arc<S> {
    type Workspace = S::Workspace;

    fn reports(&self) -> bool {
        (**self).reports()
    }

    fn open(&self, tree: &Tree) -> Result<Self::Workspace, SandboxError> {
        (**self).open(tree)
    }
}

/// A repository in which commands can run. Dropping it leaves nothing behind.
pub trait Workspace: Send + Sized {
    /// The file at `path` as it is now, `None` when there is none.
    ///
    /// # Errors
    /// Only when the infrastructure fails.
    fn read(&self, path: &RepoPath) -> Result<Option<File>, SandboxError>;

    /// Writes the file at `path`, or removes it with `None`.
    ///
    /// # Errors
    /// [`SandboxError::Refused`] when the path is taken by a directory or a limit is reached.
    fn write(&mut self, path: &RepoPath, file: Option<File>) -> Result<(), SandboxError>;

    /// Runs a command to its end or its limits. What the command does to the repository stays.
    ///
    /// # Errors
    /// Only when the infrastructure fails: a command that fails, hangs or exhausts its limits is an
    /// [`Output`] with the [`Exit`] that says so.
    fn run(&mut self, command: &Command) -> Result<Output, SandboxError>;

    /// The tree on which this workspace was opened.
    fn base(&self) -> &Tree;

    /// The repository as it is now.
    ///
    /// # Errors
    /// Only when the infrastructure fails.
    fn tree(&self) -> Result<Tree, SandboxError>;

    /// An independent copy of this workspace.
    ///
    /// # Errors
    /// Only when the infrastructure fails.
    fn fork(&self) -> Result<Self, SandboxError>;

    /// What changed since the workspace was opened.
    ///
    /// # Errors
    /// Only when the infrastructure fails.
    fn diff(&self) -> Result<Patch, SandboxError> {
        Ok(self.base().diff(&self.tree()?))
    }
}
