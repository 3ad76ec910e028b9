//! `ShellSession`: a shell that stays open between commands.

use ssr_core::{Command, Output, Program, SandboxError, Workspace};

use crate::shell::{self, OutputStream, ShellState};

use super::WasiWorkspace;

/// A shell that stays open: what one command does to the current directory, variables, functions,
/// aliases and options is there for the next, as are its files and its git history.
///
/// Every command has limits of its own. One that is cut off leaves what it did until then. `exit`
/// ends a command, not the session. Background jobs end with the command that started them.
pub struct ShellSession {
    workspace: WasiWorkspace,
    state: ShellState,
}

impl ShellSession {
    pub(super) fn new(workspace: WasiWorkspace, state: ShellState) -> Self {
        Self { workspace, state }
    }

    /// Runs `script` with the usual limits.
    ///
    /// # Errors
    /// Only when the infrastructure fails.
    pub fn run(&mut self, script: &str) -> Result<Output, SandboxError> {
        self.run_command(&Command::shell(script), &mut |_, _| {})
    }

    /// Runs a command with its own input, environment and limits; `listener` hears what it prints
    /// while it runs. Its environment variables stay in the session. What is not a shell script
    /// runs as in [`Workspace::run`] and is heard at its end.
    ///
    /// # Errors
    /// Only when the infrastructure fails.
    pub fn run_command(
        &mut self,
        command: &Command,
        listener: &mut (dyn FnMut(OutputStream, &[u8]) + Send),
    ) -> Result<Output, SandboxError> {
        match &command.program {
            Program::Shell { script } => {
                self.workspace.run_script(Some(&mut self.state), command, script, listener)
            }
            _ => {
                let output = self.workspace.run(command)?;
                for (stream, bytes) in
                    [(OutputStream::Stdout, &output.stdout), (OutputStream::Stderr, &output.stderr)]
                {
                    if !bytes.is_empty() {
                        listener(stream, bytes);
                    }
                }
                Ok(output)
            }
        }
    }

    /// Whether `script` can run as it is: an open quote, loop or here-document waits for more lines.
    /// A script with a syntax error is complete, too.
    #[must_use]
    pub fn is_complete(script: &str) -> bool {
        shell::is_complete(script)
    }

    /// The current directory, an absolute path in the sandbox.
    pub fn cwd(&self) -> &std::path::Path {
        &self.state.cwd
    }

    /// The files, as the last command left them.
    pub fn workspace(&self) -> &WasiWorkspace {
        &self.workspace
    }

    /// The files, to change them between two commands.
    pub fn workspace_mut(&mut self) -> &mut WasiWorkspace {
        &mut self.workspace
    }

    /// Closes the shell and keeps the files.
    #[must_use]
    pub fn into_workspace(self) -> WasiWorkspace {
        self.workspace
    }

    /// An independent copy of shell, files and git history.
    ///
    /// # Errors
    /// Only when the infrastructure fails.
    pub fn fork(&self) -> Result<Self, SandboxError> {
        Ok(Self { workspace: self.workspace.fork()?, state: self.state.clone() })
    }
}
