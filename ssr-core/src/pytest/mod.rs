//! The test script and the test parser of suites that pytest runs.

use std::collections::BTreeSet;

use crate::RepoPath;

/// The test parser for the log of [`pytest_script`]: it reads the progress lines of `pytest -v`.
pub const PYTEST_PARSER: &str = include_str!("test_parser.py");

/// `--verbosity=1` is `-v` that a `-q` in `addopts` cannot take back; `--maxfail=0` takes back `-x`.
const OPTIONS: [&str; 8] = [
    "--verbosity=1",
    "--color=no",
    "--tb=short",
    "--show-capture=no",
    "--maxfail=0",
    "--continue-on-collection-errors",
    "-o console_output_style=progress",
    "-o log_cli=false",
];

/// The test script of a pytest suite: runs `files` and goes on past modules that cannot be
/// imported, so that one broken module does not hide the others.
///
/// The repository's own `addopts` and ini settings stay in force, except where they would change what
/// the log looks like or end the run at the first failure.
///
/// `deselect` lists node ids that are known to be unreliable.
pub fn pytest_script<'a>(
    files: impl IntoIterator<Item = &'a RepoPath>,
    deselect: &BTreeSet<String>,
) -> String {
    let mut script = String::from("#!/bin/bash\npython -m pytest");
    for option in OPTIONS {
        script.push(' ');
        script.push_str(option);
    }
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
    fn the_script_is_one_command_that_bash_reads_back() {
        let files = ["tests/test_a.py", "tests/it's.py"].map(|path| RepoPath::new(path).unwrap());
        let script = pytest_script(&files, &BTreeSet::from(["tests/test_a.py::t[x y]".to_owned()]));
        let echoed = script.replacen("python", "printf '%s\\n'", 1);
        let output = std::process::Command::new("bash").args(["-c", &echoed]).output().unwrap();
        let words = String::from_utf8(output.stdout).unwrap();
        let words: Vec<_> = words.lines().collect();
        assert_eq!(words[..2], ["-m", "pytest"]);
        let last = ["--deselect", "tests/test_a.py::t[x y]", "tests/test_a.py", "tests/it's.py"];
        assert!(words.ends_with(&last), "{words:?}");
    }

    #[test]
    fn words_are_quoted_where_bash_would_read_them_differently() {
        assert_eq!(quote("tests/test_a.py::test[1-b]"), "'tests/test_a.py::test[1-b]'");
        assert_eq!(quote("tests/test_a.py"), "tests/test_a.py");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote("-k.py"), "'./-k.py'");
    }
}
