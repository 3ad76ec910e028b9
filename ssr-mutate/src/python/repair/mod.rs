//! Edits that may undo a bug: those of the operators, and the inverses that are missing among them.

mod affixes;
mod arguments;
mod conditions;
mod constants;
mod elements;
mod facts;
mod idioms;
mod lines;
mod names;
mod origin;
mod statements;

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use tree_sitter::{InputEdit, Point};

use super::OPERATORS;
use super::grammar::{GRAMMAR, Kind};
use super::walk::{Dispatch, Finder, Walk, operators_by_kind};
use crate::finds::{Find, Finds};
use crate::repair::{RepairProposal, RepairProposals};
use crate::site::Source;
use crate::syntax;
pub(super) use facts::RepairFacts;
pub use idioms::Idioms;
pub(super) use origin::RepairOrigin;

/// The code that finds edits which restore what an operator removed.
struct Inverse {
    /// The kinds of node that `find` is called with.
    kinds: &'static [Kind],
    find: Finder,
}

/// The finders of the operators and of the inverses.
static DISPATCH: LazyLock<Dispatch> = LazyLock::new(|| {
    let mut dispatch = operators_by_kind();
    let inverses = [
        names::INVERSES,
        arguments::INVERSES,
        affixes::INVERSES,
        conditions::INVERSES,
        constants::INVERSES,
        elements::INVERSES,
        statements::INVERSES,
    ];
    for inverse in inverses.into_iter().flatten() {
        for kind in inverse.kinds {
            dispatch[*kind as usize].push((usize::MAX, inverse.find));
        }
    }
    dispatch
});

/// The habits of a file, to be kept and used for other files of its repository.
pub(super) fn idioms_of(text: &str) -> Idioms {
    GRAMMAR.parse(text).map_or_else(Idioms::default, |tree| Idioms::of(text, &tree))
}

/// The proposals in the region. `others` are the habits of the other files of the repository.
pub(super) fn proposals<'a>(
    source: &'a Source,
    region: &Range<usize>,
    others: Vec<Arc<Idioms>>,
) -> RepairProposals<'a> {
    let text = &*source.text;
    let Some(tree) = GRAMMAR.parse(text) else {
        return RepairProposals { found: Vec::new(), keeps_syntax: Box::new(|_| false) };
    };
    let own = Arc::new(Idioms::of(text, &tree));
    let idioms = std::iter::once(own).chain(others).collect();
    let facts = RepairFacts::of(text, &tree, idioms);
    let mut finds = Finds::default();
    Walk::new(text, &tree, &[], &mut finds).repairing(region.clone(), &DISPATCH, &facts).run();
    let mut found: Vec<_> = finds.into_vec().into_iter().map(proposal).collect();
    found.extend(lines::restore(text, region, &facts).into_iter().map(|one| RepairProposal {
        range: one.range,
        replacement: one.replacement.into(),
        origin: one.origin.name(),
        weight: one.origin.weight(),
        structural: true,
    }));

    let before = syntax::errors(&tree);
    let mut parser = GRAMMAR.parser();
    let keeps_syntax = move |one: &RepairProposal| {
        // Parsing again what an edit changes is much faster than parsing the whole file.
        let mut old = tree.clone();
        let new = one.applied(text);
        old.edit(&InputEdit {
            start_byte: one.range.start,
            old_end_byte: one.range.end,
            new_end_byte: one.range.start + one.replacement.len(),
            start_position: point(text, one.range.start),
            old_end_position: point(text, one.range.end),
            new_end_position: point(&new, one.range.start + one.replacement.len()),
        });
        let parsed = parser.as_mut().and_then(|parser| parser.parse(&new, Some(&old)));
        parsed.is_some_and(|parsed| syntax::errors(&parsed) <= before)
    };
    RepairProposals { found, keeps_syntax: Box::new(keeps_syntax) }
}

fn proposal(find: Find) -> RepairProposal {
    let (origin, weight, structural) = match OPERATORS.get(find.operator) {
        Some(operator) => (operator.id, origin::weight_of(operator.id), operator.structural),
        None => {
            let origin = RepairOrigin::of_number(find.operator);
            (origin.name(), origin.weight(), true)
        }
    };
    RepairProposal { range: find.range, replacement: find.replacement, origin, weight, structural }
}

fn point(text: &str, at: usize) -> Point {
    let before = &text.as_bytes()[..at];
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let row = before.iter().filter(|byte| **byte == b'\n').count();
    Point { row, column: at - start }
}
