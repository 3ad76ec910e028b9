//! Measures this crate on the files of a folder.

use std::collections::{BTreeSet, HashSet};
use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};

use rustix::time::{ClockId, clock_gettime};
use ssr_core::{EditRenderer, LineIndex, RepoPath};
use ssr_mutate::{is_source_file, sites};
use tree_sitter::{Language, Parser};

use crate::Result;
use crate::bench::median;
use crate::oracle::{Quality, smallest};

/// Python files.
pub struct Code {
    pub root: PathBuf,
    pub files: Vec<(RepoPath, String)>,
}

impl Code {
    pub fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        read(root, "", &mut files).map_err(|error| format!("{}: {error}", root.display()))?;
        match files.is_empty() {
            true => Err(format!("{} holds no Python files", root.display())),
            false => Ok(Self { root: root.to_owned(), files }),
        }
    }

    /// The folders at the top.
    pub fn packages(&self) -> BTreeSet<String> {
        let first = |path: &RepoPath| path.components().next().unwrap_or_default().to_owned();
        let inside = self.files.iter().filter(|(path, _)| path.as_str().contains('/'));
        inside.map(|(path, _)| first(path)).collect()
    }

    pub fn of(&self, package: &str) -> Self {
        let inside = |path: &RepoPath| path.components().next() == Some(package);
        let files = self.files.iter().filter(|(path, _)| inside(path)).cloned().collect();
        Self { root: self.root.clone(), files }
    }

    /// About `n` files, evenly spread.
    pub fn sample(&self, n: usize) -> Self {
        let every = self.files.len().div_ceil(n).max(1);
        let files = self.files.iter().skip(every / 2).step_by(every).cloned().collect();
        Self { root: self.root.clone(), files }
    }

    pub fn lines(&self) -> usize {
        self.files.iter().map(|(_, text)| text.lines().count()).sum()
    }
}

fn read(folder: &Path, prefix: &str, files: &mut Vec<(RepoPath, String)>) -> io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let (path, name) = (entry.path(), format!("{prefix}{name}"));
        if entry.file_type()?.is_dir() {
            read(&path, &format!("{name}/"), files)?;
        } else if let Ok(name) = RepoPath::new(&name)
            && is_source_file(&name)
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            files.push((name, text));
        }
    }
    Ok(())
}

/// What was made and how long it took.
#[derive(Default)]
pub struct Rates {
    pub sites: usize,
    pub find_seconds: f64,
    pub patches: usize,
    pub patch_seconds: f64,
    /// Parsing alone; ours only.
    pub parse_seconds: f64,
    /// Copying the bytes of all patches once; ours only.
    pub copy_seconds: f64,
}

impl Rates {
    pub fn sites_per_second(&self) -> f64 {
        self.sites as f64 / self.find_seconds
    }

    pub fn patches_per_second(&self) -> f64 {
        self.patches as f64 / self.patch_seconds
    }

    pub fn copies_per_second(&self) -> f64 {
        self.patches as f64 / self.copy_seconds
    }

    /// Where not every site became a patch, as if every one had.
    pub fn patches_from_source(&self) -> f64 {
        let each = self.find_seconds / self.sites as f64 + self.patch_seconds / self.patches as f64;
        1.0 / each
    }
}

const ROUNDS: usize = 3;

/// Medians over some rounds, with all operators.
pub fn rates(code: &Code) -> Result<Rates> {
    let rounds = (0..ROUNDS).map(|_| round(code)).collect::<Result<Vec<_>>>()?;
    let of = |field: fn(&Rates) -> f64| median(rounds.iter().map(field).collect());
    Ok(Rates {
        sites: rounds[0].sites,
        patches: rounds[0].patches,
        find_seconds: of(|rates| rates.find_seconds),
        patch_seconds: of(|rates| rates.patch_seconds),
        parse_seconds: of(|rates| rates.parse_seconds),
        copy_seconds: of(|rates| rates.copy_seconds),
    })
}

fn round(code: &Code) -> Result<Rates> {
    let mut rates = Rates::default();
    let (mut patches, mut copy) = (Vec::new(), Vec::new());
    let mut parser = Parser::new();
    let python = Language::new(tree_sitter_python::LANGUAGE);
    parser.set_language(&python).map_err(|error| error.to_string())?;
    for (path, text) in &code.files {
        rates.parse_seconds += seconds(|| parser.parse(text, None));
        let mut found = Vec::new();
        rates.find_seconds += seconds(|| found = sites(path, text));
        rates.sites += found.len();
        patches.clear();
        let mut outcome = Ok(());
        rates.patch_seconds += seconds(|| {
            let index = LineIndex::new(text.as_bytes());
            let mut renderer = EditRenderer::new(path, text.as_bytes(), &index);
            outcome = found.iter().try_for_each(|site| {
                renderer.replace(site.range(), site.replacement().as_bytes(), &mut patches)
            });
        });
        outcome.map_err(|error| format!("{path}: {error}"))?;
        rates.patches += found.len();
        copy.clear();
        copy.reserve(patches.len());
        rates.copy_seconds += seconds(|| copy.extend_from_slice(black_box(&patches)));
        black_box(&copy);
    }
    Ok(rates)
}

/// The processor time of this thread.
fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let start = now();
    black_box(work());
    now() - start
}

/// How good every mutant is.
pub fn quality(code: &Code) -> Result<Quality> {
    let mut quality = Quality::default();
    let mut mutants = Vec::new();
    for (path, text) in &code.files {
        let found = sites(path, text);
        let edits: Vec<_> = found.iter().map(|site| smallest(text, &site.mutated())).collect();
        quality.mutants += edits.len();
        quality.distinct += edits.iter().collect::<HashSet<_>>().len();
        quality.changing +=
            edits.iter().filter(|(start, end, new)| start < end || !new.is_empty()).count();
        mutants.push(edits);
    }
    quality.compile(code, &mutants)
}
