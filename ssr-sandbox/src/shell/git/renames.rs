//! Finds the files that moved between two trees, as git's diffcore-rename does: first those that
//! kept their content, then those that are similar.

use std::collections::{HashMap, VecDeque};

use super::Result;
use super::deadline::Deadline;
use super::delta::Delta;
use crate::shell::text::is_binary;

/// The score of two files that have everything in common.
const MAX_SCORE: u64 = 60_000;
/// The least score of a rename, half of the content.
const MIN_SCORE: u64 = MAX_SCORE / 2;
/// The score of one percent.
const PERCENT: u64 = MAX_SCORE / 100;
/// Git's `diff.renameLimit`: with more than its square of pairs, content is not compared.
pub(super) const LIMIT: usize = 1000;
/// How many deleted files are kept in mind for each new one, so that memory stays linear, too; git
/// keeps four.
const CANDIDATES: usize = 16;
/// How many steps lie between two looks at the clock.
const STEPS: usize = 1 << 16;

/// What changed, with renames.
pub(super) struct Renames {
    pub all: Vec<Delta>,
    /// The limit that would have been needed, when there were too many files to compare content.
    pub needed: Option<usize>,
}

/// Makes one rename of each deleted and new file that belong together.
///
/// The work is linear in the bytes of the files, but for parts that many of them share: every file
/// is cut into chunks once, and an index from chunks to deleted files gives for each new file the
/// bytes that it shares with each of them. The result is that of comparing all pairs and keeping the
/// best [`CANDIDATES`] of each new file.
pub(super) fn find_renames(all: Vec<Delta>, limit: usize, deadline: Deadline) -> Result<Renames> {
    let positions = |wanted: fn(&Delta) -> bool| -> Vec<usize> {
        (0..all.len()).filter(|at| wanted(&all[*at])).collect()
    };
    let mut gone = positions(|delta| delta.new.is_none());
    let mut come = positions(|delta| delta.old.is_none());
    if gone.is_empty() || come.is_empty() {
        return Ok(Renames { all, needed: None });
    }
    let mut pairs = Pairs { source: vec![None; all.len()], taken: vec![false; all.len()] };
    pair_equal(&all, &gone, &come, &mut pairs, deadline)?;
    gone.retain(|at| !pairs.taken[*at]);
    come.retain(|at| pairs.source[*at].is_none());
    let few = gone.len().saturating_mul(come.len()) <= limit.saturating_mul(limit);
    if few {
        pair_similar(&all, &gone, &come, &mut pairs, deadline)?;
    }
    let needed = (!few).then(|| gone.len().max(come.len()));
    Ok(Renames { all: pairs.join(all), needed })
}

/// Which deleted file each new file was, by their positions among all changes.
struct Pairs {
    /// The deleted file and the percentage, for new files.
    source: Vec<Option<(usize, u64)>>,
    /// Whether a deleted file has become a new one.
    taken: Vec<bool>,
}

impl Pairs {
    fn add(&mut self, source: usize, target: usize, percent: u64) {
        self.source[target] = Some((source, percent));
        self.taken[source] = true;
    }

