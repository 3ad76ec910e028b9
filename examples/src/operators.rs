//! Bug operators in self-play: as bugs to propose, and as edits that may undo one.

use std::collections::BTreeSet;
use std::ops::Range;

use ssr_core::{Edit, Patch, RepoPath, Seed, Strategy, TestId, Tree};
use ssr_mutate::{Mutator, RepairEdit, Site, Style, weaken_least};
use ssr_rl::{Candidate, EditSource, Injector};

/// The most runs of the suite to find the least weakening of one bug.
pub(crate) const WEAKENING_RUNS: usize = 12;

/// Proposes the sites of bug operators ([`Strategy::Operators`]).
pub struct OperatorInjector {
    mutator: Mutator,
    sites: Vec<Site>,
}

impl OperatorInjector {
    /// Finds every site in the sources of `tree`.
    pub fn new(tree: &Tree) -> Self {
        let mutator = Mutator::new();
        let sites = mutator.sites(tree);
        Self { mutator, sites }
    }

    /// How many sites there are.
    pub fn len(&self) -> usize {
        self.sites.len()
    }

    /// Whether there is no site.
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }
}

impl Injector for OperatorInjector {
    fn strategy(&self) -> Strategy {
        Strategy::Operators
    }

    fn candidates(&self, _tree: &Tree, count: usize, seed: Seed) -> ssr_rl::Result<Vec<Candidate>> {
        let sites = self.mutator.sample(&self.sites, count, seed);
        let candidate = |site: &Site| {
            let patch = site.edit().to_patch(site.source().as_bytes())?;
            let detail = format!("{} ({})", site.describe(), site.id());
            Ok(Candidate::new(site.describe(), patch, detail))
        };
        let candidates: Result<_, ssr_core::Error> = sites.iter().map(candidate).collect();
        candidates.map_err(|error| ssr_rl::Error::injector("rendering a bug", error))
    }

    /// Tests without a definition in the text, such as generated ones, stay unchanged. The
    /// weakening hides the others.
    fn weaken(
        &self,
        tree: &Tree,
        broken: &BTreeSet<TestId>,
        seed: Seed,
        failing: &mut dyn FnMut(&Patch) -> ssr_rl::Result<BTreeSet<TestId>>,
    ) -> ssr_rl::Result<Option<Patch>> {
        weaken_least(tree, broken, Style::Mixed, seed, WEAKENING_RUNS, failing)
    }
}

/// The edits of operators and their inverses on the buggy tree, as candidates of a solver that ranks.
#[derive(Debug, Clone, Default)]
pub struct OperatorEdits(Mutator);

impl EditSource for OperatorEdits {
    fn edits(&self, tree: &Tree, path: &RepoPath, lines: Range<usize>, most: usize) -> Vec<Edit> {
        self.0.candidates(tree, path, lines, most).iter().map(RepairEdit::edit).collect()
    }
}
