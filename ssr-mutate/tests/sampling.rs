//! Samples follow the weights of real bugs, the coverage and the exclusions.
#![cfg(feature = "python")]

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proptest::prelude::*;
use ssr_core::{File, RepoPath, Seed, Tree};
use ssr_mutate::{Coverage, Location, Mutator, Sampler, Site, sample, sites};

const INVENTORY: &str = include_str!("fixtures/inventory.py");

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

fn inventory() -> Vec<Site> {
    sites(&path("pkg/inventory.py"), INVENTORY)
}

fn functions(sites: &[Site]) -> BTreeSet<Option<&str>> {
    sites.iter().map(Site::function).collect()
}

#[test]
fn operators_of_a_family_are_drawn_by_their_share_of_real_fixes() {
    let all = inventory();
    let swaps: Vec<_> =
        all.iter().filter(|site| matches!(site.operator().id, "VMI" | "ARS")).cloned().collect();
    let weights: BTreeMap<_, _> =
        swaps.iter().map(|site| (site.operator().id, site.operator().weight())).collect();
    assert_eq!(weights, BTreeMap::from([("ARS", 6), ("VMI", 245)]));
    let first = |seed| sample(&swaps, 1, Seed::new(seed))[0].operator().id;
    let misuses = (0..2000).filter(|seed| first(*seed) == "VMI").count();
    assert!((1920..1980).contains(&misuses), "{misuses} of 2000");
}

#[test]
fn only_covered_lines_are_drawn_and_they_count_for_the_caps() {
    let coverage = Coverage::parse("pkg/inventory.py: 20-60").unwrap();
    let covered = |site: &Site| (20..=60).contains(&site.line());
    let drawn = Sampler::new(Seed::new(1)).covered_by(&coverage).draw(&inventory(), usize::MAX);
    assert_eq!(drawn.len(), inventory().iter().filter(|site| covered(site)).count());
    assert!(!drawn.is_empty() && drawn.iter().all(covered));

    let mutator = Mutator::builder().coverage(coverage).build();
    let found = mutator.sites_in(&path("pkg/inventory.py"), INVENTORY);
    assert!(!found.is_empty() && found.iter().all(covered));
    assert!(mutator.sites_in(&path("pkg/other.py"), INVENTORY).is_empty());
}

#[test]
fn what_was_drawn_before_is_not_drawn_again() {
    let all = inventory();
    let first = sample(&all, 30, Seed::new(1));
    let ids: BTreeSet<_> = first.iter().map(Site::id).collect();
    let rest = Sampler::new(Seed::new(2)).without_ids(ids.clone()).draw(&all, usize::MAX);
    assert_eq!(rest.len(), all.len() - 30);
    assert!(rest.iter().all(|site| !ids.contains(&site.id())));

    let places: Vec<_> = first.iter().take(3).map(Site::location).collect();
    let elsewhere =
        Sampler::new(Seed::new(1)).without_locations(places.clone()).draw(&all, usize::MAX);
    assert!(!elsewhere.is_empty());
    assert!(elsewhere.iter().all(|site| !places.contains(&site.location())));

    let file = Location::File(path("pkg/inventory.py"));
    assert!(Sampler::new(Seed::new(1)).without_locations([file]).draw(&all, 1).is_empty());
}

#[test]
fn the_shares_of_several_callers_have_no_function_in_common() {
    let all = inventory();
    let share = |index| Sampler::new(Seed::new(index)).share(index, 3).draw(&all, usize::MAX);
    let shares: Vec<_> = (0..3).map(share).collect();
    assert_eq!(shares.iter().map(Vec::len).sum::<usize>(), all.len());
    for (index, one) in shares.iter().enumerate() {
        for other in &shares[index + 1..] {
            assert!(functions(one).is_disjoint(&functions(other)));
        }
    }
}

#[test]
fn a_spread_sample_visits_every_function_before_it_returns() {
    let all = inventory();
    let count = functions(&all).len();
    let drawn = Sampler::new(Seed::new(5)).spread().draw(&all, count);
    assert_eq!(functions(&drawn).len(), count);
    assert_eq!(Sampler::new(Seed::new(5)).spread().draw(&all, usize::MAX).len(), all.len());
}

#[test]
fn sites_with_the_same_result_are_drawn_once() {
    let twice: Vec<_> = inventory().into_iter().chain(inventory()).collect();
    let drawn = sample(&twice, usize::MAX, Seed::new(3));
    let results: HashSet<_> = drawn.iter().map(Site::mutated).collect();
    assert_eq!((drawn.len(), results.len()), (inventory().len(), inventory().len()));
}

#[cfg(feature = "parallel")]
#[test]
fn the_number_of_threads_does_not_show() {
    let text = |n: usize| INVENTORY.replace("def ", &format!("def f{n}_"));
    let files = (0..20).map(|n| (path(&format!("pkg/m{n:02}.py")), File::new(text(n).as_bytes())));
    let tree = Tree::from_files(files).unwrap();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Mutator::new().sites(&tree))
    };
    let one = with(1);
    assert_eq!(one, with(4));
    let order: Vec<_> = one.iter().map(|site| (site.path(), site.range().start)).collect();
    assert!(order.is_sorted());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_report_or_an_error(text in ".{0,80}", json in any::<bool>()) {
        let text = if json { format!("{{\"files\": {{\"a.py\": {text}}}}}") } else { text };
        let _ = Coverage::from_coverage_py(&text, "");
        if let Ok(coverage) = Coverage::parse(&text) {
            prop_assert_eq!(Coverage::parse(&coverage.to_string()).unwrap(), coverage);
        }
    }
}
