//! Makes tests fail on purpose, and empties them: the copies of test files that an audit runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use ssr_core::{Dose, Edit, File, Poison, RepoPath, Seed, TestId, Tree, apply_edits};

use crate::language::{Language, language_of};

/// The edits of one file, in ascending order and without overlap, and which of the tests, by
/// position, they concern.
#[derive(Debug, Default)]
pub struct PoisonEdits {
    pub(crate) edits: Vec<(Range<usize>, String)>,
    pub(crate) found: Vec<bool>,
}

/// A test function to poison or to empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PoisonTarget<'a> {
    /// The classes around it, outermost first and joined by `::`; `None` where they are not known,
    /// so that every function of that name is meant.
    pub(crate) classes: Option<&'a str>,
    pub(crate) function: &'a str,
    /// Whether it is to be seen in every role.
    pub(crate) doubted: bool,
}

/// Poisons and empties the tests of Python files, for [`ssr_core::audit()`] and
/// [`ssr_core::audit_bug`].
///
/// It is the inverse of [`weaken`](crate::weaken()). A poisoned test fails because of an expected
/// value that was changed, an assertion that was negated, or statements at its end that cannot hold.
/// One that is changed without effect got statements of the same kind that do hold, and parentheses.
/// Which is which shows only in what they compute. Nothing is put where the original test may not
/// come by: a test that returns early gets nothing at its end, and a generator nothing at all.
///
/// Tests are found by the classes and the name in their id; those that a class inherits, or that are
/// made by a function, by the name alone. The ids are those of pytest, unittest and Django.
///
/// ```
/// use ssr_core::{Dose, File, Poison, RepoPath, Seed, Tree};
/// use ssr_mutate::TestPoison;
///
/// let text = "def test_f():\n    assert f(2) == 4\n";
/// let tests = Tree::from_files([(RepoPath::new("test_f.py")?, File::new(text.as_bytes()))])?;
/// let doubted = ["test_f.py::test_f".into()].into();
/// let poisoned = TestPoison.poison(&tests, &doubted, &[].into(), Dose::Copies(3), Seed::new(7));
/// let poisoned = poisoned.expect("a test to poison");
/// let text = poisoned.get("test_f.py").and_then(|file| file.text()).unwrap_or_default();
/// assert_eq!(text.matches("def test_f").count(), 4);
/// # Ok::<(), ssr_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct TestPoison;

impl Poison for TestPoison {
    fn poison(
        &self,
        tests: &Tree,
        doubted: &BTreeSet<TestId>,
        others: &BTreeSet<TestId>,
        dose: Dose,
        seed: Seed,
    ) -> Option<Tree> {
        let mut named: Vec<_> = doubted.iter().map(|id| (id, true)).collect();
        named.extend(others.difference(doubted).map(|id| (id, false)));
        let edit =
            |path: &RepoPath, language: &dyn Language, text: &str, targets: &[PoisonTarget<'_>]| {
                language.poison(text, targets, dose, seed.derive(path.as_str()))
            };
        let (files, _) = edited(tests, &named, &edit);
        (!files.is_empty()).then_some(files)
    }

    fn hollow(&self, tests: &Tree, ids: &BTreeSet<TestId>) -> (Tree, BTreeSet<TestId>) {
        let named: Vec<_> = ids.iter().map(|id| (id, true)).collect();
        let edit =
            |_: &RepoPath, language: &dyn Language, text: &str, targets: &[PoisonTarget<'_>]| {
                language.hollow(text, targets)
            };
        edited(tests, &named, &edit)
    }
}

type EditFile<'e> = dyn Fn(&RepoPath, &dyn Language, &str, &[PoisonTarget<'_>]) -> PoisonEdits + 'e;

