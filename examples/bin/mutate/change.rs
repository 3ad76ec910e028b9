use ssr_core::{Patch, Provenance, Seed};
use ssr_examples::{Failure, Package, Result};
use ssr_mutate::{Bug, Coverage, Mutator, Remover, ScaleOperator, Site};

use crate::{Args, Strategy};

/// One change of the code, not yet tried.
pub struct Change {
    pub patch: Patch,
    /// The row of the table that it belongs to: its operator.
    pub row: String,
    /// Names it among all changes.
    pub id: String,
    /// One line for people.
    pub description: String,
    pub strategy: ssr_core::Strategy,
}

impl Change {
    pub fn provenance(&self) -> Provenance {
        let detail = format!("{} ({})", self.description, self.id);
        Provenance { strategy: self.strategy, detail }
    }
}

/// The changes that the arguments ask for; on lines that are covered, where that is known.
pub fn changes(args: &Args, package: &Package, coverage: Option<Coverage>) -> Result<Vec<Change>> {
    match args.strategy {
        Strategy::Operators => operators(args, package, coverage),
        Strategy::Removal => removal(args, package),
    }
}

fn operators(args: &Args, package: &Package, coverage: Option<Coverage>) -> Result<Vec<Change>> {
    let wrong = |error: ssr_mutate::Error| Failure::input(error.to_string());
    let mut builder = Mutator::builder().profile(args.profile()).map_err(wrong)?;
    if let Some(coverage) = coverage {
        builder = builder.coverage(coverage);
    }
    let mutator = builder.build();
    let sites = mutator.sites(&package.tree);
    if sites.is_empty() {
        return Err(Failure::input(format!(
            "{}: no operator finds a site in its sources",
            package.label
        )));
    }
    let change = |site: &Site| {
        Ok(Change {
            patch: site.patch().map_err(wrong)?,
            row: site.operator().id.to_owned(),
            id: site.id().to_string(),
            description: site.describe(),
            strategy: ssr_core::Strategy::Operators,
        })
    };
    mutator.sample(&sites, args.count, Seed::new(args.seed)).iter().map(change).collect()
}

fn removal(args: &Args, package: &Package) -> Result<Vec<Change>> {
    let operators: Vec<_> = ScaleOperator::ALL
        .into_iter()
        .filter(|operator| operator.strategy() == ssr_core::Strategy::Removal)
        .collect();
    let bugs = Remover::new(&package.tree).sample(&operators, args.count, Seed::new(args.seed));
    if bugs.is_empty() {
        return Err(Failure::input(format!(
            "{}: nothing in its sources can be removed",
            package.label
        )));
    }
    Ok(bugs.iter().map(Change::of_bug).collect())
}

impl Change {
    fn of_bug(bug: &Bug) -> Self {
        Self {
            patch: bug.patch().clone(),
            row: bug.operator().id().to_owned(),
            id: bug.id().to_string(),
            description: bug.describe(),
            strategy: bug.operator().strategy(),
        }
    }
}
