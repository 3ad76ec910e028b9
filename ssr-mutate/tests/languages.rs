//! Sites of a realistic file in each language with braces.
#![cfg(feature = "all")]

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use ssr_core::{File, Patch, RepoPath, Seed, TestId, Tree};
use ssr_mutate::{Error, Mutator, NotFound, Site, Style, sites, weaken};

const FILES: [(&str, &str); 5] = [
    ("src/inventory.rs", include_str!("fixtures/inventory.rs")),
    ("src/Inventory.java", include_str!("fixtures/Inventory.java")),
    ("inventory.go", include_str!("fixtures/inventory.go")),
    ("src/inventory.ts", include_str!("fixtures/inventory.ts")),
    ("src/inventory.c", include_str!("fixtures/inventory.c")),
];

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

#[test]
fn all_sites_of_a_realistic_file_in_each_language() {
    for (file, text) in FILES {
        let lines: Vec<_> = sites(&path(file), text).iter().map(Site::describe).collect();
        let extension = file.rsplit('.').next().unwrap();
        insta::assert_snapshot!(format!("all_sites_{extension}"), lines.join("\n"));
    }
}

#[test]
fn no_site_adds_a_syntax_error() {
    let mutator = Mutator::new();
    for (file, text) in FILES {
        for site in sites(&path(file), text) {
            assert!(mutator.is_well_formed(&site), "{site:?}");
        }
    }
}

#[test]
fn many_operators_find_a_site_in_each_language() {
    for (file, text) in FILES {
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        for site in sites(&path(file), text) {
            *found.entry(site.operator().id).or_default() += 1;
        }
        assert!(found.len() >= 25, "{file}: {found:?}");
    }
}

#[test]
fn the_grammar_follows_from_the_extension() {
    let typed = "const f = (a: number): number => a + 1;\n";
    let tag = "const f = (a) => <b>{a + 1}</b>;\n";
    let found = |file: &str, text: &str| sites(&path(file), text).len();
    assert!(found("a.ts", typed) > 0 && found("a.tsx", typed) > 0);
    assert!(found("a.jsx", tag) > 0 && found("a.tsx", tag) > 0);
    assert!(found("a.mjs", "x = a && b;\n") > 0 && found("a.cts", "x = a && b;\n") > 0);
}

#[test]
fn tests_in_other_languages_than_python_cannot_be_weakened() {
    let tree = Tree::from_files([(path("tests/a.rs"), File::new(*b"#[test]\nfn test_a() {}\n"))]);
    let ids = [TestId::new("tests/a.rs::test_a")].into();
    let error = weaken(&tree.unwrap(), &ids, Style::Delete, Seed::new(1)).unwrap_err();
    let Error::TestsNotFound { missing } = &error else { panic!("{error}") };
    assert_eq!(missing[0].1, NotFound::Language);
    assert!(error.to_string().contains("only Python's can"), "{error}");
}

/// Text that looks like one of the languages often enough to reach its operators.
fn any_text() -> impl Strategy<Value = (usize, String)> {
    let line = |file: usize| {
        let lines = prop::sample::select(FILES[file].1.lines().collect::<Vec<_>>());
        let tokens = prop::sample::select(vec![
            "if", "(", ")", "{", "}", ";", "a", "1", "-", "\"", "'", "//", "/*", "é", "\r\n", "=",
            "for", "&&", "return", "[", "]", "::", "`${", "#if A", "0x", "?", ":", "<", ",",
        ]);
        prop_oneof![
            5 => lines.prop_map(|line| format!("{line}\n")),
            2 => tokens.prop_map(str::to_owned),
            1 => ".{0,6}",
        ]
    };
    (0..FILES.len()).prop_flat_map(move |file| {
        let text = prop::collection::vec(line(file), 0..60).prop_map(|lines| lines.concat());
        (Just(file), text)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_edit_of_any_text_changes_it_applies_and_reverses((file, source) in any_text()) {
        let name = path(FILES[file].0);
        let tree = Tree::from_files([(name.clone(), File::new(source.as_bytes()))]).unwrap();
        let found = sites(&name, &source);
        prop_assert_eq!(&found, &sites(&name, &source));
        let mut results = HashSet::new();
        for site in &found {
            let mutated = site.mutated();
            prop_assert_ne!(&mutated, &source, "{:?} changes nothing", site);
            let patch = site.patch().unwrap();
            let broken = tree.apply(&patch).unwrap();
            prop_assert_eq!(broken.get(name.as_str()).unwrap().bytes(), mutated.as_bytes());
            prop_assert_eq!(&Patch::parse(&patch.to_bytes()).unwrap(), &patch);
            prop_assert_eq!(&broken.apply(&patch.reverse()).unwrap(), &tree);
            prop_assert!(results.insert(mutated), "{:?} repeats another site", site);
        }
    }
}
