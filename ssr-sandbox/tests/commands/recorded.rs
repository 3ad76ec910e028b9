//! What the real tools did, as `make.py` recorded it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use ssr_core::{File, RepoPath, Tree};

/// What a script left that is compared; the text of standard error is not.
#[derive(PartialEq)]
pub struct Seen {
    pub stdout: Vec<u8>,
    pub code: i32,
    pub tree: Tree,
}

#[derive(Deserialize)]
struct Recording {
    cases: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    script: String,
    code: i32,
    stdout: Option<String>,
    stdout_hex: Option<String>,
    /// Files that differ from the fixture; `None` for one that is gone.
    #[serde(default)]
    files: BTreeMap<String, Option<Content>>,
}

#[derive(Deserialize)]
struct Content {
    text: Option<String>,
    hex: Option<String>,
    #[serde(default)]
    executable: bool,
}

/// Where the tables are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands")
}

/// What each script of a table left of `repository`.
pub fn recorded(table: &str, repository: &Tree) -> BTreeMap<String, Seen> {
    let path = folder().join("recorded").join(format!("{table}.json"));
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let recording: Recording = serde_json::from_slice(&text).unwrap();
    let seen = |row: Row| {
        let changes = row.files.into_iter().map(|(path, content)| {
            let file = content.map(|content| {
                let bytes = bytes(content.text, content.hex);
                File::new(bytes).with_executable(content.executable)
            });
            (RepoPath::new(&path).unwrap(), file)
        });
        let tree = repository.with_all(changes).unwrap();
        (row.script, Seen { stdout: bytes(row.stdout, row.stdout_hex), code: row.code, tree })
    };
    recording.cases.into_iter().map(seen).collect()
}

fn bytes(text: Option<String>, hex: Option<String>) -> Vec<u8> {
    let Some(hex) = hex else { return text.unwrap_or_default().into_bytes() };
    let pair = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(pair).collect()
}
