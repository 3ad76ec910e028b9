//! Runs the tests of a folder in the sandbox: `run_tests REPOSITORY SITE_PACKAGES`.

use std::process::ExitCode;

use ssr_core::{Command, Outcome, Sandbox, TestSelection, Workspace};
use ssr_sandbox::{Guest, WasiSandbox, default_cache_dir, read_folder};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let folders: Vec<String> = std::env::args().skip(1).collect();
    let [repository, packages] = folders.as_slice() else {
        eprintln!("usage: run_tests REPOSITORY SITE_PACKAGES");
        return Ok(ExitCode::from(2));
    };
    let guest = Guest::prepare(&default_cache_dir(), &|step| eprintln!("{step}"))?;
    let sandbox = WasiSandbox::builder(&guest).site_packages(read_folder(packages)?).build()?;
    let mut workspace = sandbox.open(&read_folder(repository)?)?;
    let output = workspace.run(&Command::tests(TestSelection::All))?;
    let report = output.report.unwrap_or_default();
    let (passed, failed) = (report.count(Outcome::Passed), report.ids(Outcome::is_failure).count());
    println!(
        "{} tests: {passed} passed, {failed} failed, {} other",
        report.len(),
        report.len() - passed - failed
    );
    for (id, outcome) in report.iter().filter(|(_, outcome)| outcome.is_failure()) {
        println!("{outcome:?} {id}");
    }
    for problem in report.problems() {
        println!("problem: {problem}");
    }
    Ok(if failed == 0 && report.problems().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
