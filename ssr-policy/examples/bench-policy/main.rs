//! Generation against PyTorch and llama.cpp, in one run. See `cargo xtask bench policy`.

mod ours;

use std::process::ExitCode;

use ours::{Shape, measure};

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    for shape in [Shape::Small, Shape::Half] {
        let wanted = names.iter().any(|name| name == shape.name());
        if wanted && let Err(error) = measure(shape) {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
