//! Makes a guest and says where it is, for images and caches of build machines: `prepare [3.11]`.

use std::process::ExitCode;

use ssr_sandbox::{Guest, PythonVersion, default_cache_dir};

fn main() -> ExitCode {
    match prepare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn prepare() -> Result<(), Box<dyn std::error::Error>> {
    let python = match std::env::args().nth(1) {
        Some(version) => version.parse()?,
        None => PythonVersion::default(),
    };
    let cache = default_cache_dir();
    let guest = Guest::prepare_python(&cache, python, &|step| eprintln!("{step}"))?;
    println!("{} is ready in {}", guest.id(), cache.display());
    Ok(())
}
