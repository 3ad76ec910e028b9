//! Every check has an artifact that fails it and no other, and the judge cannot be edited.

mod toy;

use std::collections::BTreeSet;

use ssr_core::{
    BugArtifact, BugInstance, Check, CheckedArtifact, ConsistencyReport, File, Limits, Patch,
    Provenance, RepoPath, Strategy, Suites, TestId, Thresholds, Tree, check_applied,
    check_consistency, judge, judge_patch,
};
use toy::Toy;

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

fn tree(files: &[(&str, &str)]) -> Tree {
    let file = |(name, text): &(&str, &str)| (path(name), File::new(text.as_bytes()));
    Tree::from_files(files.iter().map(file)).unwrap()
}

fn set(tree: &Tree, name: &str, text: &str) -> Tree {
    tree.with(path(name), File::new(text.as_bytes())).unwrap()
}

fn original() -> Tree {
    tree(&[
        ("a.code", "x = 1\ny = 2\n"),
        ("b.code", "z = 3\n"),
        ("t/a.t", "test_x: x 1\ntest_y: y 2\n"),
        ("t/b.t", "test_z: z 3\ntest_wrong: z 9\n"),
    ])
}

/// Breaks `x` and hides it.
fn artifact() -> BugArtifact {
    let buggy = set(&original(), "a.code", "x = 7\ny = 2\n");
    let weakened = set(&buggy, "t/a.t", "test_y: y 2\n");
    BugArtifact {
        test_script: "run".to_owned(),
        test_files: BTreeSet::from([path("t/a.t"), path("t/b.t")]),
        test_parser: "parse".to_owned(),
        bug_inject: original().diff(&buggy),
        test_weaken: buggy.diff(&weakened),
    }
}

fn thresholds() -> Thresholds {
    Thresholds::default().with_min_passing_tests(3)
}

fn check(artifact: &BugArtifact, thresholds: &Thresholds) -> ConsistencyReport {
    let suites = Suites::new(Toy { reports: true }, Limits::default());
    check_consistency(&suites, &original(), artifact, thresholds).unwrap().report
}

/// The artifact fails `expected`, every earlier check holds and no later one is reached.
fn fails_only(expected: Check, artifact: &BugArtifact) {
    let report = check(artifact, &thresholds());
    assert!(!report.is_valid());
    for verdict in &report.verdicts {
        let wanted = match verdict.check.cmp(&expected) {
            std::cmp::Ordering::Less => Some(true),
            std::cmp::Ordering::Equal => Some(false),
            std::cmp::Ordering::Greater => None,
        };
        assert_eq!(verdict.passed, wanted, "{expected}: {verdict:?}");
    }
}

#[test]
fn a_bug_passes_all_seven_checks_with_evidence() {
    let report = check(&artifact(), &thresholds());
    assert!(report.is_valid(), "{report:#?}");
    assert!(report.verdicts.iter().all(|verdict| !verdict.evidence.is_empty()));
    assert_eq!(report.f2p, BTreeSet::from([TestId::new("t/a.t::test_x")]));
    assert_eq!(report.p2p.len(), 2);
    let without_reports = Suites::new(Toy { reports: false }, Limits::default());
    let from_text = check_consistency(&without_reports, &original(), &artifact(), &thresholds());
    assert_eq!(from_text.unwrap().report.f2p, report.f2p);
}

#[test]
fn a_listed_test_file_must_exist_and_cover_the_weakening() {
    let mut unknown = artifact();
    unknown.test_files.insert(path("t/c.t"));
    fails_only(Check::TestFiles, &unknown);
    let mut uncovered = artifact();
    uncovered.test_files.remove("t/a.t");
    fails_only(Check::TestFiles, &uncovered);
}

#[test]
fn a_parser_that_contradicts_the_runner_is_refused() {
    let forged = BugArtifact { test_parser: "forge".to_owned(), ..artifact() };
    fails_only(Check::ParserValidity, &forged);
}

