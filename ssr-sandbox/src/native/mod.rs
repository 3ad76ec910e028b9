//! The Python of this machine as a peer: the same tests, packages and reports, and no isolation.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;
use ssr_core::{Command, Exit, Output, Program, TestRun, Tree};
use tempfile::TempDir;

use crate::folder::write_folder;
use crate::harness::{CommandLine, EventReader, TESTBED};
use crate::runner::{ENVIRONMENT, Layout, Tests, modules};
use crate::{Error, Result};

/// How often a running suite is looked at.
const TICK: Duration = Duration::from_millis(5);

/// The key of the event channel. It is no secret: nothing is isolated here.
const KEY: &str = "native";

/// CPython of this machine, to compare the sandbox with.
///
/// **It isolates nothing**: what it runs can do whatever the user can. Each run has a temporary
/// folder as its repository and a virtual environment with the given packages only, and gets the
/// environment, the options and the plugin that [`WasiSandbox`](crate::WasiSandbox) uses, so that
/// ids and outcomes can be compared one by one. Clocks, randomness and the network are real.
pub struct NativePython {
    program: PathBuf,
    version: String,
    /// The packages and our own modules, written once.
    home: TempDir,
}

impl NativePython {
    /// Finds the interpreter behind `program`, a path or a name such as `python3.11`, and gives it
    /// the packages that pip installed with `--target`.
    ///
    /// # Errors
    /// [`Error::Native`] when it does not start or has no `venv`, [`Error::Folder`] when the
    /// temporary folder cannot be written.
    pub fn new(program: impl AsRef<Path>, site_packages: &Tree) -> Result<Self> {
        let program = program.as_ref();
        let question = "import sys; print(sys.executable, sys.version.split()[0], sep='\\n')";
        let answer = Process::new(program).args(["-I", "-c", question]).output();
        let answer = answer.map_err(|error| Error::native(program, error))?;
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        let mut lines = text.lines().map(str::trim);
        let (Some(executable), Some(version)) = (lines.next(), lines.next()) else {
            return Err(Error::native(program, text_of(&answer.stderr)));
        };
        let home = TempDir::new().map_err(|error| Error::folder(std::env::temp_dir(), error))?;
        write_folder(site_packages, home.path().join("packages"))?;
        for (name, text) in modules().chain([("main.py", include_str!("ssr_native.py"))]) {
            let folder = home.path().join("ssr");
            fs::create_dir_all(&folder)
                .and_then(|()| fs::write(folder.join(name), text))
                .map_err(|error| Error::folder(folder, error))?;
        }
        Ok(Self { program: PathBuf::from(executable), version: version.to_owned(), home })
    }

    /// Its version, such as `3.11.7`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Runs tests of `tree` in a copy that is removed afterwards. Only the real time of the
    /// command's limits is kept; its program must be [`Program::Tests`].
    ///
    /// # Errors
    /// [`Error::Native`] when the interpreter cannot run, [`Error::Folder`] when the copy cannot be
    /// written.
    pub fn run_tests(&self, tree: &Tree, command: &Command) -> Result<Output> {
        let Program::Tests(tests) = &command.program else {
            return Err(Error::native(&self.program, "it runs tests only"));
        };
        let run = Run::new(self, tree)?;
        run.start(self, command, tests)
    }
}

/// The folders of one run.
struct Run {
    top: TempDir,
    roots: Vec<String>,
}

/// What `ssr_native.py` takes.
#[derive(Serialize)]
struct NativeRequest<'a> {
    #[serde(flatten)]
    tests: &'a Tests,
    argv: &'a [String],
    roots: &'a [String],
    channel: &'a Path,
    key: &'a Path,
    skip: [String; 0],
}

impl Run {
    fn new(native: &NativePython, tree: &Tree) -> Result<Self> {
        let top = TempDir::new().map_err(|error| Error::folder(std::env::temp_dir(), error))?;
        let at = |name: &str| top.path().join(name);
        let layout = Layout::of(tree);
        write_folder(tree, at("testbed"))?;
        write_folder(layout.metadata(), at("metadata"))?;
        for name in ["home", "tmp"] {
            fs::create_dir_all(at(name)).map_err(|error| Error::folder(at(name), error))?;
        }
        let testbed = at("testbed").display().to_string();
        let roots: Vec<_> = layout.relative_roots().map(|root| testbed.clone() + root).collect();
        let venv = Process::new(&native.program)
            .args(["-I", "-m", "venv", "--without-pip"])
            .arg(at("venv"))
            .output()
            .map_err(|error| Error::native(&native.program, error))?;
        if !venv.status.success() {
            let reason = format!("no virtual environment: {}", text_of(&venv.stderr));
            return Err(Error::native(&native.program, reason));
        }
        // What an editable install writes, so that programs which tests start find it all, too.
        let mut paths = roots.clone();
        paths.extend(
            [at("metadata"), native.home.path().join("packages")]
                .map(|path| path.display().to_string()),
        );
        let minor = native.version.split('.').take(2).collect::<Vec<_>>().join(".");
        let site = at("venv").join(format!("lib/python{minor}/site-packages/repository.pth"));
        fs::write(&site, paths.join("\n")).map_err(|error| Error::folder(site, error))?;
        Ok(Self { top, roots })
    }

