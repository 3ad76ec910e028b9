//! Edits: byte ranges that are replaced, and their patches.

use std::ops::Range;

use crate::patch::{Change, FilePatch, Hunk, plan_hunks, push_file_header};
use crate::{Error, File, LineIndex, Patch, RepoPath, Result, Tree};

/// Replaces a range of bytes in one file. An edit knows what changes, so its patch is written
/// without comparing files.
///
/// ```
/// use ssr_core::{Edit, RepoPath};
///
/// let before = b"def f(a, b):\n    return a < b\n";
/// let edit = Edit::new(RepoPath::new("f.py")?, 26..27, *b"<=");
/// assert_eq!(edit.apply(before)?, b"def f(a, b):\n    return a <= b\n");
/// assert_eq!(
///     edit.to_patch(before)?.to_string(),
///     "diff --git a/f.py b/f.py\n--- a/f.py\n+++ b/f.py\n@@ -1,2 +1,2 @@\n \
///      def f(a, b):\n-    return a < b\n+    return a <= b\n"
/// );
/// # Ok::<(), ssr_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Edit {
    /// The file.
    pub path: RepoPath,
    /// The bytes that go, in offsets of the file before the edit; empty to insert.
    pub range: Range<usize>,
    /// The bytes that come instead.
    pub replacement: Vec<u8>,
}

impl Edit {
    /// An edit; whether `range` is inside the file shows when it is applied.
    pub fn new(path: RepoPath, range: Range<usize>, replacement: impl Into<Vec<u8>>) -> Self {
        Self { path, range, replacement: replacement.into() }
    }

    /// The file after the edit.
    ///
    /// # Errors
    /// [`Error::Edit`] when the range is not inside the file.
    pub fn apply(&self, before: &[u8]) -> Result<Vec<u8>> {
        apply_edits(before, std::slice::from_ref(self))
    }

    /// The edit as a patch; an empty one when nothing changes.
    ///
    /// # Errors
    /// [`Error::Edit`] when the range is not inside the file.
    pub fn to_patch(&self, before: &[u8]) -> Result<Patch> {
        let index = LineIndex::new(before);
        let mut renderer = EditRenderer::new(&self.path, before, &index);
        Ok(renderer.patch(std::slice::from_ref(self))?.into_iter().collect())
    }

    fn error(&self, problem: &'static str) -> Error {
        Error::Edit { path: self.path.clone(), range: self.range.clone(), problem }
    }
}

/// A file after `edits`, which ascend and do not overlap.
///
/// # Errors
/// [`Error::Edit`] names the edit that is outside the file, out of order, or for another file.
pub fn apply_edits(before: &[u8], edits: &[Edit]) -> Result<Vec<u8>> {
    let Some(first) = edits.first() else { return Ok(before.to_vec()) };
    check(&first.path, before.len(), edits)?;
    let mut after = Vec::with_capacity(before.len());
    let mut at = 0;
    for edit in edits {
        after.extend_from_slice(&before[at..edit.range.start]);
        after.extend_from_slice(&edit.replacement);
        at = edit.range.end;
    }
    after.extend_from_slice(&before[at..]);
    Ok(after)
}

/// The patch text of `edits` of one file, which ascend and do not overlap; empty when nothing
/// changes. [`EditRenderer`] is faster for many patches of the same file.
///
/// # Errors
/// As for [`apply_edits`].
pub fn render_edits(path: &RepoPath, before: &[u8], edits: &[Edit]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    EditRenderer::new(path, before, &LineIndex::new(before)).render(edits, &mut out)?;
    Ok(out)
}

impl Tree {
    /// The tree after `edits`, in any order, of any files.
    ///
    /// # Errors
    /// [`Error::Edit`] when a file is absent, a range is outside of it, or two edits overlap.
    pub fn edit(&self, edits: &[Edit]) -> Result<Tree> {
        let changes = by_file(self, edits)?.into_iter().map(|(file, edits)| {
            let bytes = apply_edits(file.bytes(), &edits)?;
            let changed = File::new(bytes).with_executable(file.executable());
            Ok((edits[0].path.clone(), Some(changed)))
        });
        self.with_all(changes.collect::<Result<Vec<_>>>()?)
    }
}

impl Patch {
    /// The patch of `edits`, in any order, of any files of `tree`.
    ///
    /// # Errors
    /// As for [`Tree::edit`].
    pub fn from_edits(tree: &Tree, edits: &[Edit]) -> Result<Self> {
        let mut files = Vec::new();
        for (file, edits) in by_file(tree, edits)? {
            let index = LineIndex::new(file.bytes());
            files.extend(EditRenderer::new(&edits[0].path, file.bytes(), &index).patch(&edits)?);
        }
        Ok(files.into_iter().collect())
    }
}

