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
    let path = ssr_examples::smollm2(&default_cache_dir()).unwrap();
    let model = ssr_policy::Model::load(&path).unwrap();
    let policy =
        ssr_policy::LocalPolicy::new(model, ssr_policy::Tokenizer::load(&path).unwrap()).unwrap();
    let _ = tokenizer;
    let count = |text: &str| policy.tokenizer().encode(text).map_or(0, |t| t.len());
    for (limit, reach, repeat) in
        [(640, 1, false), (640, 8, false), (320, 1, false), (320, 1, true), (320, 8, true)]
    {
        let config = RankEditsConfig::default()
            .with_source_tokens(limit)
            .with_reach(reach)
            .with_repeat(repeat);
        let protocol =
            RankEdits::new(OperatorEdits::default(), config).with_coverage(coverage.clone());
        let (mut n, mut holds, mut t1, mut greedy, mut k4, mut k16, mut seconds) =
            (0, 0, 0.0, 0, 0, 0, 0.0);
        for dir in bugs.to_str().unwrap().split(',') {
            for entry in std::fs::read_dir(dir).unwrap().flatten() {
                let Ok(artifact) = BugArtifact::from_tree(&read_folder(&entry.path()).unwrap())
                else {
                    continue;
                };
                let Ok(buggy) = package.tree.apply(&artifact.bug_inject) else { continue };
                let tree = buggy.apply(&artifact.test_weaken).unwrap_or(buggy.clone());
                let json: serde_json::Value =
                    serde_json::from_slice(&std::fs::read(entry.path().join("bug.json")).unwrap())
                        .unwrap();
                if json["order"] != 1 {
                    continue;
                }
                let f2p: BTreeSet<TestId> = json["f2p"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|t| TestId::new(t.as_str().unwrap()))
                    .collect();
                let Ok(fixed) = tree.apply(&artifact.bug_inject.reverse()) else { continue };
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
                let Some((ranking, edits)) = protocol.ranking(&bug, &sources, &count) else {
                    continue;
                };
                let Some(held) = edits
                    .iter()
                    .position(|e| tree.edit(std::slice::from_ref(e)).is_ok_and(|t| t == fixed))
                else {
                    continue;
                };
                holds += 1;
                let start = std::time::Instant::now();
                let ranked = policy.rank(&[std::sync::Arc::new(ranking)]).unwrap();
                seconds += start.elapsed().as_secs_f64();
                let rank = ranked[0].order().iter().position(|at| *at == held).unwrap();
                t1 += ranked[0].logprobs[held].exp();
                greedy += usize::from(rank == 0);
                k4 += usize::from(rank < 4);
                k16 += usize::from(rank < 16);
                if limit == 640 && reach == 1 {
                    println!(
                        "rank {rank} p {:.3} of {} {}",
                        ranked[0].logprobs[held].exp(),
                        edits.len(),
                        json["provenance"]["detail"]
                    );
                }
            }
        }
        println!(
            "limit {limit} reach {reach} repeat {repeat}: {n} bugs, {holds} held, T1 {:.3} greedy {greedy} k4 {k4} k16 {k16}, {seconds:.1} s",
            t1
        );
    }
}
