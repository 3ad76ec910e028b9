//! Resolves the arguments into a configuration, a repository and the folder of the run.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ssr_examples::{Failure, Result, StartingPoint, same_package, smollm2};
use ssr_rl::{Config, Manifest, RunDir, Scaffold, Start};
use ssr_sandbox::default_cache_dir;

use crate::{Args, Solver, from_rl};

/// What is played with when nothing is said.
const DEFAULT_PACKAGE: &str = "toolz==0.12.1";
/// What is held out then: it is small, and its suite runs in a second.
const HELD_OUT: &str = "cachetools==6.1.0";
/// Where runs go when nothing is said.
const RUNS: &str = "runs";

/// What to play, how and where; settled before anything is downloaded.
pub struct Plan {
    /// The package or the folder.
    pub label: String,
    /// Other packages that its tests import.
    pub with: Vec<String>,
    pub config: Config,
    pub out: PathBuf,
    pub start: Start,
    /// The pretrained model that the policy starts from; `None` for random weights.
    pub from: Option<PathBuf>,
    /// The package whose bugs are repaired before and after.
    pub held_out: Option<String>,
}

impl Plan {
    pub fn new(args: &Args, say: &dyn Fn(&str)) -> Result<Self> {
        if args.resume { Self::resume(args) } else { Self::fresh(args, say) }
    }

    fn fresh(args: &Args, say: &dyn Fn(&str)) -> Result<Self> {
        let pretrained = match args.start {
            Some(start) => start == StartingPoint::Smollm2,
            // An oracle repairs whatever the policy is; a file was written for some policy.
            None => !matches!(args.solver, Some(Solver::Oracle)) && args.config.is_none(),
        };
        let base = match &args.config {
            None if pretrained => StartingPoint::Smollm2.settings(),
            None => StartingPoint::Zero.settings(),
            Some(file) => read(file)?,
        };
        let mut config = adjusted(base, args)?;
        let label = given(args).unwrap_or_else(|| DEFAULT_PACKAGE.to_owned());
        let out = match &args.out {
            Some(out) => out.clone(),
            None => next_free(&label, config.seed),
        };
        let occupied = std::fs::read_dir(&out).is_ok_and(|mut entries| entries.next().is_some());
        if occupied || out.is_file() {
            return Err(Failure::input(format!(
                "{} is in use; name another folder with --out, or go on with --resume",
                out.display()
            )));
        }
        let from = match pretrained.then(|| smollm2(&default_cache_dir())) {
            None => None,
            Some(Ok(model)) => Some(model),
            Some(Err(failure)) if args.start.is_some() => return Err(failure),
            Some(Err(failure)) => {
                say(&format!("{failure}; starting from random weights"));
                config = adjusted(StartingPoint::Zero.settings(), args)?;
                None
            }
        };
        let held_out = held_out(args, &label, config.scaffold)?;
        let (with, start) = (args.with.clone(), Start::Fresh);
        Ok(Self { label, with, config, out, start, from, held_out })
    }

    /// The package and the settings of the run, so that `--resume` needs no others.
    fn resume(args: &Args) -> Result<Self> {
        let out = match &args.out {
            Some(out) => out.clone(),
            None => newest()?,
        };
        let (_, Manifest { package, config, versions, .. }) =
            RunDir::open(&out).map_err(from_rl)?;
        let base = match &args.config {
            None => config,
            Some(file) => read(file)?,
        };
        let label = given(args).unwrap_or(package);
        let with = match versions.get("with") {
            Some(with) if args.with.is_empty() => with.lines().map(str::to_owned).collect(),
            _ => args.with.clone(),
        };
        let pretrained = versions.contains_key("start");
        if args.start.is_some_and(|start| (start == StartingPoint::Smollm2) != pretrained) {
            let was = if pretrained { "smollm2" } else { "zero" };
            return Err(Failure::input(format!(
                "the run in {} started from {was}; resume it without --start",
                out.display()
            )));
        }
        let from = if pretrained { Some(smollm2(&default_cache_dir())?) } else { None };
        let config = adjusted(base, args)?;
        let held_out = held_out(args, &label, config.scaffold)?;
        Ok(Self { label, with, config, out, start: Start::Resume, from, held_out })
    }
}

/// The default is for the default run: what else is played with may be anything, the same package too.
fn held_out(args: &Args, label: &str, scaffold: Scaffold) -> Result<Option<String>> {
    let plain = args.config.is_none() && args.solver.is_none() && label == DEFAULT_PACKAGE;
    let default = (plain && !args.no_held_out).then(|| HELD_OUT.to_owned());
    let held_out = args.held_out.clone().or(default).filter(|_| args.held_out_bugs > 0);
    if held_out.as_deref().is_some_and(|held_out| same_package(held_out, label)) {
        return Err(Failure::input(format!("{label} is learned from; hold out another package")));
    }
    if args.held_out.is_some() && scaffold != Scaffold::RankEdits {
        let problem = "--held-out compares ranked edits; say scaffold = \"rank-edits\"";
        return Err(Failure::input(problem));
    }
    Ok(held_out)
}

/// A folder goes by its full name, so that a run can be resumed from anywhere.
fn given(args: &Args) -> Option<String> {
    let full = |folder: &PathBuf| folder.canonicalize().unwrap_or_else(|_| folder.clone());
    let folder = args.repo.as_ref().map(|folder| full(folder).display().to_string());
    folder.or_else(|| args.package.clone())
}

fn read(file: &Path) -> Result<Config> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::input(format!("{name}: {error}")))?;
    Config::from_toml(&text).map_err(|error| Failure::input(format!("{name}: {error}")))
}

/// The command line wins.
fn adjusted(mut config: Config, args: &Args) -> Result<Config> {
    config.steps = args.steps.unwrap_or(config.steps);
    config.seed = args.seed.unwrap_or(config.seed);
    if let Some(group) = args.group {
        (config.group, config.proposals) = (group, group);
        config.questions = config.questions.min(group / 2).max(1);
    }
    if let Some(solver) = args.solver {
        config.solver = solver.into();
    }
    config.validate().map_err(from_rl)?;
    Ok(config)
}

/// `runs/NAME-seedN`, with a number behind it when that is taken.
fn next_free(label: &str, seed: u64) -> PathBuf {
    let name = Path::new(label).file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(|| "repository".to_owned()).replace("==", "-");
    let first = Path::new(RUNS).join(format!("{name}-seed{seed}"));
    let later = (2..).map(|n: u32| Path::new(RUNS).join(format!("{name}-seed{seed}-{n}")));
    std::iter::once(first).chain(later).find(|folder| !folder.exists()).unwrap_or_default()
}

/// The run under `runs/` that was written to last.
fn newest() -> Result<PathBuf> {
    let entries = std::fs::read_dir(RUNS).into_iter().flatten().flatten().map(|entry| entry.path());
    let runs = entries.filter(|folder| folder.join("run.toml").is_file());
    let changed = |folder: &PathBuf| -> SystemTime {
        let time = folder.metadata().and_then(|metadata| metadata.modified());
        time.unwrap_or(SystemTime::UNIX_EPOCH)
    };
    runs.max_by_key(changed).ok_or_else(|| {
        Failure::input(format!("there is no run under {RUNS} to resume; name one with --out"))
    })
}
