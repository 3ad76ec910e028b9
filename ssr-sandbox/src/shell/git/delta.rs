use std::collections::{BTreeMap, HashMap};

use ssr_core::{File, RepoPath, Tree};

use super::object::Oid;
use super::pathspec::Pathspec;

/// How much two files must have in common to be a rename, in percent.
const SIMILAR: u64 = 50;
/// Above this many pairs git compares no content either.
const MAX_PAIRS: usize = 1000 * 1000;

/// What happened to one file between two trees.
#[derive(Clone)]
pub(super) struct Delta {
    pub old: Option<(RepoPath, File)>,
    pub new: Option<(RepoPath, File)>,
    /// For renames, in percent.
    pub similarity: Option<u64>,
}

impl Delta {
    /// The path afterwards, or that of the deleted file.
    pub fn path(&self) -> &str {
        let side = self.new.as_ref().or(self.old.as_ref());
        side.map_or("", |(path, _)| path.as_str())
    }

    pub fn old_path(&self) -> &str {
        let side = self.old.as_ref().or(self.new.as_ref());
        side.map_or("", |(path, _)| path.as_str())
    }

    pub fn old_bytes(&self) -> &[u8] {
        self.old.as_ref().map_or(&[], |(_, file)| file.bytes())
    }

    pub fn new_bytes(&self) -> &[u8] {
        self.new.as_ref().map_or(&[], |(_, file)| file.bytes())
    }

    /// Git's letter.
    pub fn letter(&self) -> char {
        match (&self.old, &self.new) {
            (None, _) => 'A',
            (_, None) => 'D',
            _ if self.similarity.is_some() => 'R',
            _ => 'M',
        }
    }

    /// The same change the other way round.
    pub fn reverse(self) -> Self {
        Self { old: self.new, new: self.old, similarity: self.similarity }
    }
}

/// What changed, in the order of git: by the path afterwards.
pub(super) fn deltas(old: &Tree, new: &Tree, spec: &Pathspec, renames: bool) -> Vec<Delta> {
    let side = |tree: &Tree, path: &RepoPath| {
        tree.get(path.as_str()).map(|file| (path.clone(), file.clone()))
    };
    let changed = old.changed_paths(new);
    let changed = changed.iter().filter(|path| spec.matches(path.as_str()));
    let mut all: Vec<_> = changed
        .map(|path| Delta { old: side(old, path), new: side(new, path), similarity: None })
        .collect();
    if renames {
        all = find_renames(all);
    }
    all
}

fn find_renames(all: Vec<Delta>) -> Vec<Delta> {
    let gone: Vec<_> = all.iter().filter(|delta| delta.new.is_none()).collect();
    let come: Vec<_> = all.iter().filter(|delta| delta.old.is_none()).collect();
    if gone.is_empty() || come.is_empty() {
        return all;
    }
    let mut pairs: BTreeMap<String, (String, u64)> = BTreeMap::new();
    let mut taken: Vec<String> = Vec::new();
    let by_id: HashMap<Oid, Vec<&Delta>> = gone.iter().fold(HashMap::new(), |mut map, delta| {
        map.entry(Oid::of_blob(delta.old_bytes())).or_insert_with(Vec::new).push(delta);
        map
    });
    // Git takes no empty file for a rename of another.
    for delta in come.iter().filter(|delta| !delta.new_bytes().is_empty()) {
        let same = by_id.get(&Oid::of_blob(delta.new_bytes())).into_iter().flatten();
        let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        let mut free: Vec<_> =
            same.filter(|source| !taken.contains(&source.path().to_owned())).collect();
        free.sort_by_key(|source| name(source.path()) != name(delta.path()));
        if let Some(source) = free.first() {
            taken.push(source.path().to_owned());
            pairs.insert(delta.path().to_owned(), (source.path().to_owned(), 100));
        }
    }
    if gone.len() * come.len() <= MAX_PAIRS {
        let mut scored = Vec::new();
        for target in come.iter().filter(|delta| !pairs.contains_key(delta.path())) {
            for source in gone.iter().filter(|delta| !taken.contains(&delta.path().to_owned())) {
                let score = similarity(source.old_bytes(), target.new_bytes());
                if score >= SIMILAR * 600 {
                    scored.push((score, source.path(), target.path()));
                }
            }
        }
        scored.sort_by_key(|(score, ..)| std::cmp::Reverse(*score));
        for (score, source, target) in scored {
            if !pairs.contains_key(target) && !taken.contains(&source.to_owned()) {
                taken.push(source.to_owned());
                pairs.insert(target.to_owned(), (source.to_owned(), score / 600));
            }
        }
    }
    let old: BTreeMap<String, Delta> =
        gone.into_iter().map(|delta| (delta.path().to_owned(), delta.clone())).collect();
    all.into_iter()
        .filter(|delta| delta.new.is_some() || !taken.contains(&delta.path().to_owned()))
        .map(|delta| match pairs.get(delta.path()).filter(|_| delta.old.is_none()) {
            Some((source, score)) => Delta {
                old: old.get(source).and_then(|delta| delta.old.clone()),
                new: delta.new,
                similarity: Some(*score),
            },
            None => delta,
        })
        .collect()
}

/// How much of the larger file the two share, from 0 to 60000 as in git.
fn similarity(old: &[u8], new: &[u8]) -> u64 {
    const MAX: u64 = 60_000;
    let (small, large) = (old.len().min(new.len()) as u64, old.len().max(new.len()) as u64);
    if small == 0 || large * (MAX - SIMILAR * 600) < (large - small) * MAX {
        return 0;
    }
    let (old, new) = (pieces(old), pieces(new));
    let copied: u64 =
        old.iter().map(|(piece, a)| (*a).min(new.get(piece).copied().unwrap_or(0))).sum();
    copied * MAX / large
}

/// The bytes in each distinct line, or piece of 64 bytes of a longer one.
fn pieces(bytes: &[u8]) -> HashMap<&[u8], u64> {
    let text = !crate::shell::text::is_binary(bytes);
    let mut out = HashMap::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        // Git does not see the carriage return before a newline.
        let line = match line.strip_suffix(b"\r\n") {
            Some(start) if text => start,
            _ => line,
        };
        for piece in line.chunks(64) {
            *out.entry(piece).or_default() += piece.len() as u64;
        }
    }
    out
}
