//! Line coverage of a test run, measured inside the sandbox.

use ssr_core::{Command, File, Limits, Program, RepoPath, Sandbox, Tree, Workspace};
use ssr_mutate::Coverage;
use ssr_rl::TestCoverage;

use crate::{Failure, Result};

/// The program that the guest runs.
const MEASURE: &str = include_str!("coverage.py");
/// The file that it writes its report to, in a workspace that is dropped afterwards.
const REPORT: &str = "ssr-coverage.json";

/// The lines that the tests in `modules` execute, including those that imports execute, as
/// coverage.py reports them. Needs CPython 3.12 or later in the sandbox.
///
/// # Errors
/// [`Failure::Infrastructure`] when the sandbox fails, [`Failure::Input`] when the tests end without a
/// report, for example by taking too long.
pub fn measure_coverage<S: Sandbox>(
    sandbox: &S,
    tree: &Tree,
    modules: &[RepoPath],
    limits: Limits,
) -> Result<Coverage> {
    let report = measured(sandbox, tree, modules, limits)?;
    Coverage::from_coverage_py(&report, "")
        .map_err(|error| Failure::Infrastructure(format!("measuring coverage: {error}")))
}

/// Which test in `modules` executes which lines. Needs CPython 3.12 or later in the sandbox.
///
/// # Errors
/// Those of [`measure_coverage`].
pub fn measure_test_coverage<S: Sandbox>(
    sandbox: &S,
    tree: &Tree,
    modules: &[RepoPath],
    limits: Limits,
) -> Result<TestCoverage> {
    let report = measured(sandbox, tree, modules, limits)?;
    serde_json::from_str(&report)
        .map_err(|error| Failure::Infrastructure(format!("measuring coverage: {error}")))
}

/// The report of the program.
fn measured<S: Sandbox>(
    sandbox: &S,
    tree: &Tree,
    modules: &[RepoPath],
    limits: Limits,
) -> Result<String> {
    let mut command = Command::python(MEASURE).with_limits(limits);
    if let Program::Python { args, .. } = &mut command.program {
        args.push(REPORT.to_owned());
        args.extend(modules.iter().map(|module| module.as_str().to_owned()));
    }
    let mut workspace = sandbox.open(tree)?;
    let output = workspace.run(&command)?;
    let report = workspace.read(&RepoPath::new(REPORT)?)?;
    report.as_ref().and_then(File::text).map(str::to_owned).ok_or_else(|| {
        let errors = output.stderr_text().into_owned();
        let last = errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no output");
        Failure::input(format!(
            "measuring coverage ended with {:?} and without a report: {last}",
            output.exit
        ))
    })
}
