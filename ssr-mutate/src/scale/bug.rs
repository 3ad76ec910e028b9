//! Bugs of many edits, their operators and their ids.

use std::collections::BTreeSet;
use std::fmt;

use sha2::{Digest, Sha256};
use ssr_core::{Edit, Patch, RepoPath, Strategy, Tree};

use crate::{Difficulty, Location, Result};

/// An operator whose bugs consist of many edits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ScaleOperator {
    /// `FBR`: replaces the body of a function by `pass`, `raise` or a default value.
    Body,
    /// `FNR`: removes a function with its imports, re-exports and registrations.
    Function,
    /// `PRD`: removes a parameter with the code that handles it and the arguments for it.
    Parameter,
    /// `FLR`: removes a file with its imports and re-exports.
    File,
    /// `HKR`: removes functions that are connected in the call graph, with the statements that call
    /// them.
    Slice,
    /// `RVC`: reverts a commit of the history.
    Commit,
    /// `RVH`: reverts some hunks of a commit.
    Hunks,
    /// `RVN`: reverts several related commits.
    Commits,
    /// `HOM`: combines several related bugs.
    Composition,
}

impl ScaleOperator {
    /// Every scale operator, in the order of the catalogue.
    pub const ALL: &'static [Self] = &[
        Self::Body,
        Self::Function,
        Self::Parameter,
        Self::File,
        Self::Slice,
        Self::Commit,
        Self::Hunks,
        Self::Commits,
        Self::Composition,
    ];

    /// The short name of the catalogue, for example `FBR`.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Body => "FBR",
            Self::Function => "FNR",
            Self::Parameter => "PRD",
            Self::File => "FLR",
            Self::Slice => "HKR",
            Self::Commit => "RVC",
            Self::Hunks => "RVH",
            Self::Commits => "RVN",
            Self::Composition => "HOM",
        }
    }

    /// The version, which increases when the same input may give other bugs. It is part of every
    /// [`BugId`].
    #[must_use]
    pub fn version(self) -> u16 {
        1
    }

    /// How hard the bug is to repair.
    #[must_use]
    pub fn difficulty(self) -> Difficulty {
        match self {
            Self::Body | Self::Function => Difficulty::Easy,
            Self::Parameter | Self::File | Self::Hunks => Difficulty::Medium,
            Self::Slice | Self::Commit | Self::Commits | Self::Composition => Difficulty::Hard,
        }
    }

    /// The injection strategy of self-play that the operator belongs to (Self-play SWE-RL §2.4).
    #[must_use]
    pub fn strategy(self) -> Strategy {
        match self {
            Self::Body | Self::Function | Self::Parameter | Self::File | Self::Slice => {
                Strategy::Removal
            }
            Self::Commit | Self::Hunks | Self::Commits => Strategy::History,
            Self::Composition => Strategy::Operators,
        }
    }
}

impl fmt::Display for ScaleOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// The id of a [`Bug`]: the first 128 bits of SHA-256(operator, version, files before, patch).
///
/// Ids are equal exactly when the same operator makes the same change to the same files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BugId(u128);

impl BugId {
    /// The id as a number, uniformly distributed over all numbers.
    #[must_use]
    pub fn value(self) -> u128 {
        self.0
    }

    fn new(operator: ScaleOperator, tree: &Tree, patch: &Patch) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(operator.id());
        hasher.update(operator.version().to_le_bytes());
        for path in patch.touched_paths() {
            let file = tree.get(path.as_str());
            hasher.update(Sha256::digest(file.map_or(&[][..], |file| file.bytes())));
        }
        hasher.update(patch.to_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize()[..16]);
        Self(u128::from_be_bytes(bytes))
    }
}

impl fmt::Display for BugId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for BugId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A bug made by a [`ScaleOperator`]: a patch of one or more files.
#[derive(Clone)]
pub struct Bug {
    id: BugId,
    operator: ScaleOperator,
    patch: Patch,
    description: String,
    places: Vec<Location>,
    commits: Vec<String>,
}

impl Bug {
    /// `None` when the patch changes nothing.
    pub(crate) fn new(
        operator: ScaleOperator,
        tree: &Tree,
        patch: Patch,
        description: String,
        places: Vec<Location>,
    ) -> Option<Self> {
        let id = BugId::new(operator, tree, &patch);
        (!patch.is_empty()).then_some(Self {
            id,
            operator,
            patch,
            description,
            places,
            commits: Vec::new(),
        })
    }

    /// The same bug with the commits that it reverts.
    #[cfg(feature = "history")]
    pub(crate) fn with_commits(mut self, commits: Vec<String>) -> Self {
        self.commits = commits;
        self
    }

    /// The id. Equal seeds and equal trees give equal ids.
    #[must_use]
    pub fn id(&self) -> BugId {
        self.id
    }

    /// The operator that made the bug.
    #[must_use]
    pub fn operator(&self) -> ScaleOperator {
        self.operator
    }

    /// The change as a patch.
    #[must_use]
    pub fn patch(&self) -> &Patch {
        &self.patch
    }

    /// The functions or files that the operator chose. Code that was adapted to them is not listed.
    #[must_use]
    pub fn places(&self) -> &[Location] {
        &self.places
    }

    /// The hashes of the commits that the bug reverts, if any.
    #[must_use]
    pub fn commits(&self) -> &[String] {
        &self.commits
    }

    /// The paths that the patch changes.
    #[must_use]
    pub fn paths(&self) -> BTreeSet<RepoPath> {
        self.patch.touched_paths()
    }

    /// A description in one line, such as `FNR toolz/itertoolz.py: remove groupby (2 files)`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self.patch.files().len() {
            1 => format!("{} {} (1 file)", self.operator, self.description),
            files => format!("{} {} ({files} files)", self.operator, self.description),
        }
    }
}

impl fmt::Debug for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.describe())
    }
}

impl PartialEq for Bug {
    /// Bugs are equal when their ids are.
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Bug {}

/// The patch of edits and of removed files, in byte order of the paths.
pub(crate) fn patch_of(tree: &Tree, edits: &[Edit], removed: &[RepoPath]) -> Result<Patch> {
    let gone = tree.with_all(removed.iter().map(|path| (path.clone(), None)))?;
    let mut files: Vec<_> = Patch::from_edits(tree, edits)?.into_iter().collect();
    files.extend(tree.diff(&gone));
    files.sort_by(|a, b| a.path().cmp(b.path()));
    Ok(files.into_iter().collect())
}
