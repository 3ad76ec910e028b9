//! Candidates for repairs: what operators do can be undone by one of them.
#![cfg(feature = "all")]

use proptest::prelude::*;
use ssr_core::{File, RepoPath, Tree};
use ssr_mutate::{Mutator, RepairEdit, languages};

fn tree_of(path: &RepoPath, text: &str) -> Tree {
    Tree::from_files([(path.clone(), File::new(text.as_bytes()))]).unwrap()
}

fn applied(text: &str, edit: &RepairEdit) -> String {
    let mut new = text.to_owned();
    new.replace_range(edit.range.clone(), &edit.replacement);
    new
}

#[test]
fn bugs_with_equal_trees_have_equal_candidates() {
    // The first was `a < b`, the second `b > a`: both were broken into the same text.
    let buggy = "def f(a, b):\n    return a <= b\n";
    let path = RepoPath::new("a.py").unwrap();
    let ask = || Mutator::new().candidates(&tree_of(&path, buggy), &path, 0..2, usize::MAX);
    let (one, other) = (ask(), ask());
    assert!(!one.is_empty());
    assert_eq!(one, other);
    let texts: Vec<_> = one.iter().map(|edit| applied(buggy, edit)).collect();
    assert!(texts.iter().any(|text| text.contains("a > b")), "{texts:#?}");
}

#[test]
fn no_more_than_the_most_are_given_and_they_are_the_first() {
    let text = include_str!("fixtures/inventory.py");
    let path = RepoPath::new("inventory.py").unwrap();
    let tree = tree_of(&path, text);
    let lines = text.lines().count();
    let all = Mutator::new().candidates(&tree, &path, 0..lines, usize::MAX);
    let some = Mutator::new().candidates(&tree, &path, 0..lines, 96);
    assert!(all.len() > 96);
    assert_eq!(some, all[..96]);
}

#[test]
fn a_parameter_that_nothing_reads_comes_first() {
    let buggy = "def above(low, high):\n    return max(high, 0)\n";
    let path = RepoPath::new("above.py").unwrap();
    let candidates = Mutator::new().candidates(&tree_of(&path, buggy), &path, 0..2, 96);
    let first = applied(buggy, &candidates[0]);
    assert_eq!(first, "def above(low, high):\n    return max(low, 0)\n");
}

#[test]
fn no_candidate_adds_a_syntax_error() {
    let whole = include_str!("fixtures/inventory.py");
    let path = RepoPath::new("pkg/inventory.py").unwrap();
    let python = languages().iter().find(|language| language.name() == "python").unwrap();
    // The second text ends in the middle of a statement.
    for text in [whole, &whole[..whole.len() / 3]] {
        let before = python.syntax_errors(&path, text);
        let lines = 0..text.lines().count();
        let candidates = Mutator::new().candidates(&tree_of(&path, text), &path, lines, 1500);
        assert!(!candidates.is_empty());
        for one in candidates.iter().step_by(5) {
            let new = applied(text, one);
            assert!(python.syntax_errors(&path, &new) <= before, "{one:?}");
        }
    }
}

#[test]
fn what_has_no_candidates_gives_none() {
    let path = RepoPath::new("a.py").unwrap();
    let tree = tree_of(&path, "x = 1\n");
    let other = RepoPath::new("b.py").unwrap();
    let mutator = Mutator::new();
    assert!(mutator.candidates(&tree, &other, 0..1, 9).is_empty());
    assert!(mutator.candidates(&tree, &path, 1..4, 9).is_empty());
    assert!(mutator.candidates(&tree, &path, 0..0, 9).is_empty());
    assert!(!mutator.candidates(&tree, &path, 0..1, 9).is_empty());
    let text = RepoPath::new("a.txt").unwrap();
    assert!(mutator.candidates(&tree_of(&text, "x = 1\n"), &text, 0..1, 9).is_empty());
}

/// The fixtures, whole files that hold most of the language.
const TEXTS: &[&str] = &[
    include_str!("fixtures/inventory.py"),
    include_str!("fixtures/parcel/parcel.py"),
    include_str!("fixtures/parcel/rates.py"),
    include_str!("fixtures/parcel/units.py"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Also in text that is cut off or damaged anywhere.
    #[test]
    fn candidates_apply_within_the_lines_and_differ(
        text in proptest::sample::select(TEXTS),
        cut in 0.0..1.0_f64,
        from in 0_usize..60,
        count in 1_usize..30,
        most in 1_usize..200,
    ) {
        let mut end = (text.len() as f64 * cut) as usize;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = &text[..end];
        let path = RepoPath::new("pkg/a.py").unwrap();
        let tree = tree_of(&path, text);
        let lines = from..from + count;
        let candidates = Mutator::new().candidates(&tree, &path, lines.clone(), most);
        prop_assert!(candidates.len() <= most);
        prop_assert_eq!(
            &candidates,
            &Mutator::new().candidates(&tree, &path, lines.clone(), most)
        );
        let mut seen = std::collections::HashSet::new();
        for edit in &candidates {
            prop_assert!(tree.edit(&[edit.edit()]).is_ok());
            let before = text[..edit.range.start].matches('\n').count();
            let inside = text[..edit.range.end].matches('\n').count();
            prop_assert!(before >= from && inside <= from + count, "{edit:?}");
            let new = applied(text, edit);
            prop_assert!(new != text, "{edit:?}");
            prop_assert!(seen.insert(new), "{edit:?}");
        }
    }
}
