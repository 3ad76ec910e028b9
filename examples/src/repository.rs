//! Prepares a repository for self-play: guest, warm sandbox, baseline of its tests.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ssr_core::{
    Baseline, Command, Limits, PYTEST_PARSER, RepoPath, Sandbox, TestId, TestSelection, Tree,
    pytest_script,
};
use ssr_mutate::{is_test_file, source_files};
use ssr_rl::Repository;
use ssr_sandbox::{Guest, PythonVersion, WasiSandbox, default_cache_dir};

use crate::{Failure, Package, Result};

/// How often the unchanged suite runs before a test counts as reliable.
const BASELINE_RUNS: usize = 2;
/// The time limit of a suite as a multiple of its own time, and the smallest limit. Both are times
/// of the processor, and a sandbox that shares it allows twice as much.
const SLACK: u32 = 10;
const SHORTEST_LIMIT: Duration = Duration::from_secs(10);

/// Finds or makes the default Python guest. `say` is called with the progress.
///
/// # Errors
/// [`Failure::Infrastructure`] when it cannot be made.
pub fn prepare_guest(say: &dyn Fn(&str)) -> Result<Guest> {
    prepare_python(PythonVersion::default(), say)
}

/// Finds or makes the guest with that Python.
///
/// # Errors
/// [`Failure::Infrastructure`] when it cannot be made.
pub fn prepare_python(python: PythonVersion, say: &dyn Fn(&str)) -> Result<Guest> {
    let say = |progress| say(&format!("guest: {progress}"));
    Guest::prepare_python(&default_cache_dir(), python, &say)
        .map_err(|error| Failure::Infrastructure(error.to_string()))
}

/// Boots the guest with pytest and warms it for the package.
///
/// # Errors
/// [`Failure::Infrastructure`] when that fails.
pub fn open_sandbox(guest: &Guest, package: &Package) -> Result<WasiSandbox> {
    let sandbox = WasiSandbox::builder(guest)
        .site_packages(package.site_packages.clone())
        .build()
        .map_err(|error| Failure::Infrastructure(error.to_string()))?;
    sandbox.warm(&package.tree, &Command::tests(TestSelection::All))?;
    Ok(sandbox)
}

/// The modules that pytest collects.
pub fn test_modules(tree: &Tree) -> Vec<RepoPath> {
    let is_module = |path: &RepoPath| {
        let name = path.file_name();
        name.ends_with("_test.py") || (name.starts_with("test_") && name.ends_with(".py"))
    };
    tree.files().map(|(path, _)| path).filter(|path| is_module(path)).cloned().collect()
}

/// A repository whose suite is suitable for self-play, with the results of its baseline.
pub struct Screened {
    /// The repository with its test script.
    pub repository: Repository,
    /// The outcomes of the suite on the unchanged code.
    pub baseline: Baseline,
    /// The limits of a run of the suite. The time limit is a multiple of what the suite needs, so
    /// that a bug or a repair that hangs is stopped early.
    pub limits: Limits,
}

/// Runs the suite in `modules` on the unchanged repository, drops flaky tests and modules that
/// cannot be imported, and refuses a repository with too little left.
///
/// # Errors
/// [`Failure::Input`] with the reason, [`Failure::Infrastructure`] when the sandbox fails.
pub fn screen<S: Sandbox>(
    sandbox: &S,
    package: &Package,
    modules: &[RepoPath],
    min_passing: usize,
    limits: Limits,
) -> Result<Screened> {
    let refuse = |reason: String| Failure::input(format!("{}: {reason}", package.label));
    if modules.is_empty() {
        return Err(refuse(
            "no test module (test_*.py or *_test.py) was found; a source distribution may leave the \
             tests out, then use --repo with a checkout"
                .to_owned(),
        ));
    }
    let start = Instant::now();
    let mut baseline = Baseline::measure(sandbox, &package.tree, modules, BASELINE_RUNS, limits)?;
    // `--deselect` of pytest also matches ids that only begin with the given id.
    let is_taken_out =
        |id: &TestId| baseline.flaky.iter().any(|flaky| id.as_str().starts_with(flaky.as_str()));
    baseline.passing.retain(|id| !is_taken_out(id));
    let suite = baseline.cpu.unwrap_or_else(|| start.elapsed() / BASELINE_RUNS as u32);
    if baseline.passing.len() < min_passing {
        let passing = baseline.passing.len();
        let why = match baseline.problems.as_slice() {
            [] => format!("{} tests fail or are skipped", baseline.other.len()),
            problems => problems.join("; "),
        };
        return Err(refuse(format!(
            "{passing} tests pass on the unchanged code and {min_passing} are needed ({why}); add \
             what the tests import with --with NAME"
        )));
    }
    let alive: BTreeSet<&str> = baseline.passing.iter().map(|id| id.file()).collect();
    let modules = modules.iter().filter(|path| alive.contains(path.as_str()));
    let deselect = baseline.flaky.iter().map(|id| id.as_str().to_owned()).collect();
    let repository = Repository::new(&package.label, package.tree.clone())
        .with_sources(source_files(&package.tree))
        .with_tests(pytest_script(modules, &deselect), oracle_files(&package.tree), PYTEST_PARSER);
    let cpu = time_limit(suite).min(limits.cpu);
    // A test that hangs must leave time for the others.
    let per_test = limits.per_test.map(|limit| limit.min(cpu / 5));
    Ok(Screened { repository, baseline, limits: limits.with_cpu(cpu).with_per_test(per_test) })
}

/// The limit for a suite that takes so long. Limits are far apart, so that one measurement gives the
/// same as the next: logs name them.
fn time_limit(suite: Duration) -> Duration {
    let mut limit = SHORTEST_LIMIT;
    while limit < suite.saturating_mul(SLACK) {
        limit = limit.saturating_mul(2);
    }
    limit
}

/// Every Python file that belongs to the tests, helpers and conftest.py among them.
fn oracle_files(tree: &Tree) -> BTreeSet<RepoPath> {
    let python = tree.files().filter(|(path, _)| path.extension() == Some("py"));
    python.map(|(path, _)| path).filter(|path| is_test_file(path)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use ssr_core::File;

    use super::*;

    #[test]
    fn time_limits_hardly_depend_on_how_long_a_suite_takes() {
        let limit = |ms| time_limit(Duration::from_millis(ms)).as_secs();
        assert_eq!([0, 900, 1000, 1001, 2000, 2500].map(limit), [10, 10, 10, 20, 20, 40]);
        assert!(time_limit(Duration::MAX) >= Duration::from_secs(1 << 40));
    }

    #[test]
    fn a_built_copy_of_the_original_does_not_give_the_bug_away() {
        let names = ["src/a.py", "build/lib/a.py", ".venv/lib/site-packages/a.py", "build.py"];
        let file = |name: &&str| (RepoPath::new(name).unwrap(), File::new(*b"x = 1\n"));
        let tree = Tree::from_files(names.iter().map(file)).unwrap();
        let shown: Vec<_> = source_files(&tree).into_iter().map(String::from).collect();
        assert_eq!(shown, ["build.py", "src/a.py"]);
    }
}
