//! Draws bugs and asks for the candidates of the function around each.

use std::ops::Range;
use std::sync::Mutex;

use rayon::prelude::*;
use ssr_core::{File, Seed, Tree};
use ssr_mutate::{Mutator, Profile, Site};

use crate::tally::{Outcome, Tally};

/// What a ranker is asked to order.
pub const MOST: usize = 96;
/// What is looked at to see which fixes come too late.
pub const MANY: usize = 500;
/// A longer function is asked about in blocks of so many lines.
const BLOCK: usize = 40;

pub fn measure(tree: &Tree, profile: &Profile, count: usize, seed: u64, tally: &mut Tally) {
    let mutator = Mutator::builder().profile(profile.clone()).unwrap().build();
    let sites = mutator.sites(tree);
    let drawn = mutator.sample(&sites, count, Seed::new(seed));
    let outcomes = Mutex::new(Vec::new());
    drawn.par_iter().enumerate().for_each(|(number, site)| {
        let outcome = outcome(&mutator, tree, site);
        outcomes.lock().unwrap().push((number, outcome));
    });
    let mut outcomes = outcomes.into_inner().unwrap();
    outcomes.sort_by_key(|(number, _)| *number);
    outcomes.into_iter().for_each(|(_, outcome)| tally.add(outcome));
}

fn outcome(mutator: &Mutator, tree: &Tree, site: &Site) -> Outcome {
    let (original, buggy) = (site.source(), site.mutated());
    let broken = tree.with(site.path().clone(), File::new(buggy.as_bytes())).unwrap();
    let lines = region(original, &buggy, site);
    let all = mutator.candidates(&broken, site.path(), lines, MANY);
    let undoes = |edit: &ssr_mutate::RepairEdit| {
        let rest = buggy.len() - edit.range.len() + edit.replacement.len();
        rest == original.len()
            && original.starts_with(&buggy[..edit.range.start])
            && original.ends_with(&buggy[edit.range.end..])
            && original[edit.range.start..].starts_with(&edit.replacement)
    };
    let place = all.iter().position(undoes);
    let kept = all.len().min(MOST);
    Outcome {
        operator: site.operator().id,
        place,
        origins: all.iter().map(|edit| edit.origin).collect(),
        kept,
        description: site.describe(),
    }
}

/// The lines of the function around the bug, from 0, in the buggy text: all of them, or the block
/// of it where the bug is.
fn region(original: &str, buggy: &str, site: &Site) -> Range<usize> {
    let lines: Vec<&str> = original.lines().collect();
    let row = site.line() - 1;
    let (start, end) = function(&lines, row).unwrap_or((0, lines.len()));
    let end = (end + buggy.lines().count()).saturating_sub(lines.len()).max(start + 1);
    if end - start <= BLOCK {
        return start..end;
    }
    let at = buggy[..site.range().start].matches('\n').count().clamp(start, end - 1);
    let from = start + (at - start) / BLOCK * BLOCK;
    from..(from + BLOCK).min(end)
}

/// The first line, decorators included, and the end of the innermost function around the row.
fn function(lines: &[&str], row: usize) -> Option<(usize, usize)> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_def = |line: &str| {
        let line = line.trim_start();
        line.starts_with("def ") || line.starts_with("async def ")
    };
    let mut inside = if is_def(lines[row]) { usize::MAX } else { indent(lines[row]) };
    for start in (0..=row).rev() {
        let line = lines[start];
        if line.trim().is_empty() || indent(line) >= inside {
            continue;
        }
        if is_def(line) {
            let own = indent(line);
            let header_end =
                (start..lines.len()).find(|at| lines[*at].trim_end().ends_with(':'))?;
            let outside = |at: &usize| !lines[*at].trim().is_empty() && indent(lines[*at]) <= own;
            let end = (header_end + 1..lines.len()).find(outside).unwrap_or(lines.len());
            let decorated = |at: usize| lines[at].trim_start().starts_with('@');
            let mut first = start;
            while first > 0 && decorated(first - 1) && indent(lines[first - 1]) == own {
                first -= 1;
            }
            return (end > row).then_some((first, end));
        }
        inside = indent(line);
    }
    None
}
