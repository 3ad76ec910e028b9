//! The experiment on real packages, at the smallest size, and given bad input.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_experiment"));
    command.args(args).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn arms_are_compared_by_the_same_bugs_of_a_package_that_none_has_seen() {
    let small =
        ["learning", "--quick", "--json", "--updates", "1", "--held-out", "cachetools==6.1.0"];
    let bugs = ["--train", "toolz==0.12.1", "--train-bugs", "2", "--held-out-bugs", "2"];
    let arms = ["--arm", "solver-only", "--arm", "supervised", "--arm", "expert-iteration"];
    let output = run(&[&small[..], &bugs, &arms].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let results: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    let rows = results["arms"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["solver-only", "supervised", "expert-iteration"]);
    for row in rows {
        let number = |name: &str| row[name].as_f64().unwrap_or_else(|| panic!("{name}: {row}"));
        assert_eq!((row["start"].as_str(), number("seed")), (Some("zero"), 1.0));
        assert!((1.0..=2.0).contains(&number("held_out_bugs")), "{row}");
        assert!(number("gain_low") <= number("gain") && number("seconds") > 0.0, "{row}");
        for name in ["t1", "greedy", "k4", "k16"] {
            for when in ["before", "after"] {
                assert!((0.0..=100.0).contains(&number(&format!("{name}_{when}"))), "{row}");
            }
        }
        // All start from the same weights.
        assert_eq!(row["t1_before"], rows[0]["t1_before"]);
    }
}

#[test]
fn a_package_is_not_trained_on_and_held_out() {
    let both = ["--train", "toolz==0.12.1", "--held-out", "toolz==0.12.1"];
    let output = run(&[&["learning", "--quick"][..], &both].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("toolz==0.12.1 is trained on"), "{stderr}");
}
