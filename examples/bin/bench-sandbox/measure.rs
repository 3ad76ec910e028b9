//! Timing: the sandbox and its peers run alternately, and medians are compared.

use std::time::Instant;

use ssr_examples::Result;
use ssr_examples::bench::{Row, median};

use crate::peer::Peer;

/// The median times of both sides, in milliseconds.
pub struct Times {
    pub ours: f64,
    theirs: Vec<f64>,
}

impl Times {
    /// One row for each peer.
    pub fn rows<'t>(&'t self, name: &'t str, peers: &'t [Peer]) -> impl Iterator<Item = Row> + 't {
        let row =
            |(peer, theirs): (&Peer, &f64)| Row::duration(name, self.ours, peer.name, *theirs);
        peers.iter().zip(&self.theirs).map(row)
    }
}

/// Runs our side and all peers alternately, so that a change of the machine's speed affects all.
pub fn in_turns(
    rounds: usize,
    mut ours: impl FnMut(usize) -> Result<()>,
    peers: &[Peer],
    mut theirs: impl FnMut(&Peer, usize) -> Result<()>,
) -> Result<Times> {
    let mut all = vec![Vec::new(); peers.len() + 1];
    for round in 1..=rounds {
        all[0].push(time(|| ours(round))?);
        for (times, peer) in all[1..].iter_mut().zip(peers) {
            times.push(time(|| theirs(peer, round))?);
        }
    }
    let mut medians = all.into_iter().map(median);
    Ok(Times { ours: medians.next().unwrap_or_default(), theirs: medians.collect() })
}

/// The median time of some rounds of one side, in milliseconds.
pub fn median_of(rounds: usize, mut work: impl FnMut(usize) -> Result<()>) -> Result<f64> {
    let times: Result<Vec<f64>> = (1..=rounds).map(|round| time(|| work(round))).collect();
    times.map(median)
}

/// The time of one call, in milliseconds.
pub fn time(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
