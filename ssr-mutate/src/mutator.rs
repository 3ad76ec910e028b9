//! Finds the sites of a text or of a tree, with a profile, caps and coverage.

use std::collections::HashMap;
use std::sync::Arc;

#[cfg(feature = "parallel")]
use rayon::prelude::*;
use ssr_core::{RepoPath, Seed, Tree};

use crate::files::source_texts;
use crate::finds::Finds;
use crate::language::{Language, language_of, operators};
use crate::repair::Habits;
use crate::site::Source;
use crate::{Coverage, Error, Profile, Result, Sampler, Site};

/// A longer file is data, not a program to break.
pub(crate) const MAX_FILE_BYTES: usize = 4 << 20;

/// Every site in `source`, in document order, with all operators and without caps.
///
/// The extension of `path` determines the language. No site is found in a file of an unknown
/// language, in one of more than 4 MiB, or in code that nests more than a thousand levels deep.
///
/// ```
/// use ssr_core::RepoPath;
///
/// let source = "def first(items, n):\n    return items[:n] if n < 3 else items\n";
/// let sites = ssr_mutate::sites(&RepoPath::new("a.py")?, source);
/// let boundary = sites.iter().find(|site| site.operator().id == "RBR").unwrap();
/// assert_eq!(boundary.describe(), "a.py:2 in first: RBR `<` → `<=`");
/// assert!(boundary.mutated().contains("n <= 3"));
/// # Ok::<(), ssr_core::Error>(())
/// ```
#[must_use]
pub fn sites(path: &RepoPath, source: &str) -> Vec<Site> {
    let enabled = |_: &str| true;
    language_of(path).map_or_else(Vec::new, |language| scan(language, path, source, enabled))
}

fn scan(
    language: &dyn Language,
    path: &RepoPath,
    text: &str,
    enabled: impl Fn(&str) -> bool,
) -> Vec<Site> {
    if text.len() > MAX_FILE_BYTES {
        return Vec::new();
    }
    let source = Source::new(path, text);
    let enabled: Vec<_> = language.operators().iter().map(|o| enabled(o.id)).collect();
    let mut finds = Finds::default();
    language.scan(&source, &enabled, &mut finds);
    finds.into_sites(&source, language.operators())
}

/// Bounds on the sites that a [`Mutator`] keeps, so that a table of constants or one long function
/// does not dominate.
///
/// Where there are more sites, those with the lowest ids are kept. Ids are hashes, so the choice is
/// uniform and needs no seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caps {
    /// The most sites on one line; 8 by default.
    pub per_line: usize,
    /// The most sites in one function; 64 by default. Code outside of functions counts as one
    /// function.
    pub per_function: usize,
    /// Length of a line in bytes above which nothing on it is mutated; 400 by default.
    pub line_bytes: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { per_line: 8, per_function: 64, line_bytes: 400 }
    }
}

impl Caps {
    /// Sets the most sites on one line.
    #[must_use]
    pub fn with_per_line(mut self, per_line: usize) -> Self {
        self.per_line = per_line;
        self
    }

    /// Sets the most sites in one function.
    #[must_use]
    pub fn with_per_function(mut self, per_function: usize) -> Self {
        self.per_function = per_function;
        self
    }

    /// Sets the length of a line in bytes above which nothing on it is mutated.
    #[must_use]
    pub fn with_line_bytes(mut self, line_bytes: usize) -> Self {
        self.line_bytes = line_bytes;
        self
    }
}

/// Finds the sites of a whole repository.
///
/// ```
/// use ssr_core::{File, RepoPath, Seed, Tree};
/// use ssr_mutate::Mutator;
///
/// let code = File::new(*b"def last(items):\n    return items[len(items) - 1]\n");
/// let test = File::new(*b"def test_last():\n    assert last([1, 2]) == 2\n");
/// let tree = Tree::from_files([
///     (RepoPath::new("pkg/last.py")?, code),
///     (RepoPath::new("tests/test_last.py")?, test),
/// ])?;
/// let mutator = Mutator::builder().operators(["CRP", "RTV"])?.build();
/// let sites = mutator.sites(&tree);
/// assert!(sites.iter().all(|site| site.path().as_str() == "pkg/last.py"));
/// assert_eq!(mutator.sample(&sites, 2, Seed::new(7)).len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Mutator {
    profile: Profile,
    caps: Caps,
    /// The lines that tests execute; `None` allows all lines.
    coverage: Option<Arc<Coverage>>,
    /// What is known of the files that candidates were asked for.
    pub(crate) habits: Habits,
}

impl Mutator {
    /// A mutator with the operators of [`Profile::Classic42`] and the default [`Caps`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A builder with the settings of [`Mutator::new`].
    pub fn builder() -> MutatorBuilder {
        MutatorBuilder(Self::new())
    }

