//! How a test runner is called for a selection of tests.

use std::collections::BTreeSet;

use ssr_core::{RepoPath, TestRun, TestRunner, TestSelection};

/// Django's own repository runs its tests with this, a project with the other.
const RUNTESTS: &str = "tests/runtests.py";
const MANAGE: &str = "manage.py";

/// How a test runner is called.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CommandLine {
    /// The arguments, first what the program is called: a script, or else a module.
    pub(crate) argv: Vec<String>,
    /// The only ids to run, all when `None`.
    pub(crate) wanted: Option<Vec<String>>,
    /// Selected files that are not there.
    pub(crate) absent: Vec<RepoPath>,
}

impl CommandLine {
    /// The command line for `run` in a repository where `exists` says which files there are.
    pub(crate) fn new(run: &TestRun, exists: impl Fn(&str) -> bool) -> Self {
        if let TestSelection::CommandLine(words) = &run.selection {
            let argv = command_line(run, words, exists(RUNTESTS));
            return Self { argv, wanted: None, absent: Vec::new() };
        }
        let wanted = match &run.selection {
            TestSelection::Ids(ids) => Some(ids.clone()),
            _ => None,
        };
        let selected = match &run.selection {
            TestSelection::Files(files) => files.clone(),
            _ => Vec::new(),
        };
        let (present, absent): (Vec<_>, Vec<_>) =
            selected.into_iter().partition(|file| exists(file.as_str()));
        // Without any file a runner would run everything; let it refuse an absent one instead.
        let files = if present.is_empty() { &absent } else { &present };
        let argv = match run.runner {
            TestRunner::Unittest => unittest(run, files),
            TestRunner::Django => django(run, files, exists(RUNTESTS)),
            _ => pytest(run, files, &exists),
        };
        Self { argv, wanted, absent }
    }
}

fn command_line(run: &TestRun, line: &[String], runtests: bool) -> Vec<String> {
    let program: &[&str] = match run.runner {
        TestRunner::Unittest => &["unittest"],
        TestRunner::Django if runtests => &[RUNTESTS],
        TestRunner::Django => &[MANAGE, "test"],
        _ => &["pytest"],
    };
    words(program, &run.args, line.iter().map(String::as_str))
}

fn pytest(run: &TestRun, files: &[RepoPath], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let names: BTreeSet<&str> = match &run.selection {
        TestSelection::Ids(ids) => {
            let files = ids.iter().map(|id| id.split("::").next().unwrap_or(id));
            let (present, absent): (BTreeSet<_>, BTreeSet<_>) =
                files.partition(|file| exists(file));
            if present.is_empty() { absent } else { present }
        }
        _ => files.iter().map(RepoPath::as_str).collect(),
    };
    // `--maxfail=0` takes back an `-x` of the repository's configuration.
    let options = ["pytest", "-q", "--tb=short", "--maxfail=0", "--continue-on-collection-errors"];
    words(&options, &run.args, std::iter::once("--").chain(names))
}

fn unittest(run: &TestRun, files: &[RepoPath]) -> Vec<String> {
    match &run.selection {
        TestSelection::Ids(ids) => {
            words(&["unittest", "-v"], &run.args, classes(ids.iter().map(|id| id.as_str())))
        }
        TestSelection::Files(_) => {
            words(&["unittest", "-v"], &run.args, files.iter().map(RepoPath::as_str))
        }
        _ => words(&["unittest", "discover", "-v"], &run.args, []),
    }
}

fn django(run: &TestRun, files: &[RepoPath], runtests: bool) -> Vec<String> {
    let options = ["--verbosity=2", "--noinput", "--parallel=1"];
    let mut program = if runtests { vec![RUNTESTS] } else { vec![MANAGE, "test"] };
    program.extend(options);
    let labels: Vec<String> = match &run.selection {
        // `test_x (app.tests.Case)` is a test of the label `app.tests.Case`.
        TestSelection::Ids(ids) => {
            let class = |id: &'_ String| {
                let (_, class) = id.strip_suffix(')')?.rsplit_once(" (")?;
                Some(class.to_owned())
            };
            let mut seen = BTreeSet::new();
            ids.iter()
                .map(|id| class(id).unwrap_or_else(|| id.clone()))
                .filter(|label| seen.insert(label.clone()))
                .collect()
        }
        _ => files.iter().map(|file| label(file.as_str(), runtests)).collect(),
    };
    words(&program, &run.args, labels.iter().map(String::as_str))
}

