//! Time to restore a changed repository: a new workspace against copy, git and a new container.

use std::path::Path;
use std::process::Command;

use ssr_examples::Result;
use ssr_examples::bench::{Row, median};

use crate::case::Place;
use crate::measure::{median_of, time};
use crate::ours::Ours;
use crate::peer::{Checkout, Peer, printed};

/// The time to restore the original repository after a change: our new workspace against copying
/// the folder, `git checkout`, and a new container.
pub fn rows(ours: &Ours, checkout: &Checkout, peers: &[Peer], rounds: usize) -> Result<Vec<Row>> {
    let name = "reset of the repository";
    let mut workspace = None;
    let mut times = Vec::new();
    for round in 1..=rounds {
        ours.change(&mut workspace, round)?;
        times.push(time(|| ours.reset(&mut workspace))?);
    }
    let ours = median(times);
    let copy = copy(checkout, rounds)?;
    let mut rows = vec![Row::duration(name, ours, "cp -a", copy)];
    match git(checkout, rounds) {
        Ok(git) => rows.push(Row::duration(name, ours, "git checkout, clean", git)),
        Err(failure) => eprintln!("reset: skipped git: {failure}"),
    }
    if peers.iter().any(Peer::is_container) {
        let mut peer = Peer::podman(checkout)?;
        let new = median_of(rounds.div_ceil(3), |_| peer.replace())?;
        rows.push(Row::duration(name, ours, "new podman container", new));
    }
    Ok(rows)
}

fn copy(checkout: &Checkout, rounds: usize) -> Result<f64> {
    let original = checkout.root.join("original");
    let copy = checkout.root.join("copy");
    command("cp", &["-a".as_ref(), &checkout.folder, &original])?;
    command("cp", &["-a".as_ref(), &original, &copy])?;
    median_of(rounds, |_| {
        command("rm", &["-rf".as_ref(), &copy])?;
        command("cp", &["-a".as_ref(), &original, &copy])
    })
}

fn git(checkout: &Checkout, rounds: usize) -> Result<f64> {
    let git = |args: &[&str]| {
        let author = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"];
        let mut command = Command::new("git");
        command.arg("-C").arg(checkout.root.join("copy")).args(author).args(args);
        printed(&mut command).map(drop)
    };
    git(&["init", "--quiet"])?;
    git(&["add", "--all", "--force"])?;
    git(&["commit", "--quiet", "--message", "original"])?;
    let patched = checkout.root.join("copy").join(checkout.case.patched);
    let mut times = Vec::new();
    for round in 1..=rounds {
        let file = checkout.case.patched(&checkout.tree, round, Place::Function)?;
        std::fs::write(&patched, file.bytes()).map_err(|error| crate::peer::broke(&error))?;
        times.push(time(|| {
            git(&["checkout", "--quiet", "."])?;
            git(&["clean", "-fdxq"])
        })?);
    }
    Ok(median(times))
}

fn command(program: &str, args: &[&Path]) -> Result<()> {
    printed(Command::new(program).args(args)).map(drop)
}
