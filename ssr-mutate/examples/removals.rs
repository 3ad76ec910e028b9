//! Removes code from the Python packages below a folder, so that they can still be imported.
//!
//! ```text
//! cargo run -p ssr-mutate --example removals -- path/to/repo            # a table by operator
//! cargo run -p ssr-mutate --example removals -- path/to/repo 200 out    # 200 of each as patches
//! ```

use std::path::Path;

use ssr_core::{File, RepoPath, Seed, Tree};
use ssr_mutate::{Remover, ScaleOperator};

const OPERATORS: [ScaleOperator; 5] = [
    ScaleOperator::Body,
    ScaleOperator::Function,
    ScaleOperator::Parameter,
    ScaleOperator::File,
    ScaleOperator::Slice,
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("give the folder to look into")?;
    let count = arguments.next().map_or(Ok(0), |count| count.parse())?;
    let out = arguments.next();
    let mut files = Vec::new();
    read(Path::new(&folder), "", &mut files)?;
    let tree = Tree::from_files(files)?;
    let remover = Remover::new(&tree).with_tested();
    for operator in OPERATORS {
        let bugs = remover.sample(&[operator], count, Seed::new(0));
        let candidates = remover.candidates(operator).len();
        println!("{operator} {candidates:>6} candidates, {:>6} drawn", bugs.len());
        let Some(out) = &out else { continue };
        for bug in &bugs {
            let name = format!("{operator}-{}.diff", bug.id());
            std::fs::write(Path::new(out).join(name), bug.patch().to_bytes())?;
            println!("{bug:?}");
        }
    }
    Ok(())
}

fn read(
    folder: &Path,
    prefix: &str,
    files: &mut Vec<(RepoPath, File)>,
) -> Result<(), Box<dyn std::error::Error>> {
    for entry in std::fs::read_dir(folder)? {
        let (entry, kind) = entry.and_then(|entry| entry.file_type().map(|kind| (entry, kind)))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}{name}");
        if kind.is_dir() {
            read(&entry.path(), &format!("{path}/"), files)?;
        } else if let (true, Ok(path)) = (kind.is_file(), RepoPath::new(&path)) {
            files.push((path, File::new(std::fs::read(entry.path())?)));
        }
    }
    Ok(())
}
