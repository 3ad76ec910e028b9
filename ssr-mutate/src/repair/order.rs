//! Removes duplicates from proposed repairs and orders them by plausibility.

use std::collections::{HashMap, HashSet};

use super::RepairProposal;
use crate::finds::effect;

/// What each further edit of one origin on one line is worth, as a share of the one before. It
/// keeps one long line from taking all places of a list that is cut.
const NEXT_ON_LINE: f32 = 0.9;

/// The proposals that change something, the most plausible first, each resulting text once.
pub(super) fn ordered(text: &str, mut proposals: Vec<RepairProposal>) -> Vec<RepairProposal> {
    let place = |found: &RepairProposal| (found.range.start, found.range.end, found.origin);
    proposals.sort_by(|a, b| {
        let by_weight = b.weight.total_cmp(&a.weight);
        by_weight.then(place(a).cmp(&place(b))).then_with(|| a.replacement.cmp(&b.replacement))
    });
    let mut keep = Vec::with_capacity(proposals.len());
    {
        let mut seen = HashSet::with_capacity(proposals.len());
        for found in &proposals {
            let effect = effect(text, &found.range, &found.replacement);
            keep.push(effect.is_some_and(|effect| seen.insert(effect)));
        }
    }
    let lines = LineNumbers::new(text);
    let mut crowd: HashMap<(usize, &'static str), i32> = HashMap::new();
    let mut kept = Vec::with_capacity(proposals.len());
    for (found, keep) in proposals.into_iter().zip(keep) {
        if keep {
            let before = crowd.entry((lines.of(found.range.start), found.origin)).or_default();
            kept.push((found.weight * NEXT_ON_LINE.powi(*before), found));
            *before += 1;
        }
    }
    // The sort is stable, so that equals stay in the order of the text.
    kept.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    kept.into_iter().map(|(_, found)| found).collect()
}

/// The numbers of lines by byte.
struct LineNumbers(Vec<usize>);

impl LineNumbers {
    fn new(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    fn of(&self, at: usize) -> usize {
        self.0.partition_point(|newline| *newline < at)
    }
}
