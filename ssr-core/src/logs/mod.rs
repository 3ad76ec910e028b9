//! Parsers of test logs: reads test outcomes out of the text that test runners print.

mod cargo;
mod go;
mod jest;
mod junit;
mod pytest;
mod text;
mod unittest;

use std::fmt;
use std::str::FromStr;

use crate::TestReport;

use text::plain;

/// A format in which test runners print what they found.
///
/// For logs that come from elsewhere: a container, a continuous integration server, a data set.
/// Where tests run in a [`Sandbox`](crate::Sandbox) that reports, [`Output::report`](crate::Output::report) is better,
/// because text can be forged.
///
/// ```
/// use ssr_core::{LogFormat, Outcome};
///
/// let log = "\
/// =========================== short test summary info ============================
/// PASSED tests/test_a.py::test_x[1 - 2]
/// FAILED tests/test_a.py::test_y[a - b] - AssertionError: a - b
/// ========================= 1 failed, 1 passed in 0.02s ==========================
/// ";
/// let report = LogFormat::Pytest.parse(log.as_bytes());
/// assert_eq!(report.outcome(&"tests/test_a.py::test_x[1 - 2]".into()), Outcome::Passed);
/// assert_eq!(report.outcome(&"tests/test_a.py::test_y[a - b]".into()), Outcome::Failed);
/// assert!(report.problems().is_empty());
/// ```
///
/// # What text can say and what it cannot
/// Parsing takes any bytes, in time linear in their number, and never fails: what is missing or
/// does not add up is among the [problems](TestReport::problems) of the report. Colours and other
/// escape sequences are taken out first, also of ids.
///
/// - A test that the runner itself calls failed is never passed, whatever else the log has in it:
///   of several statements about an id the worst counts.
/// - A pass counts only where the runner lists results, not inside of what tests printed and the
///   runner captured.
/// - What the runner counted is compared with what was read; a difference is a problem. This
///   uncovers careless forgeries.
/// - A program that writes past the runner's capturing (`os.write`, `atexit`, `--nocapture`, line
///   breaks in the reason of a skip) can still invent a pass for a test that never failed. Grade
///   only what the report's problems do not put in doubt, and compare with the ids that must be
///   there: an id that is not in a report is [`Missing`](crate::Outcome::Missing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogFormat {
    /// `pytest -rA`, best with `-v`: without it skipped tests have no names, and an id that
    /// contains `] - ` cannot always be told from the message that follows it. `-v` alone will do
    /// too. Ids are node ids. A module that cannot be collected is an
    /// [`Error`](crate::Outcome::Error) under its file.
    Pytest,
    /// `python -m unittest -v`. Ids are unittest's own, `module.Class.method`, for all versions of
    /// Python.
    Unittest,
    /// `manage.py test -v 2` or Django's `runtests.py -v 2`. Ids are `method (module.Class)`, as
    /// Django's own runner names them and as they are in SWE-bench.
    Django,
    /// `cargo test`, best with `--no-fail-fast`. Ids are the paths that libtest prints; binaries of
    /// one workspace are not told apart, so that of equal paths the worst outcome counts.
    Cargo,
    /// `go test -v ./...`. Ids are `package.Test/subtest`. A package that fails without a failing
    /// test is an [`Error`](crate::Outcome::Error) under its own name.
    Go,
    /// `jest --verbose`. Ids are `file::group › test`, with the separator of jest's own messages.
    /// A title that ends like a duration, ` (3 ms)`, loses that end.
    Jest,
    /// A JUnit XML file. Ids are pytest's node ids where a `file` attribute says enough
    /// (`junit_family=xunit1`), else `classname::name`. Printed text cannot forge it; a program that
    /// can write the file can.
    Junit,
}

impl LogFormat {
    /// All formats.
    pub const ALL: [Self; 7] = [
        Self::Pytest,
        Self::Unittest,
        Self::Django,
        Self::Cargo,
        Self::Go,
        Self::Jest,
        Self::Junit,
    ];

    /// Reads a log. Any bytes will do; see the type for what the result is worth.
    #[must_use]
    pub fn parse(self, log: &[u8]) -> TestReport {
        if self == Self::Junit {
            return junit::parse(log);
        }
        let text = plain(log);
        match self {
            Self::Unittest => unittest::parse(&text),
            Self::Django => unittest::parse_django(&text),
            Self::Cargo => cargo::parse(&text),
            Self::Go => go::parse(&text),
            Self::Jest => jest::parse(&text),
            _ => pytest::parse(&text),
        }
    }

    /// The format that a log looks like, `None` when it looks like none of them.
    ///
    /// A guess for tools that people use. Where a verdict depends on it, name the format: a program
    /// that prints can make its log look like another.
    #[must_use]
    pub fn detect(log: &[u8]) -> Option<Self> {
        let text = plain(log);
        let start = text.trim_start_matches('\u{feff}').trim_start();
        if ["<?xml", "<testsuite", "<testsuites"].iter().any(|tag| start.starts_with(tag)) {
            return Some(Self::Junit);
        }
        let mut seen = [0usize; Self::ALL.len()];
        let mut django = false;
        for line in text.lines() {
            let Some(format) = Self::of_line(line) else {
                django |= line.starts_with("System check identified ")
                    || line.starts_with("Destroying test database ");
                continue;
            };
            seen[format as usize] += 1;
        }
        let (_, format) = Self::ALL
            .into_iter()
            .rev()
            .map(|format| (seen[format as usize], format))
            .max_by_key(|(n, _)| *n)
            .filter(|(n, _)| *n > 0)?;
        Some(if format == Self::Unittest && django { Self::Django } else { format })
    }

    /// The format in which only the runner itself prints such a line.
    fn of_line(line: &str) -> Option<Self> {
        if pytest::is_mark(line) {
            Some(Self::Pytest)
        } else if unittest::is_mark(line) {
            Some(Self::Unittest)
        } else if line.starts_with("test result: ") {
            Some(Self::Cargo)
        } else if go::is_mark(line) {
            Some(Self::Go)
        } else if line.starts_with("Test Suites: ") {
            Some(Self::Jest)
        } else {
            None
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Pytest => "pytest",
            Self::Unittest => "unittest",
            Self::Django => "django",
            Self::Cargo => "cargo",
            Self::Go => "go",
            Self::Jest => "jest",
            Self::Junit => "junit",
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is not the name of a [`LogFormat`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no log format; use pytest, unittest, django, cargo, go, jest or junit")]
pub struct UnknownLogFormat(String);

impl FromStr for LogFormat {
    type Err = UnknownLogFormat;

    fn from_str(name: &str) -> Result<Self, UnknownLogFormat> {
        let named = Self::ALL.into_iter().find(|format| format.name() == name);
        named.ok_or_else(|| UnknownLogFormat(name.to_owned()))
    }
}
