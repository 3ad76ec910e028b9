//! Finds the least weakening that hides a bug, with a limited number of test runs.

use std::collections::{BTreeMap, BTreeSet};

use ssr_core::{File, Patch, RepoPath, Seed, TestId, Tree};

use super::broken::{BrokenTest, Plan, broken_tests};
use super::climb::Climb;
use super::{Style, edits};
use crate::is_test_file;
use crate::language::language_of;

/// Finds the least weakening that hides a bug. Unlike [`weaken`](crate::weaken()), it changes each
/// test as little as possible.
///
/// `failing` runs the tests of `tree` with a patch and returns those that fail. It is called at
/// most `runs` times. All tests are searched in parallel within one run, so that many broken tests
/// need no more runs than one.
///
/// The search goes from the smallest change to the largest: drop the broken cases of a parametrised
/// test, loosen single assertions as little as works, delete single assertions, delete the test.
/// `style` limits it: [`Style::Loosen`] allows all of these, [`Style::Assertions`] does not loosen,
/// and [`Style::Delete`] changes no assertions. Broken cases are dropped in every style.
///
/// The patch breaks no test that did not fail before. Tests that cannot be hidden stay unchanged,
/// such as generated ones or those of a module that cannot be imported. `None` if no test can be
/// hidden.
///
/// ```
/// use ssr_core::{File, Patch, RepoPath, Seed, Tree};
/// use ssr_mutate::{Style, weaken_least};
///
/// let test = "def test_a():\n    assert f(0) == 1\n    assert f(1) == 2\n";
/// let tree = Tree::from_files([(RepoPath::new("test_f.py")?, File::new(test.as_bytes()))])?;
/// let broken = std::collections::BTreeSet::from(["test_f.py::test_a".into()]);
/// // Stands for a run of the tests where `f(1)` is 3.
/// let failing = |patch: &Patch| {
///     let weakened = tree.apply(patch)?;
///     let text = weakened.get("test_f.py").and_then(|file| file.text()).unwrap_or("");
///     let fails = text.contains("f(1) == 2") || text.contains("f(1) <= 2");
///     Ok::<_, ssr_core::Error>(if fails { broken.clone() } else { Default::default() })
/// };
/// let patch = weaken_least(&tree, &broken, Style::Loosen, Seed::new(1), 20, failing)?;
/// let weakened = tree.apply(&patch.unwrap_or_default())?;
/// let text = weakened.get("test_f.py").and_then(|file| file.text());
/// assert_eq!(text, Some("def test_a():\n    assert f(0) == 1\n    assert f(1) >= 2\n"));
/// # Ok::<(), ssr_core::Error>(())
/// ```
///
/// # Errors
/// Only those of `failing`.
pub fn weaken_least<E>(
    tree: &Tree,
    broken: &BTreeSet<TestId>,
    style: Style,
    seed: Seed,
    runs: usize,
    mut failing: impl FnMut(&Patch) -> Result<BTreeSet<TestId>, E>,
) -> Result<Option<Patch>, E> {
    let before = failing(&Patch::default())?;
    let mut search = Search::new(tree, broken, &before, style, seed);
    if search.is_empty() {
        return Ok(None);
    }
    // One run is spent, and two are kept to check the result below.
    for _ in 3..runs {
        if !search.is_open() {
            break;
        }
        let failures = failing(&search.patch())?;
        search.learn(&failures);
    }
    search.settle();
    // Each test's weakening was tried while others were still changing, and tests may call each
    // other: check the final patch as a whole. Where it fails, delete the tests of that file, and
    // if that fails too, leave them unchanged.
    for _ in 0..2 {
        let patch = search.patch();
        if patch.is_empty() || !search.retreat(&failing(&patch)?) {
            return Ok(non_empty(patch));
        }
    }
    Ok(non_empty(search.patch()))
}

fn non_empty(patch: Patch) -> Option<Patch> {
    (!patch.is_empty()).then_some(patch)
}

/// The searches of all tests to hide.
struct Search<'a> {
    tree: &'a Tree,
    files: BTreeMap<RepoPath, Vec<Climb<'a>>>,
    /// The tests that failed before anything was weakened.
    before: &'a BTreeSet<TestId>,
}

