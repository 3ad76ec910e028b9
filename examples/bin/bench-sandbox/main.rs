//! The sandbox against its peers, in one run: native CPython, and bubblewrap and podman where they
//! are present.

mod case;
mod clone;
mod measure;
mod memory;
mod ours;
mod peer;
mod rate;
mod reset;

use std::process::ExitCode;

use clap::Parser;
use ssr_examples::bench::{Row, json, table};
use ssr_examples::{Failure, Packages, Result, prepare_guest};
use ssr_sandbox::{Guest, default_cache_dir};

use case::{CASES, Case, Extent, Place};
use measure::in_turns;
use ours::Ours;
use peer::{Checkout, Peer};

/// A patch of a function, and the tests of its module.
const CYCLE: case::Work = (Place::Function, Extent::File);

/// The sandbox against its peers, in one run.
#[derive(Parser)]
#[command(name = "bench-sandbox")]
struct Args {
    /// Rounds; the medians are reported
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Only this package
    #[arg(long)]
    package: Option<String>,
    /// End with one line of JSON on standard output
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(rows) => {
            print!("{}", table(&rows));
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
    let chosen = |case: &&Case| args.package.as_deref().is_none_or(|name| name == case.name());
    let cases: Vec<&Case> = CASES.iter().filter(chosen).collect();
    if cases.is_empty() {
        let names: Vec<_> = CASES.iter().map(Case::name).collect();
        return Err(Failure::input(format!("--package is one of {}", names.join(", "))));
    }
    let mut rows = Vec::new();
    for (at, case) in cases.into_iter().enumerate() {
        rows.extend(bench(case, &guest, args.rounds.max(1), at == 0)?);
    }
    Ok(rows)
}

/// The rows of one package; with `in_full`, also those that hardly depend on the package.
fn bench(case: &Case, guest: &Guest, rounds: usize, in_full: bool) -> Result<Vec<Row>> {
    let cache = default_cache_dir();
    let package = Packages::new(&cache).fetch(case.requirement, &[])?;
    let name = case.name();
    let ours = Ours::new(guest, case, &package, rate::THREADS)?;
    let checkout = Checkout::new(&cache.join("bench").join(name), case, &package)?;
    let native = Peer::native(&checkout)?;
    let mut peers = vec![native];
    for (what, peer) in
        [("bubblewrap", Peer::bubblewrap(&checkout)), ("podman", Peer::podman(&checkout))]
    {
        match peer {
            Ok(peer) => peers.push(peer),
            Err(reason) => eprintln!("{name}: skipped {what}: {reason}"),
        }
    }
    check_same_work(case, &ours, &peers)?;
    let mut rows = Vec::new();
    let floor = measure::median_of(rounds, |_| ours.nothing())?;
    for (work, what, rounds) in [
        (CYCLE, "patch-and-test cycle", rounds),
        ((Place::Module, Extent::File), "cycle, patch at module level", rounds),
        ((Place::Function, Extent::Suite), "whole suite", rounds.div_ceil(3)),
    ] {
        let cycle = |peer: &Peer, round| peer.cycle(round, work).map(drop);
        let times = in_turns(rounds, |round| ours.cycle(round, work).map(drop), &peers, cycle)?;
        let title = format!("{name} {what}");
        rows.extend(times.rows(&title, &peers).map(|row| row.with_limit(floor)));
    }
    let clean = |peer: &Peer, round| {
        checkout.restore()?;
        peer.cycle(round, CYCLE).map(drop)
    };
    let times = in_turns(rounds, |round| ours.cycle(round, CYCLE).map(drop), &peers[..1], clean)?;
    let title = format!("{name} cycle in a clean checkout");
    rows.extend(times.rows(&title, &peers[..1]).map(|row| row.with_limit(floor)));
    if in_full {
        let start = in_turns(rounds, |_| ours.nothing(), &peers, |peer, _| peer.nothing())?;
        rows.extend(start.rows("start Python and print", &peers));
        rows.push(clone::row(guest, &peers[0], rounds)?);
        rows.extend(reset::rows(&ours, &checkout, &peers, rounds)?);
        rows.extend(rate::rows(case, &ours, &package, &checkout, rounds)?);
        rows.extend(memory::row(case, guest, &package, &peers[0])?);
    }
    Ok(rows)
}

/// Warms everything (bytecode, page cache, sessions) and checks that all sides give the same
/// result.
fn check_same_work(case: &Case, ours: &Ours, peers: &[Peer]) -> Result<()> {
    let suite = (Place::Function, Extent::Suite);
    let passed = ours.cycle(0, CYCLE)?;
    ours.cycle(0, CYCLE)?;
    ours.cycle(0, suite)?;
    for peer in peers {
        let expected = peer.cycle(0, CYCLE)?;
        if passed != expected {
            return Err(Failure::Infrastructure(format!(
                "ours passes {passed} tests of {}, {} {expected}: not the same work",
                case.tests, peer.name
            )));
        }
        peer.cycle(0, suite)?;
        peer.nothing()?;
    }
    Ok(())
}