/// The files that change, and the ids whose tests were found. A test that its own file does not
/// define is looked for in the others, from which it may be inherited.
fn edited(
    tests: &Tree,
    named: &[(&TestId, bool)],
    edit: &EditFile<'_>,
) -> (Tree, BTreeSet<TestId>) {
    let texts: BTreeMap<&RepoPath, (&dyn Language, &str)> = tests
        .files()
        .filter_map(|(path, file)| Some((path, (language_of(path)?, File::text(file)?))))
        .collect();
    let mut wanted: BTreeMap<&RepoPath, BTreeMap<PoisonTarget<'_>, Vec<&TestId>>> = BTreeMap::new();
    for (id, doubted) in named {
        let Some(name) = TestName::of(id) else { continue };
        let target =
            PoisonTarget { classes: name.classes, function: name.function, doubted: *doubted };
        for path in texts.keys().filter(|path| name.may_be_in(path)) {
            wanted.entry(path).or_default().entry(target).or_default().push(id);
        }
    }
    let mut found = BTreeSet::new();
    let mut files = files(&texts, &wanted, edit, &mut found);
    let mut elsewhere: BTreeMap<PoisonTarget<'_>, Vec<&TestId>> = BTreeMap::new();
    for (id, doubted) in named.iter().filter(|(id, _)| !found.contains(*id)) {
        if let Some(TestName { function, .. }) = TestName::of(id) {
            let target = PoisonTarget { classes: None, function, doubted: *doubted };
            elsewhere.entry(target).or_default().push(id);
        }
    }
    if !elsewhere.is_empty() {
        // Edits of two rounds in one file would not fit together.
        let rest = texts.keys().filter(|path| !files.contains_key(**path));
        let wanted = rest.map(|path| (*path, elsewhere.clone())).collect();
        files.extend(self::files(&texts, &wanted, edit, &mut found));
    }
    (Tree::from_files(files).unwrap_or_default(), found)
}

fn files<'a>(
    texts: &BTreeMap<&RepoPath, (&dyn Language, &str)>,
    wanted: &BTreeMap<&RepoPath, BTreeMap<PoisonTarget<'a>, Vec<&'a TestId>>>,
    edit: &EditFile<'_>,
    found: &mut BTreeSet<TestId>,
) -> BTreeMap<RepoPath, File> {
    let mut files = BTreeMap::new();
    for (path, targets) in wanted {
        let Some((language, text)) = texts.get(path) else { continue };
        let asked: Vec<PoisonTarget<'_>> = targets.keys().copied().collect();
        let made = edit(path, *language, text, &asked);
        let edits = made.edits.into_iter();
        let edits: Vec<_> =
            edits.map(|(range, new)| Edit::new((*path).clone(), range, new)).collect();
        let Ok(changed) = apply_edits(text.as_bytes(), &edits) else { continue };
        let after = String::from_utf8_lossy(&changed);
        if language.syntax_errors(path, &after) > language.syntax_errors(path, text) {
            continue;
        }
        let hit = made.found.iter().zip(targets.values()).filter(|(found, _)| **found);
        found.extend(hit.flat_map(|(_, ids)| ids.iter().map(|id| (*id).clone())));
        if changed != text.as_bytes() {
            files.insert((*path).clone(), File::new(changed));
        }
    }
    files
}

/// What the id of a test says about where it is.
struct TestName<'a> {
    /// The file, or the module in dots.
    place: &'a str,
    classes: Option<&'a str>,
    function: &'a str,
}

impl<'a> TestName<'a> {
    /// `path::Class::test[case]` of pytest, `test (module.Class)` of Django, `module.Class.test` of
    /// unittest; `None` if a part is no name, as in the id of a doctest.
    fn of(id: &'a TestId) -> Option<Self> {
        let text = id.as_str();
        let name = if let Some((place, name)) = text.split_once("::") {
            let name = name.split_once('[').map_or(name, |(name, _)| name);
            let (classes, function) = name.rsplit_once("::").unwrap_or(("", name));
            Self { place, classes: Some(classes), function }
        } else if let Some((function, place)) = text.split_once(" (") {
            let (place, class) = place.strip_suffix(')')?.rsplit_once('.')?;
            Self { place, classes: Some(class), function }
        } else {
            let (rest, function) = text.rsplit_once('.')?;
            let (place, class) = rest.rsplit_once('.')?;
            Self { place, classes: Some(class), function }
        };
        let identifier =
            |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_');
        let all = identifier(name.function)
            && name.classes.is_none_or(|c| c.is_empty() || c.split("::").all(identifier));
        all.then_some(name)
    }

    fn may_be_in(&self, path: &RepoPath) -> bool {
        let dotted = path.as_str().strip_suffix(".py").map(|path| path.replace('/', "."));
        path.as_str() == self.place
            || dotted.is_some_and(|dotted| {
                dotted == self.place || dotted.ends_with(&format!(".{}", self.place))
            })
    }
}
