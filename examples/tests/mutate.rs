//! The makers and checkers of bugs as programs: what they write, say and refuse.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const CODE: &str = "\
def clamp(value, low, high):
    if value < low:
        return low
    if value > high:
        return high
    return value


def head(items, count=1):
    return items[:count]


def unused(a, b):
    return a - b
";

/// Twelve tests, as many as the checks ask for.
const TESTS: &str = "\
import pytest
from shop import clamp, head


@pytest.mark.parametrize('value, found', [(0, 1), (1, 1), (2, 2), (5, 5), (6, 5), (99, 5), (3, 3), (4, 4)])
def test_clamp(value, found):
    assert clamp(value, 1, 5) == found


def test_head():
    assert head([1, 2]) == [1]


def test_head_of_two():
    assert head([1, 2, 3], 2) == [1, 2]
    assert head([], 2) == []


def test_clamp_of_floats():
    assert clamp(0.5, 0, 1) == 0.5
    assert clamp(1.5, 0, 1) == 1


def test_clamp_of_text():
    assert clamp('b', 'a', 'c') == 'b'
";

fn run(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).stdin(Stdio::null()).output().unwrap()
}

fn mutate(args: &[&str]) -> Output {
    run(env!("CARGO_BIN_EXE_mutate"), args)
}

fn validate(args: &[&str]) -> Output {
    run(env!("CARGO_BIN_EXE_validate-bug"), args)
}

/// The line of JSON that a program ends with.
fn json(output: &Output) -> Value {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let last = stdout.lines().last();
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(last.unwrap_or_default()).unwrap_or_else(|_| panic!("{stdout}{errors}"))
}

fn write(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

fn shop(folder: &Path) -> String {
    write(folder, "src/shop/__init__.py", CODE);
    write(folder, "tests/test_shop.py", TESTS);
    folder.to_string_lossy().into_owned()
}

/// Every file below `folder` with its bytes.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let below = contents(&path).into_iter();
            files.extend(below.map(|(rest, bytes)| (format!("{name}/{rest}"), bytes)));
        } else {
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
    files
}

