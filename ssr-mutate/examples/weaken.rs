//! Prints the patch that removes tests from the test files below a folder.
//!
//! ```text
//! cargo run -p ssr-mutate --example weaken -- path/to/repository 'tests/test_a.py::TestA::test_b' …
//! ```
//!
//! `--assertions` before the ids deletes only the assertions where other statements remain;
//! `--loosen` gives the assertions looser forms instead.

use std::io::{self, Write};
use std::path::Path;

use ssr_core::{File, RepoPath, Seed, TestId, Tree};
use ssr_mutate::{Style, weaken};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    let folder = arguments.next().ok_or("give the folder of the repository")?;
    let style = match arguments.next_if(|argument| argument.starts_with("--")).as_deref() {
        None => Style::Delete,
        Some("--assertions") => Style::Assertions,
        Some("--loosen") => Style::Loosen,
        Some(other) => return Err(format!("there is no option {other}").into()),
    };
    let mut files = Vec::new();
    let mut broken = std::collections::BTreeSet::new();
    for id in arguments.map(|id| TestId::new(&id)) {
        let bytes = std::fs::read(Path::new(&folder).join(id.file()))?;
        files.push((RepoPath::new(id.file())?, File::new(bytes)));
        broken.insert(id);
    }
    let patch = weaken(&Tree::from_files(files)?, &broken, style, Seed::new(0))?;
    let patch = patch.ok_or("give at least one test id")?;
    io::stdout().write_all(&patch.to_bytes())?;
    Ok(())
}
