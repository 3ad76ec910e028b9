//! Composes related bugs into one of higher order (`HOM`).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use ssr_core::{Edit, Patch, Seed, Tree};

use super::{Bug, ScaleOperator};
use crate::{Location, Site};

/// A part of a composition: a site, or a bug of a [`ScaleOperator`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// One edit.
    Site(Site),
    /// A patch.
    Bug(Bug),
}

impl From<Site> for Part {
    fn from(site: Site) -> Self {
        Self::Site(site)
    }
}

impl From<Bug> for Part {
    fn from(bug: Bug) -> Self {
        Self::Bug(bug)
    }
}

impl Part {
    /// The printed id of the site or bug.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Site(site) => site.id().to_string(),
            Self::Bug(bug) => bug.id().to_string(),
        }
    }

    /// A description in one line.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Site(site) => site.describe(),
            Self::Bug(bug) => bug.describe(),
        }
    }

    /// The functions or files that the part changes.
    #[must_use]
    pub fn places(&self) -> Vec<Location> {
        match self {
            Self::Site(site) => vec![site.location()],
            Self::Bug(bug) => bug.places().to_vec(),
        }
    }

    fn commits(&self) -> &[String] {
        match self {
            Self::Site(_) => &[],
            Self::Bug(bug) => bug.commits(),
        }
    }
}

/// Why two parts are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Relation {
    /// Both are in the same function.
    Function,
    /// One is in a function that calls the function of the other.
    Call,
    /// Both are in methods of one class that use the same attribute of `self`.
    Attribute,
    /// Both revert changes of the same commit.
    Commit,
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Function => "same function",
            Self::Call => "caller and callee",
            Self::Attribute => "shared attribute",
            Self::Commit => "same commit",
        })
    }
}

/// Several related bugs, combined into one.
#[derive(Debug, Clone)]
pub struct Composition {
    bug: Bug,
    parts: Vec<Part>,
    relations: Vec<Relation>,
}

impl Composition {
    /// The combined bug.
    #[must_use]
    pub fn bug(&self) -> &Bug {
        &self.bug
    }

    /// The parts, in the order of drawing. Each part is a bug of its own; an
    /// [`Interaction`](crate::Interaction) compares the tests that fail with each part alone.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// How the second part and each later one is related to an earlier part.
    #[must_use]
    pub fn relations(&self) -> &[Relation] {
        &self.relations
    }
}

/// `HOM`: draws compositions of related bugs whose edits do not overlap.
///
/// The parts should be bugs that were validated alone. [`Interaction`](crate::Interaction) decides
/// from the failing tests which compositions to keep. Relations by calls and attributes are found
/// in Python only.
///
/// ```
/// use ssr_core::{File, RepoPath, Seed, Tree};
/// use ssr_mutate::{Composer, Mutator};
///
/// let files = [
///     ("pkg/a.py", "from pkg.b import limit\n\n\ndef late(day):\n    return day > limit(day)\n"),
///     ("pkg/b.py", "def limit(day):\n    return day + 30\n"),
/// ];
/// let file = |(path, text): (&str, &str)| Ok((RepoPath::new(path)?, File::new(text.as_bytes())));
/// let tree = Tree::from_files(files.into_iter().map(file).collect::<Result<Vec<_>, ssr_core::Error>>()?)?;
///
/// let sites = Mutator::new().sites(&tree);
/// let composer = Composer::new(&tree, sites.into_iter().map(Into::into).collect());
/// let drawn = composer.sample(2, 50, Seed::new(7));
/// assert!(drawn.iter().any(|composition| composition.bug().paths().len() == 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Composer<'a> {
    tree: &'a Tree,
    parts: Vec<Part>,
    /// The parts at each place.
    at: BTreeMap<Location, Vec<usize>>,
    /// The parts of each commit.
    of: BTreeMap<String, Vec<usize>>,
    links: Links,
}

/// The places that are related to each place, by a call or an attribute.
pub(crate) type Links = BTreeMap<Location, BTreeSet<(Relation, Location)>>;

impl<'a> Composer<'a> {
    /// A composer of bugs of this tree.
    pub fn new(tree: &'a Tree, parts: Vec<Part>) -> Self {
        let (mut at, mut of) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        // Sorted by id, so that the draws do not depend on the order of the parts.
        let mut parts: Vec<_> = parts.into_iter().map(|part| (part.id(), part)).collect();
        parts.sort_by(|a, b| a.0.cmp(&b.0));
        parts.dedup_by(|a, b| a.0 == b.0);
        let parts: Vec<_> = parts.into_iter().map(|(_, part)| part).collect();
        for (index, part) in parts.iter().enumerate() {
            for place in part.places() {
                at.entry(place).or_default().push(index);
            }
            for commit in part.commits() {
                of.entry(commit.clone()).or_default().push(index);
            }
        }
        #[cfg(feature = "python")]
        let links = crate::python::links(tree);
        #[cfg(not(feature = "python"))]
        let links = Links::new();
        Self { tree, parts, at, of, links }
    }