    /// The sites in all source files of the tree, ordered by path and then by position. See
    /// [`source_files`](crate::source_files) for which files these are.
    #[must_use]
    pub fn sites(&self, tree: &Tree) -> Vec<Site> {
        let sources: Vec<_> = source_texts(tree).collect();
        let found = |(path, text): &(&RepoPath, &str)| self.sites_in(path, text);
        #[cfg(feature = "parallel")]
        return sources.par_iter().flat_map_iter(found).collect();
        #[cfg(not(feature = "parallel"))]
        return sources.iter().flat_map(found).collect();
    }

    /// The sites in one file, even if its path is not that of a source file.
    #[must_use]
    pub fn sites_in(&self, path: &RepoPath, source: &str) -> Vec<Site> {
        let Some(language) = language_of(path) else { return Vec::new() };
        let mut sites = scan(language, path, source, |id| self.profile.contains(id));
        if let Some(coverage) = &self.coverage {
            sites.retain(|site| coverage.covers(path, site.line()));
        }
        self.cap(&mut sites, source);
        sites
    }

    fn cap(&self, sites: &mut Vec<Site>, source: &str) {
        let long_line = |line: &str| line.len() > self.caps.line_bytes;
        let long: Vec<bool> = source.lines().map(long_line).collect();
        sites.retain(|site| !long.get(site.line() - 1).copied().unwrap_or(false));

        // The lowest ids are a uniform choice that does not depend on the order of the operators.
        let mut by_id: Vec<usize> = (0..sites.len()).collect();
        by_id.sort_by_cached_key(|&index| sites[index].id());
        let mut keep = vec![false; sites.len()];
        let mut lines: HashMap<u32, usize> = HashMap::new();
        let mut functions: HashMap<Option<&str>, usize> = HashMap::new();
        for index in by_id {
            let site = &sites[index];
            let on_line = lines.entry(site.line).or_default();
            let in_function = functions.entry(site.function()).or_default();
            if *on_line < self.caps.per_line && *in_function < self.caps.per_function {
                (*on_line, *in_function) = (*on_line + 1, *in_function + 1);
                keep[index] = true;
            }
        }
        let mut keep = keep.into_iter();
        sites.retain(|_| keep.next().unwrap_or(false));
    }

    /// Whether the edit leaves the file with no more syntax errors than before.
    ///
    /// This parses the file twice, so call it for drawn sites, not for all. Edits of operators that
    /// are not [structural](crate::Operator::structural) are well formed by construction and are
    /// not parsed.
    #[must_use]
    pub fn is_well_formed(&self, site: &Site) -> bool {
        if !site.operator().structural {
            return true;
        }
        language_of(site.path()).is_some_and(|language| {
            let errors = |text| language.syntax_errors(site.path(), text);
            errors(&site.mutated()) <= errors(site.source())
        })
    }

    /// As [`sample`](crate::sample), without sites that are not
    /// [well formed](Mutator::is_well_formed).
    #[must_use]
    pub fn sample(&self, sites: &[Site], n: usize, seed: Seed) -> Vec<Site> {
        self.draw(sites, n, &Sampler::new(seed))
    }

    /// As [`Sampler::draw`], without sites that are not [well formed](Mutator::is_well_formed).
    #[must_use]
    pub fn draw(&self, sites: &[Site], n: usize, sampler: &Sampler<'_>) -> Vec<Site> {
        let drawn = sampler.order(sites);
        drawn.filter(|site| self.is_well_formed(site)).take(n).cloned().collect()
    }
}

/// Settings of a [`Mutator`].
#[derive(Debug, Clone)]
#[must_use]
pub struct MutatorBuilder(Mutator);

impl MutatorBuilder {
    /// Enables the operators of the profile.
    ///
    /// # Errors
    /// [`Error::UnknownOperator`] for a custom id that no language of this build has.
    pub fn profile(mut self, profile: Profile) -> Result<Self> {
        if let Profile::Custom(ids) = &profile
            && let Some(id) = ids.iter().find(|id| !operators().any(|known| known.id == **id))
        {
            return Err(unknown(id));
        }
        self.0.profile = profile;
        Ok(self)
    }

    /// Enables the operators with these ids alone ([`Profile::Custom`]).
    ///
    /// # Errors
    /// As [`MutatorBuilder::profile`].
    pub fn operators<I>(self, ids: I) -> Result<Self>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let ids = ids.into_iter().map(|id| id.as_ref().to_owned()).collect();
        self.profile(Profile::Custom(ids))
    }

    /// Replaces the default caps.
    pub fn caps(mut self, caps: Caps) -> Self {
        self.0.caps = caps;
        self
    }

    /// Mutates only lines that some test executes. The caps count only sites on those lines.
    pub fn coverage(mut self, coverage: Coverage) -> Self {
        self.0.coverage = Some(Arc::new(coverage));
        self
    }

    /// The mutator.
    pub fn build(self) -> Mutator {
        self.0
    }
}

fn unknown(id: &str) -> Error {
    let mut known: Vec<_> = operators().map(|operator| operator.id).collect();
    known.sort_unstable();
    known.dedup();
    Error::UnknownOperator { id: id.to_owned(), known: known.join(", ") }
}
