//! Semantic versions: what a crate promised in its last release still holds.

use std::process::Command;

use crate::process::{LIBRARIES, tool, workspace};

/// Compares each library with its last release, the newest tag `CRATE-vVERSION`. Without one there
/// is nothing to compare with.
pub fn check() -> Result<(), String> {
    let tags = tags()?;
    let released = LIBRARIES.map(|library| (library, newest(&tags, library)));
    for (library, tag) in released {
        let Some(tag) = tag else {
            println!("{library}: no tag {library}-v… yet, so there is no release to keep");
            continue;
        };
        println!("{library}: compared with {tag}");
        let program = tool("cargo-semver-checks")?;
        let status = Command::new(&program)
            .args(["semver-checks", "--package", library, "--baseline-rev", tag])
            .current_dir(workspace())
            .status()
            .map_err(|error| format!("cargo-semver-checks cannot be started: {error}"))?;
        if !status.success() {
            return Err(format!("{library}: cargo-semver-checks ended with {status}"));
        }
    }
    Ok(())
}

fn tags() -> Result<Vec<String>, String> {
    let output = Command::new("git")
        .args(["tag", "--list", "--sort=-version:refname"])
        .current_dir(workspace())
        .output()
        .map_err(|error| format!("git cannot be started: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

/// The first of the sorted tags that belongs to the crate.
fn newest<'a>(tags: &'a [String], library: &str) -> Option<&'a str> {
    let version = |tag: &&String| {
        let rest = tag.strip_prefix(library).and_then(|rest| rest.strip_prefix("-v"));
        rest.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
    };
    tags.iter().find(version).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_release_of_a_crate_is_its_first_tag() {
        let tags = ["ssr-core-v0.2.0", "ssr-core-v0.1.0", "ssr-rl-v0.1.0", "ssr-core-vnext"];
        let tags = tags.map(str::to_owned);
        assert_eq!(newest(&tags, "ssr-core"), Some("ssr-core-v0.2.0"));
        assert_eq!(newest(&tags, "ssr-rl"), Some("ssr-rl-v0.1.0"));
        assert_eq!(newest(&tags, "ssr-eval"), None);
    }
}
