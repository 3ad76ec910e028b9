//! The folder of a run.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use ssr_core::Episode;

use super::{BugRecord, Checkpoint, Manifest, StepMetrics, checkpoint, event_file};
use crate::{Error, Result, files};

/// The folder of a run.
///
/// ```text
/// run.toml             the resolved configuration and versions
/// metrics.jsonl        one line per step; TensorBoard events beside it
/// episodes/<step>.jsonl
/// bugs/<hash>/         the five files and bug.json
/// checkpoints/<step>/  weights, optimiser, state
/// report.html
/// ```
///
/// A step is finished when its checkpoint is in place, which happens last and in one go. Whatever
/// else an unfinished step left is removed by [`RunDir::rewind`].
#[derive(Debug, Clone)]
pub struct RunDir {
    path: PathBuf,
}

const MANIFEST: &str = "run.toml";
const METRICS: &str = "metrics.jsonl";
const EVENTS: &str = "events.out.tfevents.0.ssr";

impl RunDir {
    /// Makes a new run folder.
    ///
    /// # Errors
    /// [`Error::RunDir`] when `path` already holds a run, [`Error::Io`].
    pub fn create(path: &Path, manifest: &Manifest) -> Result<Self> {
        if path.join(MANIFEST).exists() {
            let problem = "it holds a run already; resume that run or choose another folder";
            return Err(Error::run_dir(path, problem));
        }
        for folder in ["episodes", "bugs", "checkpoints"] {
            files::create_folder(&path.join(folder))?;
        }
        let run = Self { path: path.to_owned() };
        files::replace(&run.path.join(METRICS), b"")?;
        run.write_manifest(manifest)?;
        Ok(run)
    }

    /// Opens the folder of a run that was started before.
    ///
    /// # Errors
    /// [`Error::RunDir`] when there is none or a part of it is gone, [`Error::ConfigSyntax`] when its `run.toml` cannot be
    /// read.
    pub fn open(path: &Path) -> Result<(Self, Manifest)> {
        let file = path.join(MANIFEST);
        if !file.exists() {
            let problem = format!("it has no {MANIFEST}, so there is no run to resume");
            return Err(Error::run_dir(path, problem));
        }
        // It was there before the manifest.
        if !path.join(METRICS).exists() {
            let problem = format!("its {METRICS} was removed; put it back or start another run");
            return Err(Error::run_dir(path, problem));
        }
        let manifest = toml::from_str(&files::read_text(&file)?)
            .map_err(|error| Error::config_syntax(format!("{}: {error}", file.display()), error))?;
        Ok((Self { path: path.to_owned() }, manifest))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces `run.toml`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        let text = toml::to_string(manifest).map_err(|error| {
            Error::unreadable(&self.path, format!("{MANIFEST}: {error}"), error)
        })?;
        files::replace(&self.path.join(MANIFEST), text.as_bytes())
    }