/// The label of a file: its module, seen from where Django's runner looks for it.
fn label(file: &str, runtests: bool) -> String {
    let below = if runtests { file.strip_prefix("tests/") } else { None };
    let module = below.unwrap_or(file);
    let module = module.strip_suffix(".py").unwrap_or(module);
    module.strip_suffix("/__init__").unwrap_or(module).replace('/', ".")
}

/// The classes of dotted ids, each once, in their order.
fn classes<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    ids.map(|id| id.rsplit_once('.').map_or(id, |(class, _)| class))
        .filter(|class| seen.insert(*class))
        .collect()
}

fn words<'a>(
    program: &[&str],
    args: &[String],
    names: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let program = program.iter().map(|word| (*word).to_owned());
    let names = names.into_iter().map(str::to_owned);
    program.chain(args.iter().cloned()).chain(names).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(runner: TestRunner, selection: TestSelection, there: &[&str]) -> String {
        let run = TestRun::new(runner, selection).with_args(["-k", "x"]);
        CommandLine::new(&run, |file| there.contains(&file)).argv.join(" ")
    }

    fn ids(ids: &[&str]) -> TestSelection {
        TestSelection::Ids(ids.iter().map(|id| (*id).to_owned()).collect())
    }

    fn files(files: &[&str]) -> TestSelection {
        TestSelection::Files(files.iter().map(|file| RepoPath::new(file).unwrap()).collect())
    }

    #[test]
    fn every_runner_selects_by_file_and_by_id() {
        let there = ["tests/test_a.py", "tests/runtests.py", "tests/basic/tests.py"];
        let pytest = "pytest -q --tb=short --maxfail=0 --continue-on-collection-errors -k x --";
        let cases = [
            (TestRunner::Pytest, TestSelection::All, pytest.to_owned()),
            (
                TestRunner::Pytest,
                ids(&["tests/test_a.py::a", "tests/test_a.py::b", "gone.py::c"]),
                format!("{pytest} tests/test_a.py"),
            ),
            (TestRunner::Pytest, files(&["gone.py"]), format!("{pytest} gone.py")),
            (TestRunner::Unittest, TestSelection::All, "unittest discover -v -k x".to_owned()),
            (
                TestRunner::Unittest,
                files(&["gone.py", "tests/test_a.py"]),
                "unittest -v -k x tests/test_a.py".to_owned(),
            ),
            (
                TestRunner::Unittest,
                ids(&["tests.test_a.B.test_x", "tests.test_a.A.test_x", "tests.test_a.B.test_y"]),
                "unittest -v -k x tests.test_a.B tests.test_a.A".to_owned(),
            ),
            (
                TestRunner::Django,
                files(&["tests/basic/tests.py"]),
                "tests/runtests.py --verbosity=2 --noinput --parallel=1 -k x basic.tests"
                    .to_owned(),
            ),
            (
                TestRunner::Django,
                ids(&["test_x (basic.tests.A)", "test_y (basic.tests.A)", "odd"]),
                "tests/runtests.py --verbosity=2 --noinput --parallel=1 -k x basic.tests.A odd"
                    .to_owned(),
            ),
        ];
        for (runner, selection, expected) in cases {
            assert_eq!(line(runner, selection, &there), expected);
        }
    }

    #[test]
    fn a_project_has_its_own_script() {
        let selection = files(&["polls/tests/test_a.py", "polls/tests/__init__.py"]);
        let there = ["polls/tests/test_a.py", "polls/tests/__init__.py"];
        assert_eq!(
            line(TestRunner::Django, selection, &there),
            "manage.py test --verbosity=2 --noinput --parallel=1 -k x polls.tests.test_a polls.tests"
        );
    }
}
