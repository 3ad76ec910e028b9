//! Sandboxes and workspaces whose type is chosen at run time.

use super::{Command, Output, Sandbox, SandboxError, Workspace};
use crate::{File, Patch, RepoPath, Tree};

/// A [`Sandbox`] behind a pointer. Every sandbox is one; a `Box`, an `Arc` or a reference to one is a
/// [`Sandbox`] again, whose workspace is a `Box<dyn DynWorkspace>`.
///
/// The methods are for the pointer's own use: call those of [`Sandbox`].
///
/// ```
/// use ssr_core::{
///     Command, DynSandbox, Exit, File, Output, RepoPath, Sandbox, SandboxError, Tree, Workspace,
/// };
///
/// /// Runs nothing and prints a word.
/// struct Says(&'static str);
/// struct Said(&'static str, Tree);
///
/// impl Sandbox for Says {
///     type Workspace = Said;
///
///     fn open(&self, tree: &Tree) -> Result<Said, SandboxError> {
///         Ok(Said(self.0, tree.clone()))
///     }
/// }
///
/// impl Workspace for Said {
///     fn read(&self, path: &RepoPath) -> Result<Option<File>, SandboxError> {
///         Ok(self.1.get(path.as_str()).cloned())
///     }
/// #   fn write(&mut self, _: &RepoPath, _: Option<File>) -> Result<(), SandboxError> { Ok(()) }
/// #   fn base(&self) -> &Tree { &self.1 }
/// #   fn tree(&self) -> Result<Tree, SandboxError> { Ok(self.1.clone()) }
/// #   fn fork(&self) -> Result<Self, SandboxError> { Ok(Said(self.0, self.1.clone())) }
///     fn run(&mut self, _: &Command) -> Result<Output, SandboxError> {
///         Ok(Output::new(Exit::Code(0)).with_stdout(self.0))
///     }
///     // …
/// }
///
/// fn first_word<S: Sandbox>(sandbox: S) -> Result<Vec<u8>, SandboxError> {
///     let workspace = sandbox.open(&Tree::new())?;
///     Ok(workspace.fork()?.run(&Command::shell("whatever"))?.stdout)
/// }
///
/// for loud in [false, true] {
///     let sandbox: Box<dyn DynSandbox> =
///         if loud { Box::new(Says("HI")) } else { Box::new(Says("hi")) };
///     assert_eq!(first_word(&sandbox)?, if loud { b"HI" } else { b"hi" });
///     assert_eq!(first_word(sandbox)?.len(), 2);
/// }
/// # Ok::<(), SandboxError>(())
/// ```
pub trait DynSandbox: Send + Sync {
    /// [`Sandbox::reports`].
    fn dyn_reports(&self) -> bool;

    /// [`Sandbox::open`].
    ///
    /// # Errors
    /// As there.
    fn dyn_open(&self, tree: &Tree) -> Result<Box<dyn DynWorkspace>, SandboxError>;
}

impl<S: Sandbox<Workspace: 'static>> DynSandbox for S {
    fn dyn_reports(&self) -> bool {
        self.reports()
    }

    fn dyn_open(&self, tree: &Tree) -> Result<Box<dyn DynWorkspace>, SandboxError> {
        Ok(Box::new(self.open(tree)?))
    }
}

impl Sandbox for dyn DynSandbox + '_ {
    type Workspace = Box<dyn DynWorkspace>;

    fn reports(&self) -> bool {
        self.dyn_reports()
    }

    fn open(&self, tree: &Tree) -> Result<Self::Workspace, SandboxError> {
        self.dyn_open(tree)
    }
}

/// A [`Workspace`] behind a pointer: what a [`DynSandbox`] opens. `Box<dyn DynWorkspace>` is a
/// [`Workspace`].
///
/// The methods are those of [`Workspace`] under other names, so that both traits can be in scope;
/// call those of [`Workspace`].
pub trait DynWorkspace: Send {
    /// [`Workspace::read`].
    ///
    /// # Errors
    /// As there.
    fn dyn_read(&self, path: &RepoPath) -> Result<Option<File>, SandboxError>;

    /// [`Workspace::write`].
    ///
    /// # Errors
    /// As there.
    fn dyn_write(&mut self, path: &RepoPath, file: Option<File>) -> Result<(), SandboxError>;

    /// [`Workspace::run`].
    ///
    /// # Errors
    /// As there.
    fn dyn_run(&mut self, command: &Command) -> Result<Output, SandboxError>;

    /// [`Workspace::base`].
    fn dyn_base(&self) -> &Tree;

    /// [`Workspace::tree`].
    ///
    /// # Errors
    /// As there.
    fn dyn_tree(&self) -> Result<Tree, SandboxError>;

    /// [`Workspace::fork`].
    ///
    /// # Errors
    /// As there.
    fn dyn_fork(&self) -> Result<Box<dyn DynWorkspace>, SandboxError>;

    /// [`Workspace::diff`].
    ///
    /// # Errors
    /// As there.
    fn dyn_diff(&self) -> Result<Patch, SandboxError>;
}

impl<W: Workspace + 'static> DynWorkspace for W {
    fn dyn_read(&self, path: &RepoPath) -> Result<Option<File>, SandboxError> {
        self.read(path)
    }

    fn dyn_write(&mut self, path: &RepoPath, file: Option<File>) -> Result<(), SandboxError> {
        self.write(path, file)
    }

    fn dyn_run(&mut self, command: &Command) -> Result<Output, SandboxError> {
        self.run(command)
    }

    fn dyn_base(&self) -> &Tree {
        self.base()
    }

    fn dyn_tree(&self) -> Result<Tree, SandboxError> {
        self.tree()
    }

    fn dyn_fork(&self) -> Result<Box<dyn DynWorkspace>, SandboxError> {
        Ok(Box::new(self.fork()?))
    }

    fn dyn_diff(&self) -> Result<Patch, SandboxError> {
        self.diff()
    }
}

// A box is a `Workspace` and so a `DynWorkspace` itself. The calls go through `**self` to what is in
// the box; those of the box would call themselves.
impl Workspace for Box<dyn DynWorkspace> {
    fn read(&self, path: &RepoPath) -> Result<Option<File>, SandboxError> {
        (**self).dyn_read(path)
    }

    fn write(&mut self, path: &RepoPath, file: Option<File>) -> Result<(), SandboxError> {
        (**self).dyn_write(path, file)
    }

    fn run(&mut self, command: &Command) -> Result<Output, SandboxError> {
        (**self).dyn_run(command)
    }

    fn base(&self) -> &Tree {
        (**self).dyn_base()
    }

    fn tree(&self) -> Result<Tree, SandboxError> {
        (**self).dyn_tree()
    }

    fn fork(&self) -> Result<Self, SandboxError> {
        (**self).dyn_fork()
    }

    fn diff(&self) -> Result<Patch, SandboxError> {
        (**self).dyn_diff()
    }
}
