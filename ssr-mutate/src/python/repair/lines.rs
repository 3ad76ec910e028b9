//! Restores what similar code elsewhere has: lines that differ in one place, and lines that stand
//! between the same neighbours.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::RepairOrigin;
use super::facts::RepairFacts;
use crate::python::statements::line_ending;

/// The lines of a file that hold code, in their order.
#[derive(Default)]
pub(super) struct CodeLines {
    lines: Vec<CodeLine>,
    by_text: HashMap<Box<str>, Vec<usize>>,
    by_head: HashMap<Box<str>, Vec<usize>>,
}

struct CodeLine {
    indent: Box<str>,
    text: Box<str>,
}

/// A repair that is found in the text alone.
pub(super) struct LineRepair {
    pub(super) origin: RepairOrigin,
    pub(super) range: Range<usize>,
    pub(super) replacement: String,
}

/// The first bytes that a line of another file shares with the one that is looked at.
const HEAD: usize = 5;
/// Shorter lines say too little.
const SHORT: usize = 6;
/// The similar lines that are tried for one.
const SIMILAR: usize = 4;
/// The most lines between two neighbours.
const BETWEEN: usize = 6;

impl CodeLines {
    pub(super) fn of(text: &str) -> Self {
        let mut all = Self::default();
        for line in text.lines() {
            let code = line.trim();
            if code.is_empty() || code.starts_with('#') || code.len() > 160 {
                continue;
            }
            let number = all.lines.len();
            let indent = &line[..line.len() - line.trim_start().len()];
            let places = all.by_text.entry(code.into()).or_default();
            places.push(number);
            if let (1, Some(head)) = (places.len(), code.get(..HEAD)) {
                all.by_head.entry(head.into()).or_default().push(number);
            }
            all.lines.push(CodeLine { indent: indent.into(), text: code.into() });
        }
        all
    }
}

/// A line of the region: its code without the indentation.
struct Own<'t> {
    start: usize,
    indent: &'t str,
    code: &'t str,
}

/// The repairs of the lines in the region.
pub(super) fn restore(
    text: &str,
    region: &Range<usize>,
    facts: &RepairFacts<'_>,
) -> Vec<LineRepair> {
    let mut own = Vec::new();
    let mut start = region.start;
    for line in text[region.clone()].split_inclusive('\n') {
        let code = line.trim();
        let indent = &line[..line.len() - line.trim_start().len()];
        if !code.is_empty() && !code.starts_with('#') {
            own.push(Own { start: start + indent.len(), indent, code });
        }
        start += line.len();
    }
    let mut found = Vec::new();
    for line in &own {
        similar(line, facts, &mut found);
    }
    for (number, line) in own.iter().enumerate() {
        between(text, line, &own[number + 1..], facts, &mut found);
    }
    found
}

fn similar(own: &Own<'_>, facts: &RepairFacts<'_>, found: &mut Vec<LineRepair>) {
    let code = own.code;
    let other_kind = ["def ", "class ", "import ", "from ", "\"\"\""];
    if code.len() < SHORT || other_kind.iter().any(|start| code.starts_with(start)) {
        return;
    }
    let mut best: Vec<(usize, bool, &str, usize, usize)> = Vec::new();
    let mut seen = HashSet::new();
    for (near, idioms) in facts.each() {
        let lines = &idioms.lines;
        let same_head = code.get(..HEAD).and_then(|head| lines.by_head.get(head));
        let all = if near { 0..lines.lines.len() } else { 0..0 };
        for number in all.chain(same_head.into_iter().flatten().copied()) {
            let other = &*lines.lines[number].text;
            if other == code || other.len() < SHORT || !seen.insert(other) {
                continue;
            }
            let (start, end) = shared(code, other);
            let (left, new) = (code.len() - start - end, other.len() - start - end);
            if 2 * (start + end) >= code.len().max(2 * SHORT) && left <= 16 && new > 0 && new <= 60
            {
                best.push((start + end, near, other, start, end));
            }
        }
    }
    best.sort_by(|a, b| (b.0, b.1).cmp(&(a.0, a.1)).then(a.2.cmp(b.2)));
    for (_, near, other, start, end) in best.into_iter().take(SIMILAR) {
        let inserted = code.len() == start + end;
        let origin = match (near, inserted) {
            (true, true) => RepairOrigin::SimilarLine,
            (true, false) => RepairOrigin::ChangedLine,
            (false, true) => RepairOrigin::FarSimilarLine,
            (false, false) => RepairOrigin::FarChangedLine,
        };
        let range = own.start + start..own.start + code.len() - end;
        let replacement = other[start..other.len() - end].to_owned();
        found.push(LineRepair { origin, range, replacement });
    }
}

