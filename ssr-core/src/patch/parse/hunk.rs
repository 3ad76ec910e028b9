use crate::patch::hunk::{HunkRange, LineKind};

const MAX_NUMBER: usize = i32::MAX as usize;

/// What is left of the two sides of a hunk.
pub struct Sides {
    pub old: Side,
    pub new: Side,
    /// Whether the last line was empty: without a newline it would be no line at all.
    pub empty: bool,
}

pub struct Side {
    pub left: usize,
    ended: bool,
}

impl Side {
    pub fn new(left: usize) -> Self {
        Self { left, ended: false }
    }

    fn take(&mut self) -> Result<(), &'static str> {
        if self.ended {
            return Err("`\\ No newline at end of file` stands before the end");
        }
        let left = self.left.checked_sub(1);
        self.left = left.ok_or("the hunk has more lines than its header says")?;
        Ok(())
    }
}

impl Sides {
    /// Counts one line of a hunk; `None` for the marker of a missing newline.
    pub fn step(
        &mut self,
        line: &[u8],
        last: &mut Option<LineKind>,
    ) -> Result<Option<LineKind>, &'static str> {
        let kind = match line.first() {
            Some(b' ' | b'\n') => LineKind::Context,
            Some(b'-') => LineKind::Removed,
            Some(b'+') => LineKind::Added,
            _ if is_no_newline(line) => return self.end(last).map(|()| None),
            _ => return Err("a line of a hunk must start with ` `, `-`, `+` or `\\`"),
        };
        if kind != LineKind::Added {
            self.old.take()?;
        }
        if kind != LineKind::Removed {
            self.new.take()?;
        }
        self.empty = matches!(line, [b'\n'] | [_, b'\n']);
        *last = Some(kind);
        Ok(Some(kind))
    }

    pub fn end(&mut self, last: &mut Option<LineKind>) -> Result<(), &'static str> {
        let kind = last.take().ok_or("`\\ No newline at end of file` follows no line")?;
        if self.empty {
            return Err("`\\ No newline at end of file` follows an empty line");
        }
        self.old.ended |= kind != LineKind::Added;
        self.new.ended |= kind != LineKind::Removed;
        let early = |side: &Side| side.ended && side.left > 0;
        if early(&self.old) || early(&self.new) {
            return Err("`\\ No newline at end of file` stands before the end");
        }
        Ok(())
    }
}

pub fn is_no_newline(line: &[u8]) -> bool {
    line.len() >= 12 && line.starts_with(b"\\ ")
}

/// Reads `@@ -1,2 +3,4 @@`; also returns what follows, without the newline.
pub fn parse_range(line: &[u8]) -> Option<(HunkRange, &[u8])> {
    let rest = line.strip_suffix(b"\n")?.strip_prefix(b"@@ -")?;
    let (old_start, old_lines, rest) = parse_side(rest)?;
    let (new_start, new_lines, rest) = parse_side(rest.strip_prefix(b" +")?)?;
    let section = rest.strip_prefix(b" @@")?;
    Some((HunkRange { old_start, old_lines, new_start, new_lines }, section))
}

fn parse_side(text: &[u8]) -> Option<(usize, usize, &[u8])> {
    let (start, rest) = parse_number(text)?;
    match rest.strip_prefix(b",") {
        None => Some((start, 1, rest)),
        Some(rest) => parse_number(rest).map(|(lines, rest)| (start, lines, rest)),
    }
}

fn parse_number(text: &[u8]) -> Option<(usize, &[u8])> {
    let digits = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let number: usize = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    (number <= MAX_NUMBER).then_some((number, &text[digits..]))
}
