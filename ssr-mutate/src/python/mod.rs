//! Python: grammar, walk, guards and operators.

mod calls;
mod effects;
mod expressions;
mod files;
mod grammar;
mod guards;
mod links;
mod names;
mod operators;
mod package;
mod poison;
mod removal;
mod repair;
mod scope;
mod statements;
mod survey;
mod values;
mod walk;
mod weaken;

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use ssr_core::{Dose, RepoPath, Seed, Tree};
use tree_sitter::Node;

use crate::files::source_texts;
use crate::finds::Finds;
use crate::language::{Engine, Language};
use crate::poison::{PoisonEdits, PoisonTarget};
use crate::repair::{Habits, RepairProposals};
use crate::site::Source;
use crate::weaken::{BrokenTest, Means, Weakened};
use crate::{Operator, syntax};
use grammar::{GRAMMAR, Kind};
pub use links::links;
pub use removal::{Removal, Remover};
pub use repair::Idioms;
use walk::Walk;

/// Python 3.
pub struct Python;

/// An operator together with the code that finds its sites.
struct Rule {
    operator: Operator,
    /// The kinds of node that `find` is called with.
    kinds: &'static [Kind],
    find: for<'t> fn(&mut Walk<'t, '_>, Node<'t>),
}

static OPERATORS: LazyLock<Vec<&'static Operator>> =
    LazyLock::new(|| operators::rules().map(|rule| &rule.operator).collect());

impl Language for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["py"]
    }

    fn line_comment(&self) -> &'static str {
        "#"
    }

    fn operators(&self) -> &'static [&'static Operator] {
        &OPERATORS
    }

    fn is_test_file(&self, path: &RepoPath) -> bool {
        files::is_test(path)
    }

    fn is_source_file(&self, path: &RepoPath) -> bool {
        files::is_source(path)
    }
}

impl Engine for Python {
    fn scan(&self, source: &Arc<Source>, enabled: &[bool], finds: &mut Finds) {
        if let Some(tree) = GRAMMAR.parse(&source.text) {
            Walk::new(&source.text, &tree, enabled, finds).run();
        }
    }

    fn weaken(&self, text: &str, tests: &[BrokenTest<'_>]) -> Weakened {
        weaken::weaken(text, tests)
    }

    fn means(&self, text: &str, tests: &[BrokenTest<'_>]) -> Vec<Means> {
        weaken::means(text, tests)
    }

    fn poison(
        &self,
        text: &str,
        targets: &[PoisonTarget<'_>],
        dose: Dose,
        seed: Seed,
    ) -> PoisonEdits {
        poison::poison(text, targets, dose, seed)
    }

    fn hollow(&self, text: &str, targets: &[PoisonTarget<'_>]) -> PoisonEdits {
        poison::hollow(text, targets)
    }

    fn repairs<'a>(
        &'a self,
        tree: &Tree,
        source: &'a Arc<Source>,
        region: &Range<usize>,
        habits: &Habits,
    ) -> RepairProposals<'a> {
        let others = source_texts(tree).filter(|(path, _)| {
            **path != source.path && path.extension() == source.path.extension()
        });
        let others = others.filter_map(|(path, _)| tree.get(path.as_str()));
        let idioms = others.map(|file| habits.of(file, repair::idioms_of)).collect();
        repair::proposals(source, region, idioms)
    }

    fn syntax_errors(&self, _: &RepoPath, text: &str) -> usize {
        GRAMMAR.parse(text).map_or(usize::MAX, |tree| syntax::errors(&tree))
    }
}
