//! Which Python functions call each other or share an attribute, for composition.

use std::collections::{BTreeMap, BTreeSet};

use ssr_core::Tree;

use super::removal::Remover;
use crate::Location;
use crate::scale::{Links, Relation};

/// The functions of a tree that call each other or use the same attribute of `self`.
pub fn links(tree: &Tree) -> Links {
    let remover = Remover::new(tree);
    let mut links = Links::new();
    let mut link = |relation, a: &Location, b: &Location| {
        if a != b {
            links.entry(a.clone()).or_default().insert((relation, b.clone()));
            links.entry(b.clone()).or_default().insert((relation, a.clone()));
        }
    };
    for (number, module) in remover.package.modules.iter().enumerate() {
        let facts = &module.facts;
        for position in 0..facts.functions.len() {
            let own = remover.location((number, position));
            for callee in remover.callees((number, position)) {
                link(Relation::Call, &own, &remover.location(callee));
            }
        }
        let mut users: BTreeMap<_, BTreeSet<usize>> = BTreeMap::new();
        for reference in facts.references.iter().filter(|r| r.base == Some("self") && !r.called) {
            if let (Some(class), Some(function)) = (reference.class, reference.function) {
                users.entry((class, reference.name)).or_default().insert(function);
            }
        }
        // An attribute that most methods of a class use says little about which of them belong
        // together.
        for users in users.values().filter(|users| users.len() <= MAX_USERS) {
            for (index, a) in users.iter().enumerate() {
                for b in users.iter().skip(index + 1) {
                    let (a, b) = (remover.location((number, *a)), remover.location((number, *b)));
                    link(Relation::Attribute, &a, &b);
                }
            }
        }
    }
    links
}

/// The most methods that a shared attribute relates to each other.
const MAX_USERS: usize = 12;
