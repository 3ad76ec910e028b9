//! The main job on a real package: what a newcomer runs, killed and resumed, and given bad input.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_self-play"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(args: &[&str]) -> Output {
    program(args).output().unwrap()
}

/// A short run that needs no pretrained model and no second package.
const SMALL: [&str; 9] =
    ["--start", "zero", "--steps", "2", "--group", "4", "--seed", "3", "--no-held-out"];

fn play(out: &Path, more: &[&str]) -> Output {
    run(&[&SMALL[..], &["--json", "--out", &out.to_string_lossy()], more].concat())
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

fn wait_for(path: &Path, child: &mut Child) {
    let start = Instant::now();
    while !path.exists() {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before {}", path.display());
        assert!(start.elapsed() < Duration::from_secs(600), "no {}", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_run_on_toolz_validates_bugs_learns_and_survives_being_killed() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let output = play(&whole, &[]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let summary: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    for key in [
        "package",
        "seed",
        "steps",
        "bugs_proposed",
        "bugs_valid",
        "attempts",
        "solved",
        "solve_rate",
        "mean_reward_injector",
        "mean_reward_solver",
        "test_cycles",
        "test_cycles_per_second",
        "tokens_generated",
        "seconds",
        "run_dir",
    ] {
        assert!(summary.get(key).is_some(), "{key} is missing in {summary}");
    }
    let number = |key: &str| summary[key].as_u64().unwrap();
    assert_eq!((summary["package"].as_str(), number("steps")), (Some("toolz==0.12.1"), 2));
    assert_eq!(number("bugs_proposed"), 8);
    assert!(number("bugs_valid") > 0 && number("attempts") > 0, "{summary}");
    assert!(number("test_cycles") > 0 && number("tokens_generated") > 0, "{summary}");
    for bug in std::fs::read_dir(whole.join("bugs")).unwrap() {
        let bug = bug.unwrap().path();
        for name in [
            "test_script.sh",
            "test_files.txt",
            "test_parser.py",
            "bug_inject.diff",
            "test_weaken.diff",
            "bug.json",
        ] {
            assert!(bug.join(name).is_file(), "{} lacks {name}", bug.display());
        }
    }

    let killed = folder.path().join("killed");
    let mut child = program(&SMALL)
        .arg("--out")
        .arg(&killed)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(&killed.join("checkpoints").join("1"), &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    let again = play(&killed, &[]);
    assert_eq!(again.status.code(), Some(2), "a run was overwritten");
    let output = run(&["--resume", "--no-held-out", "--out", &killed.to_string_lossy()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(contents(&whole.join("bugs")), contents(&killed.join("bugs")));
    let weights =
        |run: &Path| contents(&run.join("checkpoints").join("2")).remove("model.safetensors");
    assert!(weights(&whole).is_some());
    assert_eq!(weights(&whole), weights(&killed));

    for checkpoint in std::fs::read_dir(killed.join("checkpoints")).unwrap() {
        std::fs::write(checkpoint.unwrap().path().join("model.safetensors"), "damaged").unwrap();
    }
    let more = ["--resume", "--no-held-out", "--steps", "3", "--out", &killed.to_string_lossy()];
    refused(&more, "model.safetensors");
}

#[test]
fn bugs_of_a_package_that_is_held_out_are_repaired_before_and_after() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run").to_string_lossy().into_owned();
    let held_out = ["--held-out", "cachetools==6.1.0", "--held-out-bugs", "2"];
    let small = ["--start", "zero", "--steps", "1", "--group", "2", "--json", "--out", &out];
    let output = run(&[&small[..], &held_out].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("held out              cachetools==6.1.0"), "{stdout}");
    let results: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    let comparison = &results["held_out"];
    for rates in [&comparison["before"], &comparison["after"]] {
        let rate = |name: &str| rates[name].as_f64().unwrap();
        assert!((1..=2).contains(&rates["bugs"].as_u64().unwrap()), "{results}");
        assert!((0.0..=1.0).contains(&rate("t1")), "{results}");
        assert!(rate("greedy") <= rate("k4") && rate("k4") <= rate("k16"), "{results}");
    }
    let gain = |name: &str| comparison["gain"][name].as_f64().unwrap();
    assert!(gain("low") <= gain("mean") && gain("mean") <= gain("high"), "{results}");
}

#[test]
fn the_oracle_exercises_the_pipeline_and_is_labelled() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("oracle");
    let output = run(&[
        "--steps",
        "1",
        "--group",
        "4",
        "--solver",
        "oracle",
        "--json",
        "--out",
        &out.to_string_lossy(),
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let stdout = String::from_utf8(output.stdout).unwrap();
    let summary: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    assert_eq!(summary["solver"], "oracle");
    assert_eq!(summary["solved"], summary["attempts"]);
    let metrics = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    assert!(metrics.contains(r#""solver":"oracle""#));
    assert!(std::fs::read_to_string(out.join("run.toml")).unwrap().contains("oracle"));
}

/// One clear message on standard error, exit code 2, nothing on standard output.
fn refused(args: &[&str], reason: &str) {
    let output = program(args).args(["--start", "zero"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
    let errors: Vec<_> = stderr.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(errors.len(), 1, "{args:?}: {stderr}");
    assert!(stderr.contains(reason), "{args:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn bad_input_gets_one_clear_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    let out = path("out");

    refused(&["--package", "--evil", "--out", &out], "--evil");
    refused(&["--package", "../x", "--out", &out], "NAME==VERSION");
    refused(&["--held-out", "Toolz==1.0.0", "--out", &out], "hold out another package");
    refused(&["--package", "toolz==0.0.0.999", "--out", &out], "toolz==0.0.0.999");
    refused(&["--repo", &path("absent"), "--out", &out], "absent");
    refused(&["--config", &path("absent.toml")], "absent.toml");

    write("wrong.toml", "stepz = 1\n");
    refused(&["--config", &path("wrong.toml")], "stepz");
    refused(&["--group", "1"], "group");

    write("untested/pkg/__init__.py", "x = 1\n");
    refused(&["--repo", &path("untested"), "--out", &out], "no test module");

    write("broken/pkg/__init__.py", "x = 1\n");
    write("broken/tests/test_a.py", "import no_such_module\n\ndef test_a():\n    pass\n");
    refused(&["--repo", &path("broken"), "--out", &out], "no_such_module");

    write("failing/tests/test_a.py", "def test_a():\n    assert False\n");
    refused(&["--repo", &path("failing"), "--out", &out], "0 tests pass");

    write("occupied/notes.txt", "mine\n");
    refused(&["--out", &path("occupied"), "--resume"], "occupied");
    refused(&["--out", &path("occupied")], "--resume");
    assert_eq!(
        std::fs::read_to_string(folder.path().join("occupied/notes.txt")).unwrap(),
        "mine\n"
    );
}
