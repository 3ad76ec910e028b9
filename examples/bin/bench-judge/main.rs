//! The judge against its peers, in one run: repairs judged and bugs validated a second, by ours, by
//! our reference (the whole script, then the parser), and by native pytest.

mod native;
mod rate;
mod verify;
mod work;

use std::process::ExitCode;

use clap::Parser;
use ssr_core::{Command, Limits, Suites};
use ssr_examples::bench::{Row, json, table};
use ssr_examples::{
    Failure, Packages, Result, Screened, open_sandbox, prepare_guest, screen, test_modules,
};
use ssr_sandbox::{Guest, SandboxCounters, default_cache_dir};

use native::Native;
use rate::rate;
use work::{Kind, Work};

/// The packages, each with what selects the part of its suite that is run; all where there is none.
const PACKAGES: [(&str, &str); 4] = [
    ("toolz==0.12.1", ""),
    ("more-itertools==10.5.0", ""),
    ("lark==1.2.2", ""),
    ("mpmath==1.3.0", "test_basic_ops test_functions test_linalg test_matrices"),
];

const PEER: &str = "native pytest";
const REFERENCE: &str = "whole script and parser";

/// The judge against its peers, in one run.
#[derive(Parser)]
#[command(name = "bench-judge")]
struct Args {
    /// Bugs that are drawn of each package
    #[arg(long, default_value_t = 6)]
    bugs: usize,
    /// Only this package, for example toolz==0.12.1; any package can be named
    #[arg(long)]
    package: Option<String>,
    /// What the package's tests import besides, as pip names it
    #[arg(long)]
    with: Vec<String>,
    /// Measure nothing; show of this many bugs that leaving out tests changes no outcome
    #[arg(long, value_name = "BUGS")]
    verify: Option<usize>,
    /// The seed with which bugs are drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End with one line of JSON on standard output
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(rows) => {
            if args.verify.is_none() {
                print!("{}", table(&rows));
            }
            if args.json {
                println!("{}", json(&rows));
            }
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn run(args: &Args) -> Result<Vec<Row>> {
    let guest = prepare_guest(&|what| eprintln!("{what}"))?;
    let cases: Vec<(&str, &str)> = match &args.package {
        Some(package) => {
            let known = PACKAGES.iter().find(|(label, _)| label == package);
            vec![known.copied().unwrap_or((package, ""))]
        }
        None => PACKAGES.to_vec(),
    };
    let mut rows = Vec::new();
    for (label, modules) in cases {
        rows.extend(bench(args, &guest, label, modules)?);
    }
    Ok(rows)
}

fn bench(args: &Args, guest: &Guest, label: &str, chosen: &str) -> Result<Vec<Row>> {
    let package = Packages::new(&default_cache_dir()).fetch(label, &args.with)?;
    let sandbox = open_sandbox(guest, &package)?;
    let is_chosen = |stem: &str| chosen.is_empty() || chosen.split(' ').any(|name| name == stem);
    let mut modules = test_modules(&package.tree);
    modules.retain(|path| is_chosen(path.file_name().trim_end_matches(".py")));
    let screened = screen(&sandbox, &package, &modules, 1, Limits::default())?;
    let Screened { repository, baseline, limits } = &screened;
    sandbox.warm(&package.tree, &Command::suite(&repository.test_script))?;
    let name = label.split("==").next().unwrap_or(label);
    if let Some(bugs) = args.verify {
        verify::verify(&sandbox, &screened, name, bugs, args.seed)?;
        return Ok(Vec::new());
    }
    eprintln!("{name}: {} tests pass; drawing {} bugs", baseline.passing.len(), args.bugs);
    let work = Work::draw(&sandbox, &screened, args.bugs, args.seed)?;
    eprintln!("{name}: {} wrong and {} right repairs", work.wrong.len(), work.right.len());
    let natives = [0, 1].map(|at| {
        Native::new(&default_cache_dir().join("bench-judge").join(format!("{name}-{at}")), &package)
    });
    let [one, two] = natives;
    let natives = [one?, two?];
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        for threads in [1, 2] {
            // What was seen before is remembered; every round starts with an empty memory.
            let suites = || Suites::new(sandbox.clone(), *limits);
            let (ours, reference) = (suites(), suites().with_affected_only(false));
            let jobs = work.jobs(kind);
            let before = sandbox.counters();
            let fast = rate(threads, jobs, |_, job| work.judge(&ours, kind, job))?;
            eprintln!("{name}: {}", spent(kind, jobs, &before, &sandbox.counters()));
            let slow =
                rate(threads, jobs.min(12), |_, job| work.judge_by_script(&reference, kind, job))?;
            let native = rate(threads, jobs.min(12), |thread, job| {
                work.judge_natively(&natives[thread], kind, job)
            })?;
            let plural = if threads == 1 { "" } else { "s" };
            let row = format!("{name} {} {threads} thread{plural}", kind.name());
            rows.push(Row::more(&row, "1/s", fast, PEER, native));
            rows.push(Row::more(&row, "1/s", fast, REFERENCE, slow));
        }
    }
    Ok(rows)
}

/// What one job took, on the average. Processor time is stable where times are not.
fn spent(kind: Kind, jobs: usize, before: &SandboxCounters, after: &SandboxCounters) -> String {
    let each = |count: u64| count as f64 / jobs as f64;
    let processor = after.processor.saturating_sub(before.processor).as_secs_f64() * 1e3;
    format!(
        "{}: {:.0} ms of processor time each in {:.1} runs, {:.1} of them from collected tests",
        kind.name(),
        processor / jobs as f64,
        each(after.clones - before.clones),
        each(after.collected - before.collected),
    )
}

/// A failure of the bench itself.
fn broke(what: &str) -> Failure {
    Failure::Infrastructure(format!("the bench is not fair: {what}"))
}
