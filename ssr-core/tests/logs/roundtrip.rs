//! Logs printed the way each runner prints them, for any ids, come back as what they were made of.

use std::collections::BTreeMap;
use std::fmt::Write;

use proptest::prelude::*;
use ssr_core::LogFormat;
use ssr_core::Outcome::{self, Error, Failed, Passed, Skipped, XFailed};

use crate::outcomes;

type Tests = BTreeMap<String, Outcome>;

fn tests(
    names: impl Strategy<Value = String>,
    of: &'static [Outcome],
) -> impl Strategy<Value = Tests> {
    proptest::collection::btree_map(names, proptest::sample::select(of), 1..12)
}

fn count(tests: &Tests, wanted: Outcome) -> usize {
    tests.values().filter(|outcome| **outcome == wanted).count()
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Passed => "PASSED",
        Failed => "FAILED",
        Error => "ERROR",
        Skipped => "SKIPPED",
        _ => "XFAIL",
    }
}

proptest! {
    #[test]
    fn pytest(
        tests in tests("a\\.py::(T::)?t(\\[[ -~\u{e9}]{0,20}\\])?", &[Passed, Failed, Error, Skipped, XFailed]),
        message in "[A-Za-z][ -~]{0,20}",
    ) {
        let mut log = String::from("===== test session starts =====\n");
        for (id, outcome) in &tests {
            let _ = writeln!(log, "{id} {}   [ 50%]", word(*outcome));
        }
        log += "\n===== short test summary info =====\n";
        for (id, outcome) in tests.iter().filter(|(_, outcome)| **outcome != Skipped) {
            let message = if *outcome == Passed { String::new() } else { format!(" - {message}") };
            let _ = writeln!(log, "{} {id}{message}", word(*outcome));
        }
        let _ = writeln!(log, "SKIPPED [9] a.py:3: {message}");
        let [passed, failed, errors] = [Passed, Failed, Error].map(|outcome| count(&tests, outcome));
        let _ = writeln!(log, "===== {failed} failed, {passed} passed, {errors} errors in 0.10s =====");
        let report = LogFormat::Pytest.parse(log.as_bytes());
        // A message may make the line of one id look like that of a longer one that is there too.
        prop_assume!(!tests.keys().any(|id| tests.keys().any(|other| other.starts_with(&format!("{id} - ")))));
        prop_assert_eq!(outcomes(&report), tests);
    }

    #[test]
    fn unittest(
        tests in tests("test_[a-z ().\u{e9}-]{0,12}[a-z]", &[Passed, Failed, Error, Skipped, XFailed]),
        docstring in proptest::option::of("[ -~]{0,20}"),
    ) {
        let rule = "=".repeat(70);
        let (mut log, mut list) = (String::new(), String::new());
        for (name, outcome) in &tests {
            let status = match outcome {
                Passed => "ok",
                Failed => "FAIL",
                Error => "ERROR",
                Skipped => "skipped 'a ... ok'",
                _ => "expected failure",
            };
            let full = format!("{name} (m.T.{name})");
            match &docstring {
                Some(text) => { let _ = writeln!(log, "{full}\n{text} ... {status}"); }
                None => { let _ = writeln!(log, "{full} ... {status}"); }
            }
            if matches!(outcome, Failed | Error) {
                let _ = writeln!(list, "\n{rule}\n{status}: {full}\n{}", "-".repeat(70));
            }
        }
        let [failures, errors] = [Failed, Error].map(|outcome| count(&tests, outcome));
        let number = tests.len();
        let _ = writeln!(log, "{list}\nRan {number} tests in 0.1s\n\nFAILED (failures={failures}, errors={errors})");
        let report = LogFormat::Unittest.parse(log.as_bytes());
        let tests: Tests = tests.into_iter().map(|(name, outcome)| (format!("m.T.{name}"), outcome)).collect();
        prop_assert_eq!(outcomes(&report), tests);
        prop_assert_eq!(report.problems(), [] as [&str; 0]);
    }

    #[test]
    fn cargo(tests in tests("[a-z]{1,5}(::[a-z\u{e9}_]{1,5}){0,3}", &[Passed, Failed, Skipped])) {
        let mut log = format!("\nrunning {} tests\n", tests.len());
        for (name, outcome) in &tests {
            let status = match outcome { Passed => "ok", Failed => "FAILED", _ => "ignored, later" };
            let _ = writeln!(log, "test {name} ... {status}");
        }
        let [passed, failed, ignored] = [Passed, Failed, Skipped].map(|outcome| count(&tests, outcome));
        let _ = writeln!(log, "\ntest result: ok. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; 0 filtered out");
        let report = LogFormat::Cargo.parse(log.as_bytes());
        prop_assert_eq!(outcomes(&report), tests);
        prop_assert_eq!(report.problems(), [] as [&str; 0]);
    }

    #[test]
    fn go(tests in tests("Test[!-~\u{e9}]{0,12}", &[Passed, Failed, Skipped])) {
        let mut log = String::new();
        for (name, outcome) in &tests {
            let word = match outcome { Passed => "PASS", Failed => "FAIL", _ => "SKIP" };
            let _ = writeln!(log, "=== RUN   {name}\n    a.go:1: x\n--- {word}: {name} (0.00s)");
        }
        let word = if count(&tests, Failed) > 0 { "FAIL" } else { "ok  " };
        let _ = writeln!(log, "{word}\texample.com/x\t0.003s");
        let report = LogFormat::Go.parse(log.as_bytes());
        let tests: Tests =
            tests.into_iter().map(|(name, outcome)| (format!("example.com/x.{name}"), outcome)).collect();
        prop_assert_eq!(outcomes(&report), tests);
        prop_assert_eq!(report.problems(), [] as [&str; 0]);
    }

    #[test]
    fn jest(tests in tests("[!-~\u{e9}][ -~]{0,12}[!-~]", &[Passed, Failed, Skipped]), timed in any::<bool>()) {
        let mut log = String::from("FAIL src/a.test.js\n  a group\n");
        for (title, outcome) in &tests {
            let symbol = match outcome { Passed => "\u{2713}", Failed => "\u{2715}", _ => "\u{25cb} skipped" };
            let time = if timed && *outcome != Skipped { " (3 ms)" } else { "" };
            let _ = writeln!(log, "    {symbol} {title}{time}");
        }
        let [passed, failed] = [Passed, Failed].map(|outcome| count(&tests, outcome));
        let _ = writeln!(log, "\nTests:       {failed} failed, {passed} passed, {} total", tests.len());
        let report = LogFormat::Jest.parse(log.as_bytes());
        let tests: Tests = tests
            .into_iter()
            .map(|(title, outcome)| (format!("src/a.test.js::a group \u{203a} {title}"), outcome))
            .collect();
        prop_assert_eq!(outcomes(&report), tests);
        prop_assert_eq!(report.problems(), [] as [&str; 0]);
    }

    #[test]
    fn junit(tests in tests("[ -~\u{e9}]{1,20}", &[Passed, Failed, Error, Skipped, XFailed])) {
        let mut log = String::from("<testsuites><testsuite name=\"x\">");
        for (name, outcome) in &tests {
            let name = name.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&#34;");
            let inside = match outcome {
                Passed => "<system-out>&lt;failure/&gt;</system-out>",
                Failed => "<failure message=\"x\">y</failure>",
                Error => "<error/>",
                Skipped => "<skipped/>",
                _ => "<skipped type=\"pytest.xfail\"/>",
            };
            let _ = write!(log, "<testcase classname=\"m.T\" name=\"{name}\">{inside}</testcase>");
        }
        log += "</testsuite></testsuites>";
        let report = LogFormat::Junit.parse(log.as_bytes());
        let tests: Tests = tests.into_iter().map(|(name, outcome)| (format!("m.T::{name}"), outcome)).collect();
        prop_assert_eq!(outcomes(&report), tests);
        prop_assert_eq!(report.problems(), [] as [&str; 0]);
    }
}
