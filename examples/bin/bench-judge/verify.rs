//! Shows that leaving out tests changes no outcome: real bugs, each with and without.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use ssr_core::{BugArtifact, Dose, Limits, Patch, Poison, RepoPath, Seed, SuiteRun, Suites, Tree};
use ssr_examples::{Failure, Result, Screened, compile_all};
use ssr_mutate::{Mutator, Style, TestPoison, weaken};
use ssr_sandbox::WasiSandbox;

/// Runs `count` bugs both ways and compares the reports test by test; every tenth is also run by its
/// script in a shell.
pub fn verify(
    sandbox: &WasiSandbox,
    screened: &Screened,
    name: &str,
    count: usize,
    seed: u64,
) -> Result<()> {
    let original = &screened.repository.tree;
    let mutator = Mutator::new();
    let drawn = mutator.sample(&mutator.sites(original), count, Seed::new(seed));
    let patch = |site: &ssr_mutate::Site| site.patch().map_err(|e| Failure::input(e.to_string()));
    let changes: Vec<Patch> = drawn.iter().map(patch).collect::<Result<_>>()?;
    let compiles = compile_all(sandbox, original, &changes, Limits::default())?;
    let suites = Suites::new(sandbox.clone(), screened.limits);
    let artifact = BugArtifact {
        test_script: screened.repository.test_script.clone(),
        test_files: screened.repository.test_files.clone(),
        test_parser: screened.repository.test_parser.clone(),
        bug_inject: Patch::default(),
        test_weaken: Patch::default(),
    };
    let [breaking, scripts, tests_changed] = [const { AtomicUsize::new(0) }; 3];
    let one = |(at, change): (usize, &Patch)| -> Result<Option<String>> {
        let tree = original.apply(change)?;
        let chosen = suites.test(&artifact, &tree)?;
        let whole = suites.test_everything(&artifact, &tree)?;
        breaking.fetch_add(usize::from(!whole.failed().is_empty()), Ordering::Relaxed);
        if chosen.report != whole.report {
            return Ok(Some(format!("{change}{}", difference(&chosen, &whole))));
        }
        for changed in changed_tests(&tree, &whole, seed) {
            tests_changed.fetch_add(1, Ordering::Relaxed);
            let chosen = suites.test(&artifact, &changed)?;
            let whole = suites.test_everything(&artifact, &changed)?;
            if chosen.report != whole.report {
                let tests = tree.diff(&changed);
                return Ok(Some(format!("{change}{tests}{}", difference(&chosen, &whole))));
            }
        }
        if at % 10 == 0 {
            scripts.fetch_add(1, Ordering::Relaxed);
            let script = suites.run(&artifact, &tree)?;
            if (script.passed(), script.failed()) != (whole.passed(), whole.failed()) {
                return Ok(Some(format!("by its script: {change}{}", difference(&script, &whole))));
            }
        }
        Ok(None)
    };
    let compiling: Vec<(usize, &Patch)> =
        changes.iter().zip(compiles).filter(|(_, c)| *c).map(|(p, _)| p).enumerate().collect();
    let before = sandbox.counters();
    let differing: Vec<Option<String>> =
        compiling.par_iter().map(|job| one(*job)).collect::<Result<_>>()?;
    let differing: Vec<String> = differing.into_iter().flatten().collect();
    let after = sandbox.counters();
    println!(
        "{name}: {} bugs, {} break tests, {} changes of tests, {} differ; {} also by script; {} of {} runs from collected \
         tests, {} tests recorded",
        compiling.len(),
        breaking.into_inner(),
        tests_changed.into_inner(),
        differing.len(),
        scripts.into_inner(),
        after.collected - before.collected,
        after.clones - before.clones,
        after.recorded,
    );
    for text in differing.iter().take(10) {
        println!("{text}");
    }
    match differing.len() {
        0 => Ok(()),
        n => Err(Failure::Infrastructure(format!("{name}: {n} bugs end differently"))),
    }
}

/// The tree with its broken tests weakened in each style, and with poisoned copies of them.
fn changed_tests(tree: &Tree, run: &SuiteRun, seed: u64) -> Vec<Tree> {
    let broken = run.failed();
    if broken.is_empty() {
        return Vec::new();
    }
    let seed = Seed::new(seed);
    let styles = [Style::Delete, Style::Assertions, Style::Loosen].into_iter();
    let patches = styles.filter_map(|style| weaken(tree, &broken, style, seed).ok().flatten());
    let mut trees: Vec<Tree> = patches.filter_map(|patch| tree.apply(&patch).ok()).collect();
    let files = broken.iter().filter_map(|id| RepoPath::new(id.file()).ok());
    let files: BTreeSet<RepoPath> = files.collect();
    let tests = tree.files().filter(|(path, _)| files.contains(*path));
    let tests = tests.map(|(path, file)| (path.clone(), file.clone()));
    let tests = Tree::from_files(tests).unwrap_or_default();
    let others = run.passed().into_iter().take(8).collect();
    let doses = [Dose::Copies(3), Dose::Turn(0), Dose::Turn(1)].into_iter();
    let poisoned = doses.filter_map(|dose| TestPoison.poison(&tests, &broken, &others, dose, seed));
    let hollow = [TestPoison.hollow(&tests, &broken).0];
    for files in poisoned.chain(hollow) {
        let files = files.files().map(|(path, file)| (path.clone(), Some(file.clone())));
        trees.extend(tree.with_all(files));
    }
    trees
}

fn difference(one: &SuiteRun, other: &SuiteRun) -> String {
    let (Some(one), Some(other)) = (&one.report, &other.report) else { return String::new() };
    let ids = one.iter().map(|(id, _)| id).chain(other.iter().map(|(id, _)| id));
    let differing: BTreeSet<_> = ids.filter(|id| one.outcome(id) != other.outcome(id)).collect();
    let lines = differing.iter().take(5);
    let line = |id: &&ssr_core::TestId| {
        format!("  {id}: {} with, {} without leaving out\n", one.outcome(id), other.outcome(id))
    };
    let problems = format!("  problems: {:?} / {:?}\n", one.problems(), other.problems());
    lines.map(line).chain([problems]).collect()
}
