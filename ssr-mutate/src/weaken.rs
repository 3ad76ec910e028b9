use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use ssr_core::{Edit, File, Patch, RepoPath, Seed, TestId, Tree};

use crate::language::language_of;
use crate::{Error, NotFound, Result};

/// How [`weaken`] hides a broken test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Style {
    /// Deletes the test function, or one of its parametrised cases where that is simple.
    #[default]
    Delete,
    /// Deletes the assertions and keeps what the test does besides; a test that would do nothing
    /// then is deleted. The test may still fail: where the bug raises, no assertion is to blame.
    Assertions,
    /// One of the other styles for each test, chosen by the seed.
    Mixed,
}

/// Makes the patch that hides a bug: it takes the `broken` tests out of the tree's test files and
/// leaves every other byte as it is. Its reverse is the specification that a solver sees
/// (Self-play SWE-RL §2.2, `test_weaken.diff`).
///
/// The ids are pytest's: `path::test`, `path::Class::test`, `path::test[case]`. Methods of
/// `unittest.TestCase` classes work as well. A broken case of a parametrised test is dropped alone
/// if its parameters are spelled out in a single `parametrize` as literals from which pytest
/// makes its ids; otherwise the whole test goes. A block left empty gets a `pass`.
///
/// A function that the rest of its file uses stays, renamed to `_test`, so that it is a helper and
/// no test. A method that a class inherits is hidden there by `test = None`, unless its definition goes as
/// well. The other way round, a definition that goes is gone for every class that inherits it.
///
/// ```
/// use ssr_core::{File, RepoPath, Seed, Tree};
/// use ssr_mutate::{Style, weaken};
///
/// let tests = "def test_a():\n    assert f() == 1\n\n\ndef test_b():\n    assert f() == 2\n";
/// let tree = Tree::from_files([(RepoPath::new("test_f.py")?, File::new(tests.as_bytes()))])?;
/// let broken = ["test_f.py::test_a".into()].into();
/// let patch = weaken(&tree, &broken, Style::Delete, Seed::new(7))?;
/// let weakened = tree.apply(&patch)?;
/// let text = weakened.get("test_f.py").and_then(|file| file.text());
/// assert_eq!(text, Some("def test_b():\n    assert f() == 2\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::TestsNotFound`] lists every id without a definition in its file, each with the reason;
/// nothing is weakened then, and the call can be repeated without them.
/// [`Error::WeakenedSyntax`] if a file would gain a syntax error.
pub fn weaken(tree: &Tree, broken: &BTreeSet<TestId>, style: Style, seed: Seed) -> Result<Patch> {
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
    if missing.is_empty() {
        Ok(Patch::from_edits(tree, &edits)?)
    } else {
        missing.sort();
        Err(Error::TestsNotFound { missing })
    }
}

type Missing = Vec<(TestId, NotFound)>;

fn weaken_file(
    path: &RepoPath,
    text: &str,
    ids: &[&TestId],
    style: Style,
    seed: Seed,
) -> Result<Result<Vec<Edit>, Missing>> {
    let Some(language) = language_of(path) else {
        return Ok(Err(ids.iter().map(|id| ((*id).clone(), NotFound::NotAFunction)).collect()));
    };
    let (requests, mut missing) = requests(ids, style, seed);
    let edits = match language.weaken(text, &requests) {
        Ok(edits) => edits,
        Err(lost) => {
            for (index, reason) in lost {
                missing.extend(requests[index].ids.iter().map(|id| ((*id).clone(), reason)));
            }
            Vec::new()
        }
    };
    if !missing.is_empty() {
        return Ok(Err(missing));
    }
    let edits: Vec<_> =
        edits.into_iter().map(|(range, new)| Edit::new(path.clone(), range, new)).collect();
    let weakened = ssr_core::apply_edits(text.as_bytes(), &edits)?;
    let weakened = String::from_utf8_lossy(&weakened);
    if language.syntax_errors(&weakened) > language.syntax_errors(text) {
        return Err(Error::WeakenedSyntax { path: path.clone() });
    }
    Ok(Ok(edits))
}

/// The edits of one file, ascending and apart, or the requests without a definition.
pub type Weakened = Result<Vec<(Range<usize>, String)>, Vec<(usize, NotFound)>>;

/// One test function that is to be hidden.
pub struct Request<'a> {
    ids: Vec<&'a TestId>,
    /// The classes around it, outermost first.
    pub(crate) classes: Vec<&'a str>,
    pub(crate) function: &'a str,
    /// The broken cases of a parametrised test; `None` breaks it as a whole.
    pub(crate) cases: Option<BTreeSet<&'a str>>,
    /// Whether to delete the assertions only, where that leaves something.
    pub(crate) assertions: bool,
}

/// One request for each function that the ids name, and the ids that name none.
fn requests<'a>(ids: &[&'a TestId], style: Style, seed: Seed) -> (Vec<Request<'a>>, Missing) {
    let mut requests: BTreeMap<&str, Request<'a>> = BTreeMap::new();
    let mut missing = Vec::new();
    for id in ids {
        let Some((name, case)) = split(id) else {
            missing.push(((*id).clone(), NotFound::NotAFunction));
            continue;
        };
        let request = requests.entry(name).or_insert_with(|| {
            let mut classes: Vec<_> = name.split("::").collect();
            let function = classes.pop().unwrap_or(name);
            let assertions = match style {
                Style::Delete => false,
                Style::Assertions => true,
                Style::Mixed => seed.derive(name).below(2) == 1,
            };
            let (ids, cases) = (Vec::new(), Some(BTreeSet::new()));
            Request { ids, classes, function, cases, assertions }
        });
        request.ids.push(id);
        request.cases = request.cases.take().zip(case).map(|(mut cases, case)| {
            cases.insert(case);
            cases
        });
    }
    (requests.into_values().collect(), missing)
}

/// `Class::test` and the case of an id; `None` if the parts are no identifiers, as in a doctest's.
fn split(id: &TestId) -> Option<(&str, Option<&str>)> {
    let (_, name) = id.as_str().split_once("::")?;
    let (name, case) = match name.split_once('[') {
        Some((name, case)) => (name, Some(case.strip_suffix(']')?)),
        None => (name, None),
    };
    let identifier =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_');
    name.split("::").all(identifier).then_some((name, case))
}
