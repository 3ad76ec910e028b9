//! Policies are compared by what they rank, and edits are judged once.

mod toy;

use std::ops::Range;

use ssr_core::{
    BugInstance, Edit, LineIndex, Provenance, RepoPath, Seed, Strategy, Suites, Thresholds, Tree,
    check_consistency,
};
use ssr_policy::{LocalPolicy, Model, ModelConfig, Tokenizer};
use ssr_rl::{Injector, RankEdits, RankEditsConfig, RepairTasks};
use toy::{ToyInjector, ToySandbox};

/// Every digit becomes each of the others.
struct Digits {
    /// An edit that breaks the machine comes first.
    with_boom: bool,
}

impl ssr_rl::EditSource for Digits {
    fn edits(&self, tree: &Tree, path: &RepoPath, lines: Range<usize>, most: usize) -> Vec<Edit> {
        let text = tree.get(path.as_str()).and_then(|file| file.text()).unwrap();
        let index = LineIndex::new(text.as_bytes());
        let digits = text.char_indices().filter(|(_, c)| c.is_ascii_digit());
        let others = |(at, digit): (usize, char)| {
            let new = ('1'..='9').filter(move |new| *new != digit);
            new.map(move |new| Edit::new(path.clone(), at..at + 1, new.to_string()))
        };
        let boom = self.with_boom.then(|| Edit::new(path.clone(), 0..0, "boom = 1\n"));
        let all = boom.into_iter().chain(digits.flat_map(others));
        all.filter(|edit| lines.contains(&index.line(edit.range.start))).take(most).collect()
    }
}

fn policy(seed: u64) -> LocalPolicy {
    let tokenizer = Tokenizer::train(["alpha = 1\nbeta = 2\ngamma = 3\ndelta = 4\n"], 300).unwrap();
    let config = ModelConfig::tiny(tokenizer.vocab_size())
        .with_hidden_size(32)
        .with_intermediate_size(64)
        .with_num_hidden_layers(1)
        .with_num_attention_heads(2)
        .with_num_key_value_heads(1)
        .with_head_dim(16);
    LocalPolicy::new(Model::new(config, Seed::new(seed)).unwrap(), tokenizer).unwrap()
}

/// Four bugs: each number raised by one.
fn bugs() -> Vec<BugInstance> {
    let (repository, suites) = (toy::repository(), Suites::new(ToySandbox, Default::default()));
    let tree = &repository.tree;
    let injector = ToyInjector::default();
    let candidates = injector.candidates(tree, 4, Seed::new(0)).unwrap();
    let bug = |candidate: ssr_rl::Candidate| {
        let buggy = tree.apply(&candidate.patch).unwrap();
        let bare = repository.artifact(candidate.patch.clone(), Default::default());
        let all = suites.test(&bare, tree).unwrap().passed();
        let broken = &all - &suites.test(&bare, &buggy).unwrap().passed();
        let mut failing = |_: &ssr_core::Patch| Ok(broken.clone());
        let weaken = injector.weaken(&buggy, &broken, Seed::new(0), &mut failing).unwrap();
        let artifact = repository.artifact(candidate.patch, weaken.unwrap());
        let thresholds = Thresholds::default().with_min_passing_tests(1);
        let checked = check_consistency(&suites, tree, &artifact, &thresholds).unwrap();
        let provenance = Provenance { strategy: Strategy::Operators, detail: candidate.detail };
        BugInstance::first_order(tree, artifact, &checked, provenance).expect("the bug is valid")
    };
    candidates.into_iter().map(bug).collect()
}

fn tasks(with_boom: bool, policy: &LocalPolicy) -> RepairTasks<ToySandbox> {
    let repository = toy::repository();
    let suites = Suites::new(ToySandbox, Default::default());
    let mut tasks = RepairTasks::new(suites, repository.tree.clone());
    let protocol = RankEdits::new(Digits { with_boom }, RankEditsConfig::default());
    let tokens = |text: &str| policy.tokenizer().encode(text).unwrap().len();
    for bug in bugs() {
        tasks.add(bug, &protocol, &repository.sources, &tokens);
    }
    tasks
}

#[test]
fn an_edit_that_takes_the_bug_back_is_known_to_hold_and_others_are_judged_once() {
    let policy = policy(1);
    let tasks = tasks(false, &policy);
    assert_eq!(tasks.bugs().len(), 4);
    for at in 0..4 {
        let reversal = tasks.reversal(at).expect("a digit restores the number");
        assert_eq!(tasks.verdict(at, reversal), Some(true));
    }
    assert_eq!(tasks.test_runs(), 0);
    let wrong = (0..).find(|edit| Some(*edit) != tasks.reversal(0)).unwrap();
    assert_eq!(tasks.verdict(0, wrong), Some(false));
    let runs = tasks.test_runs();
    assert!(runs > 0);
    assert_eq!(tasks.verdict(0, wrong), Some(false));
    assert_eq!(tasks.test_runs(), runs);
}

#[test]
fn scores_are_the_mass_and_the_place_of_what_holds() {
    let policy = policy(1);
    let tasks = tasks(false, &policy);
    let ranks = tasks.measure(&policy).unwrap();
    for (at, score) in tasks.scores(&ranks).into_iter().enumerate() {
        let score = score.expect("the infrastructure held");
        let ranked = policy.rank(&[tasks.ranking(at).unwrap().clone()]).unwrap().remove(0);
        let reversal = tasks.reversal(at).unwrap();
        assert!(score.t1 >= f64::from(ranked.logprobs[reversal]).exp() - 1e-9);
        let order = ranked.order();
        let first = order.iter().position(|edit| tasks.verdict(at, *edit) == Some(true)).unwrap();
        assert_eq!(score.first, (first < 16).then_some(first + 1));
        assert_eq!(score.solved_within(1), first == 0);
    }
}

#[test]
fn a_bug_at_which_the_infrastructure_fails_is_left_out() {
    let policy = policy(1);
    let tasks = tasks(true, &policy);
    let boom = |at: usize| (0..8).find(|edit| tasks.verdict(at, *edit).is_none());
    assert!(boom(0).is_some(), "the machine breaks");
    let ranks = tasks.measure(&policy).unwrap();
    assert_eq!(tasks.scores(&ranks)[0], None);
}
