//! Runs the tests of a package in the sandbox, and compares them with native CPython.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ssr_core::{
    Command, Limits, Output, RepoPath, Sandbox, TestId, TestRun, TestSelection, Workspace,
};
use ssr_examples::{Failure, Package, Packages, Result, prepare_python};
use ssr_sandbox::{Guest, NativePython, PythonVersion, WasiSandbox, default_cache_dir};

mod compare;
mod display;
mod list;

use compare::{Side, differences, explain, reason, unsteady};
use display::{Row, markdown, report};
use list::{Entry, List, Reason, Runner};

/// Run the tests of a package in the sandbox, and compare them with native CPython
///
/// Exit codes: 0 when all agrees (or all passes, without --compare-native), 1 when something
/// differs or the sandbox fails, 2 when the input cannot be used or no test ran.
#[derive(Parser)]
#[command(name = "run-tests", version)]
struct Args {
    /// A package of the Python package index, NAME or NAME==VERSION
    #[arg(long, conflicts_with_all = ["repo", "list"], required_unless_present_any = ["repo", "list"])]
    package: Option<String>,
    /// A folder with a Python repository, instead of a package
    #[arg(long, value_name = "DIR", conflicts_with = "list")]
    repo: Option<PathBuf>,
    /// A TOML file with packages and the reasons for what differs, instead of one package
    #[arg(long, value_name = "FILE", conflicts_with_all = ["with", "runner", "args", "tests"])]
    list: Option<PathBuf>,
    /// Only these packages of the list; may be repeated
    #[arg(long, value_name = "NAME", requires = "list")]
    only: Vec<String>,
    /// Another package that the tests import; may be repeated
    #[arg(long, value_name = "NAME")]
    with: Vec<String>,
    /// The Python of the guest, 3.14 or 3.11; several with commas
    #[arg(long, value_name = "VERSION", value_delimiter = ',', default_value = "3.14")]
    python: Vec<PythonVersion>,
    /// Run the same tests in native CPython and print the ids that end differently
    ///
    /// Nothing is isolated there: use it for packages that you would install.
    #[arg(long)]
    compare_native: bool,
    /// The native interpreter
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    native: PathBuf,
    /// Native runs; with two, tests that are not steady are told apart
    #[arg(long, value_name = "N", default_value_t = 1)]
    native_runs: usize,
    /// Time for each run of the tests: processor time in the guest, real time natively
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u64,
    /// The test runner
    #[arg(long, value_enum, default_value_t = Runner::Pytest)]
    runner: Runner,
    /// An argument for the runner, such as --arg=--deselect=ID; may be repeated
    #[arg(long = "arg", value_name = "TEXT", allow_hyphen_values = true)]
    args: Vec<String>,
    /// Write the comparison as Markdown
    #[arg(long, value_name = "FILE", requires_all = ["list", "compare_native"])]
    table: Option<PathBuf>,
    /// End with one line of JSON on standard output
    #[arg(long)]
    json: bool,
    /// Test files, folders or ids [default: all that pytest discovers]
    #[arg(value_name = "FILE or ID")]
    tests: Vec<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(rows) => {
            if args.json {
                println!("{}", serde_json::json!({ "rows": rows }));
            }
            let nothing: Vec<_> = rows.iter().filter_map(Row::nothing_ran).collect();
            for reason in &nothing {
                eprintln!("error: {reason}");
            }
            match nothing.is_empty() {
                false => ExitCode::from(2),
                true if rows.iter().all(Row::is_good) => ExitCode::SUCCESS,
                true => ExitCode::FAILURE,
            }
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn run(args: &Args) -> Result<Vec<Row>> {
    let (jobs, common) = jobs(args)?;
    let mut guests = Vec::new();
    for python in &args.python {
        guests.push(prepare_python(*python, &|what| eprintln!("{what}"))?);
    }
    let mut rows = Vec::new();
    for job in &jobs {
        eprintln!("{}", job.label());
        for row in job.run(args, &guests, &common)? {
            println!("{}", report(&row));
            rows.push(row);
        }
    }
    if let Some(path) = &args.table {
        let wrong = |error| Failure::input(format!("{}: {error}", path.display()));
        std::fs::write(path, markdown(&rows)).map_err(wrong)?;
    }
    Ok(rows)
}

/// What to run, and the reasons that apply to all packages.
fn jobs(args: &Args) -> Result<(Vec<Job>, Vec<Reason>)> {
    let Some(path) = &args.list else {
        let mut entry = Entry {
            with: args.with.clone(),
            files: args.tests.clone(),
            runner: args.runner,
            args: args.args.clone(),
            ..Entry::default()
        };
        let (name, version) = match args.package.as_deref().map(|name| name.split_once("==")) {
            Some(Some((name, version))) => (name, version),
            _ => (args.package.as_deref().unwrap_or_default(), ""),
        };
        (entry.name, entry.version) = (name.to_owned(), version.to_owned());
        return Ok((vec![Job { entry, folder: args.repo.clone() }], Vec::new()));
    };
    let list = List::read(path)?;
    if let Some(odd) = args.only.iter().find(|name| list.package.iter().all(|e| e.name != **name)) {
        return Err(Failure::input(format!("{}: there is no package {odd}", path.display())));
    }
    let wanted = |entry: &Entry| args.only.is_empty() || args.only.contains(&entry.name);
    let jobs = list.package.into_iter().filter(wanted).map(|entry| Job { entry, folder: None });
    Ok((jobs.collect(), list.reason))
}

/// One package or folder to run.
struct Job {
    entry: Entry,
    folder: Option<PathBuf>,
}

impl Job {
    fn label(&self) -> String {
        match &self.folder {
            Some(folder) => folder.display().to_string(),
            None if self.entry.version.is_empty() => self.entry.name.clone(),
            None => format!("{}=={}", self.entry.name, self.entry.version),
        }
    }

    fn package(&self, python: PythonVersion) -> Result<Package> {
        let packages = Packages::new(&default_cache_dir()).python(python);
        match &self.folder {
            Some(folder) => packages.open(folder, &self.entry.with),
            None => packages.fetch(&self.label(), &self.entry.with),
        }
    }

    fn command(&self, args: &Args) -> Result<Command> {
        let run = TestRun::new(self.entry.runner.into(), selection(&self.entry.files)?);
        let time = Duration::from_secs(args.timeout);
        let limits = Limits::default().with_cpu(time).with_per_test(time / 3);
        Ok(Command::tests(run.with_args(&self.entry.args)).with_limits(limits))
    }

    /// One row for each guest.
    fn run(&self, args: &Args, guests: &[Guest], common: &[Reason]) -> Result<Vec<Row>> {
        // All sides get the same packages.
        let oldest = args.python.iter().min().copied().unwrap_or_default();
        let package = self.package(oldest)?;
        package.note().iter().for_each(|note| eprintln!("{note}"));
        let command = self.command(args)?;
        let peer = args.compare_native.then(|| Peer::new(args, &package, &command)).transpose()?;
        guests
            .iter()
            .map(|guest| self.compare(guest, &package, &command, peer.as_ref(), common))
            .collect()
    }

    fn compare(
        &self,
        guest: &Guest,
        package: &Package,
        command: &Command,
        peer: Option<&Peer>,
        common: &[Reason],
    ) -> Result<Row> {
        let sandbox = WasiSandbox::builder(guest)
            .site_packages(package.site_packages.clone())
            .build()
            .map_err(|error| Failure::Infrastructure(error.to_string()))?;
        let mut in_guest = |command: &Command| -> Result<Output> {
            Ok(sandbox.open(&package.tree)?.run(command)?)
        };
        let python = guest.version().as_str();
        let mut row = Row {
            package: package.label.clone(),
            subset: !self.entry.files.is_empty() || !self.entry.args.is_empty(),
            left_out: self.entry.left_out.clone(),
            guest: Side::run(&format!("guest {python}"), command, &mut in_guest)?,
            native: None,
            differ: Vec::new(),
            unsteady: Vec::new(),
        };
        let Some(peer) = peer else { return Ok(row) };
        row.differ = differences(&row.guest, &peer.side, &peer.unsteady);
        explain(&mut row.differ, |one| one.guest, command, &mut in_guest)?;
        explain(&mut row.differ, |one| one.native, command, &mut |command| {
            peer.run(package, command)
        })?;
        // The reasons of the package come before the general ones.
        reason(&mut row.differ, python, &self.entry.reason);
        reason(&mut row.differ, python, common);
        (row.native, row.unsteady) =
            (Some(peer.side.clone()), peer.unsteady.iter().cloned().collect());
        Ok(row)
    }
}

/// Native CPython, and its results of the tests.
struct Peer {
    native: NativePython,
    side: Side,
    unsteady: BTreeSet<TestId>,
}

impl Peer {
    fn new(args: &Args, package: &Package, command: &Command) -> Result<Self> {
        let native = NativePython::new(&args.native, &package.site_packages)
            .map_err(|error| Failure::input(error.to_string()))?;
        let name = format!("native {}", native.version());
        let run = |native: &NativePython| {
            Side::run(&name, command, &mut |command| natively(native, package, command))
        };
        let side = run(&native)?;
        let mut odd = BTreeSet::new();
        for _ in 1..args.native_runs {
            odd.extend(unsteady(&side, &run(&native)?));
        }
        Ok(Self { native, side, unsteady: odd })
    }

    fn run(&self, package: &Package, command: &Command) -> Result<Output> {
        natively(&self.native, package, command)
    }
}

fn natively(native: &NativePython, package: &Package, command: &Command) -> Result<Output> {
    native
        .run_tests(&package.tree, command)
        .map_err(|error| Failure::Infrastructure(error.to_string()))
}

/// Ids when all have a `::`, files and folders when none has.
fn selection(tests: &[String]) -> Result<TestSelection> {
    if tests.is_empty() {
        return Ok(TestSelection::All);
    }
    match tests.iter().filter(|test| test.contains("::")).count() {
        0 => {
            let paths: ssr_core::Result<Vec<_>> =
                tests.iter().map(|path| RepoPath::new(path.trim_end_matches('/'))).collect();
            Ok(TestSelection::Files(paths?))
        }
        ids if ids == tests.len() => Ok(TestSelection::Ids(tests.to_vec())),
        _ => Err(Failure::input("give either files or ids (FILE::NAME), not both")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn tests_are_files_or_ids() {
        let of =
            |tests: &[&str]| selection(&tests.iter().map(|t| t.to_string()).collect::<Vec<_>>());
        assert_eq!(of(&[]).unwrap(), TestSelection::All);
        assert_eq!(
            of(&["tests/"]).unwrap(),
            TestSelection::Files(vec![RepoPath::new("tests").unwrap()])
        );
        assert_eq!(of(&["a.py::t"]).unwrap(), TestSelection::Ids(vec!["a.py::t".to_owned()]));
        assert!(of(&["a.py::t", "b.py"]).is_err());
        assert!(of(&["../x"]).is_err());
    }
}
