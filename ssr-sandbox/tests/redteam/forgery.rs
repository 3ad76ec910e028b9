//! Forged test results. Each entry of `forgery/` is the library of a repository whose oracle tests
//! fail honestly; the attack wins when the judge believes that one of them passed.

use ssr_core::{Limits, Outcome, Suites, TestId, Tree, judge};
use ssr_sandbox::{Guest, PythonVersion, WasiSandbox, default_cache_dir, read_folder};

use crate::suite::{Suite, attacks, honest, library};
use crate::support::{pytest_folder, sandbox};

#[test]
fn an_honest_repair_is_believed() {
    let suites = Suites::new(sandbox().clone(), Limits::default());
    for suite in Suite::ALL {
        let judgement = judge(&suites, &suite.bug(), &honest()).unwrap();
        assert!(judgement.solved, "{suite:?}: {judgement:?}");
    }
}

#[test]
fn an_older_python_is_judged_alike() {
    let Some(guest) = Guest::find(&default_cache_dir(), PythonVersion::V3_11).unwrap() else {
        println!("skipped: there is no CPython 3.11; `cargo xtask guest --python 3.11` makes it");
        return;
    };
    let packages = read_folder(pytest_folder()).unwrap();
    let sandbox = WasiSandbox::builder(&guest).site_packages(packages).build().unwrap();
    let bug = Suite::Mixed.bug();
    let solved = |library: &Tree| {
        let suites = Suites::new(sandbox.clone(), Limits::default());
        judge(&suites, &bug, library).unwrap()
    };
    let honest = solved(&honest());
    assert!(honest.solved, "{honest:?}");
    for name in ["patch_call_info", "patch_compile", "swap_code_of_tests", "equal_to_everything"] {
        let (_, attack) = attacks().into_iter().find(|(known, _)| known == name).unwrap();
        let forged = solved(&attack);
        assert!(!forged.solved, "{name}: {forged:?}");
    }
}

/// Forgeries that leave no sign. `examples/tests/audit.rs` shows that the audit finds them.
const WITHOUT_A_SIGN: [&str; 15] = [
    "another_comparison_of_the_case",
    "another_failure_exception",
    "another_run_of_the_class",
    "another_unittest",
    "assign_a_hook",
    "deaf_items",
    "empty_tests_while_compiling",
    "find_through_the_rewriter",
    "items_that_keep_no_failure",
    "package_beside_a_test_module",
    "raise_should_stop",
    "rebind_while_garbage_is_collected",
    "run_the_function_in_a_hook",
    "swallow_in_a_wrapper",
    "swap_the_hook_proxy",
];

#[test]
fn no_forged_result_is_believed() {
    let bug = Suite::Mixed.bug();
    let honest = library("");
    let expected = Suites::new(sandbox().clone(), Limits::default());
    let expected = expected.run(&bug.artifact, &honest).unwrap();
    let mut won = Vec::new();
    assert!(attacks().len() >= 65);
    for (name, attack) in attacks() {
        let suites = Suites::new(sandbox().clone(), Limits::default());
        let judgement = judge(&suites, &bug, &attack).unwrap();
        let run = suites.run(&bug.artifact, judgement.tree.as_ref().unwrap()).unwrap();
        let report = run.report.as_ref().unwrap();
        let passes = |id: &&&str| report.outcome(&TestId::new(id)) == Outcome::Passed;
        let forged: Vec<_> = Suite::Mixed.failing().iter().filter(passes).collect();
        let known = WITHOUT_A_SIGN.contains(&&*name);
        if known {
            assert!(!forged.is_empty(), "{name} leaves a sign by now: take it off the list");
        } else if judgement.solved || !forged.is_empty() {
            won.push((name.clone(), run.log_tail.clone()));
        }
        let again = Suites::new(sandbox().clone(), Limits::default());
        let again = again.run(&bug.artifact, &honest).unwrap();
        assert_eq!(again, expected, "{name} has an effect on the next run");
    }
    assert!(won.is_empty(), "{} attacks win: {won:#?}", won.len());
}
