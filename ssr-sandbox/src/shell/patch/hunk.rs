//! Finds the places of hunks as GNU patch does: with an offset, and with fuzz at their ends.

use ssr_core::{Hunk, LineKind};

/// The lines of a hunk that are there before the change, or after it when `without` is
/// [`LineKind::Removed`].
fn side(hunk: &Hunk, without: LineKind) -> Vec<&[u8]> {
    hunk.lines().filter(|line| line.kind != without).map(|line| line.bytes).collect()
}

/// The numbers of context lines before the first change and after the last one.
fn context(hunk: &Hunk) -> [usize; 2] {
    let (mut before, mut after, mut changed) = (0, 0, false);
    for line in hunk.lines() {
        match line.kind {
            LineKind::Context => after += 1,
            LineKind::Added | LineKind::Removed => {
                if !changed {
                    before = after;
                }
                (changed, after) = (true, 0);
            }
        }
    }
    if changed { [before, after] } else { [after, after] }
}

/// Where a hunk was applied.
pub(in crate::shell) struct Placement {
    /// The line of the new file, from 1, `None` when the hunk fits nowhere.
    pub place: Option<usize>,
    expected: usize,
    offset: isize,
    fuzz: usize,
    /// It fits nowhere, and its lines end in another way than those of the file.
    other_endings: bool,
}

impl Placement {
    pub fn is_inexact(&self) -> bool {
        self.fuzz > 0 || self.offset != 0
    }

    /// What GNU patch says about it; nothing when all is as it should be.
    pub fn describe(&self, number: usize) -> String {
        let Some(place) = self.place else {
            let why = if self.other_endings { " (different line endings)" } else { "" };
            return format!("Hunk #{number} FAILED at {}{why}.\n", self.expected);
        };
        if !self.is_inexact() {
            return String::new();
        }
        let fuzz = if self.fuzz > 0 { format!(" with fuzz {}", self.fuzz) } else { String::new() };
        let offset = match self.offset {
            0 => String::new(),
            offset @ (1 | -1) => format!(" (offset {offset} line)"),
            offset => format!(" (offset {offset} lines)"),
        };
        format!("Hunk #{number} succeeded at {place}{fuzz}{offset}.\n")
    }
}

/// All hunks of a file applied to its lines.
pub(in crate::shell) struct Application<'a> {
    pub placements: Vec<Placement>,
    /// The new lines.
    output: Vec<&'a [u8]>,
}

