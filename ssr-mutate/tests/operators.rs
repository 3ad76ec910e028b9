//! Every operator makes the edits of its examples, and finds no site in the texts that it excludes.
#![cfg(feature = "all")]

use ssr_core::RepoPath;
use ssr_mutate::{Language, Operator, Site, catalogue, languages, operators, sites};

fn sites_of(language: &dyn Language, operator: &Operator, source: &str) -> Vec<Site> {
    let path = RepoPath::new(&format!("example.{}", language.extensions()[0])).unwrap();
    let mut found = sites(&path, source);
    found.retain(|site| std::ptr::eq(site.operator(), operator));
    found
}

fn each(mut check: impl FnMut(&dyn Language, &'static Operator)) {
    for language in languages() {
        language.operators().iter().for_each(|operator| check(*language, operator));
    }
}

#[test]
fn the_examples_of_every_operator_hold() {
    let mut wrong = Vec::new();
    each(|language, operator| {
        for (before, after) in operator.examples {
            let mutants: Vec<_> =
                sites_of(language, operator, before).iter().map(Site::mutated).collect();
            if !mutants.iter().any(|mutant| mutant == after) {
                wrong.push(format!("{operator}: {before:?} gives {mutants:#?}, not {after:?}"));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_operator_touches_what_it_leaves_alone() {
    let mut wrong = Vec::new();
    each(|language, operator| {
        for source in operator.untouched {
            let found = sites_of(language, operator, source);
            if !found.is_empty() {
                wrong.push(format!("{operator}: {source:?} has {found:#?}"));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_operator_has_an_example_and_an_id_of_its_own() {
    each(|language, operator| {
        assert!(!operator.examples.is_empty(), "{operator}");
        let same = language.operators().iter().filter(|other| other.id == operator.id).count();
        assert_eq!(same, 1, "{operator}");
        assert!(operator.version > 0, "{operator}");
    });
}

#[test]
fn the_ten_operators_of_the_main_job_are_there() {
    for id in ["RBR", "ROR", "LCR", "CNI", "CRP", "IDX", "VMI", "ARS", "ASD", "RTV"] {
        assert!(operators().any(|operator| operator.id == id), "{id}");
    }
}

#[test]
fn the_committed_catalogue_is_what_the_operators_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/CATALOGUE.md");
    let page = catalogue();
    if std::env::var_os("UPDATE_CATALOGUE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == page,
        "CATALOGUE.md is out of date: run this test with UPDATE_CATALOGUE=1"
    );
}
