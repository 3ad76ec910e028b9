//! Restores elements of lists, sets, dictionaries and tuples.

use std::collections::HashSet;

use tree_sitter::Node;

use super::{Inverse, RepairOrigin};
use crate::python::grammar::{GRAMMAR, Kind, children};
use crate::python::walk::Walk;

pub(super) static INVERSES: &[Inverse] = &[Inverse {
    kinds: &[Kind::List, Kind::Set, Kind::Dictionary, Kind::Tuple],
    find: restore_element,
}];

/// The elements that are tried in one display.
const ELEMENTS: usize = 8;

fn restore_element<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(facts) = walk.facts() else { return };
    let elements = children(node);
    if elements.is_empty() || elements.len() > 32 {
        return;
    }
    let own: Vec<&str> = elements.iter().map(|one| walk.text(*one)).collect();
    let mut seen = HashSet::new();
    let mut found: Vec<(RepairOrigin, usize, String)> = Vec::new();
    for (_, idioms) in facts.each() {
        for display in &idioms.displays {
            let shared = display.iter().filter(|one| own.contains(&&***one)).count();
            if shared == 0 || 2 * shared < display.len().min(own.len()) {
                continue;
            }
            for (at, missing) in display.iter().enumerate() {
                if own.contains(&&**missing) || seen.len() >= ELEMENTS || missing.len() > 60 {
                    continue;
                }
                let before = display[..at].iter().rev();
                let place = before.filter_map(|one| own.iter().position(|o| **o == **one)).next();
                let place = place.map_or(0, |place| place + 1);
                if seen.insert((place, missing.to_string())) {
                    found.push((RepairOrigin::SiblingElement, place, missing.to_string()));
                }
            }
        }
    }
    if GRAMMAR.kind(node) != Kind::Dictionary {
        let unread = walk.scope().all_bindings();
        let unread = unread.filter(|one| facts.uses(one.name, &walk.scope().range) < 2).take(3);
        for other in unread {
            let (first, middle, last) = (0, own.len().div_ceil(2), own.len());
            for place in [last, first, middle] {
                found.push((RepairOrigin::UnreadElement, place, other.name.to_owned()));
            }
        }
    }
    if GRAMMAR.kind(node) == Kind::Dictionary {
        let quote = if own[0].starts_with('\'') { '\'' } else { '"' };
        for other in walk.scope().all_bindings().take(12) {
            let pair = format!("{quote}{0}{quote}: {0}", other.name);
            if !own.contains(&&*pair) {
                found.push((RepairOrigin::NamedPair, own.len(), pair.clone()));
                found.push((RepairOrigin::NamedPair, 0, pair));
            }
        }
    }
    for (origin, place, element) in found {
        insert(walk, node, &elements, origin, place, &element);
    }
}

fn insert<'t>(
    walk: &mut Walk<'t, '_>,
    node: Node<'t>,
    elements: &[Node<'t>],
    origin: RepairOrigin,
    place: usize,
    element: &str,
) {
    let text = walk.text;
    if let ([only], Kind::Tuple) = (elements, GRAMMAR.kind(node)) {
        let only = walk.text(*only);
        let new = match place {
            0 => format!("({element}, {only})"),
            _ => format!("({only}, {element})"),
        };
        return walk.repair_whole(origin, node, new);
    }
    let between = elements.windows(2).last();
    let between = between.map(|pair| &text[pair[0].end_byte()..pair[1].start_byte()]);
    let lead = &text[node.start_byte() + 1..elements[0].start_byte()];
    let separator = match between.filter(|between| !between.contains('#')) {
        Some(between) => between.to_owned(),
        None if lead.contains('\n') && !lead.contains('#') => format!(",{lead}"),
        None => ", ".to_owned(),
    };
    match place.checked_sub(1).and_then(|before| elements.get(before)) {
        Some(before) => {
            let end = before.end_byte();
            walk.repair(origin, node, end..end, format!("{separator}{element}"));
        }
        None => {
            let start = elements[0].start_byte();
            walk.repair(origin, node, start..start, format!("{element}{separator}"));
        }
    }
}
