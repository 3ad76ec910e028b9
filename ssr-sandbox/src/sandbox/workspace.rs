use ssr_core::{Command, File, Output, Program, RepoPath, SandboxError, TestRun, Tree, Workspace};

use crate::runner::CommandLine;
use crate::shell::{self, History, Listener, Place, ShellSession};
use crate::vfs::{Vfs, VfsError};

use super::bytecode::source_of;
use super::layout::Layout;
use super::process::{Finished, Invocation, Process, Tests};
use super::{TESTBED, WasiSandbox, failed};

/// Folders that tools make in a repository and nobody commits.
const TOOL_CACHES: [&str; 3] = [".pytest_cache", ".mypy_cache", ".ruff_cache"];

/// A repository at `/testbed` in a [`WasiSandbox`].
///
/// What Python programs and shell scripts do to the files and to the git history stays, in the
/// repository and outside of it; memory does not outlive a command. What [`Program::Tests`] does is
/// discarded: judging a repository never changes it.
pub struct WasiWorkspace {
    sandbox: WasiSandbox,
    base: Tree,
    place: Place,
    layout: Layout,
}

impl WasiWorkspace {
    /// Opens a shell that keeps its state from one command to the next.
    pub fn shell(self) -> ShellSession {
        let state = shell::fresh_state((&self.sandbox, &self.layout), &self.place);
        ShellSession::new(self, state)
    }

    pub(super) fn open(sandbox: WasiSandbox, tree: &Tree) -> Result<Self, SandboxError> {
        let layout = Layout::of(tree);
        let vfs = sandbox.mount(tree, &layout)?;
        Ok(Self::on(sandbox, tree, vfs, layout))
    }

    /// A workspace on a filesystem that has `tree` mounted.
    pub(super) fn on(sandbox: WasiSandbox, tree: &Tree, vfs: Vfs, layout: Layout) -> Self {
        let place = Place { vfs, history: History::new(tree) };
        Self { sandbox, base: tree.clone(), place, layout }
    }

    pub(super) fn into_vfs(self) -> Vfs {
        self.place.vfs
    }

    /// Runs the tests that `command` selects and returns the filesystem that they left.
    pub(super) fn run_tests(&self, command: &Command) -> Result<(Output, Vfs), SandboxError> {
        let all = TestRun::default();
        let run = if let Program::Tests(run) = &command.program { run } else { &all };
        let line = CommandLine::new(run, |file| self.place.vfs.exists(&at(file)));
        let tests = Tests { runner: run.runner, wanted: line.wanted };
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
        self.place.vfs = vfs;
        Ok(output)
    }

    /// Runs a shell script; with the state of a shell it continues from there and changes it.
    pub(crate) fn run_script(
        &mut self,
        state: Option<&mut bashkit::ShellState>,
        command: &Command,
        script: &str,
        listener: Listener<'_>,
    ) -> Result<Output, SandboxError> {
        let machine = (&self.sandbox, &self.layout);
        shell::run(machine, &mut self.place, state, command, script, listener)
    }

    fn process(&self, command: &Command, invocation: Invocation) -> Process {
        Process {
            invocation,
            argv: Vec::new(),
            env: command.env.clone(),
            cwd: TESTBED.to_owned(),
            stdin: command.stdin.clone(),
            wall: command.limits.wall,
            per_test: command.limits.per_test,
            memory: command.limits.memory,
            output: command.limits.output,
            write_bytecode: false,
        }
    }

    fn execute(&self, process: &Process) -> Result<Finished, SandboxError> {
        self.sandbox
            .execute(self.place.vfs.clone(), process, &self.layout)
            .map_err(|error| failed("running Python", error))
    }

    fn change(&mut self, path: &RepoPath, file: Option<File>) -> Result<(), VfsError> {
        let at = at(path.as_str());
        let Some(file) = file else {
            return if self.place.vfs.symlink_metadata(&at).is_ok() {
                self.place.vfs.remove_file(&at)
            } else {
                Ok(())
            };
        };
        if let Some((parent, _)) = at.rsplit_once('/') {
            self.place.vfs.create_dir_all(parent)?;
        }
        self.place.vfs.write(&at, file.shared_bytes())?;
        self.place.vfs.set_executable(&at, file.executable())
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
        match self.place.vfs.metadata(&at) {
            Ok(metadata) if metadata.is_file() => {
                let bytes =
                    self.place.vfs.read(&at).map_err(|error| failed("reading a file", error))?;
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
            Program::Shell { script } => self.run_script(None, command, script, &mut |_, _| {}),
            Program::Python { source, args } => self.run_python(command, source, args),
            Program::Tests(_) => Ok(self.run_tests(command)?.0),
            other => Err(SandboxError::Refused(format!("{other:?} is not known here"))),
        }
    }

    fn base(&self) -> &Tree {
        &self.base
    }

    fn tree(&self) -> Result<Tree, SandboxError> {
        let tree = self.place.vfs.tree(TESTBED);
        if !tree.files().any(|(path, _)| self.is_left_behind(path)) {
            return Ok(tree);
        }
        let files = tree.files().filter(|(path, _)| !self.is_left_behind(path));
        Tree::from_files(files.map(|(path, file)| (path.clone(), file.clone())))
            .map_err(|error| failed("reading the repository", error))
    }

    fn fork(&self) -> Result<Self, SandboxError> {
        Ok(Self {
            sandbox: self.sandbox.clone(),
            base: self.base.clone(),
            place: self.place.clone(),
            layout: self.layout.clone(),
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
        .with_report(finished.report);
    (output, finished.vfs)
}
