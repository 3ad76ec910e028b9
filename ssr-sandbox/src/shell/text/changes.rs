//! Which lines differ between two texts.

use std::borrow::Cow;
use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};

/// How far git and diff look for a NUL.
const PROBE: usize = 8000;

/// Lines of the old text that lines of the new one replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::shell) struct Change {
    pub old: Range<usize>,
    pub new: Range<usize>,
}

/// Which lines count as equal.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::shell) struct Matching {
    /// `-w`
    pub ignore_space: bool,
    /// `-b`
    pub ignore_space_change: bool,
    /// `-i`
    pub ignore_case: bool,
    /// `-B`
    pub ignore_blank_lines: bool,
}

/// Whose choice among equally good differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::shell) enum Style {
    /// Hunks begin where the indentation says that something begins.
    Git,
    /// Hunks are as far down as they can be.
    Diff,
}

/// The lines with their newlines, which only the last one may lack.
pub(in crate::shell) fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Whether git and diff would refuse to print this as text.
pub(in crate::shell) fn is_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(PROBE)].contains(&0)
}

/// The smallest set of changes from `old` to `new`, ascending.
pub(in crate::shell) fn changes(
    old: &[&[u8]],
    new: &[&[u8]],
    matching: Matching,
    style: Style,
) -> Vec<Change> {
    let (old_keys, new_keys) = (matching.keys(old), matching.keys(new));
    let mut input = InternedInput::default();
    input.update_before(old_keys.iter().map(AsRef::as_ref));
    input.update_after(new_keys.iter().map(AsRef::as_ref));
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    match style {
        Style::Git => diff.postprocess_lines(&input),
        Style::Diff => diff.postprocess_no_heuristic(&input),
    }
    let all = diff.hunks().map(|hunk| Change {
        old: hunk.before.start as usize..hunk.before.end as usize,
        new: hunk.after.start as usize..hunk.after.end as usize,
    });
    if !matching.ignore_blank_lines {
        return all.collect();
    }
    let blank = |line: &&[u8]| line.iter().all(u8::is_ascii_whitespace);
    all.filter(|change| {
        !(old[change.old.clone()].iter().all(blank) && new[change.new.clone()].iter().all(blank))
    })
    .collect()
}

impl Matching {
    fn keys<'a>(self, lines: &[&'a [u8]]) -> Vec<Cow<'a, [u8]>> {
        lines.iter().map(|line| self.key(line)).collect()
    }

    /// What of a line counts.
    fn key(self, line: &[u8]) -> Cow<'_, [u8]> {
        if !(self.ignore_space || self.ignore_space_change || self.ignore_case) {
            return line.into();
        }
        let mut key = Vec::with_capacity(line.len());
        let mut space = false;
        for byte in line.iter().copied() {
            if byte.is_ascii_whitespace() && (self.ignore_space || self.ignore_space_change) {
                space = true;
                continue;
            }
            if std::mem::take(&mut space) && !self.ignore_space {
                key.push(b' ');
            }
            key.push(if self.ignore_case { byte.to_ascii_lowercase() } else { byte });
        }
        key.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(old: &str, new: &str, matching: Matching) -> Vec<Change> {
        changes(&lines(old.as_bytes()), &lines(new.as_bytes()), matching, Style::Diff)
    }

    #[test]
    fn options_say_which_lines_are_equal() {
        let (old, new) = ("a  b\nc\n", "a b \nC\n\n");
        assert_eq!(of(old, new, Matching::default()), [Change { old: 0..2, new: 0..3 }]);
        let lax = Matching { ignore_space_change: true, ignore_case: true, ..Matching::default() };
        assert_eq!(of(old, new, lax), [Change { old: 2..2, new: 2..3 }]);
        assert!(of(old, new, Matching { ignore_blank_lines: true, ..lax }).is_empty());
        let close = Matching { ignore_space: true, ..Matching::default() };
        assert!(of("a b\n", "ab\n", close).is_empty());
    }

    #[test]
    fn an_unfinished_line_differs_from_a_finished_one() {
        assert_eq!(of("a\nb", "a\nb\n", Matching::default()), [Change { old: 1..2, new: 1..2 }]);
        assert!(of("", "", Matching::default()).is_empty());
    }
}
