//! Draws reverts from a git history, or reverts every candidate.
//!
//! ```text
//! cargo run -p ssr-mutate --features history --example history -- path/to/repo 20
//! cargo run -p ssr-mutate --features history --example history -- path/to/repo all out
//! ```

use std::path::Path;

use ssr_core::Seed;
use ssr_mutate::{History, HistoryBounds, ScaleOperator};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let repository = arguments.next().ok_or("give the repository to read")?;
    let count = arguments.next().unwrap_or_else(|| "10".to_owned());
    let history = History::read(&repository, &HistoryBounds::default())?;
    let (files, commits) = (history.tree().len(), history.commits().len());
    println!("{files} files, {commits} candidates, {} skipped", history.skipped().len());
    if count == "all" {
        let out = arguments.next().ok_or("give the folder for the patches")?;
        for commit in history.commits() {
            let Some(bug) = history.revert(commit) else { continue };
            let path = Path::new(&out).join(format!("{}.diff", commit.id()));
            std::fs::write(path, bug.patch().to_bytes())?;
            println!("{} {}", commit.id(), bug.describe());
        }
        return Ok(());
    }
    let operators = [ScaleOperator::Commit, ScaleOperator::Hunks, ScaleOperator::Commits];
    for bug in history.sample(&operators, count.parse()?, Seed::new(0)) {
        println!("{}\n{}", bug.describe(), bug.patch());
    }
    Ok(())
}
