//! Removes the tests that a bug breaks from the test files.

mod broken;
mod climb;
mod least;

use std::collections::{BTreeMap, BTreeSet};

use ssr_core::{Edit, File, Patch, RepoPath, Seed, TestId, Tree};

use crate::language::language_of;
use crate::{Error, NotFound, Result, is_test_file};
pub use broken::{BrokenTest, Means, Weakened};
#[cfg(feature = "python")]
pub(crate) use broken::{Level, Plan};
use broken::{Missing, broken_tests};
pub use least::weaken_least;

/// How [`weaken`] hides a broken test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Style {
    /// Deletes the test function, or one of its parametrised cases where that is simple.
    #[default]
    Delete,
    /// Deletes the assertions and keeps the other statements of the test. An assertion that shares
    /// a line with other code is loosened. A test that would do nothing afterwards is deleted. The
    /// test may still fail, for example where the buggy code raises an exception.
    Assertions,
    /// Gives each assertion its loosest form: `a == b` becomes `a is not None`, and
    /// `raises(E, match="…")` becomes `raises(Exception)`. An assertion without a looser form is
    /// deleted. The test may still fail.
    Loosen,
    /// One of the other styles for each test, chosen by the seed.
    Mixed,
}

impl Style {
    /// The style of one test: never [`Style::Mixed`].
    fn drawn(self, seed: Seed) -> Self {
        match self {
            Self::Mixed => [Self::Delete, Self::Assertions, Self::Loosen][seed.below(3)],
            style => style,
        }
    }
}

/// Makes the patch that hides a bug: it removes the `broken` tests from the tree's test files and
/// leaves every other byte unchanged. `None` if there is nothing to remove, as for no broken tests.
///
/// The reversed patch is the specification that a solver sees (Self-play SWE-RL §2.2,
/// `test_weaken.diff`).
///
/// The ids are pytest's: `path::test`, `path::Class::test`, `path::test[case]`. Methods of
/// `unittest.TestCase` classes work as well. A broken case of a parametrised test is dropped alone
/// if the cases are literals in a single `parametrize`, so that pytest's ids follow from them.
/// Otherwise the whole test is deleted. A block left empty gets a `pass`.
///
/// A deleted test that the rest of its file uses is kept as a helper: `test_a` is renamed to
/// `_test_a`. An inherited test is hidden in the inheriting class by `test_a = None`, unless its
/// definition is deleted too. A deleted definition is gone for every class that inherits it.
///
/// ```
/// use ssr_core::{File, RepoPath, Seed, Tree};
/// use ssr_mutate::{Style, weaken};
///
/// let tests = "def test_a():\n    assert f() == 1\n\n\ndef test_b():\n    assert f() == 2\n";
/// let tree = Tree::from_files([(RepoPath::new("test_f.py")?, File::new(tests.as_bytes()))])?;
/// let broken = ["test_f.py::test_a".into()].into();
/// let patch = weaken(&tree, &broken, Style::Delete, Seed::new(7))?.expect("a test to delete");
/// let weakened = tree.apply(&patch)?;
/// let text = weakened.get("test_f.py").and_then(|file| file.text());
/// assert_eq!(text, Some("def test_b():\n    assert f() == 2\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::TestsNotFound`] lists every id without a definition in its file, each with the reason;
/// the call can be repeated without them. [`Error::WeakenedSyntax`] if a file would gain a syntax
/// error.
pub fn weaken(
    tree: &Tree,
    broken: &BTreeSet<TestId>,
    style: Style,
    seed: Seed,
) -> Result<Option<Patch>> {
    let mut files: BTreeMap<&str, Vec<&TestId>> = BTreeMap::new();
    for id in broken {
        files.entry(id.file()).or_default().push(id);
    }
    let (mut edits, mut missing) = (Vec::new(), Vec::new());
    for (file, ids) in files {
        let Some(text) = tree.get(file).and_then(File::text) else {
            missing.extend(ids.into_iter().map(|id| (id.clone(), NotFound::File)));
            continue;
        };
        let path = RepoPath::new(file)?;
        match weaken_file(&path, text, &ids, style, seed.derive(file))? {
            Ok(more) => edits.extend(more),
            Err(more) => missing.extend(more),
        }
    }
    if !missing.is_empty() {
        missing.sort();
        return Err(Error::TestsNotFound { missing });
    }
    let patch = Patch::from_edits(tree, &edits)?;
    Ok((!patch.is_empty()).then_some(patch))
}

fn weaken_file(
    path: &RepoPath,
    text: &str,
    ids: &[&TestId],
    style: Style,
    seed: Seed,
) -> Result<Result<Vec<Edit>, Missing>> {
    let (tests, mut missing) = broken_tests(ids, style, seed);
    let edits = match edits(path, text, &tests)? {
        Ok(edits) => edits,
        Err(more) => {
            missing.extend(more);
            Vec::new()
        }
    };
    Ok(if missing.is_empty() { Ok(edits) } else { Err(missing) })
}

/// The edits of one file that hide the tests.
fn edits(
    path: &RepoPath,
    text: &str,
    tests: &[BrokenTest<'_>],
) -> Result<Result<Vec<Edit>, Missing>> {
    let lost = |test: &BrokenTest<'_>, reason| -> Missing {
        test.ids.iter().map(|id| ((*id).clone(), reason)).collect()
    };
    let all_lost = |reason| tests.iter().flat_map(|test| lost(test, reason)).collect();
    let Some(language) = language_of(path) else {
        return Ok(Err(all_lost(NotFound::NotAFunction)));
    };
    if !is_test_file(path) {
        return Ok(Err(all_lost(NotFound::Source)));
    }
    let edits = match language.weaken(text, tests) {
        Ok(edits) => edits,
        Err(reasons) => {
            let each = reasons.into_iter();
            return Ok(Err(each.flat_map(|(at, reason)| lost(&tests[at], reason)).collect()));
        }
    };
    let edits: Vec<_> =
        edits.into_iter().map(|(range, new)| Edit::new(path.clone(), range, new)).collect();
    let weakened = ssr_core::apply_edits(text.as_bytes(), &edits)?;
    let weakened = String::from_utf8_lossy(&weakened);
    if language.syntax_errors(path, &weakened) > language.syntax_errors(path, text) {
        return Err(Error::WeakenedSyntax { path: path.clone() });
    }
    Ok(Ok(edits))
}
