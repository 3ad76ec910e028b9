//! Counts how many bugs have their fix among the candidates, and which origins give it.

use std::collections::BTreeMap;
use std::fmt::Write;

use ssr_mutate::Profile;

use crate::draw::MOST;

pub struct Outcome {
    pub operator: &'static str,
    /// The place of the fix in the list of candidates.
    pub place: Option<usize>,
    pub origins: Vec<&'static str>,
    pub kept: usize,
    pub description: String,
}

#[derive(Default)]
pub struct Tally {
    rows: BTreeMap<&'static str, Row>,
    /// How often each origin proposes, and how often that is the fix.
    origins: BTreeMap<&'static str, (usize, usize)>,
    misses: Vec<String>,
}

#[derive(Default, Clone, Copy)]
struct Row {
    bugs: usize,
    /// With the fix among the first [`MOST`] candidates.
    kept: usize,
    /// With the fix among the first [`MANY`].
    found: usize,
    candidates: usize,
}

/// Operators of the classic profile that delete what nothing else tells.
const DELETIONS: &[&str] = &[
    "ARD", "ASD", "CDL", "CPD", "DDL", "ELD", "EXS", "FWD", "GRD", "IFD", "LKD", "RSD", "RTV",
    "SCL", "TCD", "TRU", "CFD", "AWD",
];

impl Tally {
    pub fn add(&mut self, outcome: Outcome) {
        let row = self.rows.entry(outcome.operator).or_default();
        row.bugs += 1;
        row.candidates += outcome.kept;
        row.found += usize::from(outcome.place.is_some());
        let kept = outcome.place.is_some_and(|place| place < MOST);
        row.kept += usize::from(kept);
        for origin in &outcome.origins {
            self.origins.entry(origin).or_default().0 += 1;
        }
        if let Some(place) = outcome.place {
            self.origins.entry(outcome.origins[place]).or_default().1 += 1;
        }
        if !kept {
            let place = outcome.place.map_or("none".to_owned(), |place| place.to_string());
            let (all, what) = (outcome.origins.len(), outcome.description);
            self.misses.push(format!("missed ({place} of {all}): {what}"));
        }
    }

    fn sum(&self, counts: impl Fn(&str) -> bool) -> Row {
        let mut sum = Row::default();
        for (_, row) in self.rows.iter().filter(|(id, _)| counts(id)) {
            sum.bugs += row.bugs;
            sum.kept += row.kept;
            sum.found += row.found;
            sum.candidates += row.candidates;
        }
        sum
    }

    pub fn share(&self) -> f64 {
        let sum = self.sum(|_| true);
        sum.kept as f64 / sum.bugs.max(1) as f64
    }

    pub fn table(&self, profile: &Profile) -> String {
        let mut page = format!("## Profile {profile}\n\n");
        page.push_str("| operator | bugs | candidates | fix among 96 | share | fix among 500 |\n");
        page.push_str("|---|--:|--:|--:|--:|--:|\n");
        for (id, row) in &self.rows {
            row.write(id, &mut page);
        }
        self.sum(|_| true).write("**all**", &mut page);
        self.sum(|id| !DELETIONS.contains(&id)).write("**all but deletions**", &mut page);
        page.push('\n');
        page
    }

    /// The share of the proposals of each origin that undo a bug, in millionths.
    pub fn origins(&self) -> String {
        let mut page = String::new();
        for (origin, (proposals, hits)) in &self.origins {
            let weight = *hits as f64 / *proposals as f64;
            let _ = writeln!(page, "origin {origin} {hits} {proposals} {weight:.6}");
        }
        page
    }

    pub fn misses(&self) -> &[String] {
        &self.misses
    }
}

impl Row {
    fn write(self, name: &str, page: &mut String) {
        let Self { bugs, kept, found, candidates } = self;
        let share = 100.0 * kept as f64 / bugs.max(1) as f64;
        let mean = candidates as f64 / bugs.max(1) as f64;
        let _ = writeln!(page, "| {name} | {bugs} | {mean:.0} | {kept} | {share:.0} % | {found} |");
    }
}
