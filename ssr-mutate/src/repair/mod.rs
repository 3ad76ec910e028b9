//! Edits that a repair may consist of: what could undo a bug, without knowing it.

mod habits;
mod order;

use std::borrow::Cow;
use std::ops::Range;

use ssr_core::{Edit, RepoPath, Tree};

use crate::Mutator;
use crate::language::language_of;
use crate::mutator::MAX_FILE_BYTES;
use crate::site::Source;
pub use habits::Habits;

/// One edit that a repair may consist of, as [`Mutator::candidates`] proposes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairEdit {
    /// The path of the file.
    pub path: RepoPath,
    /// The replaced bytes of the file.
    pub range: Range<usize>,
    /// The text that replaces them.
    pub replacement: String,
    /// What proposes the edit: the id of a bug operator that makes it, as in
    /// [`Operator::id`](crate::Operator::id), or the name of an inverse, such as
    /// `restore-argument`.
    pub origin: &'static str,
}

impl RepairEdit {
    /// The edit, which can be applied to a tree or rendered as a patch.
    #[must_use]
    pub fn edit(&self) -> Edit {
        Edit::new(self.path.clone(), self.range.clone(), self.replacement.as_str())
    }
}

/// What the engine of a language proposes.
pub struct RepairProposals<'a> {
    /// In any order, with duplicates and edits outside of the region.
    pub(crate) found: Vec<RepairProposal>,
    /// Whether an edit leaves no more syntax errors than there are.
    pub(crate) keeps_syntax: Box<dyn FnMut(&RepairProposal) -> bool + 'a>,
}

/// An edit before duplicates are removed.
pub struct RepairProposal {
    pub(crate) range: Range<usize>,
    pub(crate) replacement: Cow<'static, str>,
    pub(crate) origin: &'static str,
    /// How often edits like this one undo a bug.
    pub(crate) weight: f32,
    /// Whether the edit may add a syntax error.
    pub(crate) structural: bool,
}

impl RepairProposal {
    /// The whole text after the edit.
    pub(crate) fn applied(&self, text: &str) -> String {
        [&text[..self.range.start], &self.replacement, &text[self.range.end..]].concat()
    }
}

/// The weight of an edit about which nothing is known.
pub(crate) const PLAIN_WEIGHT: f32 = 0.001;

impl Mutator {
    /// The single edits within `lines` of a file that could undo a bug, the most plausible first,
    /// and at most `most` of them.
    ///
    /// `lines` counts from 0 and excludes its end; an edit lies within them if the bytes that it
    /// replaces do. The candidates depend on the tree alone, so nothing tells where a bug is. They
    /// are the edits of all operators of the language, because many operators undo what they or a
    /// related one has done, and in Python also the inverses that are missing among them, which
    /// restore what was deleted. The profile, the caps and the coverage of the mutator bound bugs
    /// and not repairs, and do not apply.
    ///
    /// No two candidates give the same text, none changes nothing, and none adds a syntax error.
    /// The result is empty for a path that the tree lacks, for a language that this build does not
    /// know, and for text that is not UTF-8 or larger than 4 MiB.
    ///
    /// ```
    /// use ssr_core::{File, RepoPath, Tree};
    /// use ssr_mutate::Mutator;
    ///
    /// let path = RepoPath::new("late.py")?;
    /// let buggy = File::new(*b"def late(days):\n    return len(days) >= 3\n");
    /// let tree = Tree::from_files([(path.clone(), buggy)])?;
    /// let candidates = Mutator::new().candidates(&tree, &path, 0..2, 96);
    /// let repaired = |edit: &ssr_mutate::RepairEdit| tree.edit(&[edit.edit()]);
    /// let texts: Vec<_> = candidates.iter().filter_map(|edit| repaired(edit).ok()).collect();
    /// let right = |tree: &Tree| tree.get("late.py")?.text().map(|text| text.contains("len(days) > 3"));
    /// assert!(texts.iter().any(|tree| right(tree) == Some(true)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn candidates(
        &self,
        tree: &Tree,
        path: &RepoPath,
        lines: Range<usize>,
        most: usize,
    ) -> Vec<RepairEdit> {
        let text = tree.get(path.as_str()).and_then(|file| file.text());
        let (Some(text), Some(language)) = (text, language_of(path)) else { return Vec::new() };
        let region = byte_range(text, &lines);
        if text.len() > MAX_FILE_BYTES || region.is_empty() {
            return Vec::new();
        }
        let source = Source::new(path, text);
        let RepairProposals { mut found, mut keeps_syntax } =
            language.repairs(tree, &source, &region, &self.habits);
        found.retain(|one| region.start <= one.range.start && one.range.end <= region.end);
        let ordered = order::ordered(text, found).into_iter();
        let sound = ordered.filter(|one| !one.structural || keeps_syntax(one));
        let edit = |one: RepairProposal| RepairEdit {
            path: path.clone(),
            range: one.range,
            replacement: one.replacement.into_owned(),
            origin: one.origin,
        };
        sound.take(most).map(edit).collect()
    }
}

/// The bytes of the lines, with the ending of the last one.
fn byte_range(text: &str, lines: &Range<usize>) -> Range<usize> {
    let mut starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
    let start = starts.nth(lines.start).unwrap_or(text.len());
    let end = match lines.end.checked_sub(lines.start + 1) {
        Some(more) => starts.nth(more).unwrap_or(text.len()),
        None => start,
    };
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_zero_and_include_their_endings() {
        let text = "a\nbb\n\nc";
        assert_eq!(byte_range(text, &(0..1)), 0..2);
        assert_eq!(byte_range(text, &(1..3)), 2..6);
        assert_eq!(byte_range(text, &(3..9)), 6..7);
        assert_eq!(byte_range(text, &(9..12)), 7..7);
        assert!(byte_range(text, &(2..2)).is_empty());
        #[expect(clippy::reversed_empty_ranges, reason = "the case that is tested")]
        let reversed = 2..1;
        assert!(byte_range(text, &reversed).is_empty());
    }
}
