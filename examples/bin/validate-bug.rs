//! Puts a bug artifact through the seven checks and explains the verdict.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use serde::Deserialize;
use ssr_core::{
    BugArtifact, Check, Command, ConsistencyReport, Limits, Suites, Thresholds, check_consistency,
};
use ssr_examples::{Failure, Package, Packages, Result, open_sandbox, prepare_guest};
use ssr_rl::RunDir;
use ssr_sandbox::{default_cache_dir, read_folder};

/// Put a bug artifact through the seven checks and explain the verdict
///
/// The folder holds test_script.sh, test_files.txt, test_parser.py, bug_inject.diff and
/// test_weaken.diff, or the same under the names of the paper's prompts.
///
/// Exit codes: 0 for a valid bug, 1 for an invalid one, 2 when the input cannot be used or the
/// sandbox fails.
#[derive(Parser)]
#[command(name = "validate-bug", version)]
struct Args {
    /// The folder of the bug
    #[arg(value_name = "DIR")]
    bug: PathBuf,
    /// The package that it breaks, NAME or NAME==VERSION [default: what bug.json or the run says]
    #[arg(long, conflicts_with = "repo")]
    package: Option<String>,
    /// The folder of the repository that it breaks, instead of a package
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,
    /// Another package that the tests import; may be repeated
    #[arg(long, value_name = "NAME")]
    with: Vec<String>,
    /// Tests that must pass on the unchanged code
    #[arg(long, value_name = "N", default_value_t = Thresholds::default().min_passing_tests)]
    min_passing: usize,
    /// Tests that the bug must break
    #[arg(long, value_name = "N", default_value_t = Thresholds::default().min_failing_tests)]
    min_failing: usize,
    /// Files that the bug must change
    #[arg(long, value_name = "N", default_value_t = Thresholds::default().min_changed_files)]
    min_changed: usize,
    /// Print one line of JSON instead
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok((package, report)) => {
            if args.json {
                println!("{}", json(&args.bug, &package, &report));
            } else {
                print!("{}", explained(&package, &report));
            }
            if report.is_valid() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<(String, ConsistencyReport)> {
    let wrong = |error: String| Failure::input(format!("{}: {error}", args.bug.display()));
    let folder = read_folder(&args.bug).map_err(|error| Failure::input(error.to_string()))?;
    let artifact = BugArtifact::from_tree(&folder).map_err(|error| wrong(error.to_string()))?;
    let package = package(args)?;
    package.note().iter().for_each(|note| eprintln!("{note}"));
    let guest = prepare_guest(&|what| eprintln!("{what}"))?;
    let sandbox = open_sandbox(&guest, &package)?;
    sandbox.warm(&package.tree, &Command::suite(&artifact.test_script))?;
    let suites = Suites::new(sandbox, Limits::default());
    let thresholds = Thresholds::default()
        .with_min_passing_tests(args.min_passing)
        .with_min_failing_tests(args.min_failing)
        .with_min_changed_files(args.min_changed);
    let checked = check_consistency(&suites, &package.tree, &artifact, &thresholds)?;
    Ok((package.label, checked.report))
}

/// The repository that the bug belongs to.
fn package(args: &Args) -> Result<Package> {
    let packages = Packages::new(&default_cache_dir());
    let noted = match (&args.repo, &args.package) {
        (Some(folder), _) => return packages.open(folder, &args.with),
        (None, Some(package)) => return packages.fetch(package, &args.with),
        (None, None) => noted(&args.bug).or_else(|| played(&args.bug)),
    };
    let Some(label) = noted else {
        return Err(Failure::input(format!(
            "{}: nothing says which repository it breaks; add --package or --repo",
            args.bug.display()
        )));
    };
    let folder = Path::new(&label);
    if folder.is_dir() {
        packages.open(folder, &args.with)
    } else {
        packages.fetch(&label, &args.with)
    }
}

/// The package in the record of the bug.
fn noted(bug: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Noted {
        package: String,
    }
    let noted: Noted = serde_json::from_slice(&std::fs::read(bug.join("bug.json")).ok()?).ok()?;
    Some(noted.package)
}

/// The package of the run that found the bug, which is in `RUN/bugs/ID`.
fn played(bug: &Path) -> Option<String> {
    let bug = bug.canonicalize().ok()?;
    let (_, manifest) = RunDir::open(bug.parent()?.parent()?).ok()?;
    Some(manifest.package)
}

fn json(bug: &Path, package: &str, report: &ConsistencyReport) -> String {
    serde_json::json!({
        "bug": bug,
        "package": package,
        "valid": report.is_valid(),
        "failed": report.failure().map(|verdict| verdict.check),
        "verdicts": report.verdicts,
        "f2p": report.f2p,
        "p2p": report.p2p.len(),
    })
    .to_string()
}

/// One line for each check, and what to do about the one that failed.
fn explained(package: &str, report: &ConsistencyReport) -> String {
    let mut text = format!("{package}\n");
    for verdict in &report.verdicts {
        let mark = match verdict.passed {
            Some(true) => "ok",
            Some(false) => "FAILED",
            None => "–",
        };
        let name = verdict.check.name();
        text.push_str(&format!("  {mark:<7} {name:<19} {}\n", verdict.evidence));
    }
    let (fail, pass) = (report.f2p.len(), report.p2p.len());
    text.push_str(&match report.failure() {
        None => format!("a valid bug: {fail} tests fail and {pass} still pass\n"),
        Some(verdict) => format!("no bug: {}\n", meaning(verdict.check)),
    });
    text
}

/// What a check demands.
fn meaning(check: Check) -> &'static str {
    match check {
        Check::TestFiles => {
            "every file in test_files.txt has to be in the repository, and test_weaken.diff may \
             change no other file"
        }
        Check::ParserValidity => {
            "test_parser.py has to make a JSON object of test id and \"passed\" or \"failed\" of \
             the log, one entry for each test that ran and none besides"
        }
        Check::ScriptValidity => {
            "test_script.sh has to come to its end on the unchanged code with enough tests passing \
             (--min-passing)"
        }
        Check::BugScope => {
            "bug_inject.diff has to apply to the unchanged code and may change neither test files \
             nor what configures the tests (--min-changed)"
        }
        Check::BugValidity => {
            "the suite has to come to its end with the bug, and enough tests that passed have to \
             fail (--min-failing)"
        }
        Check::WeakeningValidity => {
            "test_weaken.diff has to hide at least one failure, break nothing else and leave \
             something that passes"
        }
        Check::InverseMutation => {
            "each file of bug_inject.diff has to matter: restoring it alone must make a failing \
             test pass"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }
}