impl<'a> Search<'a> {
    fn new(
        tree: &'a Tree,
        broken: &'a BTreeSet<TestId>,
        before: &'a BTreeSet<TestId>,
        style: Style,
        seed: Seed,
    ) -> Self {
        let mut ids: BTreeMap<&str, Vec<&TestId>> = BTreeMap::new();
        for id in broken {
            // A failure of the module itself means that it cannot be imported. Then none of its
            // tests can be hidden.
            if !before.contains(&TestId::new(id.file())) {
                ids.entry(id.file()).or_default().push(id);
            }
        }
        let mut files = BTreeMap::new();
        for (file, ids) in ids {
            let Ok(path) = RepoPath::new(file) else { continue };
            let climbs = climbs(tree, &path, &ids, style, seed.derive(file));
            if !climbs.is_empty() {
                files.insert(path, climbs);
            }
        }
        Self { tree, files, before }
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    fn is_open(&self) -> bool {
        self.files.values().flatten().any(|climb| !climb.is_done())
    }

    /// The patch to try now: one change for each test.
    fn patch(&self) -> Patch {
        let mut all = Vec::new();
        for (path, climbs) in &self.files {
            let tests: Vec<_> = climbs.iter().filter_map(Climb::attempt).collect();
            let text = self.tree.get(path.as_str()).and_then(File::text).unwrap_or_default();
            // Edits that would break the syntax are left out: the tests then fail as before, and
            // the search goes on with the next change.
            if let Ok(Ok(edits)) = edits(path, text, &tests) {
                all.extend(edits);
            }
        }
        Patch::from_edits(self.tree, &all).unwrap_or_default()
    }

    /// Moves each test to its next stage, given the tests that fail with the patch.
    fn learn(&mut self, failures: &BTreeSet<TestId>) {
        let disturbed = self.disturbed(failures);
        for (path, climbs) in &mut self.files {
            for climb in climbs.iter_mut().filter(|climb| !climb.is_done()) {
                climb.step(!disturbed.contains(path) && climb.is_hidden(failures));
            }
        }
    }

    /// Files with a failure that no search in progress explains: of a test that passed before, or
    /// of one that was hidden already. A change that causes such a failure counts as not hiding its
    /// test, because the weakening may break nothing else.
    fn disturbed(&self, failures: &BTreeSet<TestId>) -> BTreeSet<RepoPath> {
        let own = |id: &TestId| self.files.values().flatten().any(|climb| climb.has(id));
        let fresh = failures.difference(self.before).filter(|id| !own(id));
        let fresh = fresh.filter_map(|id| RepoPath::new(id.file()).ok());
        let done = |climbs: &[Climb<'_>]| {
            climbs.iter().any(|climb| climb.is_done() && !climb.is_hidden(failures))
        };
        let again = self.files.iter().filter(|(_, climbs)| done(climbs));
        fresh.chain(again.map(|(path, _)| path.clone())).collect()
    }

    /// Ends all searches with the smallest changes that hid the tests.
    fn settle(&mut self) {
        self.files.values_mut().flatten().for_each(Climb::settle);
    }

    /// In each file with an unexplained failure, deletes the tests instead of weakening them;
    /// leaves them unchanged if they are deleted already. `false` if there is no such file.
    fn retreat(&mut self, failures: &BTreeSet<TestId>) -> bool {
        let disturbed = self.disturbed(failures);
        for path in &disturbed {
            if let Some(climbs) = self.files.get_mut(path) {
                climbs.iter_mut().for_each(|climb| climb.retreat(failures));
            }
        }
        disturbed.iter().any(|path| self.files.contains_key(path))
    }
}

fn climbs<'a>(
    tree: &'a Tree,
    path: &RepoPath,
    ids: &[&'a TestId],
    style: Style,
    seed: Seed,
) -> Vec<Climb<'a>> {
    let text = tree.get(path.as_str()).and_then(File::text);
    let (Some(language), Some(text), true) = (language_of(path), text, is_test_file(path)) else {
        return Vec::new();
    };
    let (mut tests, _) = broken_tests(ids, Style::Delete, seed);
    // Tests without a definition stay unchanged.
    if let Err(lost) = language.weaken(text, &tests) {
        let mut index = 0..tests.len();
        tests.retain(|_| {
            let index = index.next();
            !lost.iter().any(|(lost, _)| Some(*lost) == index)
        });
    }
    let means = language.means(text, &tests);
    let climb = |(test, means): (BrokenTest<'a>, _)| {
        let style = style.drawn(seed.derive(test.function));
        Climb::new(BrokenTest { plan: Plan::Delete, ..test }, means, style)
    };
    tests.into_iter().zip(means).map(climb).collect()
}
