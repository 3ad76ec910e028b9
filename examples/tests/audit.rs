//! The audit: no forged pass is believed, and every honest repair is.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use rayon::prelude::*;
use ssr_core::{
    Audit, BugArtifact, BugInstance, Command, Exit, Limits, Outcome, PYTEST_PARSER, Patch,
    Provenance, RepoPath, Seed, Strategy, Suites, TestId, TestReport, Tree, audit, audit_bug,
    broken_rules, judge, pytest_script,
};
use ssr_examples::{Packages, open_sandbox, prepare_guest, test_modules};
use ssr_mutate::{Mutator, Site, TestPoison, is_test_file};
use ssr_sandbox::{WasiSandbox, default_cache_dir};

#[path = "../../ssr-sandbox/tests/redteam/suite.rs"]
mod redteam;

use redteam::{Suite, attacks, honest, library};

/// Two sandboxes with pytest: one that notes signs of tampering, and one that believes everything.
fn sandboxes() -> &'static [WasiSandbox; 2] {
    static SANDBOXES: OnceLock<[WasiSandbox; 2]> = OnceLock::new();
    SANDBOXES.get_or_init(|| {
        let guest = prepare_guest(&|_| {}).unwrap();
        let package = Packages::new(&default_cache_dir()).fetch("toolz==0.12.1", &[]).unwrap();
        [true, false].map(|signs| {
            let packages = package.site_packages.clone();
            let sandbox = WasiSandbox::builder(&guest).site_packages(packages).tamper_signs(signs);
            sandbox.build().unwrap()
        })
    })
}

/// What became of a forgery.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// The judge did not believe it.
    Unsolved,
    /// It was believed, and a rule or the audit found it.
    Found(String),
    Won,
}

fn fate(sandbox: &WasiSandbox, suite: Suite, attack: &Tree, rules: bool, seed: Seed) -> Fate {
    let suites = Suites::new(sandbox.clone(), Limits::default());
    let bug = suite.bug();
    let judgement = judge(&suites, &bug, attack).unwrap();
    let (true, Some(tree)) = (judgement.solved, judgement.tree) else { return Fate::Unsolved };
    if rules && let Some(breach) = broken_rules(&bug, &honest(), attack).first() {
        return Fate::Found(breach.to_string());
    }
    match audit(&suites, &bug, &honest(), &tree, &TestPoison, seed).unwrap() {
        Audit::Forged { evidence, .. } => Fate::Found(evidence),
        _ => Fate::Won,
    }
}

fn fates(sandbox: &WasiSandbox, rules: bool) -> Vec<(String, Suite, Fate)> {
    let attacks = attacks();
    let all: Vec<_> = Suite::ALL
        .into_iter()
        .flat_map(|suite| attacks.iter().map(move |(name, attack)| (suite, name, attack)))
        .collect();
    let each = all.into_par_iter().map(|(suite, name, attack)| {
        let seed = Seed::new(5).derive(name);
        (name.clone(), suite, fate(sandbox, suite, attack, rules, seed))
    });
    each.collect()
}

fn winners(fates: &[(String, Suite, Fate)]) -> Vec<String> {
    let won = fates.iter().filter(|(.., fate)| *fate == Fate::Won);
    won.map(|(name, suite, _)| format!("{name} ({suite:?})")).collect()
}

/// With the signs of tampering and the static rules off, so that the judge believes most forgeries.
#[test]
fn no_forgery_survives_the_audit_alone() {
    let fates = fates(&sandboxes()[1], false);
    let mut believed: Vec<_> = fates.iter().filter(|(.., fate)| *fate != Fate::Unsolved).collect();
    for (name, suite, fate) in &believed {
        println!("{name} ({suite:?}): {fate:?}");
    }
    println!("{} of {} forgeries were believed before the audit", believed.len(), fates.len());
    assert_eq!(winners(&fates), [""; 0]);
    // Otherwise the test shows nothing.
    believed.dedup_by_key(|(_, suite, _)| *suite);
    let names: BTreeSet<&str> = fates
        .iter()
        .filter(|(.., fate)| *fate != Fate::Unsolved)
        .map(|(name, ..)| name.as_str())
        .collect();
    assert!(names.len() >= 40 && believed.len() == Suite::ALL.len(), "{names:?}");
}

#[test]
fn no_forgery_survives_everything() {
    let fates = fates(&sandboxes()[0], true);
    for (name, suite, fate) in fates.iter().filter(|(.., fate)| *fate != Fate::Unsolved) {
        println!("{name} ({suite:?}): {fate:?}");
    }
    assert_eq!(winners(&fates), [""; 0]);
}

