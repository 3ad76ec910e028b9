//! Repairs of bugs in a package that is not learned from, before and after a run.

use serde::Serialize;
use ssr_core::Seed;
use ssr_examples::{Arena, Packages, Result};
use ssr_policy::LocalPolicy;
use ssr_rl::{Config, PairedGain, RepairRates};
use ssr_sandbox::Guest;

use crate::from_rl;

/// The same bugs before and after; shares are between 0 and 1.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The package that was not learned from.
    pub package: String,
    /// The rates of the policy that the run started with.
    pub before: RepairRates,
    /// Those of the policy that it ended with.
    pub after: RepairRates,
    /// What pass@1 at temperature 1 gained.
    pub gain: PairedGain,
}

/// Draws bugs of a package that pass the seven checks, and lets both policies rank their repairs.
pub fn compare(
    name: &str,
    count: usize,
    (packages, guest): (&Packages, &Guest),
    config: &Config,
    [start, end]: [&LocalPolicy; 2],
    say: &dyn Fn(&str),
) -> Result<Comparison> {
    let say = |what: &str| say(&format!("held out, {name}: {what}"));
    let arena = Arena::open(guest, &packages.fetch(name, &[])?, 1, &say)?;
    say(&format!("making {count} bugs"));
    let bugs = arena.bugs(count, Seed::new(config.seed).derive("held out"))?;
    let tasks = arena.repair_tasks(&bugs, config.rank_edits, end, &say)?;
    say("judging the repairs that the policy ranks first, as it started and as it is now");
    let [before, after] = [start, end].map(|policy| tasks.measure(policy).map_err(from_rl));
    let (before, after) = (before?, after?);
    let pairs = tasks.scores(&before).into_iter().zip(tasks.scores(&after));
    let (before, after): (Vec<_>, Vec<_>) =
        pairs.filter_map(|(before, after)| before.zip(after)).unzip();
    let t1: Vec<_> = before.iter().zip(&after).map(|(a, b)| (a.t1, b.t1)).collect();
    Ok(Comparison {
        package: name.to_owned(),
        before: RepairRates::of(&before),
        after: RepairRates::of(&after),
        gain: PairedGain::of(&t1),
    })
}
