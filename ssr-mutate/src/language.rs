//! Programming languages behind one sealed trait, and the languages of this build.

use std::ops::Range;
use std::sync::Arc;

use ssr_core::{Dose, RepoPath, Seed, Tree};

use crate::finds::Finds;
use crate::poison::{PoisonEdits, PoisonTarget};
use crate::repair::{Habits, PLAIN_WEIGHT, RepairProposal, RepairProposals};
use crate::site::Source;
use crate::weaken::{BrokenTest, Means, Weakened};
use crate::{Operator, Site};

/// A programming language: its files and its operators.
///
/// The trait is sealed, so that the parser behind it is not part of this crate's interface.
/// [`languages`] returns the languages of this build.
pub trait Language: Engine + Sync {
    /// The name, in lower case.
    fn name(&self) -> &'static str;

    /// The file extensions, without dots.
    fn extensions(&self) -> &'static [&'static str];

    /// The token that begins a line comment.
    fn line_comment(&self) -> &'static str;

    /// The operators of this language, in the order of the catalogue.
    fn operators(&self) -> &'static [&'static Operator];

    /// Whether a file with this path holds tests, by the conventions of the language's test
    /// runners.
    fn is_test_file(&self, path: &RepoPath) -> bool;

    /// Whether a file with this path holds code of the project's own; see
    /// [`is_source_file`](crate::is_source_file).
    fn is_source_file(&self, path: &RepoPath) -> bool;
}

/// The part of [`Language`] that depends on the parser. It is public only because a public trait
/// extends it, and cannot be named outside of this crate.
pub trait Engine {
    /// Parses the file, walks the tree once and reports the edits of the `enabled` operators, which
    /// are given by position in [`Language::operators`].
    #[doc(hidden)]
    fn scan(&self, source: &Arc<Source>, enabled: &[bool], finds: &mut Finds);

    /// The edits that hide the tests; or those tests, by position, that have no definition.
    #[doc(hidden)]
    fn weaken(&self, text: &str, tests: &[BrokenTest<'_>]) -> Weakened;

    /// How each of the tests can be weakened without deleting it.
    #[doc(hidden)]
    fn means(&self, _text: &str, tests: &[BrokenTest<'_>]) -> Vec<Means> {
        vec![Means::default(); tests.len()]
    }

    /// The edits that poison the tests.
    #[doc(hidden)]
    fn poison(
        &self,
        _text: &str,
        _targets: &[PoisonTarget<'_>],
        _dose: Dose,
        _seed: Seed,
    ) -> PoisonEdits {
        PoisonEdits::default()
    }

    /// The edits that empty the tests.
    #[doc(hidden)]
    fn hollow(&self, _text: &str, _targets: &[PoisonTarget<'_>]) -> PoisonEdits {
        PoisonEdits::default()
    }

    /// Edits that may undo a bug in the region, which is a range of bytes, and some outside of it.
    #[doc(hidden)]
    fn repairs<'a>(
        &'a self,
        tree: &Tree,
        source: &'a Arc<Source>,
        region: &Range<usize>,
        habits: &Habits,
    ) -> RepairProposals<'a>;

    /// The number of syntax errors in the text of a file of that name.
    #[doc(hidden)]
    fn syntax_errors(&self, path: &RepoPath, text: &str) -> usize;
}

/// The edits of all operators of a language in the region.
pub(crate) fn own_repairs<'a>(
    language: &'a dyn Language,
    source: &'a Arc<Source>,
    region: &Range<usize>,
) -> RepairProposals<'a> {
    let mut finds = Finds::default();
    language.scan(source, &vec![true; language.operators().len()], &mut finds);
    let mut sites = finds.into_sites(source, language.operators());
    sites.retain(|site| region.start <= site.range().start && site.range().end <= region.end);
    let proposal = |site: Site| RepairProposal {
        range: site.range(),
        origin: site.operator().id,
        structural: site.operator().structural,
        replacement: site.replacement,
        weight: PLAIN_WEIGHT,
    };
    let errors = |text: &str| language.syntax_errors(&source.path, text);
    let before = errors(&source.text);
    let keeps_syntax = move |one: &RepairProposal| errors(&one.applied(&source.text)) <= before;
    RepairProposals {
        found: sites.into_iter().map(proposal).collect(),
        keeps_syntax: Box::new(keeps_syntax),
    }
}

/// The languages of this build, which its features select.
#[must_use]
pub fn languages() -> &'static [&'static dyn Language] {
    static LANGUAGES: &[&dyn Language] = &[
        #[cfg(feature = "python")]
        &crate::python::Python,
        #[cfg(feature = "rust")]
        &crate::rust::RUST,
        #[cfg(feature = "java")]
        &crate::java::JAVA,
        #[cfg(feature = "go")]
        &crate::go::GO,
        #[cfg(feature = "javascript")]
        &crate::javascript::JAVASCRIPT,
        #[cfg(feature = "c")]
        &crate::c::C,
    ];
    LANGUAGES
}

/// The language of a file, by its extension.
pub(crate) fn language_of(path: &RepoPath) -> Option<&'static dyn Language> {
    let extension = path.extension()?;
    languages().iter().find(|language| language.extensions().contains(&extension)).copied()
}

/// Every operator of every language of this build.
pub fn operators() -> impl Iterator<Item = &'static Operator> {
    languages().iter().flat_map(|language| language.operators().iter().copied())
}