impl<'a> Application<'a> {
    pub fn new(input: &[&'a [u8]], hunks: &'a [Hunk], max_fuzz: usize) -> Self {
        let (mut placements, mut output) = (Vec::new(), Vec::new());
        // Lines of the input that are dealt with, and how far places have moved so far.
        let (mut done, mut offset, mut grown) = (0usize, 0isize, 0isize);
        for hunk in hunks {
            let old = side(hunk, LineKind::Added);
            let first = hunk.old_start() + usize::from(old.is_empty());
            let [before, after] = context(hunk);
            let context = before.max(after);
            let found = (0..=max_fuzz.min(context)).find_map(|fuzz| {
                let trim = [before, after].map(|have| (fuzz + have) as isize - context as isize);
                locate(input, &old, first as isize + offset, done, trim).map(|at| (fuzz, trim, at))
            });
            let Some((fuzz, trim, at)) = found else {
                let expected = (first as isize + grown).max(0) as usize;
                let there = input.get(expected.max(1) - 1).or(input.last());
                let other_endings = there.zip(old.first()).is_some_and(|(there, line)| {
                    there.ends_with(b"\r\n") != line.ends_with(b"\r\n")
                });
                placements.push(Placement {
                    place: None,
                    expected,
                    offset: 0,
                    fuzz: 0,
                    other_endings,
                });
                continue;
            };
            offset = at as isize - first as isize;
            let place = (at as isize + grown).max(0) as usize;
            placements.push(Placement {
                place: Some(place),
                expected: place,
                offset,
                fuzz,
                other_endings: false,
            });
            let [skip, drop] = trim.map(|count| count.max(0) as usize);
            let (start, end) = (at - 1 + skip, at - 1 + old.len() - drop);
            output.extend_from_slice(&input[done..start]);
            let new = side(hunk, LineKind::Removed);
            output.extend_from_slice(&new[skip..new.len() - drop]);
            grown += new.len() as isize - old.len() as isize;
            done = end;
        }
        output.extend_from_slice(&input[done.min(input.len())..]);
        Self { placements, output }
    }

    pub fn failures(&self) -> usize {
        self.placements.iter().filter(|placement| placement.place.is_none()).count()
    }

    /// The bytes of the new file; only its last line may lack a newline.
    pub fn result(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (at, line) in self.output.iter().enumerate() {
            out.extend_from_slice(line);
            if at + 1 < self.output.len() && !line.ends_with(b"\n") {
                out.push(b'\n');
            }
        }
        out
    }
}

/// Where `old` stands in `input`, from 1: nearest to `guess`, after the lines that are `done`.
/// So many lines at either end do not matter; a negative number says that the hunk has to stand at
/// that end of the file.
fn locate(
    input: &[&[u8]],
    old: &[&[u8]],
    guess: isize,
    done: usize,
    [before, after]: [isize; 2],
) -> Option<usize> {
    let matches = |at: isize, before: usize, after: usize| {
        let lines = &old[before..old.len() - after];
        let start = usize::try_from(at - 1).ok()? + before;
        let there = input.get(start..start + lines.len())?;
        (start >= done && there == lines).then_some(at as usize)
    };
    if old.is_empty() {
        let at = guess.clamp(done as isize + 1, input.len() as isize + 1);
        return Some(at as usize);
    }
    let (front, back) = (before.max(0) as usize, after.max(0) as usize);
    if before < 0 {
        let whole = after >= 0 || old.len() == input.len();
        return matches(1, 0, back).filter(|_| whole);
    }
    if after < 0 {
        return matches(input.len() as isize - old.len() as isize + 1, front, 0);
    }
    let furthest = (input.len() + old.len()) as isize;
    (0..=furthest)
        .flat_map(|distance| [guess + distance, guess - distance])
        .find_map(|at| matches(at, front, back))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssr_core::HunkLine;

    fn hunk(start: usize, lines: &[&str]) -> Hunk {
        let lines = lines.iter().map(|line| {
            let (marker, text) = line.split_at(1);
            let kind = match marker {
                "-" => LineKind::Removed,
                "+" => LineKind::Added,
                _ => LineKind::Context,
            };
            (kind, format!("{text}\n"))
        });
        let lines: Vec<_> = lines.collect();
        let lines =
            lines.iter().map(|(kind, text)| HunkLine { kind: *kind, bytes: text.as_bytes() });
        Hunk::new(start, start, lines).unwrap()
    }

    fn apply(text: &str, hunk: Hunk, fuzz: usize) -> (String, String) {
        let hunks = [hunk];
        let input: Vec<_> = text.as_bytes().split_inclusive(|byte| *byte == b'\n').collect();
        let application = Application::new(&input, &hunks, fuzz);
        let said = application.placements[0].describe(1);
        (String::from_utf8(application.result()).unwrap(), said)
    }

    #[test]
    fn hunks_move_and_may_differ_at_their_ends() {
        let change = || hunk(2, &[" a", "-b", "+B", " c"]);
        let ok = ("0\na\nB\nc\n".to_owned(), String::new());
        assert_eq!(apply("0\na\nb\nc\n", change(), 2), ok);
        let (text, said) = apply("0\n0\na\nb\nc\n", change(), 2);
        assert_eq!(
            (text.as_str(), said.as_str()),
            ("0\n0\na\nB\nc\n", "Hunk #1 succeeded at 3 (offset 1 line).\n")
        );
        let (text, said) = apply("0\nx\nb\nc\n", change(), 2);
        assert_eq!(
            (text.as_str(), said.as_str()),
            ("0\nx\nB\nc\n", "Hunk #1 succeeded at 2 with fuzz 1.\n")
        );
        let (text, said) = apply("0\nx\nb\nc\n", change(), 0);
        assert_eq!((text.as_str(), said.as_str()), ("0\nx\nb\nc\n", "Hunk #1 FAILED at 2.\n"));
    }

    #[test]
    fn context_is_counted_at_both_ends() {
        assert_eq!(context(&hunk(1, &[" a", " b", "-c", " d", "+e", " f"])), [2, 1]);
        assert_eq!(context(&hunk(1, &["+a"])), [0, 0]);
    }
}
