//! Prints the patch that takes tests out of the test files below a folder.
//!
//! ```text
//! cargo run -p ssr-mutate --example weaken -- path/to/repository 'tests/test_a.py::TestA::test_b' …
//! ```
//!
//! With `--assertions` before the ids, only assertions go where that leaves something; with
//! `--loosen`, they get looser forms.

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
    io::stdout().write_all(&patch.to_bytes())?;
    Ok(())
}
