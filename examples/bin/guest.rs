//! Makes the Python guest of the sandbox, or checks the one that is there.

use std::process::{Command, ExitCode};

use clap::Parser;
use ssr_examples::{Failure, Result};
use ssr_sandbox::{Error, Guest, PythonVersion, default_cache_dir};

/// Makes the Python guest of the sandbox, or checks the one that is there.
#[derive(Parser)]
#[command(name = "guest")]
struct Options {
    /// 3.14, or 3.11 for older repositories, which is compiled from its sources.
    #[arg(long, default_value_t)]
    python: PythonVersion,
    /// Lets apt-get install what compiling needs; asks for root.
    #[arg(long)]
    install_tools: bool,
}

fn main() -> ExitCode {
    match make(&Options::parse()) {
        Ok(guest) => {
            println!("{} is ready in {}", guest.id(), default_cache_dir().display());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn make(options: &Options) -> Result<Guest> {
    match prepare(options.python) {
        Err(Error::GuestTools { packages, .. }) if options.install_tools => {
            install(&packages)?;
            prepare(options.python)
        }
        result => result,
    }
    .map_err(|error| Failure::Infrastructure(error.to_string()))
}

fn prepare(python: PythonVersion) -> ssr_sandbox::Result<Guest> {
    Guest::prepare_python(&default_cache_dir(), python, &|step| eprintln!("{step}"))
}

fn install(packages: &[String]) -> Result<()> {
    eprintln!("installing {}", packages.join(" "));
    let status = Command::new("apt-get")
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::Infrastructure(format!("apt-get ended with {status}"))),
        Err(error) => Err(Failure::Infrastructure(format!("apt-get cannot be started: {error}"))),
    }
}
