//! Self-play SWE-RL on one Python package: inject bugs, validate them, repair them, learn.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use ssr_core::{File, Limits, Seed, Suites, Tree};
use ssr_examples::{
    Failure, OperatorInjector, Package, Packages, Result, Screened, open_sandbox, screen,
};
use ssr_policy::{LocalPolicy, Model, ModelConfig, Tokenizer};
use ssr_rl::{Config, GrpoLearner, SelfPlay, SolverKind, Start, Summary};

mod display;

use display::Display;

/// The size of the built-in policy's vocabulary.
const VOCABULARY: usize = 2048;

/// Self-play SWE-RL on one Python package: inject bugs, validate them, repair them, learn.
#[derive(Parser)]
#[command(name = "self-play", version)]
struct Args {
    /// A package of the Python package index, NAME or NAME==VERSION
    #[arg(long, default_value = "toolz==0.12.1", conflicts_with = "repo")]
    package: String,
    /// A folder with a Python repository, instead of a package
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,
    /// Another package that the tests import; may be repeated
    #[arg(long, value_name = "NAME")]
    with: Vec<String>,
    /// A TOML file with any setting of a run; the options here win over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Steps in all: each proposes bugs, attempts the valid ones and updates the weights once
    #[arg(long)]
    steps: Option<u64>,
    /// Attempts per bug, and proposals per step
    #[arg(long)]
    group: Option<usize>,
    /// Equal seeds give equal bugs, byte for byte
    #[arg(long)]
    seed: Option<u64>,
    /// Who repairs: the policy, or an oracle that knows the bug and exercises the pipeline
    #[arg(long, value_enum)]
    solver: Option<Solver>,
    /// The folder of the run [default: a new one under runs/]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Continue the run in --out, or the newest one of this package and seed under runs/
    #[arg(long)]
    resume: bool,
    /// End with one line of JSON on standard output instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Solver {
    Policy,
    Oracle,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let display = Display::new(std::io::stderr().is_terminal());
    match run(&args, &display) {
        Ok(summary) => {
            display.finish();
            match args.json {
                true => println!("{}", serde_json::to_string(&summary).unwrap_or_default()),
                false => print!("{}", display::table(&summary)),
            }
            ExitCode::SUCCESS
        }
        Err(failure) => {
            display.finish();
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn run(args: &Args, display: &Display) -> Result<Summary> {
    let config = configure(args)?;
    let label = match &args.repo {
        Some(folder) => folder.display().to_string(),
        None => args.package.clone(),
    };
    let (out, start) = run_folder(args, &label, config.seed)?;
    display.say(&format!("reading {label}"));
    let packages = Packages::new(&ssr_sandbox::default_cache_dir());
    let package = match &args.repo {
        Some(folder) => packages.open(folder, &args.with)?,
        None => packages.fetch(&args.package, &args.with)?,
    };
    let sandbox = open_sandbox(&package, &|what| display.say(what))?;
    display.say("running the suite twice on the unchanged code");
    let limits = Limits::default();
    let needed = config.thresholds.min_passing_tests;
    let Screened { repository, baseline } = screen(&sandbox, &package, needed, limits)?;
    let injector = OperatorInjector::new(&package.tree);
    display.say(&format!(
        "{} tests pass, {} flaky, {} others; {} sites for bug operators",
        baseline.passing.len(),
        baseline.flaky.len(),
        baseline.other.len(),
        injector.len(),
    ));
    let policy = new_policy(&package, Seed::new(config.seed))?;
    let learner = GrpoLearner::new(policy, config.grpo.clone(), config.optimizer.clone())
        .map_err(from_rl)?;
    let suites = Suites::new(sandbox, limits);
    SelfPlay::new(repository, suites, injector, learner, config)
        .map_err(from_rl)?
        .run(&out, start, display)
        .map_err(from_rl)
}

/// The settings of the file, then those of the command line.
fn configure(args: &Args) -> Result<Config> {
    let mut config = match &args.config {
        None => Config::default(),
        Some(file) => {
            let name = file.display();
            let text = std::fs::read_to_string(file)
                .map_err(|error| Failure::input(format!("{name}: {error}")))?;
            Config::from_toml(&text).map_err(|error| Failure::input(format!("{name}: {error}")))?
        }
    };
    config.steps = args.steps.unwrap_or(config.steps);
    config.seed = args.seed.unwrap_or(config.seed);
    if let Some(group) = args.group {
        (config.group, config.proposals) = (group, group);
    }
    match args.solver {
        Some(Solver::Oracle) => config.solver = SolverKind::Oracle,
        Some(Solver::Policy) => config.solver = SolverKind::Policy,
        None => {}
    }
    config.validate().map_err(|error| Failure::input(error.to_string()))?;
    Ok(config)
}

/// `--out`, or the next free folder under `runs/`; on `--resume` the newest that is there.
fn run_folder(args: &Args, label: &str, seed: u64) -> Result<(PathBuf, Start)> {
    let start = if args.resume { Start::Resume } else { Start::Fresh };
    if let Some(out) = &args.out {
        return Ok((out.clone(), start));
    }
    let name = Path::new(label).file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(|| "repository".to_owned()).replace("==", "-");
    let folder = |n: u32| match n {
        1 => Path::new("runs").join(format!("{name}-seed{seed}")),
        n => Path::new("runs").join(format!("{name}-seed{seed}-{n}")),
    };
    let free = (1..).find(|n| !folder(*n).exists()).unwrap_or(1);
    match (start, free) {
        (Start::Resume, 1) => Err(Failure::input(format!(
            "there is no run {} to resume; start one without --resume, or name it with --out",
            folder(1).display()
        ))),
        (Start::Resume, free) => Ok((folder(free - 1), start)),
        (Start::Fresh, free) => Ok((folder(free), start)),
    }
}

/// An untrained policy with a tokenizer made from the repository's own text.
fn new_policy(package: &Package, seed: Seed) -> Result<LocalPolicy> {
    let broke = |error: ssr_policy::Error| Failure::Infrastructure(error.to_string());
    let tokenizer = Tokenizer::train(texts(&package.tree), VOCABULARY).map_err(broke)?;
    let config = ModelConfig::tiny(tokenizer.vocab_size());
    let model = Model::new(config, seed.derive("weights")).map_err(broke)?;
    LocalPolicy::new(model, tokenizer).map_err(broke)
}

fn texts(tree: &Tree) -> impl Iterator<Item = &str> {
    let python = tree.files().filter(|(path, _)| path.extension() == Some("py"));
    python.filter_map(|(_, file)| File::text(file))
}

/// What the user can mend is a wrong input; everything else broke around the run.
fn from_rl(error: ssr_rl::Error) -> Failure {
    use ssr_rl::Error::{Checkpoint, Config, ConfigSyntax, Repository, RunDir};
    match error {
        Config { .. } | ConfigSyntax(_) | RunDir { .. } | Checkpoint { .. } | Repository { .. } => {
            Failure::Input(error.to_string())
        }
        error => Failure::Infrastructure(error.to_string()),
    }
}
