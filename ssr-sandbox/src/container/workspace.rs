//! `ContainerWorkspace`: one repository in a container of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ssr_core::{
    Command, File, Output, Program, RepoPath, SandboxError, TestRun, TestRunner, Tree, Workspace,
};

use super::capture::Capture;
use super::exec::Exec;
use super::image::{Bounds, Container, Image};
use super::sandbox::Shared;
use super::suite::{Channel, LaunchRequest};

/// What one argument of a program may hold on Linux.
const MAX_ARGUMENT: usize = 128 << 10;

/// A repository at `/testbed` in a container of a [`ContainerSandbox`](crate::ContainerSandbox).
///
/// What Python programs and shell scripts do to the files stays, in the repository and outside of
/// it; processes do not outlive a command. What [`Program::Tests`] does is discarded: judging a
/// repository never changes it.
pub struct ContainerWorkspace {
    pub(super) sandbox: Arc<Shared>,
    pub(super) base: Tree,
    state: Mutex<State>,
}

pub(super) struct State {
    /// What a new container starts from.
    image: Arc<Image>,
    /// The container, once a command needed one.
    live: Option<Live>,
    /// The repository, unless only the container knows it.
    known: Option<Tree>,
    /// A copy of the container, made since the last command.
    copy: Option<Arc<Image>>,
    /// When files were last written, in seconds since 1970. Every write has a second of its own:
    /// Python takes bytecode for that of a source with the same size and second.
    time: u64,
}

pub(super) struct Live {
    pub(super) container: Container,
    /// The repository in it, as far as the host knows.
    held: Tree,
    /// Whether a command has run in it, so that it is more than its image and `held`.
    used: bool,
}

impl ContainerWorkspace {
    pub(super) fn new(sandbox: Arc<Shared>, tree: &Tree) -> Self {
        let image = Arc::clone(&sandbox.image);
        Self::on(sandbox, tree.clone(), image, tree.clone())
    }

