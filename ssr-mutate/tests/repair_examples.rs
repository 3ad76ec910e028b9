//! Every operator's examples backwards: is what was there before among the candidates for what the
//! operator has made of it?
#![cfg(feature = "python")]

use std::fmt::Write;

use ssr_core::{File, RepoPath, Tree};
use ssr_mutate::{Mutator, RepairEdit, languages};

fn applied(text: &str, edit: &RepairEdit) -> String {
    let mut new = text.to_owned();
    new.replace_range(edit.range.clone(), &edit.replacement);
    new
}

/// One line an operator: how many of its examples are undone, and by what.
fn table(most: usize) -> String {
    let python = languages().iter().find(|language| language.name() == "python").unwrap();
    let path = RepoPath::new("example.py").unwrap();
    let mutator = Mutator::new();
    let mut page = String::new();
    let (mut undone, mut all) = (0, 0);
    for operator in python.operators() {
        let mut origins = Vec::new();
        for (before, after) in operator.examples {
            let file = File::new(after.as_bytes());
            let tree = Tree::from_files([(path.clone(), file)]).unwrap();
            let lines = 0..after.lines().count();
            let candidates = mutator.candidates(&tree, &path, lines, most);
            let fix = candidates.iter().find(|edit| applied(after, edit) == *before);
            origins.extend(fix.map(|edit| edit.origin));
        }
        let examples = operator.examples.len();
        undone += origins.len();
        all += examples;
        origins.sort_unstable();
        let mut by: Vec<String> = Vec::new();
        for group in origins.chunk_by(|a, b| a == b) {
            by.push(match group.len() {
                1 => group[0].to_owned(),
                count => format!("{} ×{count}", group[0]),
            });
        }
        let _ = writeln!(page, "{operator}: {} of {examples} {}", origins.len(), by.join(", "));
    }
    let _ = writeln!(page, "all: {undone} of {all}");
    page
}

#[test]
fn what_operators_do_in_their_examples_is_undone_by_these_candidates() {
    insta::assert_snapshot!(table(96).replace(" \n", "\n"));
}
