//! Prints the result for one package as a table or as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use ssr_core::{Outcome, TestId};

use crate::compare::{Difference, Side};

/// The number of ids that are printed in a group; of the others only the number is printed.
const LISTED: usize = 10;

/// The result for one package in one guest.
#[derive(Debug, Serialize)]
pub struct Row {
    /// `NAME==VERSION`, or the folder.
    pub package: String,
    /// Whether only some of its tests were selected.
    pub subset: bool,
    /// Which of its tests are left out, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    pub guest: Side,
    pub native: Option<Side>,
    pub differ: Vec<Difference>,
    /// Ids that end differently in two native runs; they are not compared.
    pub unsteady: Vec<TestId>,
}

impl Row {
    /// Why nothing can be said: no test ran on any side.
    pub fn nothing_ran(&self) -> Option<String> {
        let sides: Vec<&Side> = std::iter::once(&self.guest).chain(&self.native).collect();
        if sides.iter().any(|side| !side.report.is_empty()) {
            return None;
        }
        let mut why: Vec<String> = Vec::new();
        for side in sides {
            for problem in side.end.iter().chain(&side.problems) {
                let line = format!("{}: {problem}", side.name);
                if !why.contains(&line) {
                    why.push(line);
                }
            }
        }
        let more = why.len().saturating_sub(LISTED);
        why.truncate(LISTED);
        if more > 0 {
            why.push(format!("and {more} more"));
        }
        Some(format!(
            "{}: no test ran ({}); where a source distribution leaves the tests out, use --repo with \
             a checkout; where a module is missing, name its package with --with",
            self.package,
            if why.is_empty() { "no reason was given".to_owned() } else { why.join("; ") }
        ))
    }

    /// Whether the result needs no attention: all differences have a known reason, or, without a
    /// native run, the guest passes everything.
    pub fn is_good(&self) -> bool {
        match &self.native {
            Some(_) => self.differ.iter().all(|one| one.reason.is_some()),
            None => {
                self.guest.failed == 0 && self.guest.problems.is_empty() && self.guest.end.is_none()
            }
        }
    }
}

/// The result as a table of text.
pub fn report(row: &Row) -> String {
    let mut text = format!("{}\n", row.package);
    let header = ["", "tests", "passed", "failed", "other", "seconds"];
    let [a, b, c, d, e, f] = header;
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{a:<16} {b:>7} {c:>7} {d:>7} {e:>7} {f:>8}");
    for side in std::iter::once(&row.guest).chain(&row.native) {
        let Side { name, passed, failed, other, seconds, .. } = side;
        let tests = passed + failed + other;
        let _ = writeln!(
            text,
            "{name:<16} {tests:>7} {passed:>7} {failed:>7} {other:>7} {seconds:>8.1}"
        );
        for problem in side.end.iter().chain(&side.problems) {
            let _ = writeln!(text, "  problem: {problem}");
        }
    }
    if row.native.is_none() {
        for (id, outcome) in row.guest.report.iter().filter(|(_, outcome)| outcome.is_failure()) {
            let _ = writeln!(text, "{} {id}", word(Some(outcome)));
        }
        return text;
    }
    let _ = writeln!(text, "{} ids differ", row.differ.len());
    for ((guest, native, why), ids) in groups(&row.differ) {
        let (ours, theirs) = (word(guest), word(native));
        let _ = writeln!(text, "  guest {ours}, native {theirs}: {} ids\n    {why}", ids.len());
        for id in ids.iter().take(LISTED) {
            let _ = writeln!(text, "      {id}");
        }
        if ids.len() > LISTED {
            let _ = writeln!(text, "      and {} more", ids.len() - LISTED);
        }
    }
    if !row.unsteady.is_empty() {
        let _ = writeln!(text, "{} ids end differently in two native runs", row.unsteady.len());
        for id in &row.unsteady {
            let _ = writeln!(text, "      {id}");
        }
    }
    text
}

type Group = (Option<Outcome>, Option<Outcome>, String);

