//! Tests of a Django project.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process;
use std::sync::OnceLock;

use ssr_core::{Command, Outcome, Sandbox, TestRun, TestRunner, TestSelection, Workspace};
use ssr_sandbox::{Guest, WasiSandbox, WasiWorkspace, default_cache_dir, read_folder};

use crate::support::{fixture, installed, path};

fn django_folder() -> PathBuf {
    installed(&["Django==5.2.19", "asgiref==3.13.0", "sqlparse==0.6.1", "tzdata==2026.6"])
}

fn project() -> WasiWorkspace {
    static SANDBOX: OnceLock<WasiSandbox> = OnceLock::new();
    let sandbox = SANDBOX.get_or_init(|| {
        let guest = Guest::prepare(&default_cache_dir(), &|_| {}).unwrap();
        let packages = read_folder(django_folder()).unwrap();
        let modules = ["django.test.runner", "django.db.backends.sqlite3.base"];
        WasiSandbox::builder(&guest).site_packages(packages).preload(modules).build().unwrap()
    });
    sandbox.open(&read_folder(fixture("polls")).unwrap()).unwrap()
}

fn django(selection: TestSelection) -> Command {
    Command::tests(TestRun::new(TestRunner::Django, selection))
}

#[test]
fn outcomes_are_those_of_native_django() {
    let output = project().run(&django(TestSelection::All)).unwrap();
    let report = output.report.clone().unwrap();
    let mut ours: BTreeMap<String, String> =
        report.iter().map(|(id, outcome)| (id.to_string(), format!("{outcome:?}"))).collect();
    // The real one says nothing about tests whose class could not be set up.
    let unsaid = ours.remove("test_never_runs (polls.tests.BrokenData)");
    assert_eq!(unsaid.as_deref(), Some("Error"));
    assert_eq!(ours, native(), "{}", output.stderr_text());
    let shell = Command::shell("python manage.py test -v 2 --noinput --parallel 1");
    assert_eq!(project().run(&shell).unwrap().report, output.report);
}

/// What the real runner prints about each test.
fn native() -> BTreeMap<String, String> {
    let path = std::env::join_paths([django_folder(), fixture("polls")]).unwrap();
    let output = process::Command::new("python3")
        .args(["manage.py", "test", "--verbosity=2", "--noinput", "--parallel=1"])
        .current_dir(fixture("polls"))
        .env("PYTHONPATH", path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    text.lines()
        .filter_map(|line| {
            let (name, status) = line.trim().rsplit_once(" ... ")?;
            Some((labelled(name), outcome(status)?.to_owned()))
        })
        .collect()
}

/// `test_x (polls.tests.Case.test_x)`, as Python prints it since 3.11, without the second name
/// and what tells subtests apart.
fn labelled(name: &str) -> String {
    let short = name.split_once(" (").and_then(|(method, class)| {
        let class = class.split_once(')')?.0.strip_suffix(&format!(".{method}"))?;
        Some(format!("{method} ({class})"))
    });
    short.unwrap_or_else(|| name.to_owned())
}

fn outcome(status: &str) -> Option<&'static str> {
    match status {
        "ok" => Some("Passed"),
        "FAIL" => Some("Failed"),
        "ERROR" => Some("Error"),
        "expected failure" => Some("XFailed"),
        skipped if skipped.starts_with("skipped ") => Some("Skipped"),
        _ => None,
    }
}

#[test]
fn a_selection_runs_what_it_names_and_nothing_else() {
    let wanted = ["test_fails (polls.tests.Database)", "test_gone (polls.tests.Plain)"];
    let ids = TestSelection::Ids(wanted.map(str::to_owned).to_vec());
    let report = project().run(&django(ids)).unwrap().report.unwrap();
    let outcomes: Vec<_> = report.iter().map(|(id, outcome)| (id.as_str(), outcome)).collect();
    assert_eq!(outcomes, [(wanted[0], Outcome::Failed), (wanted[1], Outcome::Missing)]);
    let file = TestSelection::Files(vec![path("polls/tests.py")]);
    let report = project().run(&django(file)).unwrap().report.unwrap();
    assert_eq!(report.counts().passed, 4, "{report:?}");
}
