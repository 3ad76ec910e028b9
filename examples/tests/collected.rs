//! Real bugs in a real package: a run that goes on from collected tests reports and prints what a
//! run from the start does.

use ssr_core::{Command, Limits, Output, Sandbox, Seed, TestSelection, Tree, Workspace};
use ssr_examples::{Packages, prepare_guest, test_modules};
use ssr_mutate::Mutator;
use ssr_sandbox::{WasiSandbox, default_cache_dir};

/// How many bugs; `SSR_COLLECTED_BUGS` asks for more.
fn bugs() -> usize {
    std::env::var("SSR_COLLECTED_BUGS").ok().and_then(|n| n.parse().ok()).unwrap_or(16)
}

fn run(sandbox: &WasiSandbox, tree: &Tree, command: &Command) -> Output {
    sandbox.open(tree).unwrap().run(command).unwrap()
}

/// The text without the addresses of objects, which lie elsewhere in another interpreter.
fn printed(output: &Output) -> String {
    let text = output.stdout_text();
    let mut parts = text.split(" at 0x");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.trim_start_matches(|c: char| c.is_ascii_hexdigit()))
}

#[test]
fn bugs_show_the_same_from_collected_tests_and_from_the_start() {
    let guest = prepare_guest(&|_| {}).unwrap();
    let package = Packages::new(&default_cache_dir()).fetch("toolz==0.12.1", &[]).unwrap();
    let build = || {
        let packages = package.site_packages.clone();
        WasiSandbox::builder(&guest).site_packages(packages).build().unwrap()
    };
    let (warm, cold) = (build(), build());
    let limits = Limits::default().with_per_test(std::time::Duration::from_secs(5));
    let command =
        Command::tests(TestSelection::Files(test_modules(&package.tree))).with_limits(limits);
    warm.warm(&package.tree, &command).unwrap();

    let mutator = Mutator::new();
    let count = bugs();
    let bugs = mutator.sample(&mutator.sites(&package.tree), count, Seed::new(11));
    assert_eq!(bugs.len(), count);
    let mut failing = 0;
    for bug in &bugs {
        let tree = package.tree.apply(&bug.patch().unwrap()).unwrap();
        let (ours, theirs) = (run(&warm, &tree, &command), run(&cold, &tree, &command));
        assert_eq!(ours.report, theirs.report, "{}", bug.describe());
        assert_eq!(ours.exit, theirs.exit, "{}", bug.describe());
        assert_eq!(printed(&ours), printed(&theirs), "{}", bug.describe());
        failing += usize::from(ours.exit != ssr_core::Exit::Code(0));
    }
    let counters = warm.counters();
    // toolz calls some of its functions while it is imported; most bugs are elsewhere.
    assert!(counters.collected >= count as u64 / 2, "{counters:?}");
    assert!(failing >= count / 3, "{failing} of {count} bugs break a test");
}
