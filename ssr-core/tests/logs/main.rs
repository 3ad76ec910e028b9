//! Logs that the real runners printed, against what the same runners said in a structured form.

mod any;
mod roundtrip;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use ssr_core::{LogFormat, Outcome, TestReport};

/// An entry of `expected.json`.
#[derive(Deserialize)]
struct Expected {
    format: String,
    tool: String,
    /// Outcomes that this log gives no names to.
    #[serde(default)]
    leaves_out: Vec<Outcome>,
    /// Tests that this log gives no names to.
    #[serde(default)]
    unnamed: Vec<String>,
    /// What fails in the log and did not.
    #[serde(default)]
    denied: Vec<String>,
    /// What passes in the log and did not.
    #[serde(default)]
    invented: Vec<String>,
    /// What the log says about itself.
    #[serde(default)]
    problems: Vec<String>,
    outcomes: BTreeMap<String, Outcome>,
}

impl Expected {
    fn outcomes(&self) -> BTreeMap<String, Outcome> {
        let known = self.outcomes.iter().filter(|(id, outcome)| {
            !self.leaves_out.contains(outcome) && !self.unnamed.contains(id)
        });
        let invented = self.invented.iter().map(|id| (id.clone(), Outcome::Passed));
        let denied = self.denied.iter().map(|id| (id.clone(), Outcome::Failed));
        known.map(|(id, outcome)| (id.clone(), *outcome)).chain(invented).chain(denied).collect()
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/logs")
}

fn corpus() -> BTreeMap<String, Expected> {
    let index = fs::read_to_string(fixtures().join("expected.json")).unwrap();
    serde_json::from_str(&index).unwrap()
}

fn log(name: &str) -> Vec<u8> {
    fs::read(fixtures().join(name)).unwrap()
}

fn outcomes(report: &TestReport) -> BTreeMap<String, Outcome> {
    report.iter().map(|(id, outcome)| (id.to_string(), outcome)).collect()
}

#[test]
fn every_log_says_what_its_runner_says() {
    let mut differences = String::new();
    for (name, expected) in corpus() {
        let report = expected.format.parse::<LogFormat>().unwrap().parse(&log(&name));
        let (ours, theirs) = (outcomes(&report), expected.outcomes());
        for id in ours.keys().chain(theirs.keys()).collect::<std::collections::BTreeSet<_>>() {
            if ours.get(id) != theirs.get(id) {
                let (ours, theirs) = (ours.get(id), theirs.get(id));
                differences +=
                    &format!("{name}: {id}: {ours:?}, {} says {theirs:?}\n", expected.tool);
            }
        }
        if report.problems() != expected.problems {
            differences += &format!("{name}: {:?}\n", report.problems());
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn a_format_is_recognised_by_what_only_its_runner_prints() {
    for (name, expected) in corpus() {
        let detected = LogFormat::detect(&log(&name)).map(|format| format.to_string());
        assert_eq!(detected.as_deref(), Some(expected.format.as_str()), "{name}");
    }
    for text in ["", "hello\n", "ok\n", "PASS\n"] {
        assert_eq!(LogFormat::detect(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn names_of_formats_survive_and_others_are_refused() {
    for format in LogFormat::ALL {
        assert_eq!(format.to_string().parse::<LogFormat>().unwrap(), format);
    }
    let error = "tap".parse::<LogFormat>().unwrap_err().to_string();
    assert!(error.contains("`tap`") && error.contains("jest"), "{error}");
}

#[test]
fn a_log_that_is_cut_off_says_so_where_that_matters() {
    for (name, expected) in corpus() {
        let format: LogFormat = expected.format.parse().unwrap();
        let (log, whole) = (log(&name), expected.outcomes());
        for part in 1..12 {
            let near = log.len() * part / 12;
            let end = log[near..].iter().position(|byte| *byte == b'\n').unwrap_or(0);
            let cut = &log[..=near + end];
            if cut.len() == log.len() {
                continue;
            }
            let report = format.parse(cut);
            // Between two binaries or packages nothing says that there is more to come.
            let in_parts = matches!(format, LogFormat::Cargo | LogFormat::Go);
            let complete = report.len() >= whole.len();
            assert!(in_parts || complete || !report.problems().is_empty(), "{name} at {part}/12");
            for id in report.ids(Outcome::is_pass) {
                // The name of a go package comes after its tests.
                let qualified = format!(".{id}");
                let known = whole.contains_key(id.as_str())
                    || format == LogFormat::Go && whole.keys().any(|id| id.ends_with(&qualified));
                assert!(known || !report.problems().is_empty(), "{name} at {part}/12: {id}");
            }
        }
    }
}
