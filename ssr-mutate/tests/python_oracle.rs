//! CPython compiles what the operators make of its own standard library.
//!
//! The same on other code, and on more of it, with a table of every operator:
//!
//! ```sh
//! PYTHON_ORACLE_CORPUS=DIR PYTHON_ORACLE_SAMPLE=250 \
//!     cargo test -p ssr-mutate --test python_oracle -- --nocapture
//! ```
#![cfg(feature = "python")]

#[path = "corpus/compiler.rs"]
mod compiler;

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::process::Command;

use ssr_core::{File, Patch, RepoPath, Seed, Tree};
use ssr_mutate::{Site, SiteId, languages, sites};

use compiler::Compiler;

/// Files of the standard library, and sites of each operator in them.
const FILES: usize = 80;
const SAMPLE: usize = 15;

/// All mutants of longer files take long to compare.
const MAX_BYTES: usize = 40_000;

#[test]
fn cpython_compiles_the_mutants_of_its_standard_library() {
    if !Compiler::exists() {
        // Without CPython on this machine there is no oracle to ask.
        return;
    }
    let (root, all) = corpus();
    let wanted = std::env::var("PYTHON_ORACLE_SAMPLE").ok().and_then(|n| n.parse().ok());
    let wanted = wanted.unwrap_or(SAMPLE);
    let mut paths = python_files(&root);
    if !all {
        let seed = Seed::new(4);
        paths.sort_by_key(|path| seed.derive(path.as_str()).value());
        paths.truncate(FILES);
    }

    let mut sampled: BTreeMap<&str, BTreeMap<SiteId, Site>> = BTreeMap::new();
    let python = languages().iter().find(|language| language.name() == "python").unwrap();
    let mut counts: BTreeMap<&str, usize> =
        python.operators().iter().map(|operator| (operator.id, 0)).collect();
    for path in &paths {
        let Ok(text) = std::fs::read_to_string(root.join(path.as_str())) else { continue };
        let found = sites(path, &text);
        if text.len() < MAX_BYTES {
            assert_no_repetition(&text, &found);
        }
        for site in found {
            let id = site.operator().id;
            *counts.entry(id).or_default() += 1;
            let kept = sampled.entry(id).or_default();
            kept.insert(site.id(), site);
            if kept.len() > wanted {
                kept.pop_last();
            }
        }
    }
    let sampled: Vec<Site> = sampled.into_values().flat_map(BTreeMap::into_values).collect();
    sampled.iter().for_each(assert_reversible);

    let mut by_file: BTreeMap<&RepoPath, Vec<&Site>> = BTreeMap::new();
    for site in &sampled {
        by_file.entry(site.path()).or_default().push(site);
    }
    let rejected = rejected(&by_file);
    print_table(&counts, &sampled, &rejected);
    let reports: Vec<_> = rejected.iter().map(|(site, why)| format!("{site:?}: {why}")).collect();
    let most = sampled.len() / 1000;
    assert!(
        rejected.len() <= most,
        "{} of {}\n{}",
        reports.len(),
        sampled.len(),
        reports.join("\n")
    );
    let missing: Vec<_> = counts.iter().filter(|(_, n)| **n == 0).map(|(id, _)| id).collect();
    assert!(missing.len() * 4 <= counts.len(), "without a single site: {missing:?}");
}

/// The directory, and whether to take all of it.
fn corpus() -> (PathBuf, bool) {
    if let Some(root) = std::env::var_os("PYTHON_ORACLE_CORPUS") {
        return (root.into(), true);
    }
    let program = "import sysconfig; print(sysconfig.get_path('stdlib'))";
    let output = Command::new("python3").args(["-c", program]).output().unwrap();
    (String::from_utf8(output.stdout).unwrap().trim().into(), false)
}

/// The Python files below the directory, sorted, without tests and installed packages.
fn python_files(root: &Path) -> Vec<RepoPath> {
    let mut open = vec![root.to_owned()];
    let mut found = Vec::new();
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                open.push(path);
            } else if let Some(inside) = path.strip_prefix(root).unwrap().to_str()
                && !inside.contains("site-packages")
                && !inside.contains("test")
            {
                found.extend(RepoPath::new(inside).ok());
            }
        }
    }
    found.retain(|path| path.extension() == Some("py"));
    found.sort();
    found
}

fn assert_no_repetition(text: &str, found: &[Site]) {
    let hash = |parts: [&str; 3]| {
        let mut hasher = DefaultHasher::new();
        parts.iter().for_each(|part| hasher.write(part.as_bytes()));
        hasher.finish()
    };
    let mut seen = HashSet::from([hash([text, "", ""])]);
    for site in found {
        let range = site.range();
        let mutated = hash([&text[..range.start], site.replacement(), &text[range.end..]]);
        assert!(seen.insert(mutated), "{site:?} changes nothing or repeats another site");
    }
}

fn assert_reversible(site: &Site) {
    let before = File::new(site.source().as_bytes());
    let before = Tree::from_files([(site.path().clone(), before)]).unwrap();
    let patch = site.patch().unwrap();
    let after = before.apply(&patch).unwrap();
    assert_eq!(after.get(site.path().as_str()).unwrap().bytes(), site.mutated().as_bytes());
    assert_eq!(Patch::parse(&patch.to_bytes()).unwrap(), patch, "{site:?}");
    assert_eq!(after.apply(&patch.reverse()).unwrap(), before, "{site:?}");
}

/// The sites whose mutants do not compile, each with the reason.
fn rejected<'a>(by_file: &BTreeMap<&RepoPath, Vec<&'a Site>>) -> Vec<(&'a Site, String)> {
    let mut compiler = Compiler::start();
    let each = by_file.values().flat_map(|sites| {
        let rejected = compiler.rejects(sites[0].source(), sites);
        rejected.into_iter().map(|(number, why)| (sites[number], why))
    });
    each.collect()
}

fn print_table(counts: &BTreeMap<&str, usize>, sampled: &[Site], rejected: &[(&Site, String)]) {
    println!("operator  sites  sampled  rejected");
    for (id, count) in counts {
        let tried = sampled.iter().filter(|site| site.operator().id == *id).count();
        let refused = rejected.iter().filter(|(site, _)| site.operator().id == *id).count();
        println!("{id:8} {count:>6} {tried:>8} {refused:>9}");
    }
    println!(
        "{:8} {:>6} {:>8} {:>9}",
        "all",
        counts.values().sum::<usize>(),
        sampled.len(),
        rejected.len()
    );
}
