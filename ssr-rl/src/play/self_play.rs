use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use ssr_core::{Check, Episode, Patch, Role, Sandbox, Seed, Suites, TestId, check_consistency};

use super::step::{Clock, Played, Step};
use super::{Event, Injector, LineEdit, Progress, Repository, SolverProtocol};
use crate::{
    Config, Error, Learner, Manifest, Result, RunDir, SolverKind, StepMetrics, Summary, report_html,
};

/// Self-play on one repository: in each step one policy proposes bugs, attempts those that pass the
/// consistency checks and some of its own failed repairs, and learns from both roles.
///
/// Equal seeds, repositories and learners give equal `bugs/`, byte for byte, whether or not the run
/// was killed and resumed in between. It prints nothing: [`Progress`] hears what happens.
pub struct SelfPlay<S, I, L, P = LineEdit> {
    repository: Repository,
    suites: Suites<S>,
    injector: I,
    learner: L,
    protocol: P,
    config: Config,
    versions: BTreeMap<String, String>,
}

/// How a run folder is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// A new run; the folder must not hold one.
    Fresh,
    /// The run that the folder holds goes on after its last finished step.
    Resume,
}

impl<S: Sandbox, I: Injector, L: Learner> SelfPlay<S, I, L> {
    /// Self-play in which repairs are [single lines](LineEdit).
    ///
    /// # Errors
    /// [`Error::Config`] for the first setting that is out of its range.
    pub fn new(
        repository: Repository,
        suites: Suites<S>,
        injector: I,
        learner: L,
        config: Config,
    ) -> Result<Self> {
        config.validate()?;
        let protocol = LineEdit::new(config.line_edit);
        let versions = BTreeMap::from([("ssr-rl".into(), env!("CARGO_PKG_VERSION").into())]);
        Ok(Self { repository, suites, injector, learner, protocol, config, versions })
    }
}

impl<S: Sandbox, I: Injector, L: Learner, P: SolverProtocol> SelfPlay<S, I, L, P> {
    /// Asks the solver in another way.
    pub fn with_protocol<Q: SolverProtocol>(self, protocol: Q) -> SelfPlay<S, I, L, Q> {
        let Self { repository, suites, injector, learner, config, versions, .. } = self;
        SelfPlay { repository, suites, injector, learner, protocol, config, versions }
    }

    /// Notes in `run.toml` the version of something that the results depend on.
    pub fn version(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.versions.insert(name.into(), version.into());
        self
    }

    /// The learner, as the last run left it.
    pub fn learner(&self) -> &L {
        &self.learner
    }

    /// Plays until all steps of the configuration are finished, in the run folder `path`.
    ///
    /// # Errors
    /// When the folder does not fit ([`Error::RunDir`], [`Error::Config`], [`Error::Checkpoint`]),
    /// the repository cannot be played with ([`Error::Repository`]), or the infrastructure fails in
    /// a way that leaves a step without episodes. The run can be resumed after that.
    pub fn run(&mut self, path: &Path, start: Start, progress: &dyn Progress) -> Result<Summary> {
        let passing = self.passing()?;
        let (run, finished) = self.enter(path, start, progress)?;
        let steps = self.config.steps.max(finished);
        progress.event(Event::Started { finished, steps });
        for number in finished + 1..=steps {
            progress.event(Event::StepStarted { step: number });
            let metrics = self.step(number, &passing, &run, progress)?;
            progress.event(Event::StepFinished(&metrics));
        }
        let lines = run.metrics()?;
        let summary = Summary {
            package: self.repository.name.clone(),
            seed: self.config.seed,
            run_dir: run.path().display().to_string(),
            solver: self.config.solver.name().to_owned(),
            ..Summary::of(&lines)
        };
        run.write_report(&report_html(&summary, &lines))?;
        progress.event(Event::Finished(&summary));
        Ok(summary)
    }