fn groups(differ: &[Difference]) -> BTreeMap<Group, Vec<&TestId>> {
    let mut groups = BTreeMap::<Group, Vec<&TestId>>::new();
    for one in differ {
        let error = one.error.as_deref().unwrap_or("no error of its own");
        let why = match &one.reason {
            Some(reason) => format!("because: {reason}"),
            None => error.to_owned(),
        };
        groups.entry((one.guest, one.native, why)).or_default().push(&one.id);
    }
    groups
}

fn word(outcome: Option<Outcome>) -> String {
    outcome.map_or("absent".to_owned(), |outcome| format!("{outcome:?}").to_lowercase())
}

/// The rows as the file PACKAGES.md.
pub fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(include_str!("packages_head.md"));
    text.push_str(
        "\n| package | tests | native | passed | guest | passed | differ |\n\
         |---|---:|---|---:|---|---:|---:|\n",
    );
    for row in rows {
        let Some(native) = &row.native else { continue };
        let tests = native.report.len();
        let part = if row.subset { " (part)" } else { "" };
        let number =
            |side: &Side| side.name.split_once(' ').map_or("", |(_, version)| version).to_owned();
        let _ = writeln!(
            text,
            "| {}{part} | {tests} | {} | {} | {} | {} | {} |",
            row.package,
            number(native),
            native.passed,
            number(&row.guest),
            row.guest.passed,
            row.differ.len()
        );
    }
    text.push_str("\n## Why they differ\n");
    for row in rows.iter().filter(|row| !row.differ.is_empty()) {
        let _ = writeln!(text, "\n**{}**, {}\n", row.package, row.guest.name);
        let mut reasons = BTreeMap::<&str, Vec<&Difference>>::new();
        for one in &row.differ {
            reasons.entry(one.reason.as_deref().unwrap_or("not explained")).or_default().push(one);
        }
        for (reason, ids) in reasons {
            let first = &ids[0];
            let _ = writeln!(
                text,
                "- {} × guest {}, native {}: {reason} For example `{}`.",
                ids.len(),
                word(first.guest),
                word(first.native),
                first.id
            );
        }
    }
    let mut left_out: Vec<_> =
        rows.iter().filter_map(|row| Some((&row.package, row.left_out.as_ref()?))).collect();
    left_out.dedup();
    if !left_out.is_empty() {
        text.push_str("\n## Left out\n\n");
    }
    for (package, why) in left_out {
        let _ = writeln!(text, "- {package}: {why}");
    }
    let unsteady: Vec<_> = rows.iter().filter(|row| !row.unsteady.is_empty()).collect();
    if !unsteady.is_empty() {
        text.push_str("\n## Not compared: two native runs do not agree either\n\n");
    }
    for row in unsteady {
        for id in &row.unsteady {
            let _ = writeln!(text, "- {}: `{id}`", row.package);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use ssr_core::{Command, Exit, Output, TestReport, TestSelection};

    use super::*;

    fn side(name: &str, report: TestReport) -> Side {
        let command = Command::tests(TestSelection::All);
        let mut run = |_: &Command| Ok(Output::new(Exit::Code(5)).with_report(report.clone()));
        Side::run(name, &command, &mut run).unwrap()
    }

    fn row(guest: Side, native: Option<Side>) -> Row {
        Row {
            package: "x==1".to_owned(),
            subset: false,
            left_out: None,
            guest,
            native,
            differ: Vec::new(),
            unsteady: Vec::new(),
        }
    }

    #[test]
    fn two_sides_on_which_nothing_ran_do_not_agree() {
        let mut empty = TestReport::default();
        empty.add_problem("no tests were collected");
        let one: TestReport = [(TestId::new("a.py::t"), Outcome::Passed)].into_iter().collect();
        let nothing = row(side("guest", empty.clone()), Some(side("native", empty.clone())));
        let why = nothing.nothing_ran().unwrap();
        assert!(
            why.starts_with("x==1: no test ran (guest: no tests were collected; native: no"),
            "{why}"
        );
        assert!(row(side("guest", empty.clone()), None).nothing_ran().is_some());
        for (guest, native) in [(&one, &one), (&one, &empty), (&empty, &one)] {
            let row = row(side("guest", guest.clone()), Some(side("native", native.clone())));
            assert_eq!(row.nothing_ran(), None);
        }
    }
}