    /// Appends the line of a step to `metrics.jsonl`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn append_metrics(&self, metrics: &StepMetrics) -> Result<()> {
        let path = self.path.join(METRICS);
        let mut line = json(&path, metrics)?;
        line.push('\n');
        append(&path, line.as_bytes())?;
        append(&self.path.join(EVENTS), &event_file::events(metrics))
    }

    /// The lines of `metrics.jsonl`. A last line that was cut off is left out.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::RunDir`] for a line that is complete and not understood.
    pub fn metrics(&self) -> Result<Vec<StepMetrics>> {
        read_lines(&self.path.join(METRICS))
    }

    /// Writes the episodes of one step.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_episodes(&self, step: u64, episodes: &[Episode]) -> Result<()> {
        let path = self.path.join("episodes").join(format!("{step:06}.jsonl"));
        let mut text = String::new();
        for episode in episodes {
            text.push_str(&json(&path, episode)?);
            text.push('\n');
        }
        files::replace(&path, text.as_bytes())
    }

    /// The episodes of one step.
    ///
    /// # Errors
    /// As [`RunDir::metrics`].
    pub fn episodes(&self, step: u64) -> Result<Vec<Episode>> {
        read_lines(&self.path.join("episodes").join(format!("{step:06}.jsonl")))
    }

    /// Writes a bug, unless it is known already.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_bug(&self, bug: &BugRecord) -> Result<()> {
        let path = self.path.join("bugs").join(&bug.id);
        if path.exists() {
            return Ok(());
        }
        let mut record = serde_json::to_string_pretty(bug)
            .map_err(|error| Error::unreadable(&path, error.to_string(), error))?;
        record.push('\n');
        files::replace_folder(&path, |folder| {
            for (name, file) in bug.artifact.to_tree().files() {
                files::write(&folder.join(name.as_str()), file.bytes())?;
            }
            files::write(&folder.join("bug.json"), record.as_bytes())
        })
    }

    /// The ids of the bugs found so far.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn bugs(&self) -> Result<Vec<String>> {
        let names = files::names(&self.path.join("bugs"))?;
        Ok(names.into_iter().filter(|name| !name.starts_with('.')).collect())
    }

    /// Writes the checkpoint of a finished step in one go and removes all but the newest `keep`.
    ///
    /// # Errors
    /// [`Error::Io`] and those of `fill`, which writes the learner's files into the folder it gets.
    pub fn save_checkpoint(
        &self,
        step: u64,
        weight_version: u64,
        keep: usize,
        fill: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        let folder = self.path.join("checkpoints");
        checkpoint::save(&folder, step, weight_version, fill)?;
        for old in checkpoint::steps(&folder)?.into_iter().skip(keep.max(1)) {
            files::remove_folder(&folder.join(old.to_string()))?;
        }
        Ok(())
    }

    /// The newest checkpoint whose files are all as they were written, and the damaged ones that
    /// are newer. `None` when no step was finished.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when there are checkpoints and all are damaged.
    pub fn newest_checkpoint(&self) -> Result<(Option<Checkpoint>, Vec<Error>)> {
        let folder = self.path.join("checkpoints");
        let mut damaged = Vec::new();
        for step in checkpoint::steps(&folder)? {
            match checkpoint::verify(&folder, step) {
                Ok(checkpoint) => return Ok((Some(checkpoint), damaged)),
                Err(error) => damaged.push(error),
            }
        }
        if damaged.is_empty() { Ok((None, damaged)) } else { Err(damaged.remove(0)) }
    }

    /// Removes everything that belongs to steps after the first `steps`: lines of metrics,
    /// episodes, bugs, checkpoints, and whatever was not finished.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn rewind(&self, steps: u64) -> Result<()> {
        let kept: Vec<StepMetrics> =
            self.metrics()?.into_iter().filter(|line| line.step <= steps).collect();
        let path = self.path.join(METRICS);
        let mut text = String::new();
        for line in &kept {
            text.push_str(&json(&path, line)?);
            text.push('\n');
        }
        files::replace(&path, text.as_bytes())?;
        let events: Vec<u8> = kept.iter().flat_map(event_file::events).collect();
        files::replace(&self.path.join(EVENTS), &events)?;
        self.rewind_folders(steps)
    }

    fn rewind_folders(&self, steps: u64) -> Result<()> {
        for folder in ["", "episodes", "bugs", "checkpoints"] {
            let folder = self.path.join(folder);
            for name in files::names(&folder)? {
                if name.starts_with(files::UNFINISHED) {
                    discard(&folder.join(name))?;
                }
            }
        }
        let later = |name: &str| name.parse().is_ok_and(|step: u64| step > steps);
        let episodes = self.path.join("episodes");
        for name in files::names(&episodes)? {
            if later(name.trim_end_matches(".jsonl")) {
                files::remove(&episodes.join(name))?;
            }
        }
        let checkpoints = self.path.join("checkpoints");
        for name in files::names(&checkpoints)?.iter().filter(|name| later(name)) {
            files::remove_folder(&checkpoints.join(name))?;
        }
        let bugs = self.path.join("bugs");
        for name in files::names(&bugs)? {
            let folder = bugs.join(name);
            if BugRecord::step_of(&folder.join("bug.json")).is_none_or(|step| step > steps) {
                discard(&folder)?;
            }
        }
        Ok(())
    }

    /// Writes `report.html`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_report(&self, html: &str) -> Result<()> {
        files::replace(&self.path.join("report.html"), html.as_bytes())
    }
}

fn discard(path: &Path) -> Result<()> {
    if path.is_dir() { files::remove_folder(path) } else { files::remove(path) }
}

fn append(path: &Path, data: &[u8]) -> Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    let mut file = file.map_err(|e| Error::io("opening it", path, e))?;
    file.write_all(data).map_err(|e| Error::io("appending to it", path, e))?;
    file.sync_data().map_err(|e| Error::io("syncing it", path, e))
}

fn json(path: &Path, value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::unreadable(path, error.to_string(), error))
}

fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let text = String::from_utf8_lossy(&files::read(path)?).into_owned();
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = complete.lines().enumerate().filter(|(_, line)| !line.is_empty());
    lines
        .map(|(at, line)| {
            serde_json::from_str(line).map_err(|error| {
                let problem = format!("line {} is damaged, remove it: {error}", at + 1);
                Error::unreadable(path, problem, error)
            })
        })
        .collect()
}
