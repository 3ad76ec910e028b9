//! Runs the same tests in the guest and in native CPython, and finds the differences.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde::Serialize;
use ssr_core::{Command, Exit, Outcome, Output, Program, TestId, TestReport, TestSelection};
use ssr_examples::Result;

use crate::list::Reason;

/// Runs one command, in the guest or natively.
pub type Runner<'r> = &'r mut dyn FnMut(&Command) -> Result<Output>;

/// The results of the tests in one interpreter.
#[derive(Debug, Clone, Serialize)]
pub struct Side {
    /// Which interpreter, such as `guest 3.14` or `native 3.11.7`.
    pub name: String,
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed, raised an error, timed out or did not report.
    pub failed: usize,
    /// Tests that were skipped or failed as expected.
    pub other: usize,
    /// Wall-clock time of the run.
    pub seconds: f64,
    /// Why it was stopped; `None` if it ended by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// Why the run is not complete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    #[serde(skip)]
    pub report: TestReport,
}

impl Side {
    /// Runs the tests and counts.
    pub fn run(name: &str, command: &Command, runner: Runner<'_>) -> Result<Self> {
        let start = Instant::now();
        let output = runner(command)?;
        let seconds = start.elapsed().as_secs_f64();
        let mut problems = Vec::new();
        let stderr = output.stderr_text().into_owned();
        let report = output.report.unwrap_or_default();
        if report.is_empty() {
            problems.extend(stderr.lines().rfind(|line| !line.is_empty()).map(str::to_owned));
        }
        problems.extend_from_slice(report.problems());
        problems.extend(report.tampering().iter().map(|sign| format!("not trusted: {sign}")));
        let passed = report.ids(Outcome::is_pass).count();
        let failed = report.ids(Outcome::is_failure).count();
        Ok(Self {
            name: name.to_owned(),
            passed,
            failed,
            other: report.len() - passed - failed,
            seconds,
            end: match output.exit {
                Exit::Code(_) => None,
                exit => Some(format!("{exit:?}")),
            },
            problems,
            report,
        })
    }

    fn outcome(&self, id: &TestId) -> Option<Outcome> {
        self.report.iter().find_map(|(known, outcome)| (known == id).then_some(outcome))
    }

    fn outcomes(&self) -> BTreeMap<&TestId, Outcome> {
        self.report.iter().collect()
    }
}

/// One test whose outcome differs between the two sides. `None` on a side that did not collect it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub id: TestId,
    pub guest: Option<Outcome>,
    pub native: Option<Outcome>,
    /// The last line of the error on the side where it failed.
    pub error: Option<String>,
    /// The known reason, if any.
    pub reason: Option<String>,
}

/// The ids whose outcomes differ between `guest` and `native`, without those in `unsteady`.
pub fn differences(guest: &Side, native: &Side, unsteady: &BTreeSet<TestId>) -> Vec<Difference> {
    let (ours, theirs) = (guest.outcomes(), native.outcomes());
    let ids: BTreeSet<&TestId> = ours.keys().chain(theirs.keys()).copied().collect();
    ids.into_iter()
        .filter(|id| !unsteady.contains(*id) && ours.get(id) != theirs.get(id))
        .map(|id| Difference {
            id: id.clone(),
            guest: ours.get(id).copied(),
            native: theirs.get(id).copied(),
            error: None,
            reason: None,
        })
        .collect()
}

/// The ids that end differently in two runs of the same interpreter.
pub fn unsteady(first: &Side, second: &Side) -> BTreeSet<TestId> {
    let both = first.report.iter().chain(second.report.iter()).map(|(id, _)| id);
    both.filter(|id| first.outcome(id) != second.outcome(id)).cloned().collect()
}

