//! Shows that leaving out tests changes no outcome: real bugs, each with and without.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use ssr_core::{BugArtifact, Limits, Patch, Seed, Suites};
use ssr_examples::{Failure, Result, Screened, compile_all};
use ssr_mutate::Mutator;
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
    let (breaking, scripts) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let one = |(at, change): (usize, &Patch)| -> Result<Option<String>> {
        let tree = original.apply(change)?;
        let chosen = suites.test(&artifact, &tree)?;
        let whole = suites.test_everything(&artifact, &tree)?;
        breaking.fetch_add(usize::from(!whole.failed().is_empty()), Ordering::Relaxed);
        if chosen.report != whole.report {
            return Ok(Some(format!("{change}{}", difference(&chosen, &whole))));
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
        "{name}: {} bugs, {} break tests, {} differ; {} also by script; {} of {} runs from collected \
         tests, {} tests recorded",
        compiling.len(),
        breaking.into_inner(),
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

fn difference(one: &ssr_core::SuiteRun, other: &ssr_core::SuiteRun) -> String {
    let (Some(one), Some(other)) = (&one.report, &other.report) else { return String::new() };
    let ids = one.iter().map(|(id, _)| id).chain(other.iter().map(|(id, _)| id));
    let differing: std::collections::BTreeSet<_> =
        ids.filter(|id| one.outcome(id) != other.outcome(id)).collect();
    let lines = differing.iter().take(5);
    let line = |id: &&ssr_core::TestId| {
        format!("  {id}: {} with, {} without leaving out\n", one.outcome(id), other.outcome(id))
    };
    let problems = format!("  problems: {:?} / {:?}\n", one.problems(), other.problems());
    lines.map(line).chain([problems]).collect()
}
