//! The test script and the test parser of suites that pytest runs.

use std::collections::BTreeSet;

use crate::{RepoPath, TestRun, TestRunner, TestSelection};

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

/// The test run that `script` stands for, when it is one that [`pytest_script`] writes: a sandbox can
/// start pytest with these arguments and needs no shell. `None` for every other script.
///
/// ```
/// use std::collections::BTreeSet;
///
/// use ssr_core::{RepoPath, TestSelection, pytest_run, pytest_script};
///
/// let files = [RepoPath::new("tests/test_a.py")?];
/// let run = pytest_run(&pytest_script(&files, &BTreeSet::new())).unwrap();
/// let TestSelection::CommandLine(words) = run.selection else { unreachable!() };
/// assert_eq!(words.last().unwrap(), "tests/test_a.py");
/// assert_eq!(pytest_run("pytest; rm -r tests"), None);
/// # Ok::<(), ssr_core::Error>(())
/// ```
pub fn pytest_run(script: &str) -> Option<TestRun> {
    let mut lines = script.lines().skip(2).map(|line| line.trim_end_matches('\\').trim());
    let (mut files, mut deselect) = (Vec::new(), BTreeSet::new());
    lines.try_for_each(|line| match line.strip_prefix("--deselect ") {
        Some(id) => deselect.insert(unquote(id)?).then_some(()),
        None => RepoPath::new(&unquote(line)?).ok().map(|file| files.push(file)),
    })?;
    // Reading is lenient; what counts is that writing gives the same script.
    if pytest_script(&files, &deselect) != script {
        return None;
    }
    let options = OPTIONS.iter().flat_map(|option| option.split(' ')).map(str::to_owned);
    let deselect = deselect.into_iter().flat_map(|id| ["--deselect".to_owned(), shown(&id)]);
    let files = files.iter().map(|file| shown(file.as_str()));
    let words = options.chain(deselect).chain(files).collect();
    Some(TestRun::new(TestRunner::Pytest, TestSelection::CommandLine(words)))
}

/// What [`quote`] was given, as far as its own output goes.
fn unquote(word: &str) -> Option<String> {
    let Some(quoted) = word.strip_prefix('\'') else { return Some(word.to_owned()) };
    let text = quoted.strip_suffix('\'')?.replace(r"'\''", "'");
    Some(
        text.strip_prefix("./")
            .filter(|rest| rest.starts_with('-'))
            .map_or(text.clone(), str::to_owned),
    )
}

/// The word that bash makes of what [`quote`] writes.
fn shown(word: &str) -> String {
    if word.starts_with('-') { format!("./{word}") } else { word.to_owned() }
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
    fn a_standard_script_is_the_run_that_bash_would_start() {
        let files =
            ["tests/test_a.py", "tests/it's.py", "-k.py"].map(|path| RepoPath::new(path).unwrap());
        let ids = ["tests/test_a.py::t[x y]", "tests/test_a.py::u['\\''-1]"].map(str::to_owned);
        for (files, deselect) in [(&files[..], BTreeSet::from(ids)), (&files[..1], BTreeSet::new())]
        {
            let script = pytest_script(files, &deselect);
            let echoed = script.replacen("python -m pytest", "printf '%s\\0'", 1);
            let output = std::process::Command::new("bash").args(["-c", &echoed]).output().unwrap();
            let words = String::from_utf8(output.stdout).unwrap();
            let words: Vec<_> = words.split_terminator('\0').map(str::to_owned).collect();
            let run = pytest_run(&script).unwrap();
            assert_eq!(run.selection, TestSelection::CommandLine(words));
        }
    }

    #[test]
    fn any_other_script_is_left_to_bash() {
        let files = [RepoPath::new("tests/test_a.py").unwrap()];
        let script = pytest_script(&files, &BTreeSet::new());
        assert!(pytest_run(&script).is_some());
        for other in [
            String::new(),
            "#!/bin/bash\n".to_owned(),
            script.replace("--tb=short", "--tb=long"),
            script.trim_end().to_owned(),
            format!("{script}rm -r tests\n"),
            script.replace("tests/test_a.py", "$(rm -r tests)"),
            script.replace("tests/test_a.py", "tests/test_a.py; rm -r tests"),
            script.replace("tests/test_a.py", "../test_a.py"),
        ] {
            assert_eq!(pytest_run(&other), None, "{other}");
        }
    }

    #[test]
    fn words_are_quoted_where_bash_would_read_them_differently() {
        assert_eq!(quote("tests/test_a.py::test[1-b]"), "'tests/test_a.py::test[1-b]'");
        assert_eq!(quote("tests/test_a.py"), "tests/test_a.py");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote("-k.py"), "'./-k.py'");
    }
}
