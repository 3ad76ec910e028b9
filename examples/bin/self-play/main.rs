//! Self-play SWE-RL on one Python package: inject bugs, validate them, repair them, learn.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use serde::Serialize;
use ssr_core::Seed;
use ssr_examples::{
    Arena, Failure, OperatorInjector, PYTEST, Packages, Result, SMOLLM2, Screened, StartingPoint,
    prepare_guest, pretrained_policy, untrained_policy,
};
use ssr_mutate::TestPoison;
use ssr_rl::{GrpoLearner, LearningErrorKind, Scaffold, SelfPlay, SolverKind, Summary};

mod display;
mod held_out;
mod plan;

use display::Display;
use held_out::Comparison;
use plan::Plan;

/// Self-play SWE-RL on one Python package: inject bugs, validate them, repair them, learn.
#[derive(Parser)]
#[command(name = "self-play", version)]
struct Args {
    /// A package of the Python package index, NAME or NAME==VERSION [default: toolz==0.12.1]
    #[arg(long, conflicts_with = "repo")]
    package: Option<String>,
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
    /// What the policy starts from [default: smollm2; zero with --config or the oracle, and without
    /// network]
    #[arg(long, value_enum)]
    start: Option<StartingPoint>,
    /// A package of the index whose bugs are repaired before and after, without learning from them
    /// [default: cachetools==6.1.0 for the default package without --config and --solver]
    #[arg(long, value_name = "NAME", conflicts_with = "no_held_out")]
    held_out: Option<String>,
    /// How many bugs of that package
    #[arg(long, value_name = "N", default_value_t = 16)]
    held_out_bugs: usize,
    /// Compare nothing before and after
    #[arg(long)]
    no_held_out: bool,
    /// The folder of the run [default: a new one under runs/]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Continue the run in --out, or the newest one under runs/, with its package and settings
    #[arg(long)]
    resume: bool,
    /// End with one line of JSON on standard output
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Solver {
    Policy,
    Oracle,
}

impl From<Solver> for SolverKind {
    fn from(solver: Solver) -> Self {
        match solver {
            Solver::Policy => Self::Policy,
            Solver::Oracle => Self::Oracle,
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let display = Display::new(std::io::stderr().is_terminal());
    match run(&args, &display) {
        Ok(results) => {
            display.finish();
            print!("{}", display::table(&results.summary));
            if let Some(held_out) = &results.held_out {
                print!("{}", display::comparison(held_out));
            }
            if args.json {
                println!("{}", serde_json::json!(results));
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

/// What a run ends with.
#[derive(Serialize)]
struct Results {
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_out: Option<Comparison>,
}

fn run(args: &Args, display: &Display) -> Result<Results> {
    let Plan { label, with, config, out, start, from, held_out } =
        Plan::new(args, &|what| display.say(what))?;
    display.say(&format!("reading {label}"));
    let packages = Packages::new(&ssr_sandbox::default_cache_dir());
    let folder = Path::new(&label);
    let package = if args.repo.is_some() || (args.package.is_none() && folder.is_dir()) {
        packages.open(folder, &with)?
    } else {
        packages.fetch(&label, &with)?
    };
    package.note().iter().for_each(|note| display.say(note));
    let guest = prepare_guest(&|what| display.say(what))?;
    let say = |what: &str| display.say(what);
    let arena = Arena::open(&guest, &package, config.thresholds.min_passing_tests, &say)?;
    let Screened { repository, baseline, .. } = &arena.screened;
    let injector = OperatorInjector::new(&package.tree);
    display.say(&format!(
        "{} tests pass, {} flaky, {} others; {} sites for bug operators",
        baseline.passing.len(),
        baseline.flaky.len(),
        baseline.other.len(),
        injector.len(),
    ));
    let protocol = match config.scaffold {
        Scaffold::RankEdits => Some(arena.rank_edits(config.rank_edits, &say)?),
        _ => None,
    };
    let seed = Seed::new(config.seed);
    let started = || match &from {
        None => untrained_policy([&package.tree], seed),
        Some(model) => pretrained_policy(model, seed),
    };
    let learner = GrpoLearner::new(started()?, config.grpo, config.optimizer).map_err(from_rl)?;
    let mut play =
        SelfPlay::new(repository.clone(), arena.suites(), injector, learner, config.clone())
            .map_err(from_rl)?
            .with_poison(TestPoison)
            .version("guest", guest.id())
            .version("pytest", PYTEST);
    if from.is_some() {
        play = play.version("start", SMOLLM2);
    }
    if !with.is_empty() {
        play = play.version("with", with.join("\n"));
    }
    let Some(protocol) = protocol else {
        let summary = play.run(&out, start, display).map_err(from_rl)?;
        return Ok(Results { summary, held_out: None });
    };
    let mut play = play.with_protocol(protocol);
    let summary = play.run(&out, start, display).map_err(from_rl)?;
    let held_out = match held_out {
        Some(name) => {
            let policies = [&started()?, play.learner().local_policy()];
            let (count, tools) = (args.held_out_bugs, (&packages, &guest));
            Some(held_out::compare(&name, count, tools, &config, policies, &say)?)
        }
        None => None,
    };
    Ok(Results { summary, held_out })
}

/// What the user can mend is a wrong input; everything else broke around the run.
fn from_rl(error: ssr_rl::Error) -> Failure {
    match error.kind() {
        LearningErrorKind::Config | LearningErrorKind::Run | LearningErrorKind::Repository => {
            Failure::Input(error.to_string())
        }
        _ => Failure::Infrastructure(error.to_string()),
    }
}
