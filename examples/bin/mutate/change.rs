//! Draws changes of the code by the chosen strategy: operators, removal, history or composition.

use ssr_core::{Patch, Provenance, Seed};
use ssr_examples::{Failure, Package, Result};
use ssr_mutate::{
    Bug, Composer, Composition, Coverage, History, HistoryBounds, Mutator, Part, Remover,
    ScaleOperator, Site,
};

use crate::{Args, Strategy};

/// One change of the code whose effect on the tests is not yet known.
pub struct Change {
    pub patch: Patch,
    /// The row of the table that it belongs to: its operator.
    pub row: String,
    /// The id of the change.
    pub id: String,
    /// A description in one line.
    pub description: String,
    pub strategy: ssr_core::Strategy,
    /// The parts of a composition; empty for other changes.
    pub parts: Vec<Patch>,
}

impl Change {
    pub fn provenance(&self) -> Provenance {
        let detail = format!("{} ({})", self.description, self.id);
        Provenance { strategy: self.strategy, detail }
    }
}

/// Draws changes by the arguments. With `coverage`, only sites on executed lines are drawn.
pub fn changes(args: &Args, package: &Package, coverage: Option<Coverage>) -> Result<Vec<Change>> {
    match args.strategy {
        Strategy::Operators => operators(args, package, coverage),
        Strategy::Removal => removal(args, package),
        Strategy::History => history(args, package),
        Strategy::Compose => compose(args, package, coverage),
    }
}

/// The sites of the operators, and the mutator that draws from them.
fn sites(
    args: &Args,
    package: &Package,
    coverage: Option<Coverage>,
) -> Result<(Mutator, Vec<Site>)> {
    let mut builder = Mutator::builder().profile(args.profile()).map_err(wrong)?;
    if let Some(coverage) = coverage {
        builder = builder.coverage(coverage);
    }
    let mutator = builder.build();
    let sites = mutator.sites(&package.tree);
    match sites.as_slice() {
        [] => Err(nothing(package, "no operator finds a site in its sources")),
        _ => Ok((mutator, sites)),
    }
}

fn operators(args: &Args, package: &Package, coverage: Option<Coverage>) -> Result<Vec<Change>> {
    let (mutator, sites) = sites(args, package, coverage)?;
    let change = |site: &Site| {
        Ok(Change {
            patch: site.patch().map_err(wrong)?,
            row: site.operator().id.to_owned(),
            id: site.id().to_string(),
            description: site.describe(),
            strategy: ssr_core::Strategy::Operators,
            parts: Vec::new(),
        })
    };
    mutator.sample(&sites, args.count, Seed::new(args.seed)).iter().map(change).collect()
}

fn removal(args: &Args, package: &Package) -> Result<Vec<Change>> {
    let operators = scale_operators(ssr_core::Strategy::Removal);
    let bugs = Remover::new(&package.tree).sample(&operators, args.count, Seed::new(args.seed));
    match bugs.as_slice() {
        [] => Err(nothing(package, "nothing in its sources can be removed")),
        bugs => Ok(bugs.iter().map(Change::of_bug).collect()),
    }
}

fn history(args: &Args, package: &Package) -> Result<Vec<Change>> {
    let Some(folder) = &args.repo else {
        return Err(nothing(package, "a package has no history; give a git checkout with --repo"));
    };
    let history = History::read(folder, &HistoryBounds::default()).map_err(wrong)?;
    let operators = scale_operators(ssr_core::Strategy::History);
    let mut bugs = history.sample(&operators, args.count, Seed::new(args.seed));
    // The folder may differ from its last commit.
    bugs.retain(|bug| package.tree.apply(bug.patch()).is_ok());
    match bugs.as_slice() {
        [] => Err(nothing(package, "no commit of its history can be reverted")),
        bugs => Ok(bugs.iter().map(Change::of_bug).collect()),
    }
}

/// Pairs of related sites.
fn compose(args: &Args, package: &Package, coverage: Option<Coverage>) -> Result<Vec<Change>> {
    let (_, sites) = sites(args, package, coverage)?;
    let composer = Composer::new(&package.tree, sites.into_iter().map(Part::from).collect());
    let change = |composition: &Composition| {
        let part = |part: &Part| match part {
            Part::Site(site) => site.patch().map_err(wrong),
            Part::Bug(bug) => Ok(bug.patch().clone()),
            _ => Ok(Patch::default()),
        };
        let parts: Result<_> = composition.parts().iter().map(part).collect();
        Ok(Change { parts: parts?, ..Change::of_bug(composition.bug()) })
    };
    composer.sample(2, args.count, Seed::new(args.seed)).iter().map(change).collect()
}

fn scale_operators(strategy: ssr_core::Strategy) -> Vec<ScaleOperator> {
    let all = ScaleOperator::ALL.iter().copied();
    all.filter(|operator| operator.strategy() == strategy).collect()
}

fn wrong(error: ssr_mutate::Error) -> Failure {
    Failure::input(error.to_string())
}

fn nothing(package: &Package, why: &str) -> Failure {
    Failure::input(format!("{}: {why}", package.label))
}

impl Change {
    fn of_bug(bug: &Bug) -> Self {
        Self {
            patch: bug.patch().clone(),
            row: bug.operator().id().to_owned(),
            id: bug.id().to_string(),
            description: bug.describe(),
            strategy: bug.operator().strategy(),
            parts: Vec::new(),
        }
    }
}
