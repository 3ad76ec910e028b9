//! Counts what became of the changes of each operator, and prints the counts as tables.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use ssr_examples::{Effect, Trial};

use crate::change::Change;
use crate::{Args, Report};

/// The counted effects of the changes of one operator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Yield {
    pub operator: String,
    pub sampled: usize,
    /// Changes that CPython compiles. This and the following are `None` if nothing was run.
    pub compiles: Option<usize>,
    /// Changes that break at least one test without breaking its import.
    pub breaking: Option<usize>,
    pub import_breaking: Option<usize>,
    /// Changes that break no test.
    pub equivalent: Option<usize>,
    /// Changes that pass the seven checks; `None` if the checks were not run.
    pub valid: Option<usize>,
}

impl Yield {
    /// One row for each operator, in the order of their names.
    pub fn of<'a>(tried: impl Iterator<Item = (&'a Change, Option<&'a Trial>)>) -> Vec<Self> {
        let mut rows: BTreeMap<&str, Self> = BTreeMap::new();
        for (change, trial) in tried {
            let row = rows.entry(&change.row).or_default();
            row.operator.clone_from(&change.row);
            row.sampled += 1;
            let Some(trial) = trial else { continue };
            let count = |number: &mut Option<usize>, counts: bool| {
                *number = Some(number.unwrap_or(0) + usize::from(counts));
            };
            count(&mut row.compiles, trial.effect != Effect::Invalid);
            count(&mut row.breaking, trial.effect == Effect::Breaking);
            count(&mut row.import_breaking, trial.effect == Effect::ImportBreaking);
            count(&mut row.equivalent, trial.effect == Effect::Equivalent);
            let valid =
                trial.checked.as_ref().is_some_and(|(_, checked)| checked.report.is_valid());
            if trial.checked.is_some() || row.valid.is_some() {
                count(&mut row.valid, valid);
            }
        }
        rows.into_values().collect()
    }

    /// The sum of the rows.
    fn total(rows: &[Self]) -> Self {
        let sum = |number: fn(&Self) -> Option<usize>| rows.iter().map(number).fold(None, add);
        Self {
            operator: "all".to_owned(),
            sampled: rows.iter().map(|row| row.sampled).sum(),
            compiles: sum(|row| row.compiles),
            breaking: sum(|row| row.breaking),
            import_breaking: sum(|row| row.import_breaking),
            equivalent: sum(|row| row.equivalent),
            valid: sum(|row| row.valid),
        }
    }

    /// The share that breaks a test, in per cent.
    fn share(&self) -> String {
        match self.breaking {
            Some(breaking) if self.sampled > 0 => {
                format!("{:.0} %", 100.0 * breaking as f64 / self.sampled as f64)
            }
            _ => "–".to_owned(),
        }
    }

    fn cells(&self) -> [String; 8] {
        let number = |number: Option<usize>| number.map_or("–".to_owned(), |n| n.to_string());
        [
            self.operator.clone(),
            self.sampled.to_string(),
            number(self.compiles),
            number(self.breaking),
            number(self.import_breaking),
            number(self.equivalent),
            number(self.valid),
            self.share(),
        ]
    }
}

fn add(a: Option<usize>, b: Option<usize>) -> Option<usize> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (one, other) => one.or(other),
    }
}

const HEAD: [&str; 8] = [
    "operator",
    "sampled",
    "compile",
    "break ≥ 1 test",
    "import only",
    "equivalent so far",
    "valid",
    "yield",
];

/// The rows as a table of text.
pub fn table(package: &str, rows: &[Yield]) -> String {
    let mut text = format!("\n{package}\n");
    let total = Yield::total(rows);
    let lines = [HEAD.map(str::to_owned)].into_iter();
    for cells in lines.chain(rows.iter().chain([&total]).map(Yield::cells)) {
        for (cell, head) in cells.iter().zip(HEAD) {
            let width = head.chars().count();
            // Writing to a String cannot fail.
            let _ = match head {
                "operator" => write!(text, "{cell:<width$}"),
                _ => write!(text, "  {cell:>width$}"),
            };
        }
        text.push('\n');
    }
    text.pop();
    text
}

/// The rows of all packages as a Markdown page.
pub fn markdown(args: &Args, reports: &[Report]) -> String {
    let mut by_operator: BTreeMap<&str, Vec<Yield>> = BTreeMap::new();
    for row in reports.iter().flat_map(|report| &report.rows) {
        by_operator.entry(&row.operator).or_default().push(row.clone());
    }
    let merged = |(operator, rows): (&&str, &Vec<Yield>)| Yield {
        operator: (*operator).to_owned(),
        ..Yield::total(rows)
    };
    let all: Vec<_> = by_operator.iter().map(merged).collect();
    let mut text = include_str!("yield_head.md").to_owned();
    let _ = write!(text, "\n```console\n$ {}\n```\n", command(args));
    let total = Yield::total(&all);
    let _ = write!(
        text,
        "\n**{} of {} sampled bugs ({}) break at least one test without breaking its import.**\n",
        total.breaking.unwrap_or(0),
        total.sampled,
        total.share()
    );
    section(&mut text, "All packages", &all);
    for report in reports {
        section(&mut text, &report.package, &report.rows);
    }
    text
}

fn section(text: &mut String, title: &str, rows: &[Yield]) {
    let _ = write!(text, "\n## {title}\n\n");
    let heads: Vec<_> = HEAD.into_iter().filter(|head| *head != "valid").collect();
    let _ = writeln!(text, "| {} |", heads.join(" | "));
    let _ = writeln!(text, "|---{}|", "|--:".repeat(heads.len() - 1));
    let total = Yield::total(rows);
    for row in rows.iter().chain([&total]) {
        let cells = row.cells();
        let kept = cells.iter().zip(HEAD).filter(|(_, head)| *head != "valid");
        let cells: Vec<_> = kept.map(|(cell, _)| cell.as_str()).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
}

/// The command that regenerates the page.
fn command(args: &Args) -> String {
    let mut words = vec!["cargo xtask mutate --measure".to_owned()];
    let mut option = |name: &str, value: &str| words.push(format!("--{name} {value}"));
    if let Some(package) = &args.package {
        option("package", package);
    }
    if let Some(folder) = &args.repo {
        option("repo", &folder.display().to_string());
    }
    if let Some(list) = &args.list {
        option("list", &list.display().to_string());
    }
    args.only.iter().for_each(|name| option("only", name));
    args.with.iter().for_each(|name| option("with", name));
    args.tests.iter().for_each(|file| option("tests", file));
    option("profile", &args.profile().to_string());
    option("count", &args.count.to_string());
    option("seed", &args.seed.to_string());
    if let Some(table) = &args.table {
        option("table", &table.display().to_string());
    }
    words.join(" ")
}
