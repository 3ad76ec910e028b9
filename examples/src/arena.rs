//! A package that is ready to be played with: its sandbox, its screened suite, its coverage.

use rayon::prelude::*;
use ssr_core::{BugInstance, Command, Limits, Provenance, Seed, Strategy, Suites, Thresholds};
use ssr_mutate::{Mutator, Site, TestPoison};
use ssr_policy::LocalPolicy;
use ssr_rl::{RankEdits, RankEditsConfig, RepairTasks};
use ssr_sandbox::{Guest, WasiSandbox};

use crate::{
    Effect, Failure, OperatorEdits, Package, Result, Screened, Trials, measure_test_coverage,
    open_sandbox, screen, test_modules,
};

/// Sites that are tried at once for random bugs.
const AT_ONCE: usize = 8;
/// How many sites are tried for each bug that is wanted, at most.
const TRIES: usize = 12;

/// A package in a warm sandbox, with the results of its suite.
pub struct Arena {
    /// The sandbox, warm for the package and its suite.
    pub sandbox: WasiSandbox,
    /// The repository with its suite, its baseline and its limits.
    pub screened: Screened,
}

impl Arena {
    /// Boots Python, runs the suite twice on the unchanged code, and warms the sandbox for it. `say` is
    /// called with the progress.
    ///
    /// # Errors
    /// [`Failure::Input`] when fewer than `needed` tests pass, [`Failure::Infrastructure`] when the
    /// sandbox fails.
    pub fn open(
        guest: &Guest,
        package: &Package,
        needed: usize,
        say: &dyn Fn(&str),
    ) -> Result<Self> {
        say("booting Python with pytest");
        let sandbox = open_sandbox(guest, package)?;
        say("running the suite twice on the unchanged code");
        let modules = test_modules(&package.tree);
        let screened = screen(&sandbox, package, &modules, needed, Limits::default())?;
        sandbox.warm(&package.tree, &Command::suite(&screened.repository.test_script))?;
        Ok(Self { sandbox, screened })
    }

    /// The solver's protocol for the package: it ranks edits, and knows which test executes which lines
    /// if that can be recorded.
    ///
    /// # Errors
    /// [`Failure::Infrastructure`] when the sandbox fails.
    pub fn rank_edits(
        &self,
        config: RankEditsConfig,
        say: &dyn Fn(&str),
    ) -> Result<RankEdits<OperatorEdits>> {
        say("recording which test executes which lines");
        let Screened { repository, limits, .. } = &self.screened;
        let modules: Vec<_> = repository.test_files.iter().cloned().collect();
        // Recording takes several times as long as the tests.
        let limits = limits.with_cpu(8 * limits.cpu).with_wall(limits.wall.map(|wall| 8 * wall));
        let protocol = RankEdits::new(OperatorEdits::default(), config);
        match measure_test_coverage(&self.sandbox, &repository.tree, &modules, limits) {
            Ok(coverage) => Ok(protocol.with_coverage(coverage)),
            Err(Failure::Input(why)) => {
                say(&format!("{why}; what a bug is about is found by names instead"));
                Ok(protocol)
            }
            Err(failure) => Err(failure),
        }
    }

    /// The suites of the package.
    pub fn suites(&self) -> Suites<WasiSandbox> {
        Suites::new(self.sandbox.clone(), self.screened.limits)
    }

    /// Bugs of the package with the edits among which `policy` chooses their repairs. Claimed repairs
    /// are audited.
    ///
    /// # Errors
    /// [`Failure::Infrastructure`] when the sandbox fails.
    pub fn repair_tasks(
        &self,
        bugs: &[BugInstance],
        config: RankEditsConfig,
        policy: &LocalPolicy,
        say: &dyn Fn(&str),
    ) -> Result<RepairTasks<WasiSandbox>> {
        let protocol = self.rank_edits(config, say)?;
        let repository = &self.screened.repository;
        let mut tasks =
            RepairTasks::new(self.suites(), repository.tree.clone()).with_poison(TestPoison);
        for bug in bugs {
            let tokens = |text: &str| policy.count_tokens(text);
            tasks.add(bug.clone(), &protocol, &repository.sources, &tokens);
        }
        Ok(tasks)
    }

    /// At most `count` bugs at sites of operators, drawn by the seed, that pass the seven checks. The
    /// provenance of each names its operator.
    ///
    /// # Errors
    /// [`Failure::Infrastructure`] when the sandbox fails.
    pub fn bugs(&self, count: usize, seed: Seed) -> Result<Vec<BugInstance>> {
        let suites = self.suites();
        let Screened { repository, baseline, .. } = &self.screened;
        let thresholds = Thresholds::default().with_min_passing_tests(1);
        let trials = Trials::new(&suites, repository, &baseline.passing, thresholds);
        let mutator = Mutator::new();
        let sites = mutator.sites(&repository.tree);
        let drawn = mutator.sample(&sites, TRIES * count, seed);
        let bug = |site: &Site| -> Result<Option<BugInstance>> {
            let patch = site.patch().map_err(|error| Failure::input(error.to_string()))?;
            let mut trial = trials.run(&patch)?;
            if trial.effect != Effect::Breaking {
                return Ok(None);
            }
            trials.check(&patch, &mut trial, seed)?;
            let detail = format!("{} ({})", site.describe(), site.id());
            let provenance = Provenance { strategy: Strategy::Operators, detail };
            Ok(trial.bug(&repository.tree, provenance))
        };
        let mut bugs = Vec::new();
        for some in drawn.chunks(AT_ONCE) {
            if bugs.len() >= count {
                break;
            }
            let found: Vec<_> = some.par_iter().map(bug).collect::<Result<_>>()?;
            bugs.extend(found.into_iter().flatten());
        }
        bugs.truncate(count);
        Ok(bugs)
    }
}
