//! `WasiWorkspace`: one repository in the guest's filesystem.

#[cfg(feature = "shell")]
use std::sync::Arc;

use ssr_core::{Command, File, Output, Program, RepoPath, SandboxError, TestRun, Tree, Workspace};

use crate::harness::{CommandLine, TESTBED, TOOL_CACHES};
use crate::interpreter::{Vfs, VfsError};
use crate::runner::{
    Finished, Interpreter, Invocation, Process, RepositoryRunner, Tests, source_of,
};
#[cfg(feature = "shell")]
use crate::shell::{self, History, Listener, ShellState};

#[cfg(feature = "shell")]
use super::ShellSession;
use super::failed;

/// A repository at `/testbed` in a [`WasiSandbox`](crate::WasiSandbox).
///
/// What Python programs and shell scripts do to the files and to the git history stays, in the
/// repository and outside of it; memory does not outlive a command. What [`Program::Tests`] does is
/// discarded: judging a repository never changes it.
pub struct WasiWorkspace {
    runner: RepositoryRunner,
    base: Tree,
    vfs: Vfs,
    /// What `git` in the shell works on.
    #[cfg(feature = "shell")]
    history: History,
}

impl WasiWorkspace {
    /// Opens a shell that keeps its state from one command to the next.
    #[cfg(feature = "shell")]
    pub fn shell(self) -> ShellSession {
        let state = shell::fresh_state(self.interpreter(), &self.vfs, &self.history);
        ShellSession::new(self, state)
    }

    /// A workspace on a filesystem that has `tree` mounted.
    pub(super) fn on(runner: RepositoryRunner, tree: &Tree, vfs: Vfs) -> Self {
        Self {
            runner,
            base: tree.clone(),
            vfs,
            #[cfg(feature = "shell")]
            history: History::new(tree),
        }
    }

    pub(super) fn into_vfs(self) -> Vfs {
        self.vfs
    }

    /// Runs the tests that `command` selects and returns the filesystem that they left.
    pub(super) fn run_tests(&self, command: &Command) -> Result<(Output, Vfs), SandboxError> {
        let all = TestRun::default();
        let run = if let Program::Tests(run) = &command.program { run } else { &all };
        let line = CommandLine::new(run, |file| self.vfs.exists(&at(file)));
        let tests = Tests {
            runner: run.runner,
            wanted: line.wanted,
            required: run.required.clone(),
            affected_only: run.affected_only,
            cache: false,
        };
        let mut process = self.process(command, Invocation::Tests(tests));
        process.argv = line.argv;
        let mut finished = self.execute(&process)?;
        if let Some(report) = &mut finished.report {
            for file in line.absent {
                report.add_problem(format!("there is no test file {file}"));
            }
        }
        Ok(split(finished))
    }

    fn run_python(
        &mut self,
        command: &Command,
        source: &str,
        args: &[String],
    ) -> Result<Output, SandboxError> {
        let invocation = Invocation::Code { source: source.to_owned() };
        let mut process = self.process(command, invocation);
        process.argv = std::iter::once("-c".to_owned()).chain(args.iter().cloned()).collect();
        let (output, vfs) = split(self.execute(&process)?);
        self.vfs = vfs;
        Ok(output)
    }

    /// Runs a shell script; with the state of a shell it continues from there and changes it.
    #[cfg(feature = "shell")]
    pub(super) fn run_script(
        &mut self,
        state: Option<&mut ShellState>,
        command: &Command,
        script: &str,
        listener: Listener<'_>,
    ) -> Result<Output, SandboxError> {
        let _span = tracing::debug_span!("command", program = "shell").entered();
        let interpreter = self.interpreter();
        let world = shell::World { vfs: &mut self.vfs, history: &mut self.history };
        shell::run(interpreter, world, state, command, script, listener)
    }

    #[cfg(feature = "shell")]
    fn interpreter(&self) -> Arc<dyn Interpreter> {
        Arc::new(self.runner.clone())
    }

    #[cfg(feature = "shell")]
    fn run_shell(&mut self, command: &Command, script: &str) -> Result<Output, SandboxError> {
        self.run_script(None, command, script, &mut |_, _| {})
    }

