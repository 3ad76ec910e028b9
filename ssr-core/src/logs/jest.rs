//! `jest --verbose`.

use crate::{Outcome, TestId, TestReport};

use super::text::{counts, start};

/// Between groups and titles, as in jest's own messages.
const SEPARATOR: &str = " \u{203a} ";

pub(super) fn parse(log: &str) -> TestReport {
    let mut reader = Reader::default();
    for line in log.lines().map(start) {
        reader.line(line);
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    report: TestReport,
    file: Option<File>,
    /// How many tests passed and failed, as they were listed.
    listed: (usize, usize),
    counted: Option<(usize, usize)>,
}

/// The part of the log that is about one file.
struct File {
    path: String,
    failed: bool,
    groups: Vec<String>,
    /// Whether its list of tests may go on.
    listing: bool,
    tests: usize,
    /// What stands above the messages: names of failing tests where they are not listed.
    bullets: Vec<String>,
}

impl Reader {
    fn line(&mut self, line: &str) {
        if let Some((failed, path)) = header(line) {
            self.close();
            self.file = Some(File {
                path: path.to_owned(),
                failed,
                groups: Vec::new(),
                listing: true,
                tests: 0,
                bullets: Vec::new(),
            });
        } else if let Some(tests) = line.strip_prefix("Tests: ") {
            self.close();
            let number = |what| counts(tests).find(|(_, name)| *name == what).map_or(0, |(n, _)| n);
            self.counted = Some((number("passed"), number("failed")));
        } else if let Some(file) = &mut self.file
            && let Some((title, outcome)) = file.line(line)
        {
            match outcome {
                Outcome::Passed => self.listed.0 += 1,
                Outcome::Failed => self.listed.1 += 1,
                _ => {}
            }
            self.report.record(title, outcome);
        }
    }

    fn close(&mut self) {
        let Some(file) = self.file.take() else { return };
        if file.tests > 0 {
            return;
        }
        for title in &file.bullets {
            self.report.record(file.id(title), Outcome::Failed);
        }
        if file.failed && file.bullets.is_empty() {
            self.report.record(TestId::from(file.path), Outcome::Error);
        }
    }

    fn finish(mut self) -> TestReport {
        self.close();
        let Some(counted) = self.counted else {
            self.report.add_problem("the log does not have jest's count of tests");
            return self.report;
        };
        for (what, listed, counted) in
            [("passed", self.listed.0, counted.0), ("failed", self.listed.1, counted.1)]
        {
            if listed != counted {
                self.report
                    .add_problem(format!("the log lists {listed} {what} tests of {counted}"));
            }
        }
        self.report
    }
}

impl File {
    fn line(&mut self, line: &str) -> Option<(TestId, Outcome)> {
        let text = line.trim_start_matches(' ');
        let depth = (line.len() - text.len()) / 2;
        if depth == 0 || text.is_empty() {
            self.listing = false;
        } else if let Some(title) = text.strip_prefix("\u{25cf} ").filter(|_| depth == 1) {
            self.listing = false;
            // What is not a test: `● Test suite failed to run`, `● Console`.
            if !matches!(title, "Test suite failed to run" | "Console") {
                self.bullets.push(title.to_owned());
            }
        } else if self.listing {
            self.groups.truncate(depth - 1);
            let Some((title, outcome)) = test(text) else {
                self.groups.push(text.to_owned());
                return None;
            };
            self.tests += 1;
            let mut name = self.groups.join(SEPARATOR);
            if !name.is_empty() {
                name.push_str(SEPARATOR);
            }
            name.push_str(title);
            return Some((self.id(&name), outcome));
        }
        None
    }

    fn id(&self, name: &str) -> TestId {
        TestId::from(format!("{}::{name}", self.path))
    }
}

/// `PASS ./path (5.1 s)`.
fn header(line: &str) -> Option<(bool, &str)> {
    let (word, path) = line.split_once(' ')?;
    let failed = match word {
        "PASS" => false,
        "FAIL" => true,
        _ => return None,
    };
    let path = without_duration(path.trim_end());
    Some((failed, path.strip_prefix("./").unwrap_or(path)))
}

/// `✓ title (3 ms)`.
fn test(text: &str) -> Option<(&str, Outcome)> {
    let (symbol, title) = text.split_once(' ')?;
    let outcome = match symbol {
        "\u{2713}" | "\u{221a}" => Outcome::Passed,
        "\u{2715}" | "\u{d7}" => Outcome::Failed,
        "\u{25cb}" | "\u{270e}" => Outcome::Skipped,
        _ => return None,
    };
    let title = match symbol {
        "\u{25cb}" => title.strip_prefix("skipped ").unwrap_or(title),
        "\u{270e}" => title.strip_prefix("todo ").unwrap_or(title),
        _ => without_duration(title),
    };
    Some((title, outcome))
}

fn without_duration(text: &str) -> &str {
    let Some((before, time)) = text.strip_suffix(')').and_then(|text| text.rsplit_once(" ("))
    else {
        return text;
    };
    let number = time.strip_suffix(" ms").or_else(|| time.strip_suffix(" s"));
    if number.is_some_and(|number| number.parse::<f64>().is_ok()) { before } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_lose_their_durations_and_keep_their_groups() {
        let log = "PASS src/a.test.js (5.01 s)\n  group\n    inner\n      \u{2713} works (3 ms)\n    \
                   \u{2713} again (x)\n  \u{2713} alone\n\nTests:       3 passed, 3 total\n";
        let report = parse(log);
        let ids: Vec<_> = report.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "src/a.test.js::alone",
                "src/a.test.js::group \u{203a} again (x)",
                "src/a.test.js::group \u{203a} inner \u{203a} works"
            ]
        );
        assert!(report.problems().is_empty());
    }

    #[test]
    fn without_a_list_the_failures_still_have_names() {
        let log = "FAIL a.test.js\n  \u{25cf} g \u{203a} t\n\n    no\n\nPASS b.test.js\n\nTests: 1 failed, 2 passed, 3 total\n";
        let report = parse(log);
        assert_eq!(report.outcome(&"a.test.js::g \u{203a} t".into()), Outcome::Failed);
        assert_eq!(report.problems().len(), 2);
    }
}
