//! Compositions combine related bugs whose edits do not overlap.
#![cfg(feature = "python")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use ssr_core::{File, Patch, RepoPath, Seed, TestId, Tree};
use ssr_mutate::{
    Bug, Composer, Composition, Interaction, Mutator, Part, Relation, Remover, ScaleOperator, Site,
};

const PARCEL: [(&str, &str); 3] = [
    ("parcel/parcel.py", include_str!("fixtures/parcel/parcel.py")),
    ("parcel/rates.py", include_str!("fixtures/parcel/rates.py")),
    ("parcel/units.py", include_str!("fixtures/parcel/units.py")),
];

fn tree() -> Tree {
    let file =
        |(path, text): (&str, &str)| (RepoPath::new(path).unwrap(), File::new(text.as_bytes()));
    Tree::from_files(PARCEL.into_iter().map(file)).unwrap()
}

fn sites(tree: &Tree) -> Vec<Part> {
    Mutator::new().sites(tree).into_iter().map(Part::from).collect()
}

fn site(part: &Part) -> &Site {
    match part {
        Part::Site(site) => site,
        part => panic!("{part:?}"),
    }
}

/// The related pairs that were drawn, by their relation.
fn pairs(drawn: &[Composition]) -> BTreeMap<Relation, BTreeSet<[String; 2]>> {
    let mut pairs: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for composition in drawn {
        let [a, b] = composition.parts() else { panic!("{composition:?}") };
        let mut names = [a, b].map(|part| site(part).function().unwrap_or("").to_owned());
        names.sort();
        pairs.entry(composition.relations()[0]).or_default().insert(names);
    }
    pairs
}

#[test]
fn pairs_share_a_function_a_call_or_an_attribute() {
    let tree = tree();
    let drawn = Composer::new(&tree, sites(&tree)).sample(2, 2000, Seed::new(1));
    assert!(drawn.len() > 500, "{}", drawn.len());
    let pairs = pairs(&drawn);
    let has = |relation, a: &str, b: &str| pairs[&relation].contains(&[a.into(), b.into()]);
    assert!(pairs[&Relation::Function].iter().all(|[a, b]| a == b && !a.is_empty()));
    assert!(has(Relation::Call, "in_grams", "price"), "{pairs:#?}");
    assert!(has(Relation::Call, "in_grams", "in_kilograms"), "{pairs:#?}");
    assert!(has(Relation::Attribute, "Parcel._get_density", "Parcel.describe"), "{pairs:#?}");
    assert!(!pairs[&Relation::Call].contains(&["flat".into(), "in_grams".into()]));
    assert!(drawn.iter().any(|composition| composition.bug().paths().len() > 1));
}

#[test]
fn a_composition_does_what_all_its_parts_do() {
    let tree = tree();
    for composition in Composer::new(&tree, sites(&tree)).sample(3, 200, Seed::new(2)) {
        let bug = composition.bug();
        assert_eq!((composition.parts().len(), composition.relations().len()), (3, 2));
        assert_eq!(bug.operator(), ScaleOperator::Composition);
        let edits: Vec<_> = composition.parts().iter().map(|part| site(part).edit()).collect();
        let broken = tree.apply(bug.patch()).unwrap();
        assert!(broken == tree.edit(&edits).unwrap(), "{bug:?}");
        assert!(broken.apply(&bug.patch().reverse()).unwrap() == tree);
        assert_eq!(Patch::parse(&bug.patch().to_bytes()).unwrap(), *bug.patch());
        let ids: BTreeSet<_> = composition.parts().iter().map(Part::id).collect();
        assert_eq!(ids.len(), 3);
    }
}

#[test]
fn removals_and_sites_are_composed_alike() {
    let tree = tree();
    let remover = Remover::new(&tree);
    let removals = remover.sample(&[ScaleOperator::Body], usize::MAX, Seed::new(1));
    let parts = sites(&tree).into_iter().chain(removals.into_iter().map(Part::from)).collect();
    let drawn = Composer::new(&tree, parts).sample(2, 500, Seed::new(3));
    let is_bug = |part: &Part| matches!(part, Part::Bug(_));
    let mixed = drawn.iter().filter(|c| c.parts().iter().filter(|part| is_bug(part)).count() == 1);
    for composition in mixed.clone() {
        let broken = tree.apply(composition.bug().patch()).unwrap();
        assert!(broken.apply(&composition.bug().patch().reverse()).unwrap() == tree);
        let same = composition.relations() == [Relation::Function];
        assert!(!same, "a body that goes leaves no site: {composition:?}");
    }
    assert!(mixed.count() > 20);
}

#[test]
fn samples_depend_on_the_set_of_the_parts_and_the_seed_alone() {
    let tree = tree();
    let all = sites(&tree);
    let reversed = all.iter().rev().chain(&all).cloned().collect();
    let bugs = |parts: Vec<Part>, n, seed| -> Vec<Bug> {
        let drawn = Composer::new(&tree, parts).sample(2, n, Seed::new(seed));
        drawn.iter().map(|composition| composition.bug().clone()).collect()
    };
    let drawn = bugs(all.clone(), 30, 1);
    assert_eq!(drawn, bugs(reversed, 30, 1));
    assert_eq!(drawn[..7], bugs(all.clone(), 7, 1));
    assert_ne!(drawn, bugs(all.clone(), 30, 2));
    // No list of parts is gone through from its start.
    let firsts: BTreeSet<_> = drawn.iter().map(|bug| bug.places()[0].clone()).collect();
    assert!(firsts.len() > 5, "{firsts:?}");
    assert!(bugs(Vec::new(), 3, 1).is_empty());
    assert!(bugs(all[..1].to_vec(), 3, 1).is_empty());
}

#[test]
fn a_composition_is_kept_for_its_interaction_or_its_files() {
    let set = |ids: &[&str]| -> BTreeSet<TestId> { ids.iter().map(|id| (*id).into()).collect() };
    let judge = |together: &[&str], parts: &[&[&str]], files| {
        let parts: Vec<_> = parts.iter().map(|ids| set(ids)).collect();
        Interaction::new(&set(together), &parts, files)
    };
    assert!(!judge(&["a", "b"], &[&["a"], &["b"]], 1).keep());
    assert!(judge(&["a", "b"], &[&["a"], &["b"]], 2).keep());
    let emerged = judge(&["a", "b", "c"], &[&["a"], &["b"]], 1);
    assert!(emerged.keep() && emerged.interacts());
    assert_eq!((emerged.emerged(), emerged.masked()), (&set(&["c"]), &set(&[])));
    let masked = judge(&["a"], &[&["a"], &["b"]], 1);
    assert!(masked.keep());
    assert_eq!((masked.emerged(), masked.masked()), (&set(&[]), &set(&["b"])));
    // Where the parts cancel out, nothing is left to find.
    assert!(!judge(&[], &[&["a"], &["a"]], 2).keep());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_seed_and_order_give_different_bugs_that_apply(seed: u64, order in 0..6usize) {
        let tree = tree();
        let drawn = Composer::new(&tree, sites(&tree)).sample(order, 12, Seed::new(seed));
        prop_assert_eq!(drawn.len(), 12);
        let ids: BTreeSet<_> = drawn.iter().map(|composition| composition.bug().id()).collect();
        prop_assert_eq!(ids.len(), 12);
        for composition in &drawn {
            prop_assert_eq!(composition.parts().len(), order.max(2));
            prop_assert_ne!(tree.apply(composition.bug().patch()).unwrap().hash(), tree.hash());
        }
    }
}