    #[cfg(not(feature = "shell"))]
    fn run_shell(&mut self, _: &Command, _: &str) -> Result<Output, SandboxError> {
        let what = "shell scripts need the feature `shell` of ssr-sandbox; switch it on, or run a \
                    Python program or tests";
        Err(SandboxError::Refused(what.to_owned()))
    }

    fn process(&self, command: &Command, invocation: Invocation) -> Process {
        Process {
            invocation,
            argv: Vec::new(),
            env: command.env.clone(),
            cwd: TESTBED.to_owned(),
            stdin: command.stdin.clone(),
            cpu: command.limits.cpu,
            wall: command.limits.wall_limit(),
            per_test: command.limits.per_test,
            memory: command.limits.memory,
            output: command.limits.output,
            write_bytecode: false,
        }
    }

    fn execute(&self, process: &Process) -> Result<Finished, SandboxError> {
        self.runner
            .execute(self.vfs.clone(), process)
            .map_err(|error| failed("running Python", error))
    }

    fn change(&mut self, path: &RepoPath, file: Option<File>) -> Result<(), VfsError> {
        let at = at(path.as_str());
        let Some(file) = file else {
            return if self.vfs.symlink_metadata(&at).is_ok() {
                self.vfs.remove_file(&at)
            } else {
                Ok(())
            };
        };
        if let Some((parent, _)) = at.rsplit_once('/') {
            self.vfs.create_dir_all(parent)?;
        }
        self.vfs.write(&at, file.shared_bytes())?;
        self.vfs.set_executable(&at, file.executable())
    }

    /// Whether a file that is not of the base is one that a tool left behind.
    fn is_left_behind(&self, path: &RepoPath) -> bool {
        !self.base.contains(path.as_str())
            && (source_of(path).is_some()
                || path.components().any(|name| TOOL_CACHES.contains(&name)))
    }
}

impl Workspace for WasiWorkspace {
    fn read(&self, path: &RepoPath) -> Result<Option<File>, SandboxError> {
        let at = at(path.as_str());
        match self.vfs.metadata(&at) {
            Ok(metadata) if metadata.is_file() => {
                let bytes = self.vfs.read(&at).map_err(|error| failed("reading a file", error))?;
                Ok(Some(File::new(bytes).with_executable(metadata.executable)))
            }
            _ => Ok(None),
        }
    }

    fn write(&mut self, path: &RepoPath, file: Option<File>) -> Result<(), SandboxError> {
        self.change(path, file).map_err(|error| SandboxError::Refused(error.to_string()))
    }

    fn run(&mut self, command: &Command) -> Result<Output, SandboxError> {
        match &command.program {
            Program::Shell { script } => self.run_shell(command, script),
            Program::Python { source, args } => {
                let _span = tracing::debug_span!("command", program = "python").entered();
                self.run_python(command, source, args)
            }
            Program::Tests(_) => {
                let _span = tracing::debug_span!("command", program = "tests").entered();
                Ok(self.run_tests(command)?.0)
            }
            other => Err(SandboxError::Refused(format!("{other:?} is not known here"))),
        }
    }

    fn base(&self) -> &Tree {
        &self.base
    }

    fn tree(&self) -> Result<Tree, SandboxError> {
        let tree = self.vfs.tree(TESTBED);
        if !tree.files().any(|(path, _)| self.is_left_behind(path)) {
            return Ok(tree);
        }
        let files = tree.files().filter(|(path, _)| !self.is_left_behind(path));
        Tree::from_files(files.map(|(path, file)| (path.clone(), file.clone())))
            .map_err(|error| failed("reading the repository", error))
    }

    fn fork(&self) -> Result<Self, SandboxError> {
        Ok(Self {
            runner: self.runner.clone(),
            base: self.base.clone(),
            vfs: self.vfs.clone(),
            #[cfg(feature = "shell")]
            history: self.history.clone(),
        })
    }
}

fn at(path: &str) -> String {
    format!("{TESTBED}/{path}")
}

fn split(finished: Finished) -> (Output, Vfs) {
    let output = Output::new(finished.exit)
        .with_stdout(finished.stdout.bytes)
        .with_stderr(finished.stderr.bytes)
        .with_truncated(finished.stdout.truncated || finished.stderr.truncated)
        .with_report(finished.report)
        .with_cpu(finished.cpu);
    (output, finished.vfs)
}
