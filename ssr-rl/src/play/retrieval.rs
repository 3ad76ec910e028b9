//! Finds the source that a specification is about: by what failing tests execute, and by the names that
//! both use.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ssr_core::{BugInstance, RepoPath};

use super::source::{Block, blocks, names};
use super::test_coverage::Suspects;

/// Lines of one file, in their order.
pub(super) struct Shown {
    pub(super) path: RepoPath,
    /// The number of each line, from 0, and its text.
    pub(super) lines: Vec<(usize, String)>,
}

/// A name that a block defines says more than one that it mentions.
const DEFINITION_WEIGHT: f64 = 8.0;
/// What the definition around a block counts.
const OWNER_WEIGHT: f64 = 3.0;
/// The share of its best user's score that a block gets whose name no test mentions.
const CALL_WEIGHT: f64 = 0.5;
/// How many of the best blocks are considered; those after them share hardly a name with the
/// specification.
const MAX_BLOCKS: usize = 64;

/// The lines of the buggy tree that `specification` is most likely about, within `limit` tokens.
///
/// A block of code counts for the names that it shares with the specification, rare ones for more, and
/// so does what such a block calls. Where `suspects` are known, the most suspicious blocks come first.
/// The best blocks are taken as long as they fit, and shown in the order of the repository.
/// `bug_inject` plays no part in it. Oracle test files are never shown: they are restored before the
/// judgement, so that a repair in them is lost.
pub(super) fn relevant_lines(
    bug: &BugInstance,
    sources: &BTreeSet<RepoPath>,
    specification: &str,
    suspects: Option<&Suspects<'_>>,
    limit: usize,
    tokens: &dyn Fn(&str) -> usize,
) -> Vec<Shown> {
    let tests = &bug.artifact.test_files;
    let blocks = blocks(&bug.tree, |path| sources.contains(path) && !tests.contains(path));
    let mut left = limit;
    let mut chosen: BTreeMap<usize, usize> = BTreeMap::new();
    for at in order(&blocks, specification, suspects).into_iter().take(MAX_BLOCKS) {
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

/// How much each block has to do with the specification: by the names that they share, and by those of
/// the blocks that use it.
fn named(blocks: &[Block<'_>], specification: &str) -> Vec<f64> {
    let wanted: BTreeSet<&str> = names(specification.lines()).into_iter().map(plain).collect();
    let shared = |block: &Block<'_>| -> BTreeSet<&str> {
        let plain = block.names.iter().map(|name| plain(name));
        plain.filter_map(|name| wanted.get(name).copied()).collect()
    };
    let shared: Vec<BTreeSet<&str>> = blocks.iter().map(shared).collect();
    let mut frequency: BTreeMap<&str, usize> = BTreeMap::new();
    for name in shared.iter().flatten() {
        *frequency.entry(*name).or_default() += 1;
    }
    let total = blocks.len() as f64;
    let rarity = |name: &str| frequency.get(name).map_or(0.0, |n| (1.0 + total / *n as f64).ln());
    let score = |(block, shared): (&Block<'_>, &BTreeSet<&str>)| -> f64 {
        let defined = |name: Option<&str>| name.map_or(0.0, |name| rarity(plain(name)));
        let used: f64 = shared.iter().map(|name| rarity(name)).sum();
        let defines = defined(block.defines) * (DEFINITION_WEIGHT - 1.0);
        // Tests name a class and what they do with it, rarely the method that does it.
        used + defines + defined(block.owner) * OWNER_WEIGHT
    };
    let own: Vec<f64> = blocks.iter().zip(&shared).map(score).collect();
    let mut users: HashMap<&str, f64> = HashMap::new();
    for (block, score) in blocks.iter().zip(&own) {
        for name in block.names.iter().filter(|name| block.defines != Some(**name)) {
            let best = users.entry(*name).or_default();
            *best = best.max(*score);
        }
    }
    // A helper that no test names is tested through those that call it.
    let called = |block: &Block<'_>| {
        let name = block.defines.filter(|name| !wanted.contains(plain(name)));
        name.and_then(|name| users.get(name)).map_or(0.0, |score| score * CALL_WEIGHT)
    };
    blocks.iter().zip(own).map(|(block, own)| own + called(block)).collect()
}

/// The positions of the blocks, the most relevant first: the most suspicious ones where that is known,
/// and among equals those that the specification names.
fn order(blocks: &[Block<'_>], specification: &str, suspects: Option<&Suspects<'_>>) -> Vec<usize> {
    let named = named(blocks, specification);
    let suspicious = |block: &Block<'_>| {
        let lines = block.lines.iter().map(|(number, _)| *number);
        suspects.map_or(0.0, |suspects| suspects.most_suspicious(block.path, lines))
    };
    let mut order: Vec<(f64, f64, usize)> = blocks
        .iter()
        .zip(named)
        .zip(0..)
        .map(|((b, named), at)| (suspicious(b), named, at))
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
    order.into_iter().map(|(.., at)| at).collect()
}

/// A name without the underscores around it: tests call `signature(f)`, and the code defines
/// `__signature__`.
fn plain(name: &str) -> &str {
    match name.trim_matches('_') {
        "" => name,
        plain => plain,
    }
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
        let shown = relevant_lines(bug, &sources.into(), specification, None, limit, &words);
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
