//! Runs the tests of a folder in the sandbox: `run_tests REPOSITORY SITE_PACKAGES [RUNNER [ARG]…]`.
//!
//! The runner is `pytest`, `unittest` or `django`; it takes the further arguments.

use std::process::ExitCode;
use std::time::Duration;

use ssr_core::{Command, Limits, Sandbox, TestRun, TestRunner, TestSelection, Workspace};
use ssr_sandbox::{Guest, WasiSandbox, default_cache_dir, read_folder};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [repository, packages, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: run_tests REPOSITORY SITE_PACKAGES [RUNNER [ARG]…]");
        return Ok(ExitCode::from(2));
    };
    let runner = match rest.first().map(String::as_str) {
        None | Some("pytest") => TestRunner::Pytest,
        Some("unittest") => TestRunner::Unittest,
        Some("django") => TestRunner::Django,
        Some(other) => {
            eprintln!("{other:?} is no runner; there are pytest, unittest and django");
            return Ok(ExitCode::from(2));
        }
    };
    let guest = Guest::prepare(&default_cache_dir(), &|step| eprintln!("{step}"))?;
    let sandbox = WasiSandbox::builder(&guest).site_packages(read_folder(packages)?).build()?;
    let mut workspace = sandbox.open(&read_folder(repository)?)?;
    let args = rest.iter().skip(1).cloned();
    let run = TestRun::new(runner, TestSelection::All).with_args(args);
    let limits = Limits::default().with_cpu(Duration::from_secs(600));
    let output = workspace.run(&Command::tests(run).with_limits(limits))?;
    print!("{}", output.stdout_text());
    eprint!("{}", output.stderr_text());
    let report = output.report.unwrap_or_default();
    for (id, outcome) in report.iter() {
        println!("{outcome:?} {id}");
    }
    for problem in report.problems() {
        println!("problem: {problem}");
    }
    for sign in report.tampering() {
        println!("tampering: {sign}");
    }
    let counts = report.counts();
    println!("{} passed, {} failed, {} neither", counts.passed, counts.failed, counts.other);
    Ok(if counts.failed == 0 && report.problems().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
