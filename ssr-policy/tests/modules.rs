//! Which module may use which: the floors of generation, read from the `crate::` paths of the
//! sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The modules that generation is made of, and all that each of them may use.
const ALLOWED: [(&str, &[&str]); 6] = [
    ("config", &["error", "read"]),
    ("kv", &["bound", "config", "error", "ops"]),
    ("generator", &["bound", "config", "error", "kernels", "kv", "model", "ops"]),
    ("answer", &["error", "grammar", "ops", "tokenizer"]),
    (
        "engine",
        &[
            "answer",
            "config",
            "error",
            "generator",
            "kernels",
            "kv",
            "model",
            "ops",
            "score",
            "tokenizer",
        ],
    ),
    ("remote", &["answer", "chat", "error", "model", "tokenizer"]),
];

#[test]
fn modules_of_generation_use_only_what_is_below_them() {
    let used = arrows();
    for (module, allowed) in ALLOWED {
        let allowed: BTreeSet<String> = allowed.iter().map(|&name| name.to_owned()).collect();
        let more: Vec<_> = used[module].difference(&allowed).collect();
        assert!(more.is_empty(), "{module} uses {more:?}; see ALLOWED");
    }
}

#[test]
fn no_module_of_generation_comes_back_to_itself() {
    let used = arrows();
    for (module, _) in ALLOWED {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&String> = used[module].iter().collect();
        while let Some(name) = open.pop() {
            if reached.insert(name) {
                open.extend(&used[name.as_str()]);
            }
        }
        assert!(!reached.contains(&module.to_owned()), "{module} reaches itself by {reached:?}");
    }
}

/// The modules that each module of the crate uses outside its tests.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let mut used = BTreeMap::new();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut names = BTreeSet::new();
        read(&path, &mut names);
        names.remove(&module);
        used.insert(module, names);
    }
    assert!(used.len() > 20, "the sources are not where they were");
    used
}

fn read(path: &Path, names: &mut BTreeSet<String>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            read(&entry.unwrap().path(), names);
        }
        return;
    }
    if path.extension().is_none_or(|extension| extension != "rs") || path.ends_with("tests.rs") {
        return;
    }
    let source = std::fs::read_to_string(path).unwrap();
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    for path in code.split("crate::").skip(1) {
        let list = match path.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap(),
            None => path,
        };
        let items = if path.starts_with('{') { list.split(',').collect() } else { vec![list] };
        for item in items {
            let name: String = item
                .trim()
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_' || c.is_ascii_digit())
                .collect();
            if !name.is_empty() {
                names.insert(name);
            }
        }
    }
}
