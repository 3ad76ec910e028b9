//! CPython compiles what the operators make of its own standard library.
//!
//! The same on other code, and on more of it, with a table of every operator:
//!
//! ```sh
//! PYTHON_ORACLE_CORPUS=DIR PYTHON_ORACLE_SAMPLE=2000 \
//!     cargo test --release -p ssr-mutate --test python_oracle -- --nocapture
//! ```
#![cfg(feature = "python")]

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hasher;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use ssr_core::{File, Patch, RepoPath, Seed, Tree};
use ssr_mutate::{Site, SiteId, languages, sites};

/// Files of the standard library, and sites of each operator in them.
const FILES: usize = 80;
const SAMPLE: usize = 15;

/// Longer files take CPython long.
const MAX_BYTES: usize = 40_000;

/// Reads lines of `[path, text, [[start, end, replacement], …]]` with byte offsets, and prints
/// `[path, number, error]` for each mutant that does not compile; the number of a file that does
/// not compile itself is `null`.
const COMPILER: &str = r"
import json, sys
def error(text):
    try:
        compile(text, 'mutant', 'exec', dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return str(error)
rejected = []
for line in sys.stdin:
    path, text, mutants = json.loads(line)
    text = text.encode()
    if problem := error(text):
        rejected.append([path, None, problem])
        continue
    for number, (start, end, new) in enumerate(mutants):
        if problem := error(text[:start] + new.encode() + text[end:]):
            rejected.append([path, number, problem])
print(json.dumps(rejected))
";

#[test]
fn cpython_compiles_the_mutants_of_its_standard_library() {
    // Without CPython on this machine there is no oracle to ask.
    let Some((root, all)) = corpus() else { return };
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
        let Some(text) = read(&root, path) else { continue };
        let found = sites(path, &text);
        assert_no_repetition(&text, &found);
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
fn corpus() -> Option<(PathBuf, bool)> {
    if let Some(root) = std::env::var_os("PYTHON_ORACLE_CORPUS") {
        return Some((root.into(), true));
    }
    let program = "import sysconfig; print(sysconfig.get_path('stdlib'))";
    let output = Command::new("python3").args(["-c", program]).output().ok()?;
    let root = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| (root.trim().into(), false))
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

fn read(root: &Path, path: &RepoPath) -> Option<String> {
    let text = std::fs::read_to_string(root.join(path.as_str())).ok()?;
    (text.len() < MAX_BYTES).then_some(text)
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
    let mut python: Child = Command::new("python3")
        .args(["-W", "ignore", "-c", COMPILER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = BufWriter::new(python.stdin.take().unwrap());
    for (path, sites) in by_file {
        let mutants: Vec<_> = sites
            .iter()
            .map(|site| json!([site.range().start, site.range().end, site.replacement()]))
            .collect();
        writeln!(input, "{}", json!([path.as_str(), sites[0].source(), mutants])).unwrap();
    }
    drop(input.into_inner().unwrap());
    let output = python.wait_with_output().unwrap();
    let answers: Vec<(String, Value, String)> = serde_json::from_slice(&output.stdout).unwrap();
    let sites: HashMap<_, _> = by_file.iter().map(|(path, sites)| (path.as_str(), sites)).collect();
    let mutant = |(path, number, why): (String, Value, String)| {
        let number = usize::try_from(number.as_u64()?).ok()?;
        Some((sites[path.as_str()][number], why))
    };
    answers.into_iter().filter_map(mutant).collect()
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