/// The edits of each file in ascending order; no group is empty.
fn by_file<'a>(tree: &'a Tree, edits: &[Edit]) -> Result<Vec<(&'a File, Vec<Edit>)>> {
    let mut sorted = edits.to_vec();
    sorted.sort_by(|a, b| {
        (&a.path, a.range.start, a.range.end).cmp(&(&b.path, b.range.start, b.range.end))
    });
    let groups = sorted.chunk_by(|a, b| a.path == b.path).map(|group| {
        let file = tree.get(group[0].path.as_str());
        Ok((file.ok_or_else(|| group[0].error("there is no such file"))?, group.to_vec()))
    });
    groups.collect()
}

fn check(path: &RepoPath, length: usize, edits: &[Edit]) -> Result<()> {
    let mut at = 0;
    for edit in edits {
        let problem = if edit.path != *path {
            "it belongs to another file"
        } else if edit.range.start > edit.range.end {
            "its end is before its start"
        } else if edit.range.end > length {
            "it is outside the file"
        } else if edit.range.start < at {
            "it overlaps the edit before it, or is out of order"
        } else {
            at = edit.range.end;
            continue;
        };
        return Err(edit.error(problem));
    }
    Ok(())
}

/// Writes patches of edits of one file, more than a million in a second: the file is indexed once
/// and buffers are used again.
pub struct EditRenderer<'a> {
    path: RepoPath,
    before: &'a [u8],
    index: &'a LineIndex,
    header: Vec<u8>,
    /// The bytes that [`Change::new`] refers to.
    new: Vec<u8>,
    changes: Vec<Change>,
}

impl<'a> EditRenderer<'a> {
    /// A renderer for the file with content `before`, whose lines `index` knows.
    ///
    /// # Panics
    /// When `index` was made from a file of another length.
    pub fn new(path: &RepoPath, before: &'a [u8], index: &'a LineIndex) -> Self {
        assert_eq!(index.bytes(), before.len(), "the line index belongs to another file");
        let mut header = Vec::new();
        push_file_header(&mut header, path);
        let path = path.clone();
        Self { path, before, index, header, new: Vec::new(), changes: Vec::new() }
    }

    /// Appends the patch of `edits`, which ascend and do not overlap, to `out`; nothing when they
    /// change nothing.
    ///
    /// # Errors
    /// As for [`apply_edits`]; `out` is unchanged then.
    pub fn render(&mut self, edits: &[Edit], out: &mut Vec<u8>) -> Result<()> {
        self.find_changes(edits)?;
        self.push_changes(out);
        Ok(())
    }

    fn push_changes(&self, out: &mut Vec<u8>) {
        if !self.changes.is_empty() {
            out.extend_from_slice(&self.header);
        }
        for plan in plan_hunks(self.before, self.index, &self.new, &self.changes) {
            plan.range.push(out);
            out.push(b'\n');
            plan.push_body(out);
        }
    }

    /// Appends the patch of one edit that replaces the bytes in `range`, as [`EditRenderer::render`]
    /// does, without an [`Edit`] that owns its path and bytes.
    ///
    /// # Errors
    /// [`Error::Edit`] when the range is not inside the file; `out` is unchanged then.
    pub fn replace(
        &mut self,
        range: Range<usize>,
        replacement: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if range.start > range.end || range.end > self.before.len() {
            let path = self.path.clone();
            return Err(Error::Edit { path, range, problem: "it is outside the file" });
        }
        self.new.clear();
        self.changes.clear();
        let line = self.line(range.start);
        self.new.extend_from_slice(&self.before[self.index.start(line)..range.start]);
        self.new.extend_from_slice(replacement);
        let end = self.end_line(0, range.end);
        self.new.extend_from_slice(&self.before[range.end..self.index.start(end)]);
        self.push_trimmed(line..end, 0..self.new.len());
        self.push_changes(out);
        Ok(())
    }

    /// The same patch as a value, `None` when nothing changes.
    ///
    /// # Errors
    /// As for [`apply_edits`].
    pub fn patch(&mut self, edits: &[Edit]) -> Result<Option<FilePatch>> {
        self.find_changes(edits)?;
        let hunks: Vec<_> = plan_hunks(self.before, self.index, &self.new, &self.changes)
            .map(|plan| Hunk::from_plan(&plan))
            .collect();
        let changed = !hunks.is_empty();
        Ok(changed.then(|| FilePatch::modified(self.path.clone(), hunks)))
    }

