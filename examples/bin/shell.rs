//! An agent's shell on any repository, in the sandbox: bash, Python, pytest and git.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use serde::Serialize;
use ssr_core::{Command, Exit, Limits, Output, Workspace};
use ssr_examples::{Failure, Packages, Result, prepare_guest};
use ssr_sandbox::{OutputStream, ShellSession, WasiSandbox, default_cache_dir, write_folder};

/// An agent's shell on any repository, in the sandbox: bash, Python, pytest and git.
///
/// Commands come from -c, or line by line from standard input. At the end the diff of the
/// repository is printed on standard error; the folder itself is only changed by --write-back.
#[derive(Parser)]
#[command(name = "shell", version)]
struct Args {
    /// A folder with a repository
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "package",
        required_unless_present = "package"
    )]
    repo: Option<PathBuf>,
    /// A package of the Python package index, NAME or NAME==VERSION
    #[arg(long)]
    package: Option<String>,
    /// Another package that the tests import; may be repeated
    #[arg(long, value_name = "NAME")]
    with: Vec<String>,
    /// Run this command and end; may be repeated
    #[arg(short, value_name = "COMMAND")]
    command: Vec<String>,
    /// The time that each command has, in seconds
    #[arg(long, default_value_t = 90.0, value_name = "SECONDS")]
    time: f64,
    /// How many bytes of each command's output are shown
    #[arg(long, default_value_t = 1 << 20, value_name = "BYTES")]
    output: usize,
    /// Write what changed back to the folder of --repo
    #[arg(long, requires = "repo")]
    write_back: bool,
    /// Print nothing but one line of JSON, at the end, on standard output
    #[arg(long)]
    json: bool,
}

/// One command and what came of it.
#[derive(Serialize)]
struct Row {
    command: String,
    /// The exit status, `None` when a limit ended the command.
    status: Option<i32>,
    /// What ended the command otherwise.
    limit: Option<String>,
    stdout: String,
    stderr: String,
    truncated: bool,
    /// Tests passed and run, when tests ran.
    passed: Option<usize>,
    tests: Option<usize>,
    milliseconds: f64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(status) => status,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn run(args: &Args) -> Result<ExitCode> {
    let mut shell = open(args)?;
    let mut rows = Vec::new();
    if args.command.is_empty() {
        interact(args, &mut shell, &mut rows)?;
    }
    for command in &args.command {
        rows.push(execute(args, &mut shell, command)?);
    }
    let last = rows.last().map_or(0, |row| row.status.unwrap_or(124));
    let workspace = shell.into_workspace();
    let (tree, diff) = (workspace.tree()?, workspace.diff()?);
    if let Some(folder) = args.repo.as_ref().filter(|_| args.write_back) {
        let changed: Vec<_> = workspace.base().changed_paths(&tree).into_iter().collect();
        let removed = changed.iter().filter(|path| !tree.contains(path.as_str()));
        for path in removed {
            std::fs::remove_file(folder.join(path.as_str()))
                .map_err(|error| Failure::Infrastructure(format!("removing {path}: {error}")))?;
        }
        let kept = changed
            .iter()
            .filter_map(|path| Some((path.clone(), tree.get(path.as_str())?.clone())));
        let kept = ssr_core::Tree::from_files(kept)?;
        write_folder(&kept, folder).map_err(|error| Failure::Infrastructure(error.to_string()))?;
    }
    if args.json {
        println!("{}", serde_json::json!({ "rows": rows, "diff": diff.to_string() }));
    } else if !diff.is_empty() {
        eprint!("{diff}");
    }
    Ok(ExitCode::from(u8::try_from(last).unwrap_or(1)))
}

fn open(args: &Args) -> Result<ShellSession> {
    let packages = Packages::new(&default_cache_dir());
    let package = match (&args.repo, &args.package) {
        (Some(folder), _) => packages.open(folder, &args.with)?,
        (None, Some(name)) => packages.fetch(name, &args.with)?,
        (None, None) => return Err(Failure::input("give a repository with --repo or --package")),
    };
    package.note().iter().for_each(|note| eprintln!("{note}"));
    let guest = prepare_guest(&|what| eprintln!("{what}"))?;
    let broke = |error: ssr_sandbox::Error| Failure::Infrastructure(error.to_string());
    let builder = WasiSandbox::builder(&guest).site_packages(package.site_packages);
    let sandbox = builder.build().map_err(broke)?;
    Ok(ssr_core::Sandbox::open(&sandbox, &package.tree)?.shell())
}

/// Reads commands until the end of the input or `exit`; one may take several lines.
fn interact(args: &Args, shell: &mut ShellSession, rows: &mut Vec<Row>) -> Result<()> {
    let input = std::io::stdin();
    let prompts = input.is_terminal() && !args.json;
    let mut script = String::new();
    let mut lines = input.lock().lines();
    loop {
        if prompts {
            let cwd = shell.cwd().display().to_string();
            eprint!("{}", if script.is_empty() { format!("{cwd}$ ") } else { "> ".to_owned() });
            // A prompt that cannot be shown is not worth ending for.
            let _ = std::io::stderr().flush();
        }
        let line = match lines.next() {
            Some(line) => line.map_err(|error| Failure::input(error.to_string()))?,
            None if script.is_empty() => return Ok(()),
            None => {
                rows.push(execute(args, shell, &script)?);
                return Ok(());
            }
        };
        script += &line;
        script.push('\n');
        if !ShellSession::is_complete(&script) {
            continue;
        }
        let command = std::mem::take(&mut script);
        let command = command.trim();
        if command == "exit" {
            return Ok(());
        }
        if !command.is_empty() {
            rows.push(execute(args, shell, command)?);
        }
    }
}

fn execute(args: &Args, shell: &mut ShellSession, command: &str) -> Result<Row> {
    let time = Duration::try_from_secs_f64(args.time)
        .map_err(|error| Failure::input(format!("--time {}: {error}", args.time)))?;
    let limits = Limits::default().with_cpu(time).with_output(args.output);
    let start = Instant::now();
    let quiet = args.json;
    let output =
        shell.run_command(&Command::shell(command).with_limits(limits), &mut |stream, bytes| {
            if !quiet {
                show(stream, bytes);
            }
        })?;
    let row = Row::new(command, &output, start.elapsed());
    if let Some(limit) = row.limit.as_ref().filter(|_| !quiet) {
        eprintln!("[ended: {limit}]");
    }
    Ok(row)
}

fn show(stream: OutputStream, bytes: &[u8]) {
    // Whoever no longer listens does not need the rest.
    let _ = match stream {
        OutputStream::Stdout => {
            let mut out = std::io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        }
        OutputStream::Stderr => std::io::stderr().write_all(bytes),
    };
}

impl Row {
    fn new(command: &str, output: &Output, time: Duration) -> Self {
        let (status, limit) = match &output.exit {
            Exit::Code(code) => (Some(*code), None),
            Exit::Timeout => (None, Some("out of time".to_owned())),
            Exit::OutOfMemory => (None, Some("out of memory".to_owned())),
            other => (None, Some(format!("{other:?}"))),
        };
        let report = output.report.as_ref();
        Self {
            command: command.to_owned(),
            status,
            limit,
            stdout: output.stdout_text().into_owned(),
            stderr: output.stderr_text().into_owned(),
            truncated: output.truncated,
            passed: report
                .map(|report| report.iter().filter(|(_, outcome)| outcome.is_pass()).count()),
            tests: report.map(|report| report.iter().count()),
            milliseconds: time.as_secs_f64() * 1e3,
        }
    }
}
