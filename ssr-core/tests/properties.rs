//! Properties of rewards, seeds, reports, paths and artifacts over random values.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;
use ssr_core::{
    BugArtifact, File, InjectorReward, Outcome, RepoPath, Seed, TestId, TestReport, Tree,
    solver_reward,
};

proptest! {
    #[test]
    fn an_injector_earns_more_for_a_harder_bug_and_least_for_none(
        alpha in 0.0..=1.0_f64,
        attempts in 1..200_usize,
    ) {
        let reward = InjectorReward::with_alpha(alpha);
        let rewards: Vec<f64> = (0..=attempts).map(|solved| reward.valid(solved, attempts)).collect();
        for earned in &rewards {
            prop_assert!((-1.0..=1.0).contains(earned));
            prop_assert!(*earned >= reward.invalid());
        }
        prop_assert_eq!((rewards[0], rewards[attempts]), (-alpha, -alpha));
        for pair in rewards[1..attempts].windows(2) {
            prop_assert!(pair[0] > pair[1], "{rewards:?}");
        }
        // A bug that some repaired and some did not is never worth less than one that says nothing.
        prop_assert!(rewards[1..attempts].iter().all(|earned| *earned > -alpha));
    }

    #[test]
    fn rewards_of_any_numbers_are_in_range(alpha: f64, solved: usize, attempts: usize) {
        let reward = InjectorReward::with_alpha(alpha);
        prop_assert!((-1.0..=1.0).contains(&reward.valid(solved, attempts)));
        prop_assert_eq!(solver_reward(solved > 0), if solved > 0 { 1.0 } else { -1.0 });
    }
}

/// One step of a derivation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Text(String),
    Index(u64),
}

fn derivation() -> impl Strategy<Value = (u64, Vec<Step>)> {
    let step = prop_oneof!["[ab0]{0,3}".prop_map(Step::Text), (0..3_u64).prop_map(Step::Index)];
    (0..2_u64, vec(step, 0..4))
}

fn seed((run, steps): &(u64, Vec<Step>)) -> Seed {
    steps.iter().fold(Seed::new(*run), |seed, step| match step {
        Step::Text(purpose) => seed.derive(purpose),
        Step::Index(index) => seed.index(*index),
    })
}

