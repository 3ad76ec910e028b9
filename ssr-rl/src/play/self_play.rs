//! The loop over steps, from the run folder to the summary.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use ssr_core::{
    Check, CheckedArtifact, Episode, Patch, Poison, Role, Sandbox, Seed, Suites, TestId,
    check_consistency,
};
use tracing::info_span;

use super::attempts::SolverHalf;
use super::audited::Auditor;
use super::context::{Clock, FirstFailure, StepContext};
use super::proposals::InjectorHalf;
use super::step::{self, Played};
use super::{Event, Injector, LineEdit, Progress, Repository, SolverProtocol};
use crate::{
    Config, Error, Learner, Manifest, Result, RunDir, SolverKind, StepMetrics, Summary, report_html,
};

/// Self-play on one repository: in each step one policy proposes bugs, attempts those that pass the
/// consistency checks and some of its own failed repairs, and learns from both roles.
///
/// Equal seeds, repositories and learners give equal `bugs/`, byte for byte, whether or not the run
/// was killed and resumed in between. It prints nothing: a [`Progress`] is told what happens.
pub struct SelfPlay<S, I, L, P = LineEdit> {
    repository: Repository,
    suites: Suites<S>,
    injector: I,
    learner: L,
    protocol: P,
    poison: Option<Box<dyn Poison>>,
    config: Config,
    versions: BTreeMap<String, String>,
}

/// How a run folder is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
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
    /// [`Error::Config`] for the first setting that is out of its range, or from whose samples the
    /// learner cannot learn.
    pub fn new(
        repository: Repository,
        suites: Suites<S>,
        injector: I,
        learner: L,
        config: Config,
    ) -> Result<Self> {
        config.validate()?;
        learner.check_sampling(&config.sampling)?;
        let protocol = LineEdit::new(config.line_edit);
        let versions = BTreeMap::from([("ssr-rl".into(), env!("CARGO_PKG_VERSION").into())]);
        let poison = None;
        Ok(Self { repository, suites, injector, learner, protocol, poison, config, versions })
    }
}

impl<S: Sandbox, I: Injector, L: Learner, P: SolverProtocol> SelfPlay<S, I, L, P> {
    /// Asks the solver in another way.
    #[must_use]
    pub fn with_protocol<Q: SolverProtocol>(self, protocol: Q) -> SelfPlay<S, I, L, Q> {
        let Self { repository, suites, injector, learner, poison, config, versions, .. } = self;
        SelfPlay { repository, suites, injector, learner, protocol, poison, config, versions }
    }

    /// Makes the poisoned tests of the audits that [`Config::audit`] asks for. Without one only the
    /// static rules hold, and a repair can forge its passes.
    #[must_use]
    pub fn with_poison(mut self, poison: impl Poison + 'static) -> Self {
        self.poison = Some(Box::new(poison));
        self
    }

    /// Notes in `run.toml` the version of something that the results depend on.
    #[must_use]
    pub fn version(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.versions.insert(name.into(), version.into());
        self
    }

    /// The learner, as the last run left it.
    pub fn learner(&self) -> &L {
        &self.learner
    }

    /// The learner, to go on with elsewhere.
    pub fn into_learner(self) -> L {
        self.learner
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
        let Repository { name, tree, sources, .. } = &self.repository;
        let refuse = |problem| Err(Error::Repository { package: name.clone(), problem });
        if !sources.iter().any(|path| tree.contains(path.as_str())) {
            return refuse("it has no source file that the solver could be shown".to_owned());
        }
        let artifact = self.repository.artifact(Patch::default(), Patch::default());
        let run = self.suites.run(&artifact, tree)?;
        let thresholds = &self.config.thresholds;
        let CheckedArtifact { report, .. } =
            check_consistency(&self.suites, tree, &artifact, thresholds)?;
        let refused = report.failure().filter(|verdict| verdict.check < Check::BugScope);
        let reason = match refused {
            Some(verdict) => format!("{}: {}", verdict.check, verdict.evidence),
            None if run.passed().is_empty() => "no test passes".to_owned(),
            None => return Ok(run.passed()),
        };
        refuse(format!("{reason}; the suite of the original code ends with\n{}", run.log_tail))
    }

    /// Opens the run folder; returns how many steps are finished.
    fn enter(
        &mut self,
        path: &Path,
        start: Start,
        progress: &dyn Progress,
    ) -> Result<(RunDir, u64)> {
        let Repository { name, tree, .. } = &self.repository;
        let manifest = Manifest {
            versions: self.versions.clone(),
            ..Manifest::new(name, tree, self.config.clone())
        };
        if start == Start::Fresh {
            return Ok((RunDir::create(path, &manifest)?, 0));
        }
        let (run, known) = RunDir::open(path)?;
        known.check_resume(&manifest)?;
        let (checkpoint, damaged) = run.newest_checkpoint()?;
        // The checkpoint of a step is written last: an older one means that the steps after it are
        // played again, with the same result.
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
        let _span = info_span!("step", step = number).entered();
        let start = Instant::now();
        let Played { episodes, bugs, mut metrics } = self.play(number, passing, progress)?;
        progress.event(Event::Learning { episodes: episodes.len() });
        let learning = Instant::now();
        let taught = self.teaching(&episodes);
        metrics.update = info_span!("update", episodes = taught.len())
            .in_scope(|| self.learner.learn(&taught))?;
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
        info_span!("checkpoint").in_scope(|| {
            run.save_checkpoint(number, version, keep, |folder| self.learner.save(folder))
        })?;
        Ok(metrics)
    }

    fn play(
        &self,
        number: u64,
        passing: &BTreeSet<TestId>,
        progress: &dyn Progress,
    ) -> Result<Played> {
        let run_seed = Seed::new(self.config.seed);
        let context = StepContext {
            number,
            seed: run_seed.derive("step").index(number),
            config: &self.config,
            suites: &self.suites,
            auditor: Auditor {
                poison: self.poison.as_deref(),
                on: self.config.audit,
                original: &self.repository.tree,
                seed: run_seed,
            },
            policy: self.learner.policy(),
            progress,
            clock: Clock::default(),
            dropped: FirstFailure::default(),
        };
        let injector = InjectorHalf {
            step: &context,
            repository: &self.repository,
            passing,
            injector: &self.injector,
            run_seed,
        };
        let solver = SolverHalf {
            step: &context,
            protocol: &self.protocol,
            sources: &self.repository.sources,
            count_tokens: &|text| self.learner.count_tokens(text),
        };
        step::play(&context, &injector, &solver)
    }

    /// The episodes to learn from, without those of the oracle: the policy did not draw their tokens.
    fn teaching(&self, episodes: &[Episode]) -> Vec<Episode> {
        let oracle = self.config.solver == SolverKind::Oracle;
        let teaches = |episode: &&Episode| !(oracle && episode.role == Role::Solver);
        episodes.iter().filter(teaches).cloned().collect()
    }
}