#[test]
fn a_suite_that_was_cut_off_is_not_the_fault_of_its_parser() {
    let endless = set(&original(), "b.code", "z = forever\n");
    let forged = BugArtifact { test_parser: "forge".to_owned(), ..artifact() };
    let suites = Suites::new(Toy { reports: true }, Limits::default());
    let report = check_consistency(&suites, &endless, &forged, &thresholds()).unwrap().report;
    let failure = report.failure().unwrap();
    assert_eq!(failure.check, Check::ParserValidity);
    assert_eq!(failure.evidence, "the suite ran out of time");
}

#[test]
fn too_few_passing_tests_are_refused() {
    let report = check(&artifact(), &thresholds().with_min_passing_tests(4));
    assert_eq!(report.failure().unwrap().check, Check::ScriptValidity);
    assert_eq!(report.failure().unwrap().evidence, "3 tests pass originally, 4 are needed");
}

#[test]
fn a_bug_stays_within_code_and_changes_enough_files() {
    let in_tests = set(&original(), "t/b.t", "test_z: z 4\n");
    let bug_inject = original().diff(&in_tests);
    fails_only(Check::BugScope, &BugArtifact { bug_inject, ..artifact() });
    let elsewhere = set(&original(), "a.code", "q = 1\n");
    let bug_inject = elsewhere.diff(&set(&elsewhere, "a.code", "q = 2\n"));
    fails_only(Check::BugScope, &BugArtifact { bug_inject, ..artifact() });
    fails_only(Check::BugScope, &BugArtifact { bug_inject: Patch::default(), ..artifact() });
    let report = check(&artifact(), &thresholds().with_min_changed_files(2));
    assert_eq!(report.failure().unwrap().check, Check::BugScope);
}

#[test]
fn a_change_that_no_test_notices_is_no_bug() {
    let harmless = original().diff(&set(&original(), "a.code", "x = 1\ny = 2\nw = 0\n"));
    fails_only(Check::BugValidity, &BugArtifact { bug_inject: harmless, ..artifact() });
}

#[test]
fn a_bug_may_make_a_test_hang_but_not_the_suite() {
    let bug = |value: &str| {
        let buggy = set(&original(), "a.code", &format!("y = 2\nx = {value}\n"));
        BugArtifact { bug_inject: original().diff(&buggy), ..artifact() }
    };
    let report = check(&bug("hang"), &thresholds());
    assert!(report.is_valid(), "{report:#?}");
    assert_eq!(report.f2p, BTreeSet::from([TestId::new("t/a.t::test_x")]));
    fails_only(Check::BugValidity, &bug("forever"));
}

#[test]
fn a_weakening_must_hide_a_failure_and_break_nothing() {
    let weakened = |text: &str| {
        let test_weaken = original().diff(&set(&original(), "t/b.t", text));
        BugArtifact { test_weaken, ..artifact() }
    };
    fails_only(Check::WeakeningValidity, &weakened("test_z: z 3\n"));
    fails_only(Check::WeakeningValidity, &weakened("test_z: z 8\ntest_wrong: z 9\n"));
    let nothing = BugArtifact { test_weaken: Patch::default(), ..artifact() };
    fails_only(Check::WeakeningValidity, &nothing);
}

#[test]
fn every_file_of_a_bug_must_matter() {
    let buggy = set(&original(), "a.code", "x = 7\ny = 2\n");
    let padded = set(&buggy, "b.code", "z = 3\nunused = 0\n");
    let bug_inject = original().diff(&padded);
    fails_only(Check::InverseMutation, &BugArtifact { bug_inject, ..artifact() });
}

fn provenance() -> Provenance {
    Provenance { strategy: Strategy::Operators, detail: String::new() }
}

