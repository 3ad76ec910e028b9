//! Bugs from a git history: commits that repaired or added something are reverted.

mod read;
mod revert;

use std::collections::BTreeSet;

use ssr_core::{File, RepoPath, Seed, Tree};

use super::{Bug, ScaleOperator};
use crate::Location;
use revert::Revert;

/// Which commits of a history are candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryBounds {
    /// The number of commits to look at, newest first; 10,000 by default.
    pub scanned: usize,
    /// The number of candidates to keep, newest first; 1,000 by default.
    pub commits: usize,
    /// The most source files that a commit may change; 12 by default.
    pub files: usize,
    /// The fewest changed lines of source files, added and removed together; 2 by default.
    pub min_lines: usize,
    /// The most changed lines of source files; 600 by default.
    pub max_lines: usize,
    /// Whether a commit has to change a test file as well; `false` by default.
    pub with_tests: bool,
    /// Size in bytes above which a file disqualifies its commit; 1 MiB by default.
    pub file_bytes: usize,
}

impl Default for HistoryBounds {
    fn default() -> Self {
        Self {
            scanned: 10_000,
            commits: 1_000,
            files: 12,
            min_lines: 2,
            max_lines: 600,
            with_tests: false,
            file_bytes: 1 << 20,
        }
    }
}

impl HistoryBounds {
    /// Sets the number of commits to look at, newest first.
    #[must_use]
    pub fn with_scanned(mut self, scanned: usize) -> Self {
        self.scanned = scanned;
        self
    }

    /// Sets the number of candidates to keep, newest first.
    #[must_use]
    pub fn with_commits(mut self, commits: usize) -> Self {
        self.commits = commits;
        self
    }

    /// Sets the most source files that a commit may change.
    #[must_use]
    pub fn with_files(mut self, files: usize) -> Self {
        self.files = files;
        self
    }

    /// Sets the fewest changed lines of source files.
    #[must_use]
    pub fn with_min_lines(mut self, min_lines: usize) -> Self {
        self.min_lines = min_lines;
        self
    }

    /// Sets the most changed lines of source files.
    #[must_use]
    pub fn with_max_lines(mut self, max_lines: usize) -> Self {
        self.max_lines = max_lines;
        self
    }

    /// Sets whether a commit has to change a test file as well.
    #[must_use]
    pub fn with_tests(mut self, with_tests: bool) -> Self {
        self.with_tests = with_tests;
        self
    }

    /// Sets the size in bytes above which a file disqualifies its commit.
    #[must_use]
    pub fn with_file_bytes(mut self, file_bytes: usize) -> Self {
        self.file_bytes = file_bytes;
        self
    }
}

/// A git history, read into memory: the files of `HEAD` and the commits that can be reverted.
///
/// A revert is a three-way merge of each source file: the changes of the commit are undone, and
/// later changes are kept. Where that conflicts, each hunk is tried alone. Only source files change
/// (see [`is_source_file`](crate::is_source_file)). Test files stay unchanged, so that the tests
/// which the commit added fail. Nothing is written to the repository.
///
/// ```no_run
/// use ssr_core::Seed;
/// use ssr_mutate::{History, HistoryBounds, ScaleOperator};
///
/// let history = History::read("path/to/repo", &HistoryBounds::default())?;
/// for bug in history.sample(&[ScaleOperator::Commit, ScaleOperator::Hunks], 9, Seed::new(7)) {
///     println!("{}\n{}", bug.describe(), bug.patch());
/// }
/// # Ok::<(), ssr_mutate::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct History {
    tree: Tree,
    skipped: Vec<String>,
    commits: Vec<Commit>,
}

/// A commit with one parent that changes source files.
#[derive(Debug, Clone)]
pub struct Commit {
    id: String,
    summary: String,
    changes: Vec<Change>,
    tests: Vec<RepoPath>,
    lines: usize,
    /// The file and heading of each changed function or class, as git finds them.
    headings: BTreeSet<(RepoPath, String)>,
}

/// What a commit did to one source file.
#[derive(Debug, Clone)]
struct Change {
    path: RepoPath,
    before: Option<File>,
    after: Option<File>,
}

impl Commit {
    /// The hash in hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The first line of the message.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// The source files that the commit changes.
    pub fn sources(&self) -> impl Iterator<Item = &RepoPath> {
        self.changes.iter().map(|change| &change.path)
    }

    /// The test files that the commit changes.
    #[must_use]
    pub fn tests(&self) -> &[RepoPath] {
        &self.tests
    }

    /// The number of lines of source files that the commit adds and removes.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// Whether both change the same function or class; `None` if they have no file in common.
    fn relation(&self, other: &Self) -> Option<bool> {
        let shared = self.sources().any(|path| other.sources().any(|theirs| theirs == path));
        shared.then(|| !self.headings.is_disjoint(&other.headings))
    }

    fn short(&self) -> &str {
        self.id.get(..10).unwrap_or(&self.id)
    }
}

impl History {
    /// The files of `HEAD`.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The entries of `HEAD` that the tree leaves out: symbolic links, submodules, and files whose
    /// names a [`RepoPath`] cannot hold.
    #[must_use]
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// The candidates, newest first.
    #[must_use]
    pub fn commits(&self) -> &[Commit] {
        &self.commits
    }

    /// `RVC`: reverts a commit. `None` if none of its changes can be reverted.
    #[must_use]
    pub fn revert(&self, commit: &Commit) -> Option<Bug> {
        let mut revert = Revert::new(&self.tree);
        let part = revert.commit(commit);
        let what = format!("revert {} \"{}\"{part}", commit.short(), commit.summary);
        self.bug(ScaleOperator::Commit, revert, what, &[commit])
    }

