//! Rules of the workspace that no lint knows: each public name has one meaning, every file says what it
//! is for, and nothing is compiled twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::process::{Cargo, LIBRARIES, workspace};

/// What every crate has of its own, by convention.
const SHARED: [&str; 2] = ["Error", "Result"];

/// Folders with sources, besides the libraries.
const PROGRAMS: [&str; 2] = ["examples", "xtask"];

/// Refuses a public name that two crates give different meanings, so that a user can import from
/// all crates at once and readers never have to ask which `Limits` is meant.
pub fn public_names() -> Result<(), String> {
    let mut owners: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for library in LIBRARIES {
        let mut names = Vec::new();
        collect(&workspace().join(library).join("src").join("lib.rs"), &mut names)?;
        names.sort();
        names.dedup();
        for name in names {
            owners.entry(name).or_default().push(library);
        }
    }
    let total = owners.len();
    let twice: Vec<String> = owners
        .into_iter()
        .filter(|(name, crates)| crates.len() > 1 && !SHARED.contains(&name.as_str()))
        .map(|(name, crates)| format!("{name} in {}", crates.join(" and ")))
        .collect();
    if !twice.is_empty() {
        return Err(format!("public names with two meanings: {}", twice.join(", ")));
    }
    println!("{total} public names, each in one crate");
    Ok(())
}

/// Refuses a file of Rust that does not begin by saying what it is for.
pub fn first_lines() -> Result<(), String> {
    let mut files = Vec::new();
    for folder in LIBRARIES.iter().chain(&PROGRAMS) {
        sources(&workspace().join(folder), &mut files)?;
    }
    let silent: Vec<String> = files
        .iter()
        .filter(|file| !read(file).is_ok_and(|text| says_its_purpose(&text)))
        .map(|file| file.strip_prefix(workspace()).unwrap_or(file).display().to_string())
        .collect();
    if !silent.is_empty() {
        return Err(format!("files that do not begin with a line of `//!`: {}", silent.join(", ")));
    }
    println!("{} files, each with its purpose in the first line", files.len());
    Ok(())
}

/// Refuses features that make `cargo xtask ci` compile third-party crates again that the build of
/// self-play has compiled already: both are the first two commands that a newcomer runs.
/// `selection` is what the checks build.
pub fn shared_builds(selection: &[&str]) -> Result<(), String> {
    let alone = ["--package", "ssr-examples", "--no-default-features"];
    let program = builds(&alone, "normal,build")?;
    let checks = builds(selection, "normal,build,dev")?;
    let other: Vec<&str> = program.difference(&checks).map(String::as_str).collect();
    if !other.is_empty() {
        return Err(format!(
            "self-play and the checks build these with different features: {}; name the features \
             that are missing in examples/Cargo.toml",
            other.join(", ")
        ));
    }
    println!("{} crates for self-play, {} for the checks", program.len(), checks.len());
    Ok(())
}

/// The third-party crates of a build, each with its features.
fn builds(selection: &[&str], edges: &str) -> Result<BTreeSet<String>, String> {
    let tree = ["tree", "--locked", "--prefix", "none", "--format", "{p} [{f}]", "--edges", edges];
    let listed = Cargo::new(tree).args(selection).in_workspace().output()?;
    let root = format!("({}", workspace().display());
    let foreign = listed.lines().filter(|line| !line.contains(&root) && !line.is_empty());
    Ok(foreign.map(|line| line.trim_end_matches(" (*)").to_owned()).collect())
}

fn says_its_purpose(text: &str) -> bool {
    text.starts_with("//! ") || text.starts_with("#![doc = include_str!")
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    for entry in entries.flatten().map(|entry| entry.path()) {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if entry.is_dir() && name != "target" && name != "fixtures" && !name.starts_with('.') {
            sources(&entry, files)?;
        } else if name.ends_with(".rs") {
            files.push(entry);
        }
    }
    files.sort();
    Ok(())
}

/// The names that a file makes public, those of its public modules among them.
fn collect(file: &Path, names: &mut Vec<String>) -> Result<(), String> {
    let text = read(file)?;
    let items = Items::of(&text);
    names.extend(items.names);
    for module in items.modules {
        collect(&module_file(file, &module)?, names)?;
    }
    Ok(())
}

fn module_file(parent: &Path, module: &str) -> Result<PathBuf, String> {
    let folder = parent.parent().unwrap_or(parent);
    let stem = parent.file_stem().unwrap_or_default();
    let inside = if stem == "lib" || stem == "mod" { folder.to_owned() } else { folder.join(stem) };
    let candidates = [inside.join(format!("{module}.rs")), inside.join(module).join("mod.rs")];
    let found = candidates.into_iter().find(|file| file.is_file());
    found.ok_or_else(|| format!("{}: the file of module {module} is not found", parent.display()))
}

/// What one file makes public.
#[derive(Debug, Default, PartialEq, Eq)]
struct Items {
    names: Vec<String>,
    /// Public modules, whose names count as well.
    modules: Vec<String>,
}

impl Items {
    fn of(text: &str) -> Self {
        let code: String = text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]")
            .map(|line| line.split("//").next().unwrap_or_default())
            .flat_map(|line| [line, "\n"])
            .collect();
        let private = code.lines().filter_map(|line| line.strip_prefix("mod "));
        let own: Vec<&str> = private.filter_map(|rest| rest.split([';', ' ']).next()).collect();
        let mut items = Self::default();
        for (at, _) in code.match_indices("pub ") {
            // Only items of the file itself: what is inside of one is indented.
            if at > 0 && !code[..at].ends_with('\n') {
                continue;
            }
            let rest = &code[at + 4..];
            let (kind, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            match kind {
                "use" => items.reexports(rest.split(';').next().unwrap_or_default(), &own),
                "mod" => items.modules.extend(identifier(rest)),
                "struct" | "enum" | "trait" | "type" | "fn" | "const" | "static" | "union" => {
                    items.names.extend(identifier(rest));
                }
                _ => {}
            }
        }
        items
    }

    /// The names of `a::{B, c::D as E}`, unless they come from another crate.
    fn reexports(&mut self, path: &str, own: &[&str]) {
        let path: String = path.split_whitespace().collect::<Vec<_>>().join(" ");
        let root = path.split("::").next().unwrap_or_default();
        if !own.contains(&root) && !["crate", "self", "super"].contains(&root) {
            return;
        }
        for part in path.split(['{', '}', ',']).map(str::trim) {
            let last = part.rsplit("::").next().unwrap_or_default();
            let name = last.rsplit(" as ").next().unwrap_or_default();
            self.names.extend(identifier(name));
        }
    }
}

fn identifier(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_items_and_reexports_of_own_modules_count() {
        let text = "\
//! A crate.
mod a;
mod b;
pub mod open;
pub use a::{One, two as Two};
pub use b::inner::Three; // not this: pub use b::Four;
pub use other::Foreign;
pub struct Five<T> {
    pub field: T,
}
pub fn six() {}
#[cfg(test)]
mod tests {
pub struct Seven;
}
";
        let items = Items::of(text);
        assert_eq!(items.names, ["One", "Two", "Three", "Five", "six"]);
        assert_eq!(items.modules, ["open"]);
    }

    #[test]
    fn a_purpose_is_a_sentence_or_an_included_page() {
        assert!(says_its_purpose("//! Reads a file.\n"));
        assert!(says_its_purpose("#![doc = include_str!(\"../README.md\")]\n"));
        assert!(!says_its_purpose("use std::fs;\n//! Late.\n"));
    }
}
