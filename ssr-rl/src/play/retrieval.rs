//! Finds the source that a specification is about, by the names that both use.

use std::collections::{BTreeMap, BTreeSet};

use ssr_core::{BugInstance, RepoPath};

use super::source::{Block, blocks, names};

/// Lines of one file, in their order.
pub(super) struct Shown {
    pub(super) path: RepoPath,
    /// The number of each line, from 0, and its text.
    pub(super) lines: Vec<(usize, String)>,
}

/// A name that a block defines says more than one that it mentions.
const DEFINITION_WEIGHT: f64 = 8.0;
/// How many of the best blocks are considered; those after them share hardly a name with the
/// specification.
const MAX_BLOCKS: usize = 64;

/// The lines of the buggy tree that `specification` is most likely about, within `limit` tokens.
///
/// A block of code counts for the names that it shares with the specification, rare ones for more.
/// The best blocks are taken as long as they fit, and shown in the order of the repository.
/// `bug_inject` plays no part in it. Oracle test files are never shown: they are restored before the
/// judgement, so that a repair in them is lost.
pub(super) fn relevant_lines(
    bug: &BugInstance,
    sources: &BTreeSet<RepoPath>,
    specification: &str,
    limit: usize,
    tokens: &dyn Fn(&str) -> usize,
) -> Vec<Shown> {
    let tests = &bug.artifact.test_files;
    let blocks = blocks(&bug.tree, |path| sources.contains(path) && !tests.contains(path));
    let mut left = limit;
    let mut chosen: BTreeMap<usize, usize> = BTreeMap::new();
    for at in ranked(&blocks, specification).into_iter().take(MAX_BLOCKS) {
        // A label costs about as much as a short word.
        let costs = blocks[at].lines.iter().map(|(_, line)| tokens(line) + tokens("000: \n"));
        let fitting = costs.scan(left, |left, cost| {
            *left = left.checked_sub(cost)?;
            Some(*left)
        });
        let rest: Vec<usize> = fitting.collect();
        let whole = rest.len() == blocks[at].lines.len();
        // Half a block is shown only where nothing else would be.
        if let Some(rest_left) = rest.last()
            && (whole || chosen.is_empty())
        {
            left = *rest_left;
            chosen.insert(at, rest.len());
        }
    }
    let shown = chosen.into_iter().map(|(at, count)| {
        let Block { path, lines, .. } = &blocks[at];
        let lines = lines[..count].iter().map(|(number, line)| (*number, (*line).to_owned()));
        Shown { path: (*path).clone(), lines: lines.collect() }
    });
    shown.collect()
}

/// The positions of the blocks, the most relevant first.
fn ranked(blocks: &[Block<'_>], specification: &str) -> Vec<usize> {
    let wanted = names(specification.lines());
    let mut frequency: BTreeMap<&str, usize> = BTreeMap::new();
    for block in blocks {
        for name in block.names.intersection(&wanted) {
            *frequency.entry(*name).or_default() += 1;
        }
    }
    let total = blocks.len() as f64;
    let score = |block: &Block<'_>| -> f64 {
        let weight = |name: &&str| {
            let rarity = (1.0 + total / frequency[name] as f64).ln();
            rarity * if block.defines == Some(*name) { DEFINITION_WEIGHT } else { 1.0 }
        };
        block.names.intersection(&wanted).map(weight).sum()
    };
    let mut order: Vec<(f64, usize)> =
        blocks.iter().enumerate().map(|(at, block)| (score(block), at)).collect();
    order.sort_by(|(a, i), (b, j)| b.total_cmp(a).then(i.cmp(j)));
    order.into_iter().map(|(_, at)| at).collect()
}

#[cfg(test)]
mod tests {
    use ssr_core::{BugArtifact, File, Patch, Provenance, Strategy, Tree};

    use super::*;

    fn bug(files: &[(&str, &str)]) -> BugInstance {
        let path = |text: &str| RepoPath::new(text).unwrap();
        let files = files.iter().map(|(name, text)| (path(name), File::new(text.as_bytes())));
        BugInstance {
            artifact: BugArtifact {
                test_script: String::new(),
                test_files: [path("tests/test_a.py")].into(),
                test_parser: String::new(),
                bug_inject: Patch::default(),
                test_weaken: Patch::default(),
            },
            tree: Tree::from_files(files).unwrap(),
            oracle: Tree::new(),
            f2p: BTreeSet::new(),
            p2p: BTreeSet::new(),
            order: 1,
            parent: None,
            provenance: Provenance { strategy: Strategy::Operators, detail: String::new() },
        }
    }

    fn shown(bug: &BugInstance, specification: &str, limit: usize) -> Vec<String> {
        let words = |text: &str| text.split_whitespace().count();
        // The test file is named as a source, and not shown for all that.
        let sources = ["a.py", "tests/test_a.py"].map(|text| RepoPath::new(text).unwrap());
        let shown = relevant_lines(bug, &sources.into(), specification, limit, &words);
        let lines = shown.into_iter().flat_map(|block| block.lines);
        lines.map(|(_, line)| line).collect()
    }

    const SOURCE: &str = "import sys\n\n@memo\ndef first(seq):\n    return next(iter(seq))\n\n\n\
                          def second(seq):\n    return first(rest(seq))\n";

    #[test]
    fn the_function_that_a_test_names_comes_first() {
        let bug = bug(&[
            ("a.py", SOURCE),
            ("b.txt", "second second"),
            ("tests/test_a.py", "def second(): 1"),
        ]);
        let lines = shown(&bug, "+def test_second():\n+    assert second([1, 2]) == 2\n", 8);
        assert_eq!(lines, ["def second(seq):", "    return first(rest(seq))"]);
        let lines = shown(&bug, "+    assert first([1, 2]) == 1\n", 8);
        assert_eq!(lines, ["@memo", "def first(seq):", "    return next(iter(seq))"]);
    }

    #[test]
    fn everything_is_shown_where_it_fits_and_something_where_it_does_not() {
        let bug = bug(&[("a.py", SOURCE)]);
        assert_eq!(shown(&bug, "", 1000).len(), 6);
        assert_eq!(shown(&bug, "second", 5), ["def second(seq):"]);
        assert!(shown(&bug, "second", 0).is_empty());
    }
}