fn checked(artifact: &BugArtifact) -> CheckedArtifact {
    let suites = Suites::new(Toy { reports: true }, Limits::default());
    check_consistency(&suites, &original(), artifact, &thresholds()).unwrap()
}

fn bug() -> BugInstance {
    let checked = checked(&artifact());
    BugInstance::first_order(&original(), artifact(), &checked, provenance()).unwrap()
}

/// Where the bytes of a file lie: trees share those of a file that neither changed.
fn address(tree: &Tree, name: &str) -> *const u8 {
    tree.get(name).unwrap().bytes().as_ptr()
}

#[test]
fn the_bug_is_applied_once_and_its_trees_are_handed_on() {
    let suites = Suites::new(Toy { reports: true }, Limits::default());
    let buggy = original().apply(&artifact().bug_inject).unwrap();
    let checked = check_applied(&suites, &original(), &artifact(), &buggy, &thresholds()).unwrap();
    assert!(checked.report.is_valid());
    let bug = BugInstance::first_order(&original(), artifact(), &checked, provenance()).unwrap();
    let weakened = checked.weakened.unwrap();
    assert_eq!(weakened, buggy.apply(&artifact().test_weaken).unwrap());
    for tree in [&checked.buggy.unwrap(), &weakened, &bug.tree] {
        assert_eq!(address(tree, "a.code"), address(&buggy, "a.code"));
    }
    assert_eq!(address(&bug.tree, "t/a.t"), address(&weakened, "t/a.t"));
}

#[test]
fn what_fails_a_check_is_no_bug_and_shows_how_far_it_came() {
    let harmless = original().diff(&set(&original(), "a.code", "x = 1\ny = 2\nw = 0\n"));
    let harmless = BugArtifact { bug_inject: harmless, ..artifact() };
    let unlisted = BugArtifact { test_files: [path("t/c.t")].into(), ..artifact() };
    for (artifact, applied) in [(harmless, true), (unlisted, false)] {
        let checked = checked(&artifact);
        assert_eq!((checked.buggy.is_some(), checked.weakened.is_some()), (applied, false));
        assert_eq!(BugInstance::first_order(&original(), artifact, &checked, provenance()), None);
    }
}

#[test]
fn a_patch_is_judged_as_the_tree_that_it_makes() {
    let suites = Suites::new(Toy { reports: true }, Limits::default());
    let bug = bug();
    for text in ["x = 1\ny = 2\n", "x = 7\ny = 3\n", "x = 7\ny = 2\n"] {
        let repaired = set(&bug.tree, "a.code", text);
        let by_patch = judge_patch(&suites, &bug, &bug.tree.diff(&repaired)).unwrap();
        assert_eq!(judge(&suites, &bug, &repaired).unwrap(), by_patch, "{text}");
        assert_eq!(by_patch.solved, text == "x = 1\ny = 2\n");
    }
}

#[test]
fn the_reversed_bug_solves_it_and_nothing_else_does() {
    let suites = Suites::new(Toy { reports: true }, Limits::default());
    let bug = bug();
    let repaired = judge_patch(&suites, &bug, &bug.artifact.bug_inject.reverse()).unwrap();
    assert!(repaired.solved, "{}", repaired.reason);
    let idle = judge_patch(&suites, &bug, &Patch::default()).unwrap();
    assert!(!idle.solved);
    assert_eq!(idle.reason, "t/a.t::test_x does not pass");
    let unrelated = judge_patch(&suites, &bug, &artifact().bug_inject).unwrap();
    assert!(!unrelated.solved && unrelated.tree.is_none());
}

#[test]
fn editing_or_deleting_oracle_tests_does_not_help() {
    let suites = Suites::new(Toy { reports: true }, Limits::default());
    let bug = bug();
    let edited = set(&bug.tree, "t/a.t", "test_x: x 7\ntest_y: y 2\n");
    assert!(!judge(&suites, &bug, &edited).unwrap().solved);
    let deleted = bug.tree.without(&path("t/a.t")).without(&path("t/b.t"));
    assert!(!judge(&suites, &bug, &deleted).unwrap().solved);
    let shadowed = set(&deleted, "t/a.t/x", "");
    let shadowed = judge(&suites, &bug, &shadowed).unwrap();
    assert!(!shadowed.solved && shadowed.tree.is_none(), "{}", shadowed.reason);
}

