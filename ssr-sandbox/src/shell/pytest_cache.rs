//! What pytest in the shell found last, for `--lf` and its like: in a folder of the workspace outside
//! of the repository, as pytest itself would leave it in `.pytest_cache`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use ssr_core::{Outcome, TestReport};

use crate::interpreter::Vfs;

/// The folder, which `ssr_pytest.py` names, too.
const FOLDER: &str = "/var/cache/pytest/v/cache";

/// The options with which a run reads it.
const OPTIONS: [&str; 16] = [
    "--lf",
    "--last-failed",
    "--ff",
    "--failed-first",
    "--nf",
    "--new-first",
    "--lfnf",
    "--last-failed-no-failures",
    "--cache-clear",
    "--cache-show",
    "--sw",
    "--stepwise",
    "--sw-skip",
    "--stepwise-skip",
    "--sw-reset",
    "--stepwise-reset",
];

/// Whether a command line of pytest asks for the cache.
pub(super) fn is_asked_for(args: &[String]) -> bool {
    let options = args.iter().take_while(|arg| *arg != "--");
    options.map(|arg| arg.split('=').next().unwrap_or_default()).any(|name| OPTIONS.contains(&name))
}

/// Notes which tests there are and which of them failed last. A cache that cannot be written is one
/// that pytest does without.
pub(super) fn remember(vfs: &mut Vfs, report: &TestReport) {
    let mut failed: BTreeMap<String, bool> = read(vfs, "lastfailed");
    let mut known: BTreeSet<String> = read(vfs, "nodeids");
    for (id, outcome) in report.iter() {
        let id = id.as_str().to_owned();
        match outcome {
            Outcome::Failed | Outcome::Error | Outcome::Timeout => {
                failed.insert(id.clone(), true);
            }
            // It was collected only.
            Outcome::Missing => {}
            _ => drop(failed.remove(&id)),
        }
        known.insert(id);
    }
    if vfs.create_dir_all(FOLDER).is_ok() {
        write(vfs, "lastfailed", &failed);
        write(vfs, "nodeids", &known);
    }
}

fn read<T: DeserializeOwned + Default>(vfs: &Vfs, name: &str) -> T {
    let bytes = vfs.read(&format!("{FOLDER}/{name}")).map(|bytes| bytes.to_vec());
    bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn write(vfs: &mut Vfs, name: &str, value: &impl Serialize) {
    if let Ok(text) = serde_json::to_vec_pretty(value) {
        // The limits of the filesystem hold for it as for everything else.
        let _ = vfs.write(&format!("{FOLDER}/{name}"), text.as_slice());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> bool {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        is_asked_for(&args)
    }

    #[test]
    fn only_options_that_need_the_cache_switch_it_on() {
        assert!(asked("-q --lf tests") && asked("--lfnf=none") && asked("--cache-show=x*"));
        assert!(!asked("-q tests") && !asked("-- --lf") && !asked("--lfx"));
    }

    #[test]
    fn what_failed_last_is_kept_until_it_passes() {
        let mut vfs = Vfs::new();
        let report = |outcomes: &[(&str, Outcome)]| -> TestReport {
            outcomes.iter().map(|(id, outcome)| (ssr_core::TestId::new(id), *outcome)).collect()
        };
        remember(
            &mut vfs,
            &report(&[("a", Outcome::Failed), ("b", Outcome::Error), ("c", Outcome::Passed)]),
        );
        remember(&mut vfs, &report(&[("a", Outcome::Passed), ("d", Outcome::Missing)]));
        let failed: BTreeMap<String, bool> = read(&vfs, "lastfailed");
        assert_eq!(failed, BTreeMap::from([("b".to_owned(), true)]));
        let known: Vec<String> = read(&vfs, "nodeids");
        assert_eq!(known, ["a", "b", "c", "d"]);
    }
}
