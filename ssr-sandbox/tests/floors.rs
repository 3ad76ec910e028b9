//! The walls between the floors of `src/`: each floor imports only from floors below it, and each
//! engine is known to one floor only.

use std::fs;
use std::path::{Path, PathBuf};

/// A floor with the floors below it that it may import from.
const FLOORS: [(&str, &[&str]); 10] = [
    ("error", &[]),
    ("folder", &[]),
    ("gates", &[]),
    ("harness", &[]),
    ("interpreter", &[]),
    ("runner", &["harness", "interpreter"]),
    ("native", &["folder", "harness", "runner"]),
    ("shell", &["harness", "interpreter", "runner"]),
    ("workspace", &["harness", "interpreter", "runner", "shell"]),
    ("container", &["harness"]),
];

/// The same for the rooms of the interpreter.
const ROOMS: [(&str, &[&str]); 4] = [
    ("vfs", &[]),
    ("wasi", &["vfs"]),
    ("engine", &["vfs", "wasi"]),
    ("guest", &["vfs", "wasi", "engine"]),
];

/// Engines, each with the floors that may name it.
const ENGINES: [(&str, &[&str]); 3] = [
    ("wasmtime::", &["interpreter", "error"]),
    ("bashkit::", &["shell"]),
    ("bollard::", &["container"]),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The Rust files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    if folder.is_file() {
        return vec![folder.to_owned()];
    }
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<_> = entries.flat_map(|path| files(&path)).collect();
    found.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

/// The files of a floor, which is a folder or one file.
fn floor(name: &str) -> Vec<PathBuf> {
    let file = source().join(format!("{name}.rs"));
    if file.is_file() { vec![file] } else { files(&source().join(name)) }
}

/// The code of a file without comments.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The names that follow `prefix`, those in braces included.
fn names_after<'t>(code: &'t str, prefix: &str) -> Vec<&'t str> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let list = match rest.strip_prefix('{') {
            Some(inside) => &inside[..inside.find('}').unwrap()],
            None => rest,
        };
        let words = list.split(',').take(if rest.starts_with('{') { usize::MAX } else { 1 });
        names.extend(words.map(|word| {
            let word = word.trim_start();
            let end = word.find(|c: char| !c.is_alphanumeric() && c != '_');
            &word[..end.unwrap_or(word.len())]
        }));
    }
    names
}

#[test]
fn every_floor_imports_only_from_floors_below() {
    let mut seen = 0;
    for (name, below) in FLOORS {
        for file in floor(name) {
            for import in names_after(&code(&file), "crate::") {
                let allowed = ["", "Error", "Result", name].contains(&import);
                assert!(
                    allowed || below.contains(&import),
                    "{}: `{name}` must not import `crate::{import}`",
                    file.display()
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "only {seen} imports were found");
}

#[test]
fn every_file_belongs_to_a_floor() {
    for entry in fs::read_dir(source()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(name == "lib" || FLOORS.iter().any(|(floor, _)| *floor == name), "{name}");
    }
}

#[test]
fn the_rooms_of_the_interpreter_are_in_order() {
    for (name, below) in ROOMS {
        for file in files(&source().join("interpreter").join(name)) {
            for import in names_after(&code(&file), "crate::interpreter::") {
                assert!(
                    import == name || below.contains(&import),
                    "{}: `{name}` must not import `{import}`",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn no_path_climbs_out_of_its_floor() {
    for (name, _) in FLOORS {
        for file in floor(name) {
            let relative = file.strip_prefix(source()).unwrap();
            let is_room = file.file_name().unwrap() == "mod.rs";
            let depth = relative.components().count() - usize::from(is_room);
            let climbs = "super::".repeat(depth);
            // At this depth a chain of as many leads to the root of the crate.
            let out = depth > 1 && code(&file).contains(&climbs);
            assert!(!out, "{}: `{climbs}` leaves `{name}`", file.display());
        }
    }
}

#[test]
fn every_engine_is_known_to_one_floor() {
    for (engine, floors) in ENGINES {
        for (name, _) in FLOORS {
            let users = floor(name).into_iter().filter(|file| code(file).contains(engine));
            let users: Vec<_> = users.collect();
            assert!(users.is_empty() || floors.contains(&name), "{engine} in {users:?}");
        }
    }
}
