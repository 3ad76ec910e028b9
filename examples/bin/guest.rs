//! Makes the Python guest of the sandbox, or checks the one that is there.

use std::process::ExitCode;

use ssr_examples::prepare_guest;
use ssr_sandbox::default_cache_dir;

fn main() -> ExitCode {
    match prepare_guest(&|what| eprintln!("{what}")) {
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