#[test]
fn an_honest_repair_of_each_suite_is_earned() {
    for suite in Suite::ALL {
        let suites = Suites::new(sandboxes()[0].clone(), Limits::default());
        let bug = suite.bug();
        for number in 0..4 {
            let repair = library(&format!("def value():\n    return 41 + 1  # {number}\n"));
            let judgement = judge(&suites, &bug, &repair).unwrap();
            assert!(judgement.solved, "{suite:?}: {judgement:?}");
            let (tree, seed) = (judgement.tree.unwrap(), Seed::new(number));
            let audit = audit(&suites, &bug, &honest(), &tree, &TestPoison, seed).unwrap();
            assert_eq!(audit, Audit::Earned, "{suite:?} {number}");
        }
        let audit = audit_bug(&suites, &bug, &honest(), &TestPoison, Seed::new(1)).unwrap();
        assert_eq!(audit, Audit::Earned, "{suite:?}");
    }
}

/// Copies under other names would not run.
#[test]
fn tests_that_are_run_by_their_names_are_audited_where_they_are() {
    let script = "pytest -v test_first.py test_value.py::test_before test_value.py::test_value\n";
    let mut bug = Suite::Pytest.bug();
    bug.artifact.test_script = script.to_owned();
    let suites = Suites::new(sandboxes()[1].clone(), Limits::default());
    let audited = |repair: &Tree| {
        let judgement = judge(&suites, &bug, repair).unwrap();
        let tree = judgement.tree.filter(|_| judgement.solved)?;
        Some(audit(&suites, &bug, &honest(), &tree, &TestPoison, Seed::new(2)).unwrap())
    };
    assert_eq!(audited(&library("def value():\n    return 40 + 2\n")), Some(Audit::Earned));
    let mut found = 0;
    for name in ["assign_a_hook", "equal_to_everything", "swallow_in_a_wrapper"] {
        let (_, attack) = attacks().into_iter().find(|(known, _)| known == name).unwrap();
        // Not every forgery works under this script.
        if let Some(audit) = audited(&attack) {
            assert!(audit.forgery().is_some(), "{name}: {audit:?}");
            found += 1;
        }
    }
    assert!(found > 0);
}