/// One clear message on standard error, exit code 2, nothing on standard output.
fn refused(output: &Output, reason: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let errors: Vec<_> = stderr.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(errors.len(), 1, "{stderr}");
    assert!(stderr.contains(reason) && !stderr.contains("panicked"), "{stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn valid_bugs_are_written_and_hold_when_they_are_checked_again() {
    let folder = tempfile::tempdir().unwrap();
    let repo = shop(&folder.path().join("shop"));
    let out = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let make = |out: &str, jobs: &str| {
        let args = ["--repo", &repo, "--validate", "--count", "12", "--seed", "5", "--json"];
        mutate(&[&args[..], &["--jobs", jobs, "--out", out]].concat())
    };
    let output = make(&out("one"), "1");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = &json(&output)["packages"][0];
    let sum = |key: &str| -> u64 {
        report["rows"].as_array().unwrap().iter().map(|row| row[key].as_u64().unwrap()).sum()
    };
    let bugs = report["bugs"].as_array().unwrap();
    assert_eq!((sum("sampled"), sum("valid")), (12, bugs.len() as u64), "{report}");
    let effects = sum("breaking") + sum("import_breaking") + sum("equivalent");
    assert_eq!((sum("compiles"), effects), (12, 12), "{report}");
    assert!(sum("breaking") >= 6 && sum("valid") >= 6, "{report}");
    let changes = report["changes"].as_array().unwrap();
    let valid = changes.iter().filter(|change| change["rejection"].is_null()).count();
    assert_eq!((changes.len(), valid), (12, bugs.len()), "{report}");
    // `unused` is executed by no test.
    for (name, bytes) in contents(Path::new(&out("one"))) {
        let text = String::from_utf8(bytes).unwrap();
        if name.ends_with("bug_inject.diff") {
            assert!(!text.contains("a - b\n+") && text.contains("src/shop/__init__.py"), "{text}");
        }
        if name.ends_with("test_weaken.diff") {
            let paths: Vec<_> = text.lines().filter(|line| line.starts_with("+++")).collect();
            assert_eq!(paths, ["+++ b/tests/test_shop.py"], "{text}");
        }
    }

    assert!(make(&out("two"), "2").status.success());
    assert_eq!(contents(Path::new(&out("one"))), contents(Path::new(&out("two"))));

    let bug = bugs[0].as_str().unwrap();
    let output = validate(&[bug]);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert_eq!(stdout.matches("  ok ").count(), 7, "{stdout}");
    assert!(stdout.contains("a valid bug"), "{stdout}");

    std::fs::write(Path::new(bug).join("test_weaken.diff"), "").unwrap();
    let output = validate(&[bug, "--json", "--repo", &repo]);
    assert_eq!(output.status.code(), Some(1));
    let verdict = json(&output);
    assert_eq!(
        (&verdict["valid"], &verdict["failed"]),
        (&false.into(), &"weakening_validity".into())
    );
    let output = validate(&[bug, "--repo", &repo]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("FAILED  weakening_validity"), "{stdout}");
    assert!(stdout.contains("no bug: test_weaken.diff has to hide"), "{stdout}");
}

#[test]
fn without_validation_patches_are_written_and_nothing_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let repo = shop(&folder.path().join("shop"));
    let out = folder.path().join("patches");
    let args = ["--repo", &repo, "--count", "5", "--operators", "CRP,RTV", "--json", "--out"];
    let output = mutate(&[&args[..], &[&out.to_string_lossy()]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = json(&output);
    assert_eq!(report["packages"][0]["bugs"].as_array().unwrap().len(), 5);
    assert!(report["packages"][0]["rows"][0]["breaking"].is_null());
    for (name, bytes) in contents(&out) {
        let text = String::from_utf8(bytes).unwrap();
        if name.ends_with("bug.json") {
            let record: Value = serde_json::from_str(&text).unwrap();
            let detail = record["provenance"]["detail"].as_str().unwrap();
            assert!(detail.contains("CRP") || detail.contains("RTV"), "{detail}");
        } else {
            assert!(name.ends_with("bug_inject.diff") && text.starts_with("diff --git"), "{name}");
        }
    }
}

#[test]
fn functions_and_parameters_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let repo = shop(&folder.path().join("shop"));
    let out = folder.path().join("removed");
    let args = ["--repo", &repo, "--strategy", "removal", "--count", "3", "--json", "--out"];
    let output = mutate(&[&args[..], &[&out.to_string_lossy()]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = json(&output);
    assert_eq!(report["packages"][0]["bugs"].as_array().unwrap().len(), 3, "{report}");
    let record = contents(&out).into_iter().find(|(name, _)| name.ends_with("bug.json")).unwrap().1;
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(record["provenance"]["strategy"], "removal", "{record}");
}

#[test]
fn commits_are_reverted_and_sites_composed() {
    let folder = tempfile::tempdir().unwrap();
    let repo = shop(&folder.path().join("shop"));
    let git = |args: &[&str]| {
        let identity = ["-C", &repo, "-c", "user.name=a", "-c", "user.email=a@b.c"];
        let output = run("git", &[&identity[..], args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "First"]);
    let fixed =
        CODE.replace("    return items[:count]\n", "    found = items[:count]\n    return found\n");
    write(Path::new(&repo), "src/shop/__init__.py", &fixed);
    git(&["commit", "--quiet", "-a", "-m", "Second"]);
    for (strategy, count) in [("history", 1), ("compose", 4)] {
        let out = folder.path().join(strategy);
        let count = count.to_string();
        let args = ["--repo", &repo, "--strategy", strategy, "--count", &count, "--json", "--out"];
        let output = mutate(&[&args[..], &[&out.to_string_lossy()]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let bugs = json(&output)["packages"][0]["bugs"].as_array().unwrap().len();
        assert_eq!(bugs.to_string(), count, "{strategy}");
    }
}

#[test]
fn bad_input_gets_one_clear_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let repo = shop(&folder.path().join("shop"));

    refused(&mutate(&["--repo", &path("absent"), "--out", &path("out")]), "absent");
    refused(&mutate(&["--package", "../x", "--out", &path("out")]), "NAME==VERSION");
    let unknown = ["--repo", &repo, "--operators", "NOPE", "--out", &path("out")];
    refused(&mutate(&unknown), "NOPE");
    refused(&mutate(&["--measure", "--list", &path("absent.toml")]), "absent.toml");
    write(folder.path(), "empty/a.txt", "");
    refused(
        &mutate(&["--repo", &path("empty"), "--out", &path("out")]),
        "no operator finds a site",
    );
    refused(&mutate(&["--repo", &repo, "--out", &path("empty")]), "--out");
    let odd = ["--repo", &repo, "--measure", "--tests", "tests/absent.py"];
    refused(&mutate(&odd), "tests/absent.py");

    let history = ["--repo", &repo, "--strategy", "history", "--out", &path("out")];
    refused(&mutate(&history), "shop");

    refused(&validate(&[&path("absent"), "--repo", &repo]), "absent");
    refused(&validate(&[&path("empty"), "--repo", &repo]), "test_script.sh");
    for name in ["test_script.sh", "test_parser.py", "bug_inject.diff", "test_weaken.diff"] {
        write(folder.path(), &format!("bug/{name}"), "");
    }
    write(folder.path(), "bug/test_files.txt", "tests/test_shop.py\n");
    refused(&validate(&[&path("bug")]), "--package");
    write(folder.path(), "bug/bug_inject.diff", "no diff\n@@ -1 +1 @@\n");
    refused(&validate(&[&path("bug"), "--repo", &repo]), "bug_inject.diff");
}
