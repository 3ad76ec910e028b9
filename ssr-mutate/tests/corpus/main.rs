//! Every site of a large code base against three oracles: our own patches, git, and CPython's
//! compiler.
//!
//! In the usual run the code base is the standard library of the `python3` on the path, and a few
//! thousand sites of it are taken. `SSR_MUTATE_CORPUS` names folders instead, separated as in
//! `PATH`, and takes every site in them: `cargo xtask ci --full` does so with Django and sympy.
//! `SSR_MUTATE_STEP=50` takes every fiftieth of each file, for a first look.
#![cfg(all(feature = "python", unix))]

mod compiler;
mod files;
mod git;

use std::cell::RefCell;
use std::collections::HashSet;

use ssr_core::{EditRenderer, File, LineIndex, Patch, RepoPath, Tree};
use ssr_mutate::{Site, sites};

use compiler::Compiler;
use files::{Corpus, Source};

/// The sites of the file that this run looks at.
fn chosen(corpus: &Corpus, source: &Source) -> Vec<Site> {
    let found = sites(&source.path, &source.text);
    found.into_iter().step_by(corpus.step).collect()
}

#[test]
fn every_patch_applies_to_the_mutated_bytes_and_reverses() {
    let corpus = Corpus::find();
    let count = corpus.in_parallel(|source| {
        let before = one_file(&source.path, source.text.as_bytes());
        let index = LineIndex::new(source.text.as_bytes());
        let mut renderer = EditRenderer::new(&source.path, source.text.as_bytes(), &index);
        let mut text = Vec::new();
        let found = chosen(&corpus, source);
        for site in &found {
            text.clear();
            renderer.render(&[site.edit()], &mut text).unwrap();
            let patch = Patch::parse(&text).unwrap_or_else(|error| panic!("{site:?}: {error}"));
            assert_eq!(patch.to_bytes(), text, "{site:?}");
            let after = before.apply(&patch).unwrap_or_else(|error| panic!("{site:?}: {error}"));
            let mutated = site.mutated();
            assert!(after == one_file(&source.path, mutated.as_bytes()), "{site:?}");
            assert!(after.apply(&patch.reverse()).as_ref() == Ok(&before), "{site:?}");
            assert!(mutated != source.text, "{site:?} changes nothing");
        }
        found.len()
    });
    corpus.report("patches applied and reversed", count);
}

fn one_file(path: &RepoPath, bytes: &[u8]) -> Tree {
    Tree::from_files([(path.clone(), File::new(bytes))]).unwrap()
}

#[test]
fn no_two_sites_of_a_file_have_the_same_result() {
    let corpus = Corpus::find();
    let count = corpus.in_parallel(|source| {
        let found = sites(&source.path, &source.text);
        let mut seen = HashSet::with_capacity(found.len());
        for site in &found {
            assert!(seen.insert(files::normal_form(site)), "{site:?} repeats another site");
        }
        found.len()
    });
    corpus.report("sites with results of their own", count);
}

#[test]
fn git_applies_every_patch_to_the_mutated_bytes_and_reverses_it() {
    let corpus = Corpus::find();
    let count = corpus.in_parallel(|source| {
        let found = chosen(&corpus, source);
        git::check(source, &found);
        found.len()
    });
    corpus.report("patches applied and reversed by git", count);
}

thread_local! {
    static COMPILER: RefCell<Compiler> = RefCell::new(Compiler::start());
}

/// More than this share of rejected mutants fails the test.
const REJECTED: f64 = 0.001;

#[test]
fn cpython_compiles_all_but_one_in_a_thousand() {
    let corpus = Corpus::find();
    if !Compiler::exists() {
        // Without CPython on this machine there is no oracle to ask.
        return;
    }
    let rejected = std::sync::Mutex::new(Vec::new());
    let count = corpus.in_parallel(|source| {
        let found = chosen(&corpus, source);
        let found: Vec<_> = found.iter().collect();
        let bad = COMPILER.with_borrow_mut(|compiler| compiler.rejects(&source.text, &found));
        let described = bad.iter().map(|(index, why)| format!("{:?}: {why}", found[*index]));
        rejected.lock().unwrap().extend(described);
        found.len()
    });
    let rejected = rejected.into_inner().unwrap();
    corpus.report("mutants compiled by CPython", count);
    println!("rejected {}:\n{}", rejected.len(), rejected.join("\n"));
    let share = rejected.len() as f64 / count.max(1) as f64;
    assert!(share < REJECTED, "CPython rejects {} of {count} mutants", rejected.len());
}
