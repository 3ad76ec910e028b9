//! Makes the Python guest of the sandbox, or checks the one that is there.

use std::process::ExitCode;

use ssr_sandbox::{Guest, default_cache_dir};

fn main() -> ExitCode {
    let cache = default_cache_dir();
    match Guest::prepare(&cache, &|progress| eprintln!("guest: {progress}")) {
        Ok(_) => {
            println!("the guest is ready in {}", cache.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
