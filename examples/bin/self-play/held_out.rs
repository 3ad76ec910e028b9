//! Repairs of bugs in a package that is not learned from, before and after a run.

use serde::Serialize;
use ssr_core::Seed;
use ssr_examples::{Arena, Packages, Result};
use ssr_mutate::TestPoison;
use ssr_policy::LocalPolicy;
use ssr_rl::{Config, PairedGain, RepairRates, RepairTasks, TaskRanks};
use ssr_sandbox::{Guest, WasiSandbox};

use crate::from_rl;

/// Bugs of a package, and how the policy ranked their repairs at the start.
pub struct HeldOut {
    package: String,
    tasks: RepairTasks<WasiSandbox>,
    before: TaskRanks,
}

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

impl HeldOut {
    /// Draws bugs of the package that pass the seven checks, and lets the policy rank their repairs.
    pub fn open(
        name: &str,
        count: usize,
        packages: &Packages,
        guest: &Guest,
        config: &Config,
        policy: &LocalPolicy,
        say: &dyn Fn(&str),
    ) -> Result<Self> {
        let say = |what: &str| say(&format!("held out, {name}: {what}"));
        let arena = Arena::open(guest, &packages.fetch(name, &[])?, 1, &say)?;
        let protocol = arena.rank_edits(config.rank_edits, &say)?;
        say(&format!("making {count} bugs"));
        let repository = &arena.screened.repository;
        let mut tasks =
            RepairTasks::new(arena.suites(), repository.tree.clone()).with_poison(TestPoison);
        let tokens =
            |text: &str| policy.tokenizer().encode(text).map_or(text.len(), |ids| ids.len());
        for bug in arena.bugs(count, Seed::new(config.seed).derive("held out"))? {
            tasks.add(bug, &protocol, &repository.sources, &tokens);
        }
        say("judging the repairs that the policy ranks first");
        let before = tasks.measure(policy).map_err(from_rl)?;
        Ok(Self { package: name.to_owned(), tasks, before })
    }

    /// Lets the policy rank the same repairs again.
    pub fn compare(self, policy: &LocalPolicy, say: &dyn Fn(&str)) -> Result<Comparison> {
        let Self { package, tasks, before } = self;
        say(&format!("held out, {package}: judging the repairs that the policy ranks first now"));
        let after = tasks.measure(policy).map_err(from_rl)?;
        let pairs = tasks.scores(&before).into_iter().zip(tasks.scores(&after));
        let (before, after): (Vec<_>, Vec<_>) =
            pairs.filter_map(|(before, after)| before.zip(after)).unzip();
        let t1: Vec<_> = before.iter().zip(&after).map(|(a, b)| (a.t1, b.t1)).collect();
        Ok(Comparison {
            package,
            before: RepairRates::of(&before),
            after: RepairRates::of(&after),
            gain: PairedGain::of(&t1),
        })
    }
}