    /// The parts, in the order of their ids.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Draws up to `n` different compositions of `order` parts each, at least two.
    ///
    /// The first part is drawn uniformly. For each further part, an earlier part, a relation and a
    /// part with that relation are drawn uniformly. Fewer than `n` are returned if the parts have
    /// too few relations. The result depends on the set of the parts, the tree and the seed alone.
    #[must_use]
    pub fn sample(&self, order: usize, n: usize, seed: Seed) -> Vec<Composition> {
        let seed = seed.derive("ssr-mutate composition");
        let (mut drawn, mut seen) = (Vec::new(), HashSet::new());
        // If few compositions exist, most draws repeat an earlier one: bound their number.
        let tries = n.saturating_mul(8).saturating_add(64).min(1 << 24) as u64;
        for draw in 0..tries {
            if drawn.len() == n {
                break;
            }
            let composition = self.draw(order.max(2), seed.index(draw));
            drawn.extend(composition.filter(|c| seen.insert(c.bug.patch().to_bytes())));
        }
        drawn
    }

    fn draw(&self, order: usize, seed: Seed) -> Option<Composition> {
        self.parts.first()?;
        let mut chosen = vec![seed.derive("first").below(self.parts.len())];
        let mut relations = Vec::new();
        while chosen.len() < order {
            let seed = seed.derive("next").index(chosen.len() as u64);
            let (relation, part) = self.next(&chosen, seed)?;
            chosen.push(part);
            relations.push(relation);
        }
        let parts: Vec<_> = chosen.into_iter().map(|index| self.parts[index].clone()).collect();
        let patch = combine(self.tree, &parts)?;
        let places: BTreeSet<_> = parts.iter().flat_map(Part::places).collect();
        let what: Vec<_> = parts.iter().map(Part::describe).collect();
        let places = places.into_iter().collect();
        let operator = ScaleOperator::Composition;
        let bug = Bug::new(operator, self.tree, patch, what.join(" + "), places)?;
        Some(Composition { bug, parts, relations })
    }

    /// A part that is related to one of the chosen parts.
    ///
    /// The relation is drawn before the part: a function with many sites would otherwise be drawn
    /// far more often than the functions that it calls, and few compositions would span files.
    fn next(&self, chosen: &[usize], seed: Seed) -> Option<(Relation, usize)> {
        let anchor = &self.parts[chosen[seed.derive("anchor").below(chosen.len())]];
        let places = anchor.places();
        let mut groups: BTreeMap<Relation, BTreeSet<usize>> = BTreeMap::new();
        let mut add = |relation, parts: Option<&Vec<usize>>| {
            let new = parts.into_iter().flatten().filter(|part| !chosen.contains(part));
            let mut new = new.copied().peekable();
            if new.peek().is_some() {
                groups.entry(relation).or_default().extend(new);
            }
        };
        for place in &places {
            if matches!(place, Location::Function(..)) {
                add(Relation::Function, self.at.get(place));
            }
            for (relation, other) in self.links.get(place).into_iter().flatten() {
                add(*relation, self.at.get(other));
            }
        }
        for commit in anchor.commits() {
            add(Relation::Commit, self.of.get(commit));
        }
        let (relation, parts) = groups.iter().nth(seed.derive("relation").below(groups.len()))?;
        let part = parts.iter().nth(seed.derive("part").below(parts.len()))?;
        Some((*relation, *part))
    }
}

/// The patch of all parts; `None` if two of them overlap.
///
/// Sites are applied together, because their ranges refer to the unchanged files. Bugs are patches
/// and are applied to the result one after the other, so that hunks may move.
fn combine(tree: &Tree, parts: &[Part]) -> Option<Patch> {
    let sites = parts.iter().filter_map(|part| match part {
        Part::Site(site) => Some(site.edit()),
        Part::Bug(_) => None,
    });
    let mut edits: Vec<Edit> = sites.collect();
    edits.sort_by(|a, b| (&a.path, a.range.start).cmp(&(&b.path, b.range.start)));
    // Two edits that touch have no defined order.
    let apart =
        |pair: &[Edit]| pair[0].path != pair[1].path || pair[0].range.end < pair[1].range.start;
    if !edits.windows(2).all(apart) {
        return None;
    }
    let patch = Patch::from_edits(tree, &edits).ok()?;
    let mut bugs = parts.iter().filter_map(|part| match part {
        Part::Bug(bug) => Some(bug),
        Part::Site(_) => None,
    });
    let Some(first) = bugs.next() else { return Some(patch) };
    let mut after = tree.apply(&patch).ok()?;
    for bug in std::iter::once(first).chain(bugs) {
        after = after.apply(bug.patch()).ok()?;
    }
    Some(tree.diff(&after))
}
