//! Reverts commits and hunks in a tree by three-way merges.

use std::ops::Range;

use git2::{DiffOptions, MergeFileInput, Patch};
use ssr_core::{File, LineIndex, Tree};

use super::{Change, Commit};

/// A tree in which commits are reverted one after the other.
pub(super) struct Revert<'a> {
    original: &'a Tree,
    tree: Tree,
}

impl<'a> Revert<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        Self { original: tree, tree: tree.clone() }
    }

    /// The tree after the reverts so far.
    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Reverts the commit as far as it merges. Returns the end of a description: empty if all of it
    /// was reverted, else the number of hunks.
    pub(super) fn commit(&mut self, commit: &Commit) -> String {
        let (mut whole, mut done, mut hunks) = (true, 0, 0);
        for change in &commit.changes {
            if self.file(change) {
                continue;
            }
            whole = false;
            let all = change_hunks(change).len();
            hunks += all;
            done += self.change_hunks(change, &mut |_| true).1;
        }
        match whole {
            true => String::new(),
            false => format!(", of its conflicting files {done} of {hunks} hunks"),
        }
    }

    /// Reverts the chosen hunks. Only hunks that merge without conflict are numbered, over all
    /// files of the commit. Returns how many there are if all are chosen, else how many were
    /// reverted.
    pub(super) fn hunks(&mut self, commit: &Commit, chosen: impl Fn(usize) -> bool) -> usize {
        let (mut possible, mut done) = (0, 0);
        for change in &commit.changes {
            // The numbers must not depend on which hunks are chosen: take them from the original.
            let mut all = Revert::new(self.original);
            let applicable = all.change_hunks(change, &mut |_| true).0;
            let mut keep = |hunk: usize| {
                applicable
                    .iter()
                    .position(|own| *own == hunk)
                    .is_some_and(|number| chosen(possible + number))
            };
            done += self.change_hunks(change, &mut keep).1;
            possible += applicable.len();
        }
        if (0..possible).all(chosen) { possible } else { done }
    }

    /// Reverts the whole change of a file. `false` if that conflicts.
    fn file(&mut self, change: &Change) -> bool {
        let ours = self.tree.get(change.path.as_str()).cloned();
        let result = match (&change.before, &change.after, ours) {
            (before, after, ours) if ours == *after => before.clone(),
            (before, _, ours) if ours == *before => return true,
            (Some(before), Some(after), Some(ours)) => {
                let Some(bytes) = merge(after.bytes(), ours.bytes(), before.bytes()) else {
                    return false;
                };
                let executable = if before.executable() == after.executable() {
                    ours.executable()
                } else {
                    before.executable()
                };
                Some(File::new(bytes).with_executable(executable))
            }
            _ => return false,
        };
        self.set(change, result)
    }

    /// Reverts each wanted hunk that merges without conflict. Returns the positions of the hunks
    /// that were reverted, and how many these are.
    fn change_hunks(
        &mut self,
        change: &Change,
        wanted: &mut dyn FnMut(usize) -> bool,
    ) -> (Vec<usize>, usize) {
        let ours = self.tree.get(change.path.as_str()).cloned();
        let (Some(before), Some(after), Some(ours)) = (&change.before, &change.after, ours) else {
            // A file that the commit added or removed counts as one hunk.
            let same = self.tree.get(change.path.as_str()) == change.after.as_ref();
            let done = same && wanted(0) && self.file(change);
            return if done { (vec![0], 1) } else { (Vec::new(), 0) };
        };
        let (mut taken, mut reverted, mut result) = (Vec::new(), Vec::new(), None);
        for (number, hunk) in change_hunks(change).into_iter().enumerate() {
            if !wanted(number) {
                continue;
            }
            // Merge this hunk together with those taken before it. If the merge conflicts or does
            // not change the file, drop the hunk and go on.
            taken.push(hunk);
            let theirs = with_hunks(after.bytes(), before.bytes(), &taken);
            match merge(after.bytes(), ours.bytes(), &theirs) {
                Some(merged) if Some(&merged) != result.as_ref() && merged != ours.bytes() => {
                    result = Some(merged);
                    reverted.push(number);
                }
                _ => {
                    taken.pop();
                }
            }
        }
        if let Some(bytes) = result {
            let file = File::new(bytes).with_executable(ours.executable());
            self.set(change, Some(file));
        }
        let count = reverted.len();
        (reverted, count)
    }

    fn set(&mut self, change: &Change, file: Option<File>) -> bool {
        match self.tree.with_all([(change.path.clone(), file)]) {
            Ok(tree) => {
                self.tree = tree;
                true
            }
            // A directory has the name of the file by now.
            Err(_) => false,
        }
    }
}

/// Lines of the file after the commit, and the lines of the file before it that they replaced.
struct LineChange {
    after: Range<usize>,
    before: Range<usize>,
}

fn change_hunks(change: &Change) -> Vec<LineChange> {
    let (Some(before), Some(after)) = (&change.before, &change.after) else { return Vec::new() };
    let mut options = DiffOptions::new();
    options.context_lines(0).interhunk_lines(0).force_text(true);
    let patch = Patch::from_buffers(after.bytes(), None, before.bytes(), None, Some(&mut options));
    let Ok(patch) = patch else { return Vec::new() };
    let lines = |start: u32, count: u32| {
        // A hunk without lines on one side gives the number of the line before it.
        let start = (start as usize).saturating_sub(usize::from(count > 0));
        start..start + count as usize
    };
    let hunk = |index| {
        let (hunk, _) = patch.hunk(index).ok()?;
        let after = lines(hunk.old_start(), hunk.old_lines());
        Some(LineChange { after, before: lines(hunk.new_start(), hunk.new_lines()) })
    };
    (0..patch.num_hunks()).filter_map(hunk).collect()
}

/// The file after the commit with some of its hunks, in ascending order, reverted.
fn with_hunks(after: &[u8], before: &[u8], hunks: &[LineChange]) -> Vec<u8> {
    let (new, old) = (LineIndex::new(after), LineIndex::new(before));
    let mut result = Vec::with_capacity(after.len());
    let mut at = 0;
    for hunk in hunks {
        result.extend_from_slice(&after[new.start(at)..new.start(hunk.after.start)]);
        result.extend_from_slice(&before[old.start(hunk.before.start)..old.start(hunk.before.end)]);
        at = hunk.after.end;
    }
    result.extend_from_slice(&after[new.start(at)..]);
    result
}

/// The three-way merge; `None` if it conflicts.
fn merge(ancestor: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    let (mut base, mut left, mut right) =
        (MergeFileInput::new(), MergeFileInput::new(), MergeFileInput::new());
    base.content(ancestor);
    left.content(ours);
    right.content(theirs);
    let merged = git2::merge_file(&base, &left, &right, None).ok()?;
    merged.is_automergeable().then(|| merged.content().to_vec())
}
