//! Starting programs: cargo, pip and others, with errors that show the call.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The crates that are published.
pub const LIBRARIES: [&str; 6] =
    ["ssr-core", "ssr-sandbox", "ssr-mutate", "ssr-policy", "ssr-rl", "ssr-eval"];

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// Where builds go.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => workspace().join(dir),
        None => workspace().join("target"),
    }
}

/// A call of cargo.
pub struct Cargo {
    command: Command,
}

impl Cargo {
    pub fn new<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Self {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        command.args(args);
        // The first build of the members takes a sixth less, and programs and checks share theirs.
        if std::env::var_os("CARGO_INCREMENTAL").is_none() {
            command.env("CARGO_INCREMENTAL", "0");
        }
        Self { command }
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.command.env(key, value);
        self
    }

    pub fn in_workspace(mut self) -> Self {
        self.command.current_dir(workspace());
        self
    }

    /// Runs it to its end; the exit code is cargo's.
    pub fn exit_code(mut self) -> Result<ExitCode, String> {
        let status = self.status()?;
        let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        Ok(ExitCode::from(code))
    }

    /// Runs it to its end; anything but success is an error that shows the call.
    pub fn check(mut self) -> Result<(), String> {
        let status = self.status()?;
        if status.success() {
            return Ok(());
        }
        let args = self.command.get_args().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>();
        Err(format!("`cargo {}` ended with {status}", args.join(" ")))
    }

    /// Runs it to its end; what it printed.
    pub fn output(mut self) -> Result<String, String> {
        let output = self.command.output();
        let output = output.map_err(|error| format!("cargo cannot be started: {error}"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned())
    }

    fn status(&mut self) -> Result<std::process::ExitStatus, String> {
        self.command.status().map_err(|error| format!("cargo cannot be started: {error}"))
    }
}

/// A program of cargo's that checks use: the one on the path, or one that is installed under the target
/// folder, once.
pub fn tool(name: &str) -> Result<PathBuf, String> {
    let tools = target().join("tools");
    let own = tools.join("bin").join(name);
    let answers = |program: &Path| {
        Command::new(program).arg("--version").output().is_ok_and(|out| out.status.success())
    };
    if answers(name.as_ref()) {
        return Ok(name.into());
    }
    if !answers(&own) {
        let install = ["install", "--locked", "--quiet", name, "--root"];
        Cargo::new(install).arg(&tools).in_workspace().check()?;
    }
    Ok(own)
}

/// Runs a program to its end.
pub fn run(program: &Path, args: &[&OsStr]) -> Result<(), String> {
    match Command::new(program).args(args).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} ended with {status}", program.display())),
        Err(error) => Err(format!("{} cannot be started: {error}", program.display())),
    }
}

/// A call of pip that asks nothing and takes wheels alone: unlike a source distribution, pip runs
/// nothing of them.
pub fn pip(python: &Path, action: &str) -> Command {
    let mut command = pip_command(python, action);
    command.args(["--only-binary", ":all:"]);
    command
}

/// A call of pip that asks nothing.
pub fn pip_command(python: &Path, action: &str) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", action]);
    command
}

/// Runs a call of pip to its end.
pub fn run_pip(mut pip: Command) -> Result<(), String> {
    let remedy = "Python 3 with pip and a way to the Python package index are needed";
    match pip.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("pip ended with {status}; {remedy}")),
        Err(error) => Err(format!("Python cannot be started: {error}; {remedy}")),
    }
}
