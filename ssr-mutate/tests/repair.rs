//! Candidates for repairs: what operators do can be undone by one of them.
#![cfg(feature = "all")]

use ssr_core::{File, RepoPath, Tree};
use ssr_mutate::{Mutator, RepairEdit};

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
