//! Makes the patch between two trees.

use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput, sources::byte_lines};
use memchr::memchr_iter;

use super::header::Header;
use super::hunk::{HunkRange, LineKind, push_line};
use super::{FileChange, FileMode, FilePatch, Hunk, Patch};
use crate::{File, LineIndex, RepoPath, Tree};

/// Git's default number of context lines.
const CONTEXT: usize = 3;

impl Tree {
    /// The patch from this tree to `other`: files in byte order of their paths, three lines of
    /// context, no detection of renames.
    ///
    /// Files that git would call binary are printed as text, like `git diff --text`: lines are
    /// split at `\n` only and any other byte is kept, so `self.apply(&self.diff(other))` is always
    /// `other`, and the diff cannot fail.
    pub fn diff(&self, other: &Tree) -> Patch {
        let paths = self.changed_paths(other);
        let file =
            |path: &RepoPath| diff_file(path, self.get(path.as_str()), other.get(path.as_str()));
        paths.iter().filter_map(file).collect()
    }
}

fn diff_file(path: &RepoPath, before: Option<&File>, after: Option<&File>) -> Option<FilePatch> {
    let mode = |file: &File| FileMode::new(file.executable());
    let path = path.clone();
    let (change, old_mode, new_mode) = match (before, after) {
        (None, None) => return None,
        (None, Some(after)) => (FileChange::Create { path }, None, Some(mode(after))),
        (Some(before), None) => (FileChange::Delete { path }, Some(mode(before)), None),
        (Some(before), Some(after)) if mode(before) == mode(after) => {
            (FileChange::Modify { path }, None, None)
        }
        (Some(before), Some(after)) => {
            (FileChange::Modify { path }, Some(mode(before)), Some(mode(after)))
        }
    };
    let hunks = diff_bytes(before.map_or(&[], File::bytes), after.map_or(&[], File::bytes));
    Some(FilePatch { change, old_mode, new_mode, header: Header::default(), hunks })
}

fn diff_bytes(before: &[u8], after: &[u8]) -> Vec<Hunk> {
    let input = InternedInput::new(byte_lines(before), byte_lines(after));
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let (old, new) = (LineIndex::new(before), LineIndex::new(after));
    let changes: Vec<_> = diff
        .hunks()
        .map(|hunk| Change {
            old: hunk.before.start as usize..hunk.before.end as usize,
            new: new.start(hunk.after.start as usize)..new.start(hunk.after.end as usize),
        })
        .collect();
    let plans = plan_hunks(before, &old, after, &changes);
    plans.map(|plan| Hunk::from_plan(&plan)).collect()
}

/// Lines of the old side that are replaced by bytes of another buffer.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// Lines, from 0.
    pub old: Range<usize>,
    /// Bytes of whole lines; only the last line of a file may lack its newline.
    pub new: Range<usize>,
}

/// A hunk that is known but not yet written.
pub(crate) struct HunkPlan<'a> {
    pub range: HunkRange,
    before: &'a [u8],
    index: &'a LineIndex,
    new: &'a [u8],
    /// Old lines, from 0, context included.
    span: Range<usize>,
    changes: &'a [Change],
}

/// Groups `changes`, which ascend and do not touch the same line twice, into hunks with context;
/// two changes share a hunk when their contexts touch.
pub(crate) fn plan_hunks<'a>(
    before: &'a [u8],
    index: &'a LineIndex,
    new: &'a [u8],
    changes: &'a [Change],
) -> impl Iterator<Item = HunkPlan<'a>> {
    let mut rest = changes;
    let mut removed = 0;
    let mut added = 0;
    std::iter::from_fn(move || {
        let first = rest.first()?;
        let near = |pair: &[Change]| pair[1].old.start - pair[0].old.end <= 2 * CONTEXT;
        let length = 1 + rest.windows(2).take_while(|pair| near(pair)).count();
        let (group, after) = rest.split_at(length);
        rest = after;
        let last = &group[length - 1];
        let start = first.old.start.saturating_sub(CONTEXT);
        let end = (last.old.end + CONTEXT).min(index.len());
        let old_gone: usize = group.iter().map(|change| change.old.len()).sum();
        let new_lines: usize =
            group.iter().map(|change| count_lines(&new[change.new.clone()])).sum();
        let old_lines = end - start;
        let new_total = old_lines - old_gone + new_lines;
        let new_start = start + added - removed;
        removed += old_gone;
        added += new_lines;
        let range = HunkRange {
            old_start: start + usize::from(old_lines > 0),
            old_lines,
            new_start: new_start + usize::from(new_total > 0),
            new_lines: new_total,
        };
        Some(HunkPlan { range, before, index, new, span: start..end, changes: group })
    })
}

impl HunkPlan<'_> {
    /// Appends the lines of the hunk.
    pub fn push_body(&self, out: &mut Vec<u8>) {
        let mut at = self.span.start;
        for change in self.changes {
            self.push_old(out, at..change.old.start, LineKind::Context);
            self.push_old(out, change.old.clone(), LineKind::Removed);
            push_lines(out, &self.new[change.new.clone()], LineKind::Added);
            at = change.old.end;
        }
        self.push_old(out, at..self.span.end, LineKind::Context);
    }

    fn push_old(&self, out: &mut Vec<u8>, lines: Range<usize>, kind: LineKind) {
        for line in lines {
            push_line(out, kind, &self.before[self.index.range(line)]);
        }
    }
}

fn push_lines(out: &mut Vec<u8>, bytes: &[u8], kind: LineKind) {
    let mut start = 0;
    for at in memchr_iter(b'\n', bytes) {
        push_line(out, kind, &bytes[start..=at]);
        start = at + 1;
    }
    if start < bytes.len() {
        push_line(out, kind, &bytes[start..]);
    }
}

fn count_lines(bytes: &[u8]) -> usize {
    let unfinished = bytes.last().is_some_and(|byte| *byte != b'\n');
    memchr_iter(b'\n', bytes).count() + usize::from(unfinished)
}