    fn on(sandbox: Arc<Shared>, base: Tree, image: Arc<Image>, tree: Tree) -> Self {
        let state = State { image, live: None, known: Some(tree), copy: None, time: 0 };
        Self { sandbox, base, state: Mutex::new(state) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run_program(
        &mut self,
        command: &Command,
        argv: Vec<String>,
    ) -> Result<Output, SandboxError> {
        if let Some(long) = argv.iter().find(|argument| argument.len() >= MAX_ARGUMENT) {
            let what = format!(
                "a program text or argument of {} bytes does not fit a command line; write it into \
                 a file and run that",
                long.len()
            );
            return Err(SandboxError::Refused(what));
        }
        let mut state = self.state();
        let time = state.tick();
        let mut live = state.container(&self.sandbox, &self.base, command.limits.memory)?;
        let channel = Channel::new(LaunchRequest::default())?;
        if self.sandbox.facts.pytest {
            live.container.upload(channel.files(self.sandbox.facts.owner, time)?)?;
        }
        let env = self.sandbox.environment(command, self.sandbox.facts.pytest);
        let exec = Exec { argv, env, stdin: &command.stdin, time: command.limits.cpu };
        let mut output = Capture::new(command.limits.output);
        let exit = live.container.run(&exec, &mut output)?;
        let report =
            if self.sandbox.facts.pytest { channel.report(&live.container)? } else { None };
        live.used = true;
        state.live = Some(live);
        state.known = None;
        state.copy = None;
        Ok(output.into_output(exit, report))
    }
}

impl State {
    /// The repository.
    pub(super) fn tree(&mut self, base: &Tree) -> Result<Tree, SandboxError> {
        if let Some(known) = &self.known {
            return Ok(known.clone());
        }
        let tree = match &mut self.live {
            Some(live) => {
                let tree = live.container.repository(base)?;
                live.held = tree.clone();
                tree
            }
            None => {
                let what = "it was lost in a failure before; open another workspace";
                return Err(SandboxError::infrastructure("looking for the container", what));
            }
        };
        self.known = Some(tree.clone());
        Ok(tree)
    }

    /// The second of the next write.
    pub(super) fn tick(&mut self) -> u64 {
        self.time = super::now().max(self.time + 1);
        self.time
    }

    /// Takes out the container, with the repository as it should be.
    fn container(
        &mut self,
        sandbox: &Shared,
        base: &Tree,
        memory: u64,
    ) -> Result<Live, SandboxError> {
        let time = self.tick();
        let mut live = match self.live.take() {
            Some(live) => live,
            None => Live::start(&self.image, Bounds { memory, ..sandbox.bounds })?,
        };
        if !live.container.limit_memory(memory) {
            // Podman before version 5 cannot change a limit: move to a container that has it.
            self.live = Some(live);
            let (tree, copy) = (self.tree(base)?, self.copy(base)?);
            live = Live::start(&copy, Bounds { memory, ..sandbox.bounds })?;
            (live.held, live.used) = (copy.tree.clone(), true);
            (self.known, self.copy) = (Some(tree), None);
        }
        if let Some(known) = &self.known
            && (*known != live.held || !live.used)
        {
            live.container.bring(&live.held, known, sandbox.facts.owner, time)?;
            live.held = known.clone();
        }
        Ok(live)
    }

    /// A container like that of the workspace, which keeps its own when that is worth keeping.
    pub(super) fn throw_away(
        &mut self,
        sandbox: &Shared,
        base: &Tree,
        memory: u64,
    ) -> Result<Live, SandboxError> {
        if self.live.as_ref().is_none_or(|live| !live.used) {
            return self.container(sandbox, base, memory);
        }
        let (tree, copy, time) = (self.tree(base)?, self.copy(base)?, self.tick());
        let mut live = Live::start(&copy, Bounds { memory, ..sandbox.bounds })?;
        live.container.bring(&copy.tree, &tree, sandbox.facts.owner, time)?;
        Ok(live)
    }

    /// An image of the container, if a command has run in it; what was written since may lack.
    fn copy(&mut self, base: &Tree) -> Result<Arc<Image>, SandboxError> {
        self.tree(base)?;
        if let Some(copy) = &self.copy {
            return Ok(Arc::clone(copy));
        }
        let copy = match &self.live {
            Some(live) if live.used => Arc::new(live.container.commit(live.held.clone())?),
            _ => return Ok(Arc::clone(&self.image)),
        };
        self.copy = Some(Arc::clone(&copy));
        Ok(copy)
    }
}

impl Live {
    fn start(image: &Arc<Image>, bounds: Bounds) -> Result<Self, SandboxError> {
        let container = Container::start(image, bounds)?;
        Ok(Self { container, held: image.tree.clone(), used: false })
    }
}

impl Shared {
    /// The interpreter for a run of tests.
    pub(super) fn tests_with(&self, run: &TestRun) -> Result<String, SandboxError> {
        let able = self.facts.pytest || run.runner != TestRunner::Pytest;
        self.facts.python.clone().filter(|_| able).ok_or_else(|| {
            let what = "the image has no Python with the test runner; install it there, or set what \
                        activates it";
            SandboxError::Refused(what.to_owned())
        })
    }

    /// The environment of a command, `NAME=value`.
    pub(super) fn environment(&self, command: &Command, watch_pytest: bool) -> Vec<String> {
        let mut env = self.facts.env.clone();
        env.extend(self.env.clone());
        env.extend(command.env.clone());
        if watch_pytest {
            let mut put = |name: &str, value: &str, separator: &str| {
                let known = env.entry(name.to_owned()).or_default();
                let separator = if known.is_empty() { "" } else { separator };
                *known = format!("{value}{separator}{known}");
            };
            put("PYTHONPATH", super::OWN, ":");
            put("PYTEST_ADDOPTS", "-p ssr_watch", " ");
        }
        env.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }
}

impl Workspace for ContainerWorkspace {
    fn read(&self, path: &RepoPath) -> Result<Option<File>, SandboxError> {
        Ok(self.state().tree(&self.base)?.get(path.as_str()).cloned())
    }

    fn write(&mut self, path: &RepoPath, file: Option<File>) -> Result<(), SandboxError> {
        let mut state = self.state();
        let tree = state.tree(&self.base)?;
        let tree = match file {
            Some(file) => tree
                .with(path.clone(), file)
                .map_err(|error| SandboxError::Refused(error.to_string()))?,
            None => tree.without(path),
        };
        state.known = Some(tree);
        Ok(())
    }

    fn run(&mut self, command: &Command) -> Result<Output, SandboxError> {
        let _span = tracing::debug_span!("container_command").entered();
        match &command.program {
            Program::Shell { script } => {
                let argv = ["bash", "-c", script].map(str::to_owned).to_vec();
                self.run_program(command, argv)
            }
            Program::Python { source, args } => {
                let Some(python) = self.sandbox.facts.python.clone() else {
                    return Err(SandboxError::Refused("the image has no Python".to_owned()));
                };
                let argv = [python, "-c".to_owned(), source.clone()].into_iter();
                self.run_program(command, argv.chain(args.iter().cloned()).collect())
            }
            Program::Tests(run) => self.run_tests(command, run),
            other => Err(SandboxError::Refused(format!("{other:?} is not known here"))),
        }
    }

    fn base(&self) -> &Tree {
        &self.base
    }

    fn tree(&self) -> Result<Tree, SandboxError> {
        self.state().tree(&self.base)
    }

    fn fork(&self) -> Result<Self, SandboxError> {
        let mut state = self.state();
        let (tree, image) = (state.tree(&self.base)?, state.copy(&self.base)?);
        let fork = Self::on(Arc::clone(&self.sandbox), self.base.clone(), image, tree);
        fork.state().time = state.time;
        Ok(fork)
    }
}