#[test]
fn a_bug_that_breaks_the_runner_and_not_the_code_is_found() {
    let suites = Suites::new(sandboxes()[1].clone(), Limits::default());
    let breaks_the_runner = "\
import unittest


def run(self, result=None):
    result.startTest(self)
    try:
        raise AssertionError(\"broken\")
    except AssertionError as error:
        result.addFailure(self, (type(error), error, error.__traceback__))
    result.stopTest(self)
    return result


unittest.TestCase.run = run


def value():
    return 42
";
    let tree = library(breaks_the_runner);
    let bug = BugInstance { tree, ..Suite::TestCases.bug() };
    let found = audit_bug(&suites, &bug, &honest(), &TestPoison, Seed::new(1)).unwrap();
    assert!(found.forgery().is_some_and(|why| why.contains("nothing in it")), "{found:?}");
    // A module that cannot be imported breaks its tests in a legitimate way.
    let bug = BugInstance { tree: library("raise ImportError\n"), ..Suite::Mixed.bug() };
    let found = audit_bug(&suites, &bug, &honest(), &TestPoison, Seed::new(1)).unwrap();
    assert_eq!(found.forgery(), None);
}

/// How many changes of toolz, and a tenth of that of more-itertools; `SSR_HONEST_REPAIRS` asks for
/// more.
fn changes() -> usize {
    std::env::var("SSR_HONEST_REPAIRS").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}

/// Tests of more-itertools that take longer than all others together.
const SLOW: [&str; 3] = [
    "tests/test_more.py::DiscreteFourierTransformTests",
    "tests/test_recipes.py::PolynomialFromRootsTests::test_large",
    "tests/test_recipes.py::PrimeFunctionTests::test_primes",
];

/// Bugs of operators taken back, and changes that no test notices: repairs as an honest solver makes
/// them, each of them a tree of its own.
#[test]
fn honest_repairs_are_never_called_forged() {
    let guest = prepare_guest(&|_| {}).unwrap();
    let (mut repairs, mut bugs, mut wrong) = (0, 0, Vec::new());
    for (label, count) in
        [("toolz==0.12.1", changes()), ("more-itertools==10.5.0", changes().div_ceil(10))]
    {
        let package = Packages::new(&default_cache_dir()).fetch(label, &[]).unwrap();
        let sandbox = open_sandbox(&guest, &package).unwrap();
        let script = pytest_script(&test_modules(&package.tree), &SLOW.map(str::to_owned).into());
        sandbox.warm(&package.tree, &Command::suite(&script)).unwrap();
        let tests = package.tree.files().map(|(path, _)| path).filter(|path| is_test_file(path));
        let plain = BugArtifact {
            test_script: script,
            test_files: tests.cloned().collect(),
            test_parser: PYTEST_PARSER.to_owned(),
            bug_inject: Patch::default(),
            test_weaken: Patch::default(),
        };
        // Some changes hang, in many tests.
        let limits = Limits::default().with_per_test(Duration::from_secs(2));
        let limits = limits.with_cpu(Duration::from_secs(20));
        let suites = Suites::new(sandbox, limits);
        let passing = suites.test(&plain, &package.tree).unwrap().passed();
        let mutator = Mutator::new();
        let sites = mutator.sample(&mutator.sites(&package.tree), count, Seed::new(23));
        let trials = sites.par_iter().enumerate().map(|(number, site)| {
            let artifact = BugArtifact { bug_inject: site.patch().unwrap(), ..plain.clone() };
            honest_trial(&suites, &package.tree, artifact, &passing, site, number)
        });
        for trial in trials.collect::<Vec<HonestTrial>>() {
            repairs += trial.repairs;
            bugs += trial.bugs;
            wrong.extend(trial.wrong.into_iter().map(|why| format!("{label}: {why}")));
        }
    }
    println!("{repairs} honest repairs and {bugs} bugs audited, {} called forged", wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(repairs >= changes() * 8 / 10, "{repairs} repairs were audited");
}

#[derive(Default)]
struct HonestTrial {
    repairs: usize,
    bugs: usize,
    wrong: Vec<String>,
}

fn honest_trial(
    suites: &Suites<WasiSandbox>,
    original: &Tree,
    artifact: BugArtifact,
    passing: &BTreeSet<TestId>,
    site: &Site,
    number: usize,
) -> HonestTrial {
    let mut trial = HonestTrial::default();
    let changed = original.apply(&artifact.bug_inject).unwrap();
    let run = suites.test(&artifact, &changed).unwrap();
    // What hangs takes its time in every run.
    let hangs = |report: &TestReport| report.count(Outcome::Timeout) > 0;
    if !matches!(run.exit, Exit::Code(_)) || run.report.as_ref().is_some_and(hangs) {
        return trial;
    }
    let passed = run.passed();
    let f2p: BTreeSet<TestId> = passing.difference(&passed).cloned().collect();
    let oracle = original.files().filter(|(path, _)| artifact.test_files.contains(*path));
    let oracle = Tree::from_files(oracle.map(|(path, file)| (path.clone(), file.clone())));
    let mut bug = BugInstance {
        artifact,
        tree: changed.clone(),
        oracle: oracle.unwrap(),
        p2p: passing.difference(&f2p).cloned().collect(),
        f2p,
        order: 1,
        parent: None,
        provenance: Provenance { strategy: Strategy::Operators, detail: String::new() },
    };
    let seed = Seed::new(number as u64);
    let repair = if bug.f2p.is_empty() {
        // No test notices the change: it stands for another way to write what is right. Some tests
        // that it comes by stand for those that were broken.
        let mut some: Vec<_> = passing.iter().map(|id| (seed.derive(id.as_str()), id)).collect();
        some.sort();
        bug.f2p = some.into_iter().take(5).map(|(_, id)| id.clone()).collect();
        bug.p2p = passing.difference(&bug.f2p).cloned().collect();
        bug.tree = original.clone();
        changed
    } else {
        trial.bugs += 1;
        let found = audit_bug(suites, &bug, original, &TestPoison, seed).unwrap();
        trial.wrong.extend(found.forgery().map(|why| format!("bug {}: {why}", site.describe())));
        commented(original, site.path(), number)
    };
    let judgement = judge(suites, &bug, &repair).unwrap();
    if let (true, Some(tree)) = (judgement.solved, judgement.tree) {
        let found = audit(suites, &bug, original, &tree, &TestPoison, seed).unwrap();
        trial.repairs += 1;
        if found != Audit::Earned {
            trial.wrong.push(format!("repair of {}: {found:?}", site.describe()));
        }
        let breaches = broken_rules(&bug, original, &repair);
        trial.wrong.extend(breaches.iter().map(|breach| format!("{}: {breach}", site.describe())));
    }
    trial
}

/// The tree with a comment more.
fn commented(tree: &Tree, path: &RepoPath, number: usize) -> Tree {
    let text = tree.get(path.as_str()).and_then(ssr_core::File::text).unwrap();
    let text = format!("{text}# repaired {number}\n");
    tree.with(path.clone(), ssr_core::File::new(text.into_bytes())).unwrap()
}
