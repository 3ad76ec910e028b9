//! The lines of a file while hunks are applied to it.

use memchr::memchr_iter;

use super::Hunk;

/// The lines of a file while hunks are applied to it.
pub(super) struct Image<'a> {
    lines: Vec<Line<'a>>,
}

#[derive(Clone, Copy)]
struct Line<'a> {
    bytes: &'a [u8],
    /// Written by an earlier hunk: later hunks may not match it, so hunks cannot overlap.
    patched: bool,
}

/// How many lines may be compared and moved for one patch: hostile hunks that each search a long
/// file would otherwise take hours.
pub(super) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(1 << 28)
    }
}

impl Budget {
    fn spend(&mut self, lines: usize) -> Result<(), Mismatch> {
        self.0 = self.0.checked_sub(lines).ok_or(Mismatch::TooMuchWork)?;
        Ok(())
    }
}

/// Why a hunk does not apply.
pub(super) enum Mismatch {
    /// The first line that differs at the place that the hunk names, counted from 1.
    Line {
        number: usize,
        expected: Vec<u8>,
        found: Option<Vec<u8>>,
    },
    /// The lines match, but not at the start or the end of the file, where the hunk has to be.
    NotAtEdge,
    /// Two lines would become one.
    JoinsLines,
    TooMuchWork,
}

impl<'a> Image<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut start = 0;
        let mut lines: Vec<_> = memchr_iter(b'\n', bytes)
            .map(|at| {
                let line = &bytes[start..=at];
                start = at + 1;
                Line { bytes: line, patched: false }
            })
            .collect();
        if start < bytes.len() {
            lines.push(Line { bytes: &bytes[start..], patched: false });
        }
        Self { lines }
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.lines.iter().map(|line| line.bytes.len()).sum());
        self.lines.iter().for_each(|line| out.extend_from_slice(line.bytes));
        out
    }

    pub fn apply(&mut self, hunk: &'a Hunk, budget: &mut Budget) -> Result<(), Mismatch> {
        let old: Vec<&[u8]> = hunk.old_side().collect();
        let at = self.find(hunk, &old, budget)?;
        budget.spend((self.lines.len() - at) / 16 + hunk.range.new_lines)?;
        let new = hunk.new_side().map(|bytes| Line { bytes, patched: true });
        self.lines.splice(at..at + old.len(), new);
        let end = at + hunk.range.new_lines;
        // The line before the hunk counts, too: it may have been the unfinished last one.
        let inner = at.saturating_sub(1)..end.min(self.lines.len().saturating_sub(1));
        let inner = self.lines.get(inner).unwrap_or_default();
        match inner.iter().all(|line| line.bytes.ends_with(b"\n")) {
            true => Ok(()),
            false => Err(Mismatch::JoinsLines),
        }
    }

    /// Where the old side of the hunk is, in git's order: the place it names, then one line
    /// further, one back, two further, …
    fn find(&self, hunk: &Hunk, old: &[&[u8]], budget: &mut Budget) -> Result<usize, Mismatch> {
        let named = hunk.range.new_start.saturating_sub(1);
        let at_start = hunk.range.old_start <= 1;
        let at_end = hunk.trailing_context() == 0;
        let last = self.lines.len().checked_sub(old.len());
        if at_start || at_end {
            let place = if at_start { Some(0) } else { last };
            let place = place.filter(|_| !at_start || !at_end || last == Some(0));
            return match place {
                Some(at) if self.matches(at, old, budget)? => Ok(at),
                _ => Err(self.mismatch(if at_start { 0 } else { named }, old)),
            };
        }
        let Some(last) = last else { return Err(self.mismatch(named, old)) };
        let start = named.min(self.lines.len());
        for distance in 0..=self.lines.len() {
            for at in [start.checked_add(distance), start.checked_sub(distance)] {
                let Some(at) = at.filter(|at| *at <= last) else { continue };
                if self.matches(at, old, budget)? {
                    return Ok(at);
                }
            }
        }
        Err(self.mismatch(named, old))
    }

    fn matches(&self, at: usize, old: &[&[u8]], budget: &mut Budget) -> Result<bool, Mismatch> {
        let Some(lines) = self.lines.get(at..at.saturating_add(old.len())) else {
            return Ok(false);
        };
        let same = |(line, old): &(&Line<'_>, &&[u8])| !line.patched && line.bytes == **old;
        let equal = lines.iter().zip(old).take_while(same).count();
        budget.spend(equal + 1)?;
        Ok(equal == old.len())
    }

    fn mismatch(&self, at: usize, old: &[&[u8]]) -> Mismatch {
        let found = |index: usize| self.lines.get(at.checked_add(index)?).map(|line| line.bytes);
        let differs = old.iter().enumerate().find(|(index, old)| found(*index) != Some(**old));
        match differs {
            None => Mismatch::NotAtEdge,
            Some((index, expected)) => Mismatch::Line {
                number: at.saturating_add(index).saturating_add(1),
                expected: expected.to_vec(),
                found: found(index).map(<[u8]>::to_vec),
            },
        }
    }
}