    /// `RVH`: reverts some hunks of a commit, at least one and not all, chosen by the seed. `None`
    /// if fewer than two of its hunks can be reverted.
    #[must_use]
    pub fn revert_hunks(&self, commit: &Commit, seed: Seed) -> Option<Bug> {
        let mut all = Revert::new(&self.tree);
        let possible = all.hunks(commit, |_| true);
        if possible < 2 {
            return None;
        }
        let wanted = 1 + seed.derive("count").below(possible - 1);
        let mut order: Vec<_> = (0..possible).collect();
        order.sort_by_cached_key(|hunk| seed.derive("hunk").index(*hunk as u64).value());
        let chosen: BTreeSet<_> = order.into_iter().take(wanted).collect();
        let mut revert = Revert::new(&self.tree);
        let done = revert.hunks(commit, |hunk| chosen.contains(&hunk));
        let what = format!(
            "revert {done} of {possible} hunks of {} \"{}\"",
            commit.short(),
            commit.summary
        );
        self.bug(ScaleOperator::Hunks, revert, what, &[commit])
    }

    /// `RVN`: reverts a commit together with `n` − 1 others that change the same files. Commits
    /// that change the same functions are preferred. `None` if there are fewer, or if none of the
    /// changes of one of them can be reverted.
    #[must_use]
    pub fn revert_related(&self, commit: &Commit, n: usize, seed: Seed) -> Option<Bug> {
        let key = |index: usize| seed.derive("related").index(index as u64).value();
        let mut related: Vec<_> = self
            .commits
            .iter()
            .enumerate()
            .filter(|(_, other)| other.id != commit.id)
            .filter_map(|(index, other)| Some((!commit.relation(other)?, key(index), index)))
            .collect();
        related.sort_unstable();
        let mut picked = BTreeSet::from([self.commits.iter().position(|c| c.id == commit.id)?]);
        for (_, _, index) in related {
            if picked.len() >= n.max(2) {
                break;
            }
            // A commit whose changes are all gone from `HEAD` would fail the whole group.
            if Revert::new(&self.tree).hunks(&self.commits[index], |_| true) > 0 {
                picked.insert(index);
            }
        }
        if picked.len() < n.max(2) {
            return None;
        }
        // The positions are ordered newest first. Reverting in that order merges each commit into
        // the text that it produced; the other order would conflict with the later commits.
        let commits: Vec<_> = picked.into_iter().map(|index| &self.commits[index]).collect();
        let mut revert = Revert::new(&self.tree);
        for commit in &commits {
            let before = revert.tree().clone();
            revert.commit(commit);
            if *revert.tree() == before {
                return None;
            }
        }
        let names: Vec<_> =
            commits.iter().map(|c| format!("{} \"{}\"", c.short(), c.summary)).collect();
        let what = format!("revert {} commits: {}", commits.len(), names.join(", "));
        self.bug(ScaleOperator::Commits, revert, what, &commits)
    }

    /// Draws `n` different bugs, or fewer if there are not as many.
    ///
    /// Each draw picks an operator uniformly. It then picks a commit uniformly among those that
    /// change tests as well; the others come when these are used up. Groups for `RVN` have two to
    /// four commits. The result depends on the history, the operators and the seed alone.
    #[must_use]
    pub fn sample(&self, operators: &[ScaleOperator], n: usize, seed: Seed) -> Vec<Bug> {
        let seed = seed.derive("ssr-mutate history");
        let mut left: Vec<(ScaleOperator, Vec<&Commit>)> = operators
            .iter()
            .filter(|operator| operator.strategy() == ssr_core::Strategy::History)
            .map(|operator| (*operator, self.shuffled(seed.derive(operator.id()))))
            .collect();
        let mut bugs: Vec<Bug> = Vec::new();
        let mut draws = 0;
        while bugs.len() < n {
            left.retain(|(_, commits)| !commits.is_empty());
            let draw = seed.derive("draw").index(draws);
            draws += 1;
            let choice = draw.below(left.len());
            let Some((operator, commits)) = left.get_mut(choice) else { break };
            let Some(commit) = commits.pop() else { continue };
            let bug = match operator {
                ScaleOperator::Commit => self.revert(commit),
                ScaleOperator::Hunks => self.revert_hunks(commit, draw),
                _ => self.revert_related(commit, 2 + draw.derive("size").below(3), draw),
            };
            bugs.extend(bug.filter(|bug| bugs.iter().all(|other| other.patch() != bug.patch())));
        }
        bugs
    }

    /// The commits in reverse order of drawing, because they are popped from the end.
    fn shuffled(&self, seed: Seed) -> Vec<&Commit> {
        let mut commits: Vec<_> = self.commits.iter().collect();
        commits.sort_by_cached_key(|commit| {
            (!commit.tests.is_empty(), seed.derive(&commit.id).value())
        });
        commits
    }

    fn bug(
        &self,
        operator: ScaleOperator,
        revert: Revert<'_>,
        what: String,
        commits: &[&Commit],
    ) -> Option<Bug> {
        let patch = self.tree.diff(revert.tree());
        let places = patch.touched_paths().into_iter().map(Location::File).collect();
        let ids = commits.iter().map(|commit| commit.id.clone()).collect();
        Some(Bug::new(operator, &self.tree, patch, what, places)?.with_commits(ids))
    }
}
