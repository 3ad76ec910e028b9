//! Compares the speed of finding sites and rendering patches with other tools, on Django and sympy.
//!
//! ```text
//! cargo xtask bench mutate [--json] [--seconds 30]
//! ```
//!
//! `cargo xtask` gives the folder with the code and one for the tools. All times are processor
//! times.

#[path = "../../../examples/src/bench.rs"]
#[allow(dead_code, reason = "shared with the other benches, which use all of it")]
mod bench;
mod oracle;
mod ours;
mod peers;

use std::path::PathBuf;
use std::process::ExitCode;

use bench::{Row, json, table};
use ours::{Code, Rates};
use peers::{PEERS, Peer};

/// How many files the peers are given, evenly spread over all.
const FILES: usize = 24;

type Result<T> = std::result::Result<T, String>;

struct Args {
    code: PathBuf,
    tools: PathBuf,
    json: bool,
    /// Processor time for each of a peer's two tasks.
    seconds: f64,
}

fn main() -> ExitCode {
    match args().and_then(|args| Ok((run(&args)?, args.json))) {
        Ok((rows, as_json)) => {
            print!("{}", table(&rows));
            if as_json {
                println!("{}", json(&rows));
            }
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn args() -> Result<Args> {
    let mut given = std::env::args().skip(1);
    let mut folder = |what: &str| given.next().ok_or_else(|| format!("give the folder {what}"));
    let (code, tools) = (folder("with the code")?, folder("for the other tools")?);
    let mut args = Args { code: code.into(), tools: tools.into(), json: false, seconds: 30.0 };
    while let Some(option) = given.next() {
        match option.as_str() {
            "--json" => args.json = true,
            "--seconds" => {
                let seconds = given.next().and_then(|number| number.parse().ok());
                args.seconds = seconds.ok_or("--seconds takes a number")?;
            }
            other => return Err(format!("there is no option {other:?}")),
        }
    }
    Ok(args)
}

fn run(args: &Args) -> Result<Vec<Row>> {
    let code = Code::read(&args.code)?;
    let mut rows = whole(&code)?;
    let sample = code.sample(FILES);
    let rates = ours::rates(&sample)?;
    let quality = ours::quality(&sample)?.shares();
    for peer in &PEERS {
        match peer.measure(&args.tools, &sample, args.seconds) {
            Ok((theirs, their_quality)) => {
                rows.extend(against(peer, &rates, &theirs));
                for ((what, ours), (_, theirs)) in quality.into_iter().zip(their_quality.shares()) {
                    rows.push(Row::more(what, "%", ours, peer.name, theirs).with_limit(100.0));
                }
            }
            Err(reason) => eprintln!("skipped {}: {reason}", peer.name),
        }
    }
    Ok(rows)
}

/// The rows about all of the code, against the targets that were set.
fn whole(code: &Code) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for package in code.packages() {
        let part = code.of(&package);
        let rates = ours::rates(&part)?;
        let per_lines = 100_000.0 / part.lines() as f64;
        let name = format!("parse, find sites: 100 kLOC of {package}");
        let row = Row::less(&name, "s", rates.find_seconds * per_lines, "the target", 1.0);
        rows.push(row.with_limit(rates.parse_seconds * per_lines));
        let name = format!("patches from sites, {package}");
        let row = Row::more(&name, "M/s", rates.patches_per_second() / 1e6, "the target", 1.0);
        rows.push(row.with_limit(rates.copies_per_second() / 1e6));
    }
    Ok(rows)
}

fn against(peer: &Peer, ours: &Rates, theirs: &Rates) -> [Row; 3] {
    let row = |what, of: fn(&Rates) -> f64, limit| {
        Row::more(what, "1/s", of(ours), peer.name, of(theirs)).with_limit(limit)
    };
    let parsing = ours.sites as f64 / ours.parse_seconds;
    [
        row("sites from source", Rates::sites_per_second, parsing),
        row("patches from sites", Rates::patches_per_second, ours.copies_per_second()),
        row("patches from source", Rates::patches_from_source, parsing),
    ]
}