    fn start(&self, native: &NativePython, command: &Command, tests: &TestRun) -> Result<Output> {
        let at = |name: &str| self.top.path().join(name);
        let write = |name: &str, bytes: &[u8]| {
            fs::write(at(name), bytes).map_err(|error| Error::folder(at(name), error))
        };
        let open = |name: &str| {
            let file = File::options().read(true).append(true).open(at(name));
            file.map(Stdio::from).map_err(|error| Error::folder(at(name), error))
        };
        let testbed = at("testbed");
        let line = CommandLine::new(tests, |file| testbed.join(file).exists());
        let tests = Tests { runner: tests.runner, wanted: line.wanted, cache: false };
        let request = NativeRequest {
            tests: &tests,
            argv: &line.argv,
            roots: &self.roots,
            channel: &at("events"),
            key: &at("key"),
            skip: [],
        };
        // Strings, lists and paths of UTF-8 always have a JSON form.
        write("request", &serde_json::to_vec(&request).unwrap_or_default())?;
        write("stdin", &command.stdin)?;
        write("key", KEY.as_bytes())?;
        for name in ["events", "stdout", "stderr"] {
            write(name, b"")?;
        }
        let mut process = Process::new(at("venv").join("bin/python"));
        process
            .arg(native.home.path().join("ssr/main.py"))
            .arg(at("request"))
            .current_dir(&testbed)
            .env_clear()
            .envs(self.environment())
            .envs(&command.env)
            .stdin(open("stdin")?)
            .stdout(open("stdout")?)
            .stderr(open("stderr")?);
        let child = process.spawn().map_err(|error| Error::native(&native.program, error))?;
        let exit = wait(child, command.limits.wall)
            .map_err(|error| Error::native(&native.program, error))?;
        let read = |name: &str| fs::read(at(name)).map_err(|error| Error::folder(at(name), error));
        let mut reader =
            EventReader::new(tests.name(), tests.wanted.as_deref().unwrap_or_default());
        // Parameters of tests, and thus ids, may name the repository's place.
        let events = read("events")?;
        let events = String::from_utf8_lossy(&events).replace(&*testbed.to_string_lossy(), TESTBED);
        reader.read(events.as_bytes(), KEY);
        let mut report = reader.finish(false);
        for file in line.absent {
            report.add_problem(format!("there is no test file {file}"));
        }
        let (stdout, stderr) = (read("stdout")?, read("stderr")?);
        Ok(Output::new(exit).with_stdout(stdout).with_stderr(stderr).with_report(report))
    }

    /// That of the sandbox, with folders of this run.
    fn environment(&self) -> BTreeMap<&'static str, String> {
        let at = |name: &str| self.top.path().join(name).display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut environment: BTreeMap<_, _> =
            ENVIRONMENT.map(|(name, value)| (name, value.to_owned())).into();
        environment.insert("HOME", at("home"));
        environment.insert("TMPDIR", at("tmp"));
        environment.insert("PATH", format!("{}:{path}", at("venv/bin")));
        environment.insert("TZ", "UTC".to_owned());
        environment
    }
}

fn text_of(printed: &[u8]) -> String {
    String::from_utf8_lossy(printed).trim().to_owned()
}

/// Waits for the end of `child`, or ends it after `wall`.
fn wait(mut child: Child, wall: Duration) -> std::io::Result<Exit> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(exit(status));
        }
        if start.elapsed() >= wall {
            // It may have ended by itself in the meantime.
            let _ = child.kill();
            child.wait()?;
            return Ok(Exit::Timeout);
        }
        std::thread::sleep(TICK);
    }
}

fn exit(status: ExitStatus) -> Exit {
    status.code().map_or_else(|| Exit::Trapped(status.to_string()), Exit::Code)
}
