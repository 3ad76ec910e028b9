//! Writes bugs for a Python repository, and measures which operators yield any.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use rayon::prelude::*;
use ssr_core::{Command, Limits, Patch, Seed, Suites, Thresholds, Verdict};
use ssr_examples::{
    Effect, Failure, Package, Packages, Result, Screened, Trial, Trials, compile_all,
    measure_coverage, open_sandbox, prepare_guest, screen, test_modules,
};
use ssr_mutate::Profile;
use ssr_sandbox::default_cache_dir;

mod change;
mod folder;
mod source;
mod yields;

use change::{Change, changes};
use source::{Source, sources};
use yields::{Yield, markdown, table};

/// Write bugs for a Python repository, and measure which operators yield any
///
/// Without --validate or --measure nothing is run: each bug is a patch with its description. With
/// one of them, the suite is run in the sandbox, and sites are drawn from the lines that it
/// executes.
///
/// Exit codes: 0 when it went through, 1 when the sandbox fails, 2 when the input cannot be used.
#[derive(Parser)]
#[command(name = "mutate", version)]
struct Args {
    /// A package of the Python package index, NAME or NAME==VERSION
    #[arg(long, conflicts_with_all = ["repo", "list"], required_unless_present_any = ["repo", "list"])]
    package: Option<String>,
    /// A folder with a Python repository, instead of a package
    #[arg(long, value_name = "DIR", conflicts_with = "list")]
    repo: Option<PathBuf>,
    /// A TOML file with packages to measure, such as examples/yield.toml, instead of one package
    #[arg(long, value_name = "FILE", requires = "measure", conflicts_with_all = ["with", "tests"])]
    list: Option<PathBuf>,
    /// Only these packages of the list; may be repeated
    #[arg(long, value_name = "NAME", requires = "list")]
    only: Vec<String>,
    /// Another package that the tests import; may be repeated
    #[arg(long, value_name = "NAME")]
    with: Vec<String>,
    /// A test file or folder; may be repeated [default: all that pytest discovers]
    #[arg(long, value_name = "FILE")]
    tests: Vec<String>,
    /// How the bugs are made
    #[arg(long, value_enum, default_value_t = Strategy::Operators)]
    strategy: Strategy,
    /// Only these bug operators, by their ids with commas
    #[arg(long, value_name = "IDS", value_delimiter = ',', conflicts_with = "profile")]
    operators: Vec<String>,
    /// A set of operators: classic42 or all
    #[arg(long, value_name = "NAME", default_value_t = Profile::Classic42)]
    profile: Profile,
    /// Bugs to draw
    #[arg(long, value_name = "N", default_value_t = 20)]
    count: usize,
    /// Equal seeds give equal bugs, byte for byte
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Run the suite, hide each bug by the least weakening, and keep what passes the seven checks
    #[arg(long, conflicts_with = "measure")]
    validate: bool,
    /// Run the suite once on each bug, for the table alone; no bug is written
    #[arg(long)]
    measure: bool,
    /// Bugs that are tried at the same time [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Tests that must pass on the unchanged code
    #[arg(long, value_name = "N", default_value_t = Thresholds::default().min_passing_tests)]
    min_passing: usize,
    /// The folder for the bugs, one folder each [default: bugs/NAME-seedN]
    #[arg(long, value_name = "DIR", conflicts_with = "measure")]
    out: Option<PathBuf>,
    /// Write the table as Markdown
    #[arg(long, value_name = "FILE", requires = "measure")]
    table: Option<PathBuf>,
    /// End with one line of JSON on standard output
    #[arg(long)]
    json: bool,
}

impl Args {
    /// The operators that the arguments select.
    fn profile(&self) -> Profile {
        match self.operators.as_slice() {
            [] => self.profile.clone(),
            ids => Profile::Custom(ids.to_vec()),
        }
    }
}

