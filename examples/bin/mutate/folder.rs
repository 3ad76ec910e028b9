//! The folders that bugs are written to.

use std::path::{Path, PathBuf};

use ssr_core::{File, RepoPath, Tree};
use ssr_examples::{Failure, Package, Result, Trial};
use ssr_rl::BugRecord;
use ssr_sandbox::write_folder;

use crate::Args;
use crate::change::Change;

/// The folder for all bugs, which has to be empty.
pub fn prepare(args: &Args, label: &str) -> Result<PathBuf> {
    let out = match &args.out {
        Some(out) => out.clone(),
        None => {
            let name = Path::new(label).file_name().map(|name| name.to_string_lossy());
            let name = name.unwrap_or_else(|| "repository".into()).replace("==", "-");
            Path::new("bugs").join(format!("{name}-seed{}", args.seed))
        }
    };
    let occupied = std::fs::read_dir(&out).is_ok_and(|mut entries| entries.next().is_some());
    if occupied || out.is_file() {
        let out = out.display();
        return Err(Failure::input(format!("{out} is in use; name another folder with --out")));
    }
    Ok(out)
}

/// A bug that was not tried: its patch and its description.
pub fn write_patch(out: &Path, package: &Package, change: &Change) -> Result<PathBuf> {
    let record = serde_json::json!({
        "id": change.id,
        "package": package.label,
        "provenance": change.provenance(),
    });
    let patch = File::new(change.patch.to_bytes());
    let files = Tree::from_files([(RepoPath::new("bug_inject.diff")?, patch)])?;
    write(out, &change.id, files, record)
}

/// A valid bug: its five files and its record; `None` if it is not valid.
pub fn write_bug(
    out: &Path,
    package: &Package,
    change: &Change,
    trial: &Trial,
) -> Result<Option<PathBuf>> {
    let Some(bug) = trial.bug(&package.tree, change.provenance()) else { return Ok(None) };
    let mut record = BugRecord::new(&bug, 0);
    record.verdict = trial.checked.as_ref().map(|(_, checked)| checked.report.clone());
    let mut record = serde_json::json!(record);
    record["package"] = package.label.clone().into();
    write(out, &bug.id(), bug.artifact.to_tree(), record).map(Some)
}

fn write(out: &Path, name: &str, files: Tree, record: serde_json::Value) -> Result<PathBuf> {
    let folder = out.join(name);
    let broke = |error: String| Failure::Infrastructure(format!("{}: {error}", folder.display()));
    let mut text = serde_json::to_string_pretty(&record).map_err(|e| broke(e.to_string()))?;
    text.push('\n');
    let files = files.with(RepoPath::new("bug.json")?, File::new(text.into_bytes()))?;
    write_folder(&files, &folder).map_err(|error| broke(error.to_string()))?;
    Ok(folder)
}
