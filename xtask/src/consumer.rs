//! The crate as somebody has it who found it in the registry.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Cargo, target, workspace};

/// Crates that the consumer gets as packages: the one it names and the one below.
const PACKAGES: [&str; 2] = ["ssr-sandbox", "ssr-core"];

/// Runs the first example of the packaged README in a project outside of the workspace, with an
/// empty cache. Needs a network, and the packages that an earlier step made.
pub fn check() -> Result<(), String> {
    let folder = std::env::temp_dir().join(format!("ssr-consumer-{}", std::process::id()));
    let result = prepare(&folder).and_then(|()| {
        let manifest = folder.join("Cargo.toml");
        Cargo::new(["run", "--quiet", "--manifest-path"])
            .arg(manifest)
            .env("CARGO_TARGET_DIR", &target().join("consumer").to_string_lossy())
            .env("SSR_CACHE_DIR", &folder.join("cache").to_string_lossy())
            .check()
    });
    drop(std::fs::remove_dir_all(&folder));
    result
}

fn prepare(folder: &Path) -> Result<(), String> {
    let io = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(folder.join("src")).map_err(io)?;
    let mut manifest = "[package]\nname = \"consumer\"\nedition = \"2024\"\n\n".to_owned();
    let [sandbox, core] = PACKAGES.map(|name| unpack(name, folder));
    let (sandbox, core) = (sandbox?, core?);
    manifest += &format!("[dependencies]\nssr-sandbox.path = {sandbox:?}\n\n");
    manifest += &format!("[patch.crates-io]\nssr-core.path = {core:?}\n\n[workspace]\n\n");
    // A compiler that is not optimised itself takes minutes for the guest.
    manifest += "[profile.dev.package.\"*\"]\nopt-level = 3\ndebug = false\n";
    std::fs::write(folder.join("Cargo.toml"), manifest).map_err(io)?;
    // The versions that everything else was tested with.
    std::fs::copy(workspace().join("Cargo.lock"), folder.join("Cargo.lock")).map_err(io)?;
    let readme = std::fs::read_to_string(sandbox.join("README.md")).map_err(io)?;
    std::fs::write(folder.join("src").join("main.rs"), example(&readme)?).map_err(io)
}

/// Unpacks the newest package of that name and says where it is.
fn unpack(name: &str, folder: &Path) -> Result<PathBuf, String> {
    let packages = target().join("package");
    let archive = std::fs::read_dir(&packages)
        .map_err(|error| format!("{}: {error}", packages.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let version = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
            version.is_some_and(|rest| rest.ends_with(".crate"))
        })
        .max_by_key(|path| path.metadata().and_then(|data| data.modified()).ok())
        .ok_or_else(|| format!("there is no package of {name} in {}", packages.display()))?;
    let status = Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(folder).status();
    match status {
        Ok(status) if status.success() => Ok(folder.join(archive.file_stem().unwrap_or_default())),
        Ok(status) => Err(format!("tar ended with {status} on {}", archive.display())),
        Err(error) => Err(format!("tar cannot be started: {error}")),
    }
}

/// The first block of Rust in a README.
fn example(readme: &str) -> Result<&str, String> {
    let start = readme.split_once("```rust\n").map(|(_, rest)| rest);
    let block = start.and_then(|rest| rest.split_once("\n```")).map(|(block, _)| block);
    block.ok_or_else(|| "the README of ssr-sandbox has no example".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_of_rust_is_the_example() {
        let readme = "text\n```sh\nls\n```\n```rust\nfn main() {}\n```\n```rust\nno\n```\n";
        assert_eq!(example(readme), Ok("fn main() {}"));
        assert!(example("nothing").is_err());
    }
}