    /// The tests that pass on the original.
    ///
    /// Checks that fail without any bug would fail with each: no proposal is to be blamed for them,
    /// so the repository is refused.
    fn passing(&self) -> Result<BTreeSet<TestId>> {
        let Repository { name, tree, .. } = &self.repository;
        let artifact = self.repository.artifact(Patch::default(), Patch::default());
        let run = self.suites.run(&artifact, tree)?;
        let report = check_consistency(&self.suites, tree, &artifact, &self.config.thresholds)?;
        let refused = report.failure().filter(|verdict| verdict.check < Check::BugScope);
        let reason = match refused {
            Some(verdict) => format!("{}: {}", verdict.check, verdict.evidence),
            None if run.passed().is_empty() => "no test passes".to_owned(),
            None => return Ok(run.passed()),
        };
        let problem =
            format!("{reason}; the suite of the original code ends with\n{}", run.log_tail);
        Err(Error::Repository { package: name.clone(), problem })
    }

    /// Opens the run folder; returns how many steps are finished.
    fn enter(
        &mut self,
        path: &Path,
        start: Start,
        progress: &dyn Progress,
    ) -> Result<(RunDir, u64)> {
        let manifest = Manifest {
            package: self.repository.name.clone(),
            tree: self.repository.tree.hash().to_string(),
            solver: self.config.solver.name().to_owned(),
            versions: self.versions.clone(),
            config: self.config.clone(),
        };
        if start == Start::Fresh {
            return Ok((RunDir::create(path, &manifest)?, 0));
        }
        let (run, known) = RunDir::open(path)?;
        known.check_resume(&manifest)?;
        let (checkpoint, damaged) = run.newest_checkpoint()?;
        for error in &damaged {
            let text = format!("{error}; going on from the one before it");
            progress.event(Event::Warning(&text));
        }
        let finished = match &checkpoint {
            None => 0,
            Some(checkpoint) => {
                self.learner.restore(&checkpoint.path, checkpoint.weight_version)?;
                checkpoint.step
            }
        };
        run.rewind(finished)?;
        run.write_manifest(&manifest)?;
        Ok((run, finished))
    }

    fn step(
        &mut self,
        number: u64,
        passing: &BTreeSet<TestId>,
        run: &RunDir,
        progress: &dyn Progress,
    ) -> Result<StepMetrics> {
        let start = Instant::now();
        let Played { episodes, bugs, mut metrics } = self.play(number, passing, progress)?;
        progress.event(Event::Learning { episodes: episodes.len() });
        let learning = Instant::now();
        let taught = self.teaching(&episodes);
        metrics.update = self.learner.learn(&taught)?;
        metrics.update_seconds = learning.elapsed().as_secs_f64();
        metrics.weight_version = self.learner.weight_version();

        run.write_episodes(number, &episodes)?;
        for bug in &bugs {
            run.write_bug(bug)?;
        }
        metrics.seconds = start.elapsed().as_secs_f64();
        metrics.time = Clock::now();
        run.append_metrics(&metrics)?;
        // The step counts from here on.
        let (version, keep) = (metrics.weight_version, self.config.keep_checkpoints);
        run.save_checkpoint(number, version, keep, |folder| self.learner.save(folder))?;
        Ok(metrics)
    }

    fn play(
        &self,
        number: u64,
        passing: &BTreeSet<TestId>,
        progress: &dyn Progress,
    ) -> Result<Played> {
        let run_seed = Seed::new(self.config.seed);
        let step = Step {
            number,
            run_seed,
            seed: run_seed.derive("step").index(number),
            config: &self.config,
            repository: &self.repository,
            passing,
            suites: &self.suites,
            injector: &self.injector,
            protocol: &self.protocol,
            policy: self.learner.policy(),
            count_tokens: &|text| self.learner.count_tokens(text),
            progress,
            clock: Clock::default(),
            failure: Mutex::default(),
        };
        step.play()
    }

    /// The episodes to learn from: what the oracle did says nothing about the policy.
    fn teaching(&self, episodes: &[Episode]) -> Vec<Episode> {
        let oracle = self.config.solver == SolverKind::Oracle;
        let teaches = |episode: &&Episode| !(oracle && episode.role == Role::Solver);
        episodes.iter().filter(teaches).cloned().collect()
    }
}