#[test]
fn configuring_the_tests_does_not_help() {
    let suites = Suites::new(Toy { reports: true }, Limits::default());
    let bug = bug();
    let hooked = set(&bug.tree, "conftest.py", "everything passes\n");
    assert!(!judge(&suites, &bug, &hooked).unwrap().solved);
    let replaced = set(&bug.tree, "src/_pytest/runner.py", "everything passes\n");
    let restored = bug.restore_oracle(&replaced).unwrap();
    assert!(!restored.contains("src/_pytest/runner.py"));
    let bug_inject = original().diff(&set(&original(), "conftest.py", "x\n"));
    fails_only(Check::BugScope, &BugArtifact { bug_inject, ..artifact() });
}

#[test]
fn a_script_that_only_prints_passes_has_run_no_tests() {
    let forged = BugArtifact { test_script: "print passes".to_owned(), ..artifact() };
    fails_only(Check::ParserValidity, &forged);
}

#[test]
fn a_failed_repair_becomes_a_bug_of_the_next_order() {
    let suites = Suites::new(Toy { reports: true }, Limits::default());
    let first = bug();
    let failed = set(&first.tree, "a.code", "x = 7\ny = 5\n");
    let second = first.next_order(failed.clone());
    assert_eq!((second.order, second.parent.as_deref()), (2, Some(first.id().as_str())));
    assert_ne!(second.id(), first.id());
    let repaired = set(&failed, "a.code", "x = 1\ny = 2\n");
    assert!(judge(&suites, &second, &repaired).unwrap().solved);
    let halfway = set(&failed, "a.code", "x = 1\ny = 5\n");
    assert!(!judge(&suites, &second, &halfway).unwrap().solved);
}

#[test]
fn a_lost_machine_is_an_error_and_not_a_verdict() {
    let suites = Suites::new(Toy { reports: true }, Limits::default());
    let artifact = BugArtifact { test_script: "lose the machine".to_owned(), ..artifact() };
    assert!(check_consistency(&suites, &original(), &artifact, &thresholds()).is_err());
}

#[test]
fn equal_trees_are_not_tested_twice() {
    let suites = Suites::new(Toy { reports: true }, Limits::default());
    check_consistency(&suites, &original(), &artifact(), &thresholds()).unwrap();
    // Original, buggy and weakened; restoring the only file gives the original again.
    assert_eq!(suites.cycles(), 3);
}

#[test]
fn an_artifact_survives_its_folder_under_either_set_of_names() {
    let folder = artifact().to_tree();
    assert_eq!(BugArtifact::from_tree(&folder).unwrap(), artifact());
    let names = ["parse_test_output.py", "bug_patch.diff", "test_patch.diff"];
    let mut renamed = folder.clone();
    for (old, new) in ["test_parser.py", "bug_inject.diff", "test_weaken.diff"].iter().zip(names) {
        let file = renamed.get(old).unwrap().clone();
        renamed = renamed.without(&path(old)).with(path(new), file).unwrap();
    }
    assert_eq!(BugArtifact::from_tree(&renamed).unwrap(), artifact());
    let both = set(&folder, "bug_patch.diff", "");
    for broken in
        [both, folder.without(&path("test_script.sh")), set(&folder, "test_files.txt", "")]
    {
        assert!(BugArtifact::from_tree(&broken).is_err());
    }
    let unsafe_list = set(&folder, "test_files.txt", "../../etc/passwd\n");
    assert!(BugArtifact::from_tree(&unsafe_list).unwrap_err().to_string().contains(".."));
}
