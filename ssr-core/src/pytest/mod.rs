use std::collections::BTreeSet;

use crate::RepoPath;

/// The test parser for the log of [`pytest_script`]: it reads the progress lines of `pytest -v`.
pub const PYTEST_PARSER: &str = include_str!("test_parser.py");

/// The test script of a pytest suite: runs `files` and goes on past modules that cannot be
/// imported, so that one broken module does not hide the others.
///
/// `deselect` lists node ids that are known to be unreliable.
pub fn pytest_script<'a>(
    files: impl IntoIterator<Item = &'a RepoPath>,
    deselect: &BTreeSet<String>,
) -> String {
    let mut script = String::from("#!/bin/bash\npython -m pytest -v --tb=short --show-capture=no");
    script.push_str(" --continue-on-collection-errors");
    for id in deselect {
        script.push_str(&format!(" \\\n  --deselect {}", quote(id)));
    }
    for file in files {
        script.push_str(&format!(" \\\n  {}", quote(file.as_str())));
    }
    script.push('\n');
    script
}

/// Quotes a word for bash where it needs to be.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) && !word.starts_with('-') {
        return word.to_owned();
    }
    let prefix = if word.starts_with('-') { "./" } else { "" };
    format!("'{prefix}{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_bash_would_read_them_differently() {
        assert_eq!(quote("tests/test_a.py::test[1-b]"), "'tests/test_a.py::test[1-b]'");
        assert_eq!(quote("tests/test_a.py"), "tests/test_a.py");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote("-k.py"), "'./-k.py'");
    }
}
