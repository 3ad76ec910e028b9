//! Whether policies learn to repair: training on some packages, tests on others.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use ssr_core::{BugInstance, Seed};
use ssr_examples::{
    Arena, Failure, Packages, Result, StartingPoint, prepare_guest, pretrained_policy,
    same_package, smollm2, untrained_policy,
};
use ssr_policy::LocalPolicy;
use ssr_rl::{RepairTasks, TaskRanks, TaskScore};
use ssr_sandbox::{WasiSandbox, default_cache_dir};

mod arms;
mod plan;
mod report;

use arms::{Arm, Trained};
use plan::{Plan, Scale};
use report::{ArmRow, row};

/// Whether policies learn to repair: training on some packages, tests on others.
#[derive(Parser)]
#[command(name = "experiment", version)]
struct Args {
    /// What is examined
    #[arg(value_enum)]
    subject: Subject,
    /// A few minutes instead of up to ninety
    #[arg(long)]
    quick: bool,
    /// How many seeds each arm is run with
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// An arm to run; may be repeated [default: all]
    #[arg(long = "arm", value_enum)]
    arms: Vec<Arm>,
    /// A package to train on, instead of those of examples/experiment.toml; may be repeated
    #[arg(long, value_name = "NAME==VERSION")]
    train: Vec<String>,
    /// A package to compare policies by, instead of those of examples/experiment.toml; may be repeated
    #[arg(long, value_name = "NAME==VERSION")]
    held_out: Vec<String>,
    /// Updates of the weights, instead of what examples/experiment.toml says
    #[arg(long)]
    updates: Option<u64>,
    /// Bugs of each held-out package
    #[arg(long)]
    held_out_bugs: Option<usize>,
    /// Bugs of each package that is trained on
    #[arg(long)]
    train_bugs: Option<usize>,
    /// End with one line of JSON on standard output
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Subject {
    /// Repairs of bugs in packages that were not trained on, before and after training
    Learning,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(rows) => {
            print!("{}", report::table(&rows));
            if args.json {
                println!("{}", serde_json::json!({ "arms": rows }));
            }
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

/// A package with its bugs.
struct Field {
    name: String,
    arena: Arena,
    bugs: Vec<BugInstance>,
}

/// Packages with their bugs, as policies of one starting point see them.
type Tasks = Vec<RepairTasks<WasiSandbox>>;

fn run(args: &Args) -> Result<Vec<ArmRow>> {
    let Subject::Learning = args.subject;
    let Scale { train, held_out, late, train_bugs, held_out_bugs, updates } = Plan::scale(args)?;
    let is_held_out = |name: &&String| held_out.iter().any(|other| same_package(name, other));
    if let Some(both) = train.iter().find(is_held_out) {
        return Err(Failure::input(format!("{both} is trained on; it cannot be held out, too")));
    }
    let say = |what: &str| eprintln!("{what}");
    let guest = prepare_guest(&say)?;
    let packages = Packages::new(&default_cache_dir());
    let open = |names: &[String], count: usize, seed: &str| -> Result<Vec<Field>> {
        let mut fields = Vec::new();
        for name in names {
            let start = Instant::now();
            let package = packages.fetch(name, &[])?;
            let arena = Arena::open(&guest, &package, 1, &|_| {})?;
            let bugs = arena.bugs(count, Seed::new(0).derive(seed).derive(name))?;
            say(&format!("{name}: {} bugs in {:.0} s", bugs.len(), start.elapsed().as_secs_f64()));
            fields.push(Field { name: name.clone(), arena, bugs });
        }
        Ok(fields)
    };
    let trained = open(&train, train_bugs, "train")?;
    let held_out = open(&[held_out, late].concat(), held_out_bugs, "held out")?;

    let arms =
        if args.arms.is_empty() { Arm::value_variants().to_vec() } else { args.arms.clone() };
    let mut tasks: BTreeMap<StartingPoint, (Tasks, Tasks)> = BTreeMap::new();
    let mut measured = Vec::new();
    for arm in arms {
        for seed in 1..=args.seeds.max(1) {
            let start = arm.start();
            let policy = policy(start, &trained, Seed::new(seed))?;
            if let Entry::Vacant(free) = tasks.entry(start) {
                let of = |fields: &[Field]| -> Result<Tasks> {
                    fields.iter().map(|field| as_tasks(field, start, &policy)).collect()
                };
                free.insert((of(&trained)?, of(&held_out)?));
            }
            let (train_tasks, test_tasks) = &tasks[&start];
            say(&format!("{}, seed {seed}: measuring", arm.name()));
            let clock = Instant::now();
            let before = measure(test_tasks, &policy)?;
            let Trained { policy, test_runs } =
                arm.train(policy, &trained, train_tasks, updates, Seed::new(seed), &say)?;
            let after = measure(test_tasks, &policy)?;
            let seconds = clock.elapsed().as_secs_f64();
            let result = Measured { arm, seed, before, after, test_runs, seconds };
            say(&report::line(&result.row(test_tasks)));
            measured.push(result);
        }
    }
    // All arms are compared by all verdicts, also by those that a later one asked for.
    Ok(measured.iter().map(|result| result.row(&tasks[&result.arm.start()].1)).collect())
}

/// How the policy of an arm ranked repairs before and after.
struct Measured {
    arm: Arm,
    seed: u64,
    before: Vec<TaskRanks>,
    after: Vec<TaskRanks>,
    test_runs: u64,
    seconds: f64,
}

impl Measured {
    fn row(&self, tasks: &Tasks) -> ArmRow {
        let pairs = pairs(tasks, &self.before, &self.after);
        row(self.arm, self.seed, &pairs, self.test_runs, self.seconds)
    }
}

fn policy(start: StartingPoint, trained: &[Field], seed: Seed) -> Result<LocalPolicy> {
    match start {
        // The tokenizer may know the packages that are trained on, and no others.
        StartingPoint::Zero => untrained_policy(
            trained.iter().map(|field| &field.arena.screened.repository.tree),
            seed,
        ),
        StartingPoint::Smollm2 => pretrained_policy(&smollm2(&default_cache_dir())?, seed),
    }
}

/// The bugs of a package with the edits among which policies of a starting point choose.
fn as_tasks(
    field: &Field,
    start: StartingPoint,
    policy: &LocalPolicy,
) -> Result<RepairTasks<WasiSandbox>> {
    let Field { name, arena, bugs } = field;
    let config = start.settings().rank_edits;
    let tasks = arena.repair_tasks(bugs, config, policy, &|_| {})?;
    let covered = (0..bugs.len()).filter(|at| tasks.reversal(*at).is_some()).count();
    eprintln!("{name}: {covered} of {} bugs can be taken back by one of their edits", bugs.len());
    Ok(tasks)
}

fn measure(tasks: &Tasks, policy: &LocalPolicy) -> Result<Vec<TaskRanks>> {
    tasks.iter().map(|tasks| tasks.measure(policy).map_err(broke)).collect()
}

/// The scores before and after of every bug at which the infrastructure held.
fn pairs(tasks: &Tasks, before: &[TaskRanks], after: &[TaskRanks]) -> Vec<(TaskScore, TaskScore)> {
    let of = |((tasks, before), after): ((&RepairTasks<WasiSandbox>, &TaskRanks), &TaskRanks)| {
        let pairs = tasks.scores(before).into_iter().zip(tasks.scores(after));
        pairs.filter_map(|(before, after)| before.zip(after)).collect::<Vec<_>>()
    };
    tasks.iter().zip(before).zip(after).flat_map(of).collect()
}

fn broke(error: ssr_rl::Error) -> Failure {
    Failure::Infrastructure(error.to_string())
}