/// Where bugs come from.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Strategy {
    /// Sites of bug operators, drawn as real bugs are distributed
    Operators,
    /// Functions, parameters, files or connected functions that are removed, with their uses
    Removal,
    /// Commits, hunks of a commit or related commits of a git checkout that are reverted
    History,
    /// Pairs of related sites, kept if they interact or lie in two files
    Compose,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(reports) => {
            if args.json {
                println!("{}", serde_json::json!({ "packages": reports }));
            }
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

/// The result for one package.
#[derive(serde::Serialize)]
struct Report {
    package: String,
    /// Lines that the suite executes, where it was run.
    covered_lines: Option<usize>,
    rows: Vec<Yield>,
    /// The result of each change, where it was tried.
    changes: Vec<Tried>,
    /// The folders that were written.
    bugs: Vec<PathBuf>,
}

/// One change that was tried.
#[derive(serde::Serialize)]
struct Tried {
    id: String,
    description: String,
    effect: Effect,
    /// The number of tests that passed before and do not pass with the change.
    broken: usize,
    /// The check that failed, with its evidence.
    rejection: Option<Verdict>,
}

fn run(args: &Args) -> Result<Vec<Report>> {
    let sources = sources(args)?;
    let packages = Packages::new(&default_cache_dir());
    let mut reports = Vec::new();
    for source in &sources {
        eprintln!("reading {}", source.label());
        let package = source.read(&packages)?;
        package.note().iter().for_each(|note| eprintln!("{note}"));
        let report = if args.validate || args.measure {
            tried(args, source, &package)?
        } else {
            untried(args, &package)?
        };
        println!("{}", table(&report.package, &report.rows));
        reports.push(report);
    }
    if let Some(path) = &args.table {
        let wrong = |error| Failure::input(format!("{}: {error}", path.display()));
        std::fs::write(path, markdown(args, &reports)).map_err(wrong)?;
    }
    Ok(reports)
}

/// Writes the patches without running them.
fn untried(args: &Args, package: &Package) -> Result<Report> {
    let out = folder::prepare(args, &package.label)?;
    let changes = changes(args, package, None)?;
    let mut bugs = Vec::new();
    for change in &changes {
        bugs.push(folder::write_patch(&out, package, change)?);
    }
    println!("{} patches in {}", bugs.len(), out.display());
    let rows = Yield::of(changes.iter().map(|change| (change, None)));
    Ok(Report {
        package: package.label.clone(),
        covered_lines: None,
        rows,
        changes: Vec::new(),
        bugs,
    })
}

/// Tries each bug in the sandbox, and writes the valid ones.
fn tried(args: &Args, source: &Source, package: &Package) -> Result<Report> {
    let out = match args.validate {
        true => Some(folder::prepare(args, &package.label)?),
        false => None,
    };
    let modules = source.modules(test_modules(&package.tree))?;
    let guest = prepare_guest(&|what| eprintln!("{what}"))?;
    eprintln!("booting Python with pytest");
    let sandbox = open_sandbox(&guest, package)?;
    eprintln!("running the suite twice on the unchanged code, and once more for its lines");
    let Screened { repository, baseline, limits } =
        screen(&sandbox, package, &modules, args.min_passing, Limits::default())?;
    let coverage = measure_coverage(&sandbox, &package.tree, &modules, Limits::default())?;
    sandbox.warm(&package.tree, &Command::suite(&repository.test_script))?;
    let covered_lines = coverage.len();
    let changes = changes(args, package, Some(coverage))?;
    eprintln!(
        "{} tests pass, {covered_lines} lines are covered, {} changes are drawn",
        baseline.passing.len(),
        changes.len()
    );
    let patches: Vec<Patch> = changes.iter().map(|change| change.patch.clone()).collect();
    let compiles = compile_all(&sandbox, &package.tree, &patches, Limits::default())?;
    let suites = Suites::new(sandbox, limits);
    let thresholds = Thresholds::default().with_min_passing_tests(args.min_passing);
    let trials = Trials::new(&suites, &repository, &baseline.passing, thresholds);
    let try_one = |(change, compiles): (&Change, &bool)| -> Result<Trial> {
        if !compiles {
            return Ok(Trial::invalid());
        }
        let mut trial = trials.run(&change.patch)?;
        if args.validate && trials.belongs_together(&change.parts, &change.patch, &trial)? {
            trials.check(&change.patch, &mut trial, Seed::new(args.seed))?;
        }
        Ok(trial)
    };
    let jobs = args.jobs.unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    let pool = pool.map_err(|error| Failure::Infrastructure(error.to_string()))?;
    let tried: Result<Vec<Trial>> =
        pool.install(|| changes.par_iter().zip(&compiles).map(try_one).collect());
    let tried = tried?;
    let mut bugs = Vec::new();
    if let Some(out) = &out {
        for (change, trial) in changes.iter().zip(&tried) {
            bugs.extend(folder::write_bug(out, package, change, trial)?);
        }
        println!("{} of {} bugs are valid; they are in {}", bugs.len(), tried.len(), out.display());
    }
    let rows = Yield::of(changes.iter().zip(tried.iter().map(Some)));
    let outcome = |(change, trial): (&Change, &Trial)| Tried {
        id: change.id.clone(),
        description: change.description.clone(),
        effect: trial.effect,
        broken: trial.broken.len(),
        rejection: trial
            .checked
            .as_ref()
            .and_then(|(_, checked)| checked.report.failure())
            .cloned(),
    };
    let outcomes = changes.iter().zip(&tried).map(outcome).collect();
    let (package, covered_lines) = (package.label.clone(), Some(covered_lines));
    Ok(Report { package, covered_lines, rows, changes: outcomes, bugs })
}