/// The lengths of the longest common start and end of two texts, which do not overlap.
fn shared(a: &str, b: &str) -> (usize, usize) {
    let most = a.len().min(b.len());
    let equal = |pair: &(&u8, &u8)| pair.0 == pair.1;
    let mut start = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    while !(a.is_char_boundary(start) && b.is_char_boundary(start)) {
        start -= 1;
    }
    let ends = a.as_bytes().iter().rev().zip(b.as_bytes().iter().rev());
    let mut end = ends.take(most - start).take_while(equal).count();
    while !(a.is_char_boundary(a.len() - end) && b.is_char_boundary(b.len() - end)) {
        end -= 1;
    }
    (start, end)
}

/// Lines that follow the same line elsewhere, up to the line that follows here.
fn between(
    text: &str,
    own: &Own<'_>,
    later: &[Own<'_>],
    facts: &RepairFacts<'_>,
    found: &mut Vec<LineRepair>,
) {
    let mut seen = HashSet::new();
    for (near, idioms) in facts.each() {
        let all = &idioms.lines;
        for place in all.by_text.get(own.code).into_iter().flatten().copied().take(16) {
            let after = &all.lines[place + 1..];
            let same = |at: usize, next: usize| {
                let (there, here) = (after.get(at), later.get(next));
                there.zip(here).is_some_and(|(there, here)| *there.text == *here.code)
            };
            // As far as both go on alike, the later line is asked.
            if after.is_empty() || same(0, 0) {
                continue;
            }
            let indent = &*all.lines[place].indent;
            let inserted = (1..=BETWEEN).find(|count| same(*count, 0));
            let replaced = (1..=BETWEEN).find(|count| same(*count, 1));
            let certain = inserted.is_some() || replaced.is_some();
            let distinct = own.code.len() > 12 && !own.code.starts_with("return");
            let counts = [(inserted, false), (replaced, true)];
            let open = (!certain && distinct).then_some((Some(1), false));
            for (count, replaces) in counts.into_iter().chain(open) {
                let Some(count) = count else { continue };
                let block = after.get(..count).and_then(|lines| block(text, lines, indent, own));
                let Some(block) = block else { continue };
                let origin = match (certain, near) {
                    (true, true) => RepairOrigin::LinesBetween,
                    (true, false) => RepairOrigin::FarLinesBetween,
                    (false, _) => RepairOrigin::NextLine,
                };
                let from = own.start + own.code.len();
                let to = match later.first().filter(|_| replaces) {
                    Some(next) => next.start + next.code.len(),
                    None => from,
                };
                if seen.insert((from, to, block.clone())) && seen.len() <= 2 * SIMILAR {
                    found.push(LineRepair { origin, range: from..to, replacement: block });
                }
            }
        }
    }
}

/// The lines as they stand after a line with the indentation of `own` instead of `indent`.
fn block(text: &str, lines: &[CodeLine], indent: &str, own: &Own<'_>) -> Option<String> {
    let mut new = String::new();
    for line in lines {
        let inner = match line.indent.strip_prefix(indent) {
            Some(deeper) => format!("{}{deeper}", own.indent),
            // The line closes blocks: as far as it is out there, it is out here.
            None => {
                let out = indent.strip_prefix(&*line.indent)?.len();
                own.indent.get(..own.indent.len().checked_sub(out)?)?.to_owned()
            }
        };
        new.extend([line_ending(text), &inner, &*line.text]);
    }
    Some(new)
}