    fn join(&self, all: Vec<Delta>) -> Vec<Delta> {
        let old: Vec<_> = all.iter().map(|delta| delta.old.clone()).collect();
        let renamed = |(at, delta): (usize, Delta)| match self.source[at] {
            Some((source, percent)) => {
                Delta { old: old[source].clone(), similarity: Some(percent), ..delta }
            }
            None => delta,
        };
        let kept = all.into_iter().enumerate().filter(|(at, _)| !self.taken[*at]);
        kept.map(renamed).collect()
    }
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Pairs files of the same content, first those that kept their name.
fn pair_equal(
    all: &[Delta],
    gone: &[usize],
    come: &[usize],
    pairs: &mut Pairs,
    deadline: Deadline,
) -> Result<()> {
    let mut contents: HashMap<&[u8], usize> = HashMap::new();
    let mut by_content: Vec<VecDeque<usize>> = Vec::new();
    let mut by_name: HashMap<(usize, &str), VecDeque<usize>> = HashMap::new();
    for &at in gone {
        deadline.check()?;
        let content = *contents.entry(all[at].old_bytes()).or_insert(by_content.len());
        if content == by_content.len() {
            by_content.push(VecDeque::new());
        }
        by_content[content].push_back(at);
        by_name.entry((content, name(all[at].path()))).or_default().push_back(at);
    }
    // A file leaves one list when it is taken through the other, so what is taken is passed over.
    let next = |list: Option<&mut VecDeque<usize>>, pairs: &Pairs| {
        let list = list?;
        while list.front().is_some_and(|at| pairs.taken[*at]) {
            list.pop_front();
        }
        list.pop_front()
    };
    // Git takes no empty file for a rename of another.
    for &at in come.iter().filter(|at| !all[**at].new_bytes().is_empty()) {
        deadline.check()?;
        let Some(&content) = contents.get(all[at].new_bytes()) else { continue };
        let same = next(by_name.get_mut(&(content, name(all[at].path()))), pairs);
        if let Some(source) = same.or_else(|| next(by_content.get_mut(content), pairs)) {
            pairs.add(source, at, 100);
        }
    }
    Ok(())
}

/// Pairs files that share at least half of the larger one, the most similar first.
fn pair_similar(
    all: &[Delta],
    gone: &[usize],
    come: &[usize],
    pairs: &mut Pairs,
    deadline: Deadline,
) -> Result<()> {
    let mut ids: HashMap<&[u8], usize> = HashMap::new();
    // For each chunk the deleted files that have it, by their position in `gone`, and the bytes.
    let mut index: Vec<Vec<(usize, u64)>> = Vec::new();
    for (source, &at) in gone.iter().enumerate() {
        deadline.check()?;
        for chunk in chunks(all[at].old_bytes()) {
            let id = *ids.entry(chunk).or_insert(index.len());
            if id == index.len() {
                index.push(Vec::new());
            }
            let bytes = chunk.len() as u64;
            match index[id].last_mut() {
                Some((last, sum)) if *last == source => *sum += bytes,
                _ => index[id].push((source, bytes)),
            }
        }
    }
    let mut scored = Vec::new();
    let mut shared = vec![0; gone.len()];
    let mut steps = 0;
    for &target in come {
        deadline.check()?;
        let new = all[target].new_bytes();
        let mut counts: HashMap<usize, u64> = HashMap::new();
        for chunk in chunks(new) {
            if let Some(id) = ids.get(chunk) {
                *counts.entry(*id).or_default() += chunk.len() as u64;
            }
        }
        for (id, bytes) in counts {
            for (source, there) in &index[id] {
                shared[*source] += bytes.min(*there);
            }
            steps += index[id].len();
            if steps > STEPS {
                steps = 0;
                deadline.check()?;
            }
        }
        let mut candidates = Vec::new();
        for (source, shared) in shared.iter_mut().enumerate() {
            let score = score(std::mem::take(shared), all[gone[source]].old_bytes(), new);
            if score >= MIN_SCORE {
                candidates.push((score, gone[source], target));
            }
        }
        candidates.sort_by_key(|(score, ..)| std::cmp::Reverse(*score));
        scored.extend(candidates.into_iter().take(CANDIDATES));
    }
    // Stable: of equally similar pairs the first new file, and of its sources the first one.
    scored.sort_by_key(|(score, ..)| std::cmp::Reverse(*score));
    for (score, source, target) in scored {
        if pairs.source[target].is_none() && !pairs.taken[source] {
            pairs.add(source, target, score / PERCENT);
        }
    }
    Ok(())
}

/// How much of the larger file two files have in common, given the number of bytes.
fn score(shared: u64, old: &[u8], new: &[u8]) -> u64 {
    let (small, large) = (old.len().min(new.len()) as u64, old.len().max(new.len()) as u64);
    // Git does not look at files whose sizes alone make them too different.
    if small == 0 || large * (MAX_SCORE - MIN_SCORE) < (large - small) * MAX_SCORE {
        return 0;
    }
    shared * MAX_SCORE / large
}

/// The lines, and pieces of 64 bytes of longer ones.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = !is_binary(bytes);
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(move |line| {
        // Git does not see the carriage return before a newline.
        match line.strip_suffix(b"\r\n") {
            Some(start) if text => start,
            _ => line,
        }
    });
    lines.flat_map(|line| line.chunks(64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::shell::git::TIMED_OUT;
    use crate::shell::git::delta::deltas;
    use crate::shell::git::pathspec::Pathspec;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use ssr_core::{File, RepoPath, Tree};

    fn tree<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Tree {
        let file =
            |(path, text): (&str, &str)| (RepoPath::new(path).unwrap(), File::new(text.as_bytes()));
        Tree::from_files(files.into_iter().map(file)).unwrap()
    }

    fn between(old: &Tree, new: &Tree) -> Vec<Delta> {
        deltas(old, new, &Pathspec::default())
    }

    fn found(all: Vec<Delta>, limit: usize) -> Renames {
        find_renames(all, limit, Deadline::never()).unwrap()
    }

    fn shown(all: &[Delta]) -> Vec<String> {
        let line = |delta: &Delta| {
            let (old, new, letter) = (delta.old_path(), delta.path(), delta.letter());
            format!("{letter}{} {old} {new}", delta.similarity.unwrap_or(0))
        };
        all.iter().map(line).collect()
    }

    /// The definition: every deleted file compared with every new one.
    fn pairwise(all: Vec<Delta>) -> Vec<Delta> {
        let gone: Vec<_> = all.iter().filter(|delta| delta.new.is_none()).collect();
        let come: Vec<_> = all.iter().filter(|delta| delta.old.is_none()).collect();
        let mut pairs: BTreeMap<&str, (&Delta, u64)> = BTreeMap::new();
        let mut taken: Vec<&str> = Vec::new();
        for target in come.iter().filter(|delta| !delta.new_bytes().is_empty()) {
            let equal = |source: &&&Delta| {
                source.old_bytes() == target.new_bytes() && !taken.contains(&source.path())
            };
            let mut free: Vec<_> = gone.iter().filter(equal).collect();
            free.sort_by_key(|source| name(source.path()) != name(target.path()));
            if let Some(source) = free.first() {
                taken.push(source.path());
                pairs.insert(target.path(), (source, 100));
            }
        }
        let mut scored = Vec::new();
        for target in come.iter().filter(|delta| !pairs.contains_key(delta.path())) {
            for source in gone.iter().filter(|delta| !taken.contains(&delta.path())) {
                let count = |bytes| {
                    let mut counts: HashMap<&[u8], u64> = HashMap::new();
                    chunks(bytes)
                        .for_each(|chunk| *counts.entry(chunk).or_default() += chunk.len() as u64);
                    counts
                };
                let (old, new) = (count(source.old_bytes()), count(target.new_bytes()));
                let shared = old.iter().map(|(chunk, a)| (*a).min(*new.get(chunk).unwrap_or(&0)));
                let score = score(shared.sum(), source.old_bytes(), target.new_bytes());
                if score >= MIN_SCORE {
                    scored.push((score, *source, target.path()));
                }
            }
        }
        scored.sort_by_key(|(score, ..)| std::cmp::Reverse(*score));
        for (score, source, target) in scored {
            if !pairs.contains_key(target) && !taken.contains(&source.path()) {
                taken.push(source.path());
                pairs.insert(target, (source, score / PERCENT));
            }
        }
        let renamed = |delta: &Delta| match pairs.get(delta.path()).filter(|_| delta.old.is_none())
        {
            Some((source, percent)) => Delta {
                old: source.old.clone(),
                new: delta.new.clone(),
                similarity: Some(*percent),
            },
            None => delta.clone(),
        };
        let kept = |delta: &&Delta| delta.new.is_some() || !taken.contains(&delta.path());
        all.iter().filter(kept).map(renamed).collect()
    }

    fn files() -> impl Strategy<Value = BTreeMap<String, String>> {
        let text = vec("[abc]{0,3}\r?\n|[ab]{60,70}", 0..8).prop_map(|lines| lines.concat());
        btree_map("[xyz]/[pqrs]", text, 0..8)
    }

    proptest! {
        #[test]
        fn the_index_finds_what_comparing_all_pairs_finds(old in files(), new in files()) {
            let of = |files: &BTreeMap<String, String>| {
                tree(files.iter().map(|(path, text)| (path.as_str(), text.as_str())))
            };
            let all = between(&of(&old), &of(&new));
            prop_assert_eq!(shown(&found(all.clone(), LIMIT).all), shown(&pairwise(all)));
        }
    }

    #[test]
    fn equal_files_keep_their_names_and_similar_ones_their_content() {
        let text = "one\ntwo\nthree\nfour\n";
        let old = tree([("a/x", "same\n"), ("a/y", "same\n"), ("a/z", text), ("e", "")]);
        let new = tree([
            ("b/w", "same\n"),
            ("b/y", "same\n"),
            ("b/z", "one\ntwo\nthree\nfive\n"),
            ("f", ""),
        ]);
        let all = found(between(&old, &new), LIMIT);
        assert_eq!(
            shown(&all.all),
            ["R100 a/x b/w", "R100 a/y b/y", "R73 a/z b/z", "D0 e e", "A0 f f"]
        );
        assert_eq!(all.needed, None);
    }

    #[test]
    fn above_the_limit_only_equal_files_are_renames() {
        let old = tree([("a", "1\n2\n3\n"), ("b", "4\n5\n6\n"), ("c", "same\n")]);
        let new = tree([("x", "1\n2\n0\n"), ("y", "4\n5\n0\n"), ("z", "same\n")]);
        let all = found(between(&old, &new), 1);
        assert_eq!(shown(&all.all), ["D0 a a", "D0 b b", "A0 x x", "A0 y y", "R100 c z"]);
        assert_eq!(all.needed, Some(2));
        assert_eq!(found(between(&old, &new), 2).needed, None);
    }

    #[test]
    fn the_search_ends_when_the_time_is_over() {
        let (old, new) = (tree([("a", "1\n")]), tree([("b", "1\n")]));
        let ended = find_renames(between(&old, &new), LIMIT, Deadline::passed());
        assert!(ended.is_err_and(|fatal| fatal.code == TIMED_OUT));
    }
}
