//! Which source a specification is about, told from names alone.

use std::collections::{BTreeMap, BTreeSet};

use ssr_core::{BugInstance, RepoPath, Tree};

/// Consecutive lines of one file.
pub(super) struct Shown {
    pub(super) path: RepoPath,
    /// The number of the first line, from 0.
    pub(super) first: usize,
    pub(super) lines: Vec<String>,
}

/// A name that a block defines says more than one that it mentions.
const DEFINITION_WEIGHT: f64 = 8.0;

/// The lines of the buggy tree that `specification` is most likely about, within `limit` tokens.
///
/// Source files (those that are no oracle tests and end like one) are cut into top-level blocks.
/// A block counts for the names that it shares with the specification, rare ones for more. The best
/// blocks are taken as long as they fit, and shown in the order of the repository. `bug_inject` plays
/// no part in it.
pub(super) fn relevant_lines(
    bug: &BugInstance,
    specification: &str,
    limit: usize,
    tokens: &dyn Fn(&str) -> usize,
) -> Vec<Shown> {
    let blocks = blocks(&bug.tree, &bug.artifact.test_files);
    let wanted = names(specification);
    let mut frequency: BTreeMap<&str, usize> = BTreeMap::new();
    for block in &blocks {
        for name in block.names.intersection(&wanted) {
            *frequency.entry(*name).or_default() += 1;
        }
    }
    let total = blocks.len() as f64;
    let score = |block: &Block<'_>| -> f64 {
        let weight = |name: &&str| {
            let rarity = (1.0 + total / frequency[name] as f64).ln();
            let defined = block.defines == Some(*name);
            rarity * if defined { DEFINITION_WEIGHT } else { 1.0 }
        };
        block.names.intersection(&wanted).map(weight).sum()
    };
    let mut order: Vec<(f64, usize)> =
        blocks.iter().enumerate().map(|(at, block)| (score(block), at)).collect();
    order.sort_by(|(a, i), (b, j)| b.total_cmp(a).then(i.cmp(j)));

    let mut left = limit;
    let mut chosen: BTreeMap<usize, usize> = BTreeMap::new();
    for (_, at) in order {
        // A label costs about as much as a short word.
        let costs = blocks[at].lines.iter().map(|line| tokens(line) + tokens("000: \n"));
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
        let block = &blocks[at];
        let lines = block.lines[..count].iter().map(|line| (*line).to_owned()).collect();
        Shown { path: block.path.clone(), first: block.first, lines }
    });
    shown.collect()
}

struct Block<'a> {
    path: &'a RepoPath,
    first: usize,
    lines: Vec<&'a str>,
    names: BTreeSet<&'a str>,
    defines: Option<&'a str>,
}

fn blocks<'a>(tree: &'a Tree, tests: &BTreeSet<RepoPath>) -> Vec<Block<'a>> {
    let endings: BTreeSet<_> = tests.iter().filter_map(|path| path.extension()).collect();
    let mut blocks = Vec::new();
    for (path, file) in tree.files() {
        let source = path.extension().is_some_and(|ending| endings.contains(ending));
        let Some(text) = file.text().filter(|_| source && !is_test(path, tests)) else { continue };
        let lines: Vec<&str> = text.lines().collect();
        let mut first = 0;
        for at in 1..=lines.len() {
            if at == lines.len() || starts_block(&lines, at) {
                blocks.extend(block(path, first, &lines[first..at]));
                first = at;
            }
        }
    }
    blocks
}

/// Oracle tests are reset before judging, and what lies beside them helps them.
fn is_test(path: &RepoPath, tests: &BTreeSet<RepoPath>) -> bool {
    let name = path.file_name();
    tests.contains(path)
        || name.starts_with("test_")
        || name.starts_with("conftest.")
        || path.components().any(|part| part == "tests" || part == "test")
}

/// A block starts at a definition that is not indented, or at its decorators.
fn starts_block(lines: &[&str], at: usize) -> bool {
    let decorated = lines[at - 1].starts_with('@');
    !decorated && (lines[at].starts_with('@') || defined_name(lines[at]).is_some())
}

fn defined_name(line: &str) -> Option<&str> {
    let rest = ["def ", "class ", "async def ", "fn ", "function ", "func "]
        .into_iter()
        .find_map(|keyword| line.strip_prefix(keyword))?;
    identifiers(rest).next()
}

fn block<'a>(path: &'a RepoPath, first: usize, lines: &[&'a str]) -> Option<Block<'a>> {
    let used = lines.iter().rposition(|line| !line.trim().is_empty())? + 1;
    let lines = lines[..used].to_vec();
    let names = lines.iter().flat_map(|line| identifiers(line)).collect();
    let defines = lines.iter().find_map(|line| defined_name(line));
    Some(Block { path, first, lines, names, defines })
}

fn names(text: &str) -> BTreeSet<&str> {
    text.lines().flat_map(identifiers).collect()
}

/// Words of three or more characters that can be names.
fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.filter(|word| word.len() >= 3 && !word.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use ssr_core::{BugArtifact, File, Patch, Provenance, Strategy};

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
        let shown = relevant_lines(bug, specification, limit, &words);
        shown.into_iter().flat_map(|block| block.lines).collect()
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
