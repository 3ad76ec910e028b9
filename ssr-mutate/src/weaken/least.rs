//! Finds the least weakening that hides a bug, with a limited number of test runs.

use std::collections::{BTreeMap, BTreeSet};

use ssr_core::{File, Patch, RepoPath, Seed, TestId, Tree};

use super::climb::Climb;
use super::request::{Plan, Request, requests};
use super::{Style, edits};
use crate::is_test_file;
use crate::language::language_of;

/// Finds the least weakening that hides a bug: like [`weaken`](crate::weaken()), but each test
/// loses as little as it can. What hides it is found out by asking `failing`, which says which
/// tests fail on `tree` under a patch, at most `runs` times; tests are tried side by side, so that
/// many of them cost no more questions than one.
///
/// From little to much: the broken cases of a parametrised test are dropped; single assertions are
/// made looser, in the weakest way that works; they are deleted; the test is deleted. `style` says
/// where to begin: [`Style::Loosen`] as told, [`Style::Assertions`] without looser forms,
/// [`Style::Delete`] with the deletion of the test. Cases are dropped alone in every style.
///
/// The patch breaks no test that did not fail before. Tests that cannot be hidden, such as
/// generated ones or those of a module that cannot be imported, stay as they are; the patch is
/// empty if there are no others.
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
/// let weakened = tree.apply(&patch)?;
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
) -> Result<Patch, E> {
    let before = failing(&Patch::default())?;
    let mut search = Search::new(tree, broken, &before, style, seed);
    if search.is_empty() {
        return Ok(Patch::default());
    }
    for _ in 3..runs {
        if !search.is_open() {
            break;
        }
        let failures = failing(&search.patch())?;
        search.learn(&failures);
    }
    search.settle();
    // What holds test by test need not hold together: tests call each other.
    for _ in 0..2 {
        let patch = search.patch();
        if patch.is_empty() || !search.retreat(&failing(&patch)?) {
            return Ok(patch);
        }
    }
    Ok(search.patch())
}

/// All tests that are to be hidden, each on its own way from little to much.
struct Search<'a> {
    tree: &'a Tree,
    files: BTreeMap<RepoPath, Vec<Climb<'a>>>,
    /// What failed before anything was weakened.
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
            // Where the module itself fails, it cannot be imported: no test of it can be hidden.
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

    /// The patch that is tried now.
    fn patch(&self) -> Patch {
        let mut all = Vec::new();
        for (path, climbs) in &self.files {
            let requests: Vec<_> = climbs.iter().filter_map(Climb::request).collect();
            let text = self.tree.get(path.as_str()).and_then(File::text).unwrap_or_default();
            // What would break the syntax is not tried: the tests fail as before.
            if let Ok(Ok(edits)) = edits(path, text, &requests) {
                all.extend(edits);
            }
        }
        Patch::from_edits(self.tree, &all).unwrap_or_default()
    }

    /// Takes each test one step further, knowing which tests fail under the patch.
    fn learn(&mut self, failures: &BTreeSet<TestId>) {
        let disturbed = self.disturbed(failures);
        for (path, climbs) in &mut self.files {
            for climb in climbs.iter_mut().filter(|climb| !climb.is_done()) {
                climb.step(!disturbed.contains(path) && climb.is_hidden(failures));
            }
        }
    }

    /// Files in which something fails that nothing in progress accounts for: a test that was whole
    /// before, or one that was hidden already.
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

    /// Gives every test the least plan that is known to hide it.
    fn settle(&mut self) {
        self.files.values_mut().flatten().for_each(Climb::settle);
    }

    /// Goes back to deleting the tests of files where something fails that should not, and leaves
    /// them alone the second time. `false` if nothing does.
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
    let (mut requests, _) = requests(ids, Style::Delete, seed);
    // What cannot be found stays as it is.
    if let Err(lost) = language.weaken(text, &requests) {
        let mut index = 0..requests.len();
        requests.retain(|_| {
            let index = index.next();
            !lost.iter().any(|(lost, _)| Some(*lost) == index)
        });
    }
    let means = language.means(text, &requests);
    let climb = |(request, means): (Request<'a>, _)| {
        let style = style.drawn(seed.derive(request.function));
        Climb::new(Request { plan: Plan::Delete, ..request }, means, style)
    };
    requests.into_iter().zip(means).map(climb).collect()
}
