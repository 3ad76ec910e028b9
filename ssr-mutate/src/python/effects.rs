//! The names that a simple statement reads and writes, judged by its text.

use tree_sitter::Node;

use super::grammar::{Field, GRAMMAR, Kind};
use super::guards;
use super::walk::Walk;

/// The names and dotted names that a statement reads and writes.
#[derive(Default)]
pub(super) struct Effects<'t> {
    pub(super) reads: Vec<&'t str>,
    pub(super) writes: Vec<&'t str>,
}

impl<'t> Effects<'t> {
    /// The effects of an assignment, an update, or a method call that seems to mutate its receiver.
    /// `None` for other statements, whose effects are unknown.
    pub(super) fn of(walk: &Walk<'t, '_>, statement: Node<'t>) -> Option<Self> {
        let node = statement.named_child(0)?;
        let mut effects = Self::default();
        match GRAMMAR.kind(node) {
            kind @ (Kind::Assignment | Kind::AugmentedAssignment) => {
                let left = walk.field(node, Field::Left)?;
                effects.write(walk, left);
                if kind == Kind::AugmentedAssignment {
                    effects.read(walk, left);
                }
                effects.read(walk, walk.field(node, Field::Right)?);
            }
            Kind::Call if !guards::is_silent(walk, node) => {
                let function = walk.field(node, Field::Function)?;
                let receiver = walk.field(function, Field::Object)?;
                if !is_path(receiver) || matches!(walk.text(receiver), "self" | "cls") {
                    return None;
                }
                effects.writes.push(walk.text(receiver));
                effects.read(walk, node);
            }
            _ => return None,
        }
        Some(effects)
    }

    /// Whether exchanging the two changes the result: one writes what the other reads or writes.
    pub(super) fn depend(&self, other: &Self) -> bool {
        meet(&self.writes, &other.reads)
            || meet(&self.reads, &other.writes)
            || meet(&self.writes, &other.writes)
    }

    fn write(&mut self, walk: &Walk<'t, '_>, target: Node<'t>) {
        match GRAMMAR.kind(target) {
            Kind::Identifier => self.writes.push(walk.text(target)),
            Kind::Attribute => {
                self.writes.push(walk.text(target));
                self.read_parts(walk, target);
            }
            Kind::Subscript => {
                self.writes.extend(target.named_child(0).map(|object| walk.text(object)));
                self.read_parts(walk, target);
            }
            _ => {
                let mut cursor = target.walk();
                target.named_children(&mut cursor).for_each(|part| self.write(walk, part));
            }
        }
    }

    fn read(&mut self, walk: &Walk<'t, '_>, node: Node<'t>) {
        match GRAMMAR.kind(node) {
            Kind::Identifier => self.reads.push(walk.text(node)),
            Kind::Attribute if is_path(node) => self.reads.push(walk.text(node)),
            Kind::Attribute | Kind::KeywordArgument => {
                let part = [Field::Object, Field::Value].map(|field| walk.field(node, field));
                part.into_iter().flatten().for_each(|part| self.read(walk, part));
            }
            _ => self.read_parts(walk, node),
        }
    }

    fn read_parts(&mut self, walk: &Walk<'t, '_>, node: Node<'t>) {
        let mut cursor = node.walk();
        node.named_children(&mut cursor).for_each(|part| self.read(walk, part));
    }
}

/// Whether the node is a name or a dotted name.
fn is_path(node: Node<'_>) -> bool {
    match GRAMMAR.kind(node) {
        Kind::Identifier => true,
        Kind::Attribute => GRAMMAR.field(node, Field::Object).is_some_and(is_path),
        _ => false,
    }
}

fn meet(paths: &[&str], others: &[&str]) -> bool {
    paths
        .iter()
        .any(|path| others.iter().any(|other| contains(path, other) || contains(other, path)))
}

/// Whether `path` is `whole` or a part of it.
fn contains(whole: &str, path: &str) -> bool {
    path.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