/// Runs the tests of `found` that fail with `runner` once more for the last lines of their errors.
pub fn explain(
    found: &mut [Difference],
    side: fn(&Difference) -> Option<Outcome>,
    command: &Command,
    runner: Runner<'_>,
) -> Result<()> {
    let is_wanted =
        |one: &Difference| one.error.is_none() && side(one).is_some_and(Outcome::is_failure);
    let ids: Vec<String> =
        found.iter().filter(|one| is_wanted(one)).map(|one| one.id.as_str().to_owned()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let Program::Tests(run) = &command.program else { return Ok(()) };
    let run = run.clone().with_selection(TestSelection::Ids(ids));
    let mut again = command.clone();
    again.program = Program::Tests(run);
    // With it pytest does not cut the lines of its summary to the width of a terminal.
    let again = again.with_env("CI", "true");
    let output = runner(&again)?;
    let text = output.stdout_text();
    let problems = output.report.clone().unwrap_or_default();
    for one in found.iter_mut().filter(|one| is_wanted(one)) {
        one.error = last_error(&text, &one.id).or_else(|| {
            let prefix = format!("cannot collect {}: ", one.id);
            problems
                .problems()
                .iter()
                .find_map(|line| line.strip_prefix(&prefix))
                .map(str::to_owned)
        });
    }
    Ok(())
}

/// What pytest's summary says about `id`: `FAILED id - error`.
fn last_error(text: &str, id: &TestId) -> Option<String> {
    text.lines().rev().find_map(|line| {
        let rest = line.strip_prefix("FAILED ").or_else(|| line.strip_prefix("ERROR "))?;
        let error = rest.strip_prefix(id.as_str())?.strip_prefix(" - ")?;
        Some(error.to_owned())
    })
}

/// Sets the reason of each difference that has none to the first known reason that covers it.
pub fn reason(found: &mut [Difference], python: &str, known: &[Reason]) {
    for one in found.iter_mut().filter(|one| one.reason.is_none()) {
        let covering = known.iter().find(|reason| reason.covers(one, python));
        one.reason = covering.map(|reason| reason.reason.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(outcomes: &[(&str, Outcome)]) -> Side {
        let report: TestReport =
            outcomes.iter().map(|(id, outcome)| (TestId::new(id), *outcome)).collect();
        let command = Command::tests(TestSelection::All);
        let mut run = |_: &Command| {
            let report = Some(report.clone());
            let (stdout, stderr) = (Vec::new(), Vec::new());
            Ok(Output::new(Exit::Code(0))
                .with_stdout(stdout)
                .with_stderr(stderr)
                .with_report(report))
        };
        Side::run("a", &command, &mut run).unwrap()
    }

    #[test]
    fn tests_are_counted_and_compared_by_id() {
        use Outcome::{Failed, Passed, Skipped};
        let guest = side(&[("a", Passed), ("b", Failed), ("c", Skipped)]);
        assert_eq!((guest.passed, guest.failed, guest.other), (1, 1, 1));
        let native = side(&[("a", Passed), ("b", Passed), ("d", Passed)]);
        let found = differences(&guest, &native, &BTreeSet::from(["d".into()]));
        let ids: Vec<_> =
            found.iter().map(|one| (one.id.as_str(), one.guest, one.native)).collect();
        assert_eq!(ids, [("b", Some(Failed), Some(Passed)), ("c", Some(Skipped), None)]);
        assert_eq!(
            unsteady(&native, &side(&[("a", Failed), ("b", Passed), ("d", Passed)])).len(),
            1
        );
    }

    #[test]
    fn the_error_of_an_id_is_its_own() {
        let text = "FAILED a.py::t[x - y] - ValueError: no - really\nERROR a.py::u - OSError\nFAILED a.py::v\n";
        assert_eq!(last_error(text, &"a.py::t[x - y]".into()).unwrap(), "ValueError: no - really");
        assert_eq!(last_error(text, &"a.py::u".into()).unwrap(), "OSError");
        assert_eq!(last_error(text, &"a.py::v".into()), None);
    }
}
