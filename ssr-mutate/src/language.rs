//! Programming languages behind one sealed trait, and the languages of this build.

use std::sync::Arc;

use ssr_core::RepoPath;

use crate::Operator;
use crate::finds::Finds;
use crate::site::Source;
use crate::weaken::{Means, Request, Weakened};

/// A programming language: its files and its operators.
///
/// The trait is sealed, so that the parser behind it is not part of this crate's interface. Get
/// the languages of this build from [`languages`].
pub trait Language: Engine + Sync {
    /// The name, in lower case.
    fn name(&self) -> &'static str;

    /// The file extensions, without dots.
    fn extensions(&self) -> &'static [&'static str];

    /// What begins a comment that ends with its line.
    fn line_comment(&self) -> &'static str;

    /// The operators, in the order of the catalogue.
    fn operators(&self) -> &'static [&'static Operator];

    /// Whether a file with this path holds tests, by the conventions of the language's runners.
    fn is_test_file(&self, path: &RepoPath) -> bool;

    /// Whether a file with this path holds code of the project's own: no tests, build scripts,
    /// documentation, generated or vendored code.
    fn is_source_file(&self, path: &RepoPath) -> bool;
}

/// What the engine needs from a language.
pub trait Engine {
    /// Parses the file, walks the tree once and reports what the `enabled` operators find, by
    /// position in [`Language::operators`].
    #[doc(hidden)]
    fn scan(&self, source: &Arc<Source>, enabled: &[bool], finds: &mut Finds);

    /// The edits that hide the tests, or the requests, by position, that lead nowhere.
    #[doc(hidden)]
    fn weaken(&self, text: &str, requests: &[Request<'_>]) -> Weakened;

    /// By what each of the tests can be hidden, short of its deletion.
    #[doc(hidden)]
    fn means(&self, _text: &str, requests: &[Request<'_>]) -> Vec<Means> {
        vec![Means::default(); requests.len()]
    }

    /// The number of syntax errors in the text of a file of that name.
    #[doc(hidden)]
    fn syntax_errors(&self, path: &RepoPath, text: &str) -> usize;
}

/// The languages that this build knows, by its features.
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
