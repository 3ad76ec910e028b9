//! Every test that `SECURITY.md` names exists.

use std::fs;
use std::path::Path;

fn crate_file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The words between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_a_promise_names_exists() {
    let text = crate_file("SECURITY.md");
    let named: Vec<_> = quoted(&text).filter_map(|word| word.split_once(".rs::")).collect();
    assert!(named.len() >= 25, "{}", named.len());
    for (file, test) in named {
        let source = crate_file(&format!("{file}.rs"));
        let function = format!("fn {test}(");
        let at = source.find(&function).unwrap_or_else(|| panic!("{file}.rs has no test {test}"));
        let before = &source[..at];
        let attribute = before.rfind("#[test]").expect("the function is no test");
        assert!(!before[attribute..].contains("fn "), "{file}.rs: {test} is no test");
    }
}

#[test]
fn every_promise_names_a_test() {
    let text = crate_file("SECURITY.md");
    let start = text.find("## What is promised").unwrap();
    let end = text.find("## What is not promised").unwrap();
    let rows = text[start..end].lines().filter(|line| line.starts_with("| "));
    let promises: Vec<_> = rows.filter(|line| !line.starts_with("| promise |")).collect();
    assert!(promises.len() >= 15, "{}", promises.len());
    for promise in promises {
        assert!(quoted(promise).any(|word| word.contains(".rs::")), "no test for: {promise}");
    }
}
