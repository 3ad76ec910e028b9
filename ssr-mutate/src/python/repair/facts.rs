//! What repairs in one file are made of: the places of its names, and the habits of the
//! repository's code.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use tree_sitter::Tree;

use super::idioms::{Affix, Idioms};
use crate::python::grammar::{Field, GRAMMAR, Kind};

/// The facts about one file and its repository.
pub(in crate::python) struct RepairFacts<'t> {
    /// The positions of each name that is read or bound, without attributes and keywords.
    names: HashMap<&'t str, Vec<usize>>,
    /// The habits of the file, then those of the other files.
    pub(super) idioms: Vec<Arc<Idioms>>,
    /// What most often surrounds values in the repository, with the number of times in the file
    /// and in all.
    pub(super) affixes: Vec<(Affix, u32, u32)>,
}

/// How many of the most frequent surroundings are kept.
const AFFIXES: usize = 24;

/// What surrounds values everywhere.
const USUAL: &[(&str, &str)] = &[
    ("sorted(", ")"),
    ("list(", ")"),
    ("str(", ")"),
    ("int(", ")"),
    ("tuple(", ")"),
    ("set(", ")"),
    ("dict(", ")"),
    ("abs(", ")"),
    ("", ".strip()"),
    ("", ".lower()"),
    ("", ".copy()"),
];

impl<'t> RepairFacts<'t> {
    pub(super) fn of(text: &'t str, tree: &Tree, idioms: Vec<Arc<Idioms>>) -> Self {
        let mut names: HashMap<&'t str, Vec<usize>> = HashMap::new();
        let mut cursor = tree.walk();
        let mut open = Vec::new();
        'nodes: loop {
            let (node, field) = (cursor.node(), cursor.field_id());
            let kind = GRAMMAR.kind(node);
            if kind == Kind::Identifier {
                let attribute = GRAMMAR.is_field(field, Field::Attribute);
                let keyword = GRAMMAR.is_field(field, Field::Name)
                    && open.last() == Some(&Kind::KeywordArgument);
                if !attribute && !keyword {
                    names.entry(&text[node.byte_range()]).or_default().push(node.start_byte());
                }
            }
            if cursor.goto_first_child() {
                open.push(kind);
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    break 'nodes;
                }
                open.pop();
            }
        }
        let mut counts: BTreeMap<&Affix, (u32, u32)> = BTreeMap::new();
        for (number, file) in idioms.iter().enumerate() {
            for (affix, count) in &file.affixes {
                let (own, all) = counts.entry(affix).or_default();
                *own += if number == 0 { *count } else { 0 };
                *all += count;
            }
        }
        let mut affixes: Vec<_> =
            counts.into_iter().map(|(affix, (own, all))| (affix.clone(), own, all)).collect();
        affixes.retain(|(affix, ..)| affix.after.ends_with(')'));
        affixes.sort_by_key(|(_, own, all)| std::cmp::Reverse(8 * own + all));
        affixes.truncate(AFFIXES);
        for (before, after) in USUAL {
            let affix = Affix { before: (*before).into(), after: (*after).into() };
            if !affixes.iter().any(|(known, ..)| *known == affix) {
                affixes.push((affix, 0, 0));
            }
        }
        Self { names, idioms, affixes }
    }

    /// How often the name is read or bound in the range.
    pub(super) fn uses(&self, name: &str, range: &Range<usize>) -> usize {
        let all = self.names.get(name).map_or(&[][..], Vec::as_slice);
        let at = |bound: usize| all.partition_point(|place| *place < bound);
        at(range.end) - at(range.start)
    }

    /// Whether the file has the name anywhere.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// The habits of the file itself.
    pub(super) fn own(&self) -> Option<&Idioms> {
        self.idioms.first().map(|idioms| &**idioms)
    }

    /// The habits of all files, the own ones first, with whether they are the file's own.
    pub(super) fn each(&self) -> impl Iterator<Item = (bool, &Idioms)> {
        self.idioms.iter().enumerate().map(|(number, idioms)| (number == 0, &**idioms))
    }
}