proptest! {
    #[test]
    fn equal_derivations_give_equal_seeds_and_others_different_ones(
        derivations in btree_set(derivation(), 2..20),
    ) {
        let seeds: BTreeSet<Seed> = derivations.iter().map(seed).collect();
        prop_assert_eq!(seeds.len(), derivations.len());
        prop_assert!(derivations.iter().all(|derivation| seeds.contains(&seed(derivation))));
    }

    #[test]
    fn a_seeds_numbers_stay_in_range(run: u64, bound in 1..=usize::MAX) {
        let seed = Seed::new(run);
        prop_assert!(seed.below(bound) < bound);
        prop_assert!((0.0..1.0).contains(&seed.unit()));
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    select(vec![
        Outcome::Passed,
        Outcome::XFailed,
        Outcome::Skipped,
        Outcome::XPassed,
        Outcome::Failed,
        Outcome::Error,
        Outcome::Timeout,
        Outcome::Missing,
    ])
}

fn report(collected: &BTreeSet<u8>, records: &[(u8, Outcome)]) -> TestReport {
    let id = |id: u8| TestId::new(&format!("t.py::test_{id}"));
    let mut report = TestReport::new();
    collected.iter().for_each(|known| report.expect(id(*known)));
    records.iter().for_each(|(known, outcome)| report.record(id(*known), *outcome));
    report
}

proptest! {
    #[test]
    fn the_worst_record_wins_in_any_order(
        collected in btree_set(0..6_u8, 0..6),
        (records, shuffled) in vec((0..6_u8, outcome()), 0..20)
            .prop_flat_map(|records| (Just(records.clone()), Just(records).prop_shuffle())),
    ) {
        let recorded = report(&collected, &records);
        prop_assert_eq!(&recorded, &report(&collected, &shuffled));
        let mut worst: BTreeMap<u8, Option<Outcome>> =
            collected.into_iter().map(|id| (id, None)).collect();
        for (id, outcome) in records {
            let said = Some(outcome).filter(|outcome| *outcome != Outcome::Missing);
            let known = worst.entry(id).or_default();
            *known = (*known).max(said);
        }
        prop_assert_eq!(recorded.len(), worst.len());
        for (id, worst) in worst {
            let outcome = recorded.outcome(&TestId::new(&format!("t.py::test_{id}")));
            prop_assert_eq!(outcome, worst.unwrap_or(Outcome::Missing));
        }
    }
}

fn path_text() -> impl Strategy<Value = String> {
    let part = select(vec![
        "a",
        "b.py",
        ".",
        "..",
        "...",
        "",
        ".git",
        ".GIT",
        "git~1",
        ".git.",
        ".git ",
        ".g\u{200c}it",
        ".git:x",
        ".github",
        " ",
        "\n",
        "\0",
        "\\",
        "\"",
        "ü",
        "-x",
    ]);
    prop_oneof![vec(part, 0..5).prop_map(|parts| parts.join("/")), any::<String>()]
}

/// A path that a repository can hold.
fn path() -> impl Strategy<Value = RepoPath> {
    path_text().prop_filter_map("no path", |text| RepoPath::new(&text).ok())
}

proptest! {
    #[test]
    fn an_accepted_path_stays_inside_and_out_of_git(text in path_text()) {
        let Ok(path) = RepoPath::new(&text) else { return Ok(()) };
        prop_assert_eq!(path.as_str(), &text);
        let name = path.file_name();
        prop_assert_eq!(path.parent().map_or(name.to_owned(), |parent| format!("{parent}/{name}")), text);
        for component in path.components() {
            let lower = component.to_lowercase();
            prop_assert!(!["", ".", "..", ".git", "git~1"].contains(&lower.as_str()));
            prop_assert!(!component.contains(['\0', '\\']));
        }
        let native = std::path::Path::new(path.as_str());
        let normal = |part| matches!(part, std::path::Component::Normal(_));
        prop_assert!(native.components().all(normal));
    }

    #[test]
    fn an_artifact_survives_its_folder(
        test_script: String,
        test_parser: String,
        test_files in btree_set(path(), 1..5),
        [before, after] in [".{0,20}\n{0,2}", "(.{0,20}\n){0,4}"],
    ) {
        let tree = |text: &str| Tree::from_files([
            (RepoPath::new("a.py").unwrap(), File::new(text.as_bytes())),
        ]).unwrap();
        let bug_inject = tree(&before).diff(&tree(&after));
        let test_weaken = bug_inject.reverse();
        let artifact = BugArtifact { test_script, test_files, test_parser, bug_inject, test_weaken };
        prop_assert_eq!(BugArtifact::from_tree(&artifact.to_tree()), Ok(artifact));
    }

    #[test]
    fn any_folder_gives_an_artifact_or_an_error(
        files in vec((select(vec![
            "test_script.sh", "test_files.txt", "test_parser.py", "parse_test_output.py",
            "bug_inject.diff", "bug_patch.diff", "test_weaken.diff", "test_patch.diff",
        ]), prop_oneof![
            any::<String>().prop_map(String::into_bytes),
            vec(any::<u8>(), 0..40),
            Just(b"a.py\n\"b\\n.py\"\n".to_vec()),
            Just(b"--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n+y\n".to_vec()),
        ]), 0..8),
    ) {
        let files = files.into_iter().map(|(name, bytes)| (RepoPath::new(name).unwrap(), File::new(bytes)));
        // Total: whatever the files hold, there is an answer, and what is accepted is stable.
        if let Ok(artifact) = BugArtifact::from_tree(&Tree::from_files(files).unwrap()) {
            prop_assert_eq!(BugArtifact::from_tree(&artifact.to_tree()), Ok(artifact));
        }
    }
}

#[test]
fn a_path_as_deep_as_it_may_be_can_be_hashed() {
    let deepest = vec!["a"; 2048].join("/");
    let tree = Tree::from_files([(RepoPath::new(&deepest).unwrap(), File::new(*b"x"))]).unwrap();
    assert_ne!(tree.hash(), Tree::new().hash());
    assert!(RepoPath::new(&format!("{deepest}/a")).is_err());
}
