/// One changed place of a file, as the patch spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hunk {
    /// The first old line, from 1; the line before it when there is none.
    pub old_start: usize,
    pub new_start: usize,
    /// ` `, `-` or `+`, and the line, which lacks its newline only at the end of a file.
    pub lines: Vec<(u8, Vec<u8>)>,
    /// What stands after the second `@@`.
    pub section: Vec<u8>,
}

impl Hunk {
    pub fn old(&self) -> Vec<&[u8]> {
        self.side(b'+')
    }

    pub fn new_side(&self) -> Vec<&[u8]> {
        self.side(b'-')
    }

    fn side(&self, without: u8) -> Vec<&[u8]> {
        self.lines.iter().filter(|(kind, _)| *kind != without).map(|(_, line)| &**line).collect()
    }

    fn prefix_context(&self) -> usize {
        self.lines.iter().take_while(|(kind, _)| *kind == b' ').count()
    }

    fn suffix_context(&self) -> usize {
        self.lines.iter().rev().take_while(|(kind, _)| *kind == b' ').count()
    }

    pub fn reverse(&self) -> Self {
        let turn = |(kind, line): &(u8, Vec<u8>)| {
            let kind = match kind {
                b'-' => b'+',
                b'+' => b'-',
                kind => *kind,
            };
            (kind, line.clone())
        };
        let mut lines: Vec<_> = self.lines.iter().map(turn).collect();
        // Removed lines come before added ones.
        for run in lines.chunk_by_mut(|a, b| a.0 != b' ' && b.0 != b' ') {
            run.sort_by_key(|(kind, _)| *kind == b'+');
        }
        Self {
            old_start: self.new_start,
            new_start: self.old_start,
            lines,
            section: self.section.clone(),
        }
    }

    /// Appends the hunk as text.
    pub fn push(&self, out: &mut Vec<u8>) {
        let range = |start: usize, count: usize| match count {
            1 => format!("{start}"),
            count => format!("{start},{count}"),
        };
        let old = range(self.old_start, self.old().len());
        let new = range(self.new_start, self.new_side().len());
        out.extend_from_slice(format!("@@ -{old} +{new} @@").as_bytes());
        out.extend_from_slice(&self.section);
        out.push(b'\n');
        for (kind, line) in &self.lines {
            out.push(*kind);
            out.extend_from_slice(line);
            if !line.ends_with(b"\n") {
                out.extend_from_slice(b"\n\\ No newline at end of file\n");
            }
        }
    }
}

/// What became of a hunk.
pub(super) struct Outcome {
    /// The line of the new file, from 1, `None` when the hunk fits nowhere.
    pub place: Option<usize>,
    expected: usize,
    offset: isize,
    fuzz: usize,
}

impl Outcome {
    pub fn is_inexact(&self) -> bool {
        self.fuzz > 0 || self.offset != 0
    }

    /// What GNU patch says about it; nothing when all is as it should be.
    pub fn describe(&self, number: usize) -> String {
        let Some(place) = self.place else {
            return format!("Hunk #{number} FAILED at {}.\n", self.expected);
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
pub(super) struct Application<'a> {
    pub outcomes: Vec<Outcome>,
    /// The new lines.
    output: Vec<&'a [u8]>,
}

impl<'a> Application<'a> {
    pub fn new(input: &[&'a [u8]], hunks: &'a [Hunk], max_fuzz: usize) -> Self {
        let (mut outcomes, mut output) = (Vec::new(), Vec::new());
        // Lines of the input that are dealt with, and how far places have moved so far.
        let (mut done, mut offset, mut grown) = (0usize, 0isize, 0isize);
        for hunk in hunks {
            let old = hunk.old();
            let first = hunk.old_start + usize::from(old.is_empty());
            let (before, after) = (hunk.prefix_context(), hunk.suffix_context());
            let context = before.max(after);
            let found = (0..=max_fuzz.min(context)).find_map(|fuzz| {
                let trim = [before, after].map(|have| (fuzz + have) as isize - context as isize);
                locate(input, &old, first as isize + offset, done, trim).map(|at| (fuzz, trim, at))
            });
            let Some((fuzz, trim, at)) = found else {
                let expected = (first as isize + grown).max(0) as usize;
                outcomes.push(Outcome { place: None, expected, offset: 0, fuzz: 0 });
                continue;
            };
            offset = at as isize - first as isize;
            let place = (at as isize + grown).max(0) as usize;
            outcomes.push(Outcome { place: Some(place), expected: place, offset, fuzz });
            let [skip, drop] = trim.map(|count| count.max(0) as usize);
            let (start, end) = (at - 1 + skip, at - 1 + old.len() - drop);
            output.extend_from_slice(&input[done..start]);
            let new = hunk.new_side();
            output.extend_from_slice(&new[skip..new.len() - drop]);
            grown += new.len() as isize - old.len() as isize;
            done = end;
        }
        output.extend_from_slice(&input[done.min(input.len())..]);
        Self { outcomes, output }
    }

    pub fn failures(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.place.is_none()).count()
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

    fn hunk(old_start: usize, lines: &[&str]) -> Hunk {
        let lines =
            lines.iter().map(|line| (line.as_bytes()[0], format!("{}\n", &line[1..]).into_bytes()));
        Hunk { old_start, new_start: old_start, lines: lines.collect(), section: Vec::new() }
    }

    fn apply(text: &str, hunk: Hunk, fuzz: usize) -> (String, String) {
        let hunks = [hunk];
        let input: Vec<_> = text.as_bytes().split_inclusive(|byte| *byte == b'\n').collect();
        let application = Application::new(&input, &hunks, fuzz);
        let said = application.outcomes[0].describe(1);
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
    fn a_reversed_hunk_removes_before_it_adds() {
        let reversed = hunk(1, &["-a", "+b", "+c", " d"]).reverse();
        assert_eq!(reversed, hunk(1, &["-b", "-c", "+a", " d"]));
    }
}
