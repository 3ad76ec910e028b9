//! The code base whose sites are checked.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use ssr_core::RepoPath;
use ssr_mutate::{Site, is_source_file};

pub struct Source {
    pub path: RepoPath,
    pub text: String,
}

pub struct Corpus {
    sources: Vec<Source>,
    /// The step between the sites of a file that are taken.
    pub step: usize,
}

/// How many files the usual run takes, evenly spread over the standard library.
const FILES: usize = 40;
/// The step between the sites of each of them.
const STEP: usize = 23;

impl Corpus {
    pub fn find() -> Self {
        let mut sources = Vec::new();
        if let Some(folders) = std::env::var_os("SSR_MUTATE_CORPUS") {
            for folder in std::env::split_paths(&folders) {
                read(&folder, "", &mut sources).unwrap();
            }
            assert!(!sources.is_empty(), "no Python files in {}", folders.display());
            let step = std::env::var("SSR_MUTATE_STEP").map(|step| step.parse().unwrap());
            return Self { sources, step: step.unwrap_or(1) };
        }
        if let Some(folder) = standard_library() {
            read(&folder, "", &mut sources).unwrap();
            let every = sources.len().div_ceil(FILES).max(1);
            let mut index = 0;
            sources.retain(|_| {
                index += 1;
                index % every == 0
            });
        }
        // The fixture of the other tests, so that the code base is never empty.
        let path = RepoPath::new("pkg/inventory.py").unwrap();
        sources.push(Source { path, text: include_str!("../fixtures/inventory.py").to_owned() });
        Self { sources, step: STEP }
    }

    /// Calls `work` with every file and sums the results.
    pub fn in_parallel(&self, work: impl Fn(&Source) -> usize + Sync) -> usize {
        let next = AtomicUsize::new(0);
        let worker = || {
            let mut total = 0;
            while let Some(source) = self.sources.get(next.fetch_add(1, Ordering::Relaxed)) {
                total += work(source);
            }
            total
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, usize>| match thread.join() {
                Ok(total) => total,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            threads.into_iter().map(join).sum()
        })
    }

    pub fn report(&self, what: &str, count: usize) {
        assert!(count > 0, "nothing was checked");
        println!("{what}: {count} in {} files", self.sources.len());
    }
}

fn standard_library() -> Option<PathBuf> {
    let program = "import sysconfig; print(sysconfig.get_path('stdlib'), end='')";
    let output = Command::new("python3").args(["-c", program]).output().ok()?;
    let folder = PathBuf::from(String::from_utf8(output.stdout).ok()?);
    folder.is_dir().then_some(folder)
}

fn read(folder: &Path, prefix: &str, sources: &mut Vec<Source>) -> io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let (path, name) = (entry.path(), format!("{prefix}{name}"));
        if entry.file_type()?.is_dir() {
            read(&path, &format!("{name}/"), sources)?;
        } else if let Ok(name) = RepoPath::new(&name)
            && is_source_file(&name)
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            sources.push(Source { path: name, text });
        }
    }
    Ok(())
}

/// The smallest edit with the same result, at its last possible position.
pub fn normal_form(site: &Site) -> (usize, usize, Vec<u8>) {
    let text = site.source().as_bytes();
    let (mut start, mut end) = (site.range().start, site.range().end);
    let mut new = site.replacement().as_bytes().to_vec();
    while start < end && new.last() == Some(&text[end - 1]) {
        end -= 1;
        new.pop();
    }
    let same = new.iter().zip(&text[start..end]).take_while(|(new, old)| new == old).count();
    start += same;
    new.drain(..same);
    while end < text.len() && (start < end || !new.is_empty()) {
        let next = text[end];
        let first = if start < end { text[start] } else { new[0] };
        if first != next || !(new.is_empty() || start == end) {
            break;
        }
        if start == end {
            new.rotate_left(1);
        }
        (start, end) = (start + 1, end + 1);
    }
    (start, end, new)
}
