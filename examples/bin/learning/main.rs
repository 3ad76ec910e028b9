//! What of recorded bugs a ranking solver could repair: is the place shown, is the reversal ranked?

use std::collections::BTreeSet;
use std::path::PathBuf;

use ssr_core::{BugArtifact, BugInstance, Provenance, Strategy, Tree};
use ssr_core::{Limits, TestId};
use ssr_examples::{
    OperatorEdits, Packages, measure_test_coverage, open_sandbox, prepare_guest, test_modules,
};
use ssr_rl::{RankEdits, RankEditsConfig};
use ssr_sandbox::{default_cache_dir, read_folder};

fn main() {
    let mut args = std::env::args().skip(1);
    let package = args.next().unwrap();
    let bugs = PathBuf::from(args.next().unwrap());
    let package = Packages::new(&default_cache_dir()).fetch(&package, &[]).unwrap();
    let tests: BTreeSet<_> = test_modules(&package.tree).into_iter().collect();
    let sources: BTreeSet<_> = ssr_mutate::source_files(&package.tree)
        .into_iter()
        .filter(|p| !tests.contains(p))
        .collect();
    let tokenizer = ssr_policy::Tokenizer::train(
        package
            .tree
            .files()
            .filter(|(p, _)| p.extension() == Some("py"))
            .filter_map(|(_, f)| f.text()),
        2048,
    )
    .unwrap();
    let guest = prepare_guest(&|_| {}).unwrap();
    let sandbox = open_sandbox(&guest, &package).unwrap();
    let start = std::time::Instant::now();
    let coverage = measure_test_coverage(
        &sandbox,
        &package.tree,
        &test_modules(&package.tree),
        Limits::default(),
    )
    .unwrap();
    println!("{} tests covered in {:?}", coverage.tests(), start.elapsed());
    for limit in [160, 320, 640, 1000] {
        let protocol = RankEdits::new(
            OperatorEdits::default(),
            RankEditsConfig::default().with_source_tokens(limit).with_candidates(96),
        )
        .with_coverage(coverage.clone());
        let (mut n, mut shown, mut holds, mut total) = (0, 0, 0, 0);
        for entry in std::fs::read_dir(&bugs).unwrap().flatten() {
            let Ok(artifact) = BugArtifact::from_tree(&read_folder(&entry.path()).unwrap()) else {
                continue;
            };
            let Ok(buggy) = package.tree.apply(&artifact.bug_inject) else { continue };
            let tree = buggy.apply(&artifact.test_weaken).unwrap_or(buggy.clone());
            let json: serde_json::Value =
                serde_json::from_slice(&std::fs::read(entry.path().join("bug.json")).unwrap())
                    .unwrap();
            let f2p: BTreeSet<TestId> = json["f2p"]
                .as_array()
                .unwrap()
                .iter()
                .map(|t| TestId::new(t.as_str().unwrap()))
                .collect();
            let fixed = tree.apply(&artifact.bug_inject.reverse()).unwrap();
            let bug = BugInstance {
                artifact: artifact.clone(),
                tree: tree.clone(),
                oracle: Tree::new(),
                f2p,
                p2p: BTreeSet::new(),
                order: 1,
                parent: None,
                provenance: Provenance { strategy: Strategy::Operators, detail: String::new() },
            };
            n += 1;
            let count = |text: &str| tokenizer.encode(text).map_or(0, |t| t.len());
            let Some((ranking, edits)) = protocol.ranking(&bug, &sources, &count) else {
                println!("nothing");
                continue;
            };
            total += edits.len();
            let (path, at) = {
                let c = fixed.changed_paths(&tree);
                let p = c.into_iter().next().unwrap();
                let a = fixed.get(p.as_str()).unwrap().text().unwrap().to_owned();
                let b = tree.get(p.as_str()).unwrap().text().unwrap();
                let i = a.lines().zip(b.lines()).position(|(x, y)| x != y).unwrap_or(0);
                (p, b.lines().nth(i).unwrap_or("").to_owned())
            };
            let here = ranking.text.contains(&at);
            let held =
                edits.iter().any(|e| tree.edit(std::slice::from_ref(e)).is_ok_and(|t| t == fixed));
            shown += usize::from(here);
            holds += usize::from(held);
            if limit == 320 && !held {
                println!("{path} shown {here} {} edits\n{}\n", edits.len(), artifact.bug_inject);
                if !here {
                    println!("SPEC {}\nSHOWN {}", artifact.specification(), ranking.text);
                }
            }
        }
        println!(
            "limit {limit}: {n} bugs, {shown} shown, {holds} held, {} edits each",
            total / n.max(1)
        );
    }
}