    fn find_changes(&mut self, edits: &[Edit]) -> Result<()> {
        check(&self.path, self.before.len(), edits)?;
        self.new.clear();
        self.changes.clear();
        let mut rest = edits;
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            let from = self.new.len();
            let line = self.line(first.range.start);
            self.new.extend_from_slice(&self.before[self.index.start(line)..first.range.start]);
            self.new.extend_from_slice(&first.replacement);
            let mut at = first.range.end;
            let mut end = self.end_line(from, at);
            // Edits of the same or the next line become one change.
            while let Some((next, after)) = rest.split_first()
                && self.line(next.range.start) <= end
            {
                rest = after;
                self.new.extend_from_slice(&self.before[at..next.range.start]);
                self.new.extend_from_slice(&next.replacement);
                at = next.range.end;
                end = self.end_line(from, at);
            }
            self.new.extend_from_slice(&self.before[at..self.index.start(end)]);
            self.push_trimmed(line..end, from..self.new.len());
        }
        Ok(())
    }

    /// The line that an edit at `offset` changes: at the end of the file, an unfinished last line.
    fn line(&self, offset: usize) -> usize {
        let line = self.index.line(offset);
        let unfinished = self.before.last().is_some_and(|byte| *byte != b'\n');
        if unfinished { line.min(self.index.len() - 1) } else { line }
    }

    /// The first line that is kept when the edited text `self.new[from..]` replaces everything
    /// before the byte at `at`.
    fn end_line(&self, from: usize, at: usize) -> usize {
        let line = self.index.line(at);
        let whole_lines =
            self.index.start(line) == at && matches!(self.new[from..].last(), None | Some(b'\n'));
        if whole_lines { line } else { (line + 1).min(self.index.len()) }
    }

    /// Leaves out the lines at both ends that stay the same.
    fn push_trimmed(&mut self, mut old: Range<usize>, mut new: Range<usize>) {
        while !old.is_empty() {
            let line = &self.before[self.index.range(old.start)];
            if !self.new[new.clone()].starts_with(line)
                || (!line.ends_with(b"\n") && line.len() != new.len())
            {
                break;
            }
            old.start += 1;
            new.start += line.len();
        }
        while !old.is_empty() {
            let line = &self.before[self.index.range(old.end - 1)];
            let Some(rest) = self.new[new.clone()].strip_suffix(line) else { break };
            if !matches!(rest.last(), None | Some(b'\n')) {
                break;
            }
            old.end -= 1;
            new.end -= line.len();
        }
        if !old.is_empty() || !new.is_empty() {
            self.changes.push(Change { old, new });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(range: Range<usize>, replacement: &str) -> Edit {
        Edit::new(RepoPath::new("f").unwrap(), range, replacement)
    }

    fn rendered(before: &str, edits: &[Edit]) -> String {
        let path = RepoPath::new("f").unwrap();
        let text = String::from_utf8(render_edits(&path, before.as_bytes(), edits).unwrap());
        text.unwrap().replace("diff --git a/f b/f\n--- a/f\n+++ b/f\n", "")
    }

    #[test]
    fn edits_that_do_not_fit_are_refused() {
        let other = Edit::new(RepoPath::new("g").unwrap(), 0..1, *b"x");
        #[expect(clippy::reversed_empty_ranges, reason = "that is the mistake")]
        let backwards = edit(2..1, "");
        for edits in [
            vec![edit(0..5, "")],
            vec![edit(5..5, "x")],
            vec![backwards],
            vec![edit(0..2, ""), edit(1..3, "")],
            vec![edit(2..3, ""), edit(0..1, "")],
            vec![edit(0..1, "x"), other],
        ] {
            let refused = apply_edits(b"abc\n", &edits);
            assert!(matches!(refused, Err(Error::Edit { .. })), "{edits:?}: {refused:?}");
            let path = RepoPath::new("f").unwrap();
            assert!(render_edits(&path, b"abc\n", &edits).is_err());
        }
    }

    #[test]
    fn hunks_hold_only_the_lines_that_change() {
        assert_eq!(rendered("a\nb\n", &[edit(2..2, "x\n")]), "@@ -1,2 +1,3 @@\n a\n+x\n b\n");
        assert_eq!(rendered("a\nb\n", &[edit(0..2, "")]), "@@ -1,2 +1 @@\n-a\n b\n");
        assert_eq!(rendered("a\nb\n", &[edit(0..4, "a\nc\n")]), "@@ -1,2 +1,2 @@\n a\n-b\n+c\n");
        assert_eq!(rendered("", &[edit(0..0, "a\n")]), "@@ -0,0 +1 @@\n+a\n");
        assert_eq!(rendered("a\n", &[edit(0..2, "")]), "@@ -1 +0,0 @@\n-a\n");
        assert_eq!(rendered("a\n", &[edit(0..1, "a")]), "");
        assert_eq!(
            rendered("a\r\nb", &[edit(0..1, "x"), edit(4..4, "c")]),
            "@@ -1,2 +1,2 @@\n-a\r\n-b\n\\ No newline at end of file\n\
             +x\r\n+bc\n\\ No newline at end of file\n"
        );
    }
}
