//! Restores names: variables, attributes, callees and receivers.
//!
//! An operator puts a name in place of another by a rule. The inverse proposes each name whose
//! replacement by that rule would give the name that is there.

use tree_sitter::Node;

use super::{Inverse, RepairOrigin};
use crate::python::expressions::likeness;
use crate::python::grammar::{Field, GRAMMAR, Kind};
use crate::python::names::{NameRole, Position, position};
use crate::python::operators::data_flow::attributes;
use crate::python::operators::data_flow::callees::{imported, neighbour, of_self, similar};
use crate::python::operators::data_flow::names::{assigned_name, misuses};
use crate::python::scope::ScopeKind;
use crate::python::survey::{AttributeUse, Shape, Survey};
use crate::python::walk::Walk;

pub(super) static INVERSES: &[Inverse] = &[
    Inverse { kinds: &[Kind::Identifier], find: restore_variable },
    Inverse { kinds: &[Kind::Identifier], find: restore_receiver },
    Inverse { kinds: &[Kind::Attribute], find: restore_attribute },
    Inverse { kinds: &[Kind::Call], find: restore_callee },
];

/// The most variables of a scope that are tried in place of one.
const MOST: usize = 48;

/// The other variables with a value here, latest first, each once.
fn others<'t>(walk: &Walk<'t, '_>, used: &str) -> Vec<crate::python::scope::Binding<'t>> {
    walk.scope().all_bindings().filter(|other| other.name != used).take(MOST).collect()
}

fn is_unread(walk: &Walk<'_, '_>, name: &str) -> bool {
    walk.facts().is_some_and(|facts| facts.uses(name, &walk.scope().range) < 2)
}

/// Whether the name stands more than once in the statement around the node.
fn is_repeated<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    let name = walk.text(node);
    let simple = |kind| {
        matches!(kind, Kind::ExpressionStatement | Kind::ReturnStatement | Kind::AssertStatement)
    };
    let depths = 0..16;
    let found = depths.map_while(|depth| walk.ancestor_node(depth)).find(|(_, kind)| simple(*kind));
    let (Some((statement, _)), Some(facts)) = (found, walk.facts()) else { return false };
    facts.uses(name, &statement.byte_range()) > 1
}

fn restore_variable<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.role() != NameRole::Value || walk.scope().kind != ScopeKind::Function {
        return;
    }
    let used = walk.text(node);
    if walk.scope().binding(used).is_none() {
        return;
    }
    let target = assigned_name(walk);
    let repeated = is_repeated(walk, node);
    for other in others(walk, used) {
        if Some(other.name) == target || !misuses(walk, other, target).contains(&used) {
            continue;
        }
        let origin = match (is_unread(walk, other.name), repeated) {
            (true, _) => RepairOrigin::UnreadName,
            (_, true) => RepairOrigin::RepeatedName,
            _ => RepairOrigin::Name,
        };
        walk.repair_whole(origin, node, other.name.to_owned());
    }
}

fn restore_receiver<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.role() != NameRole::Receiver || walk.scope().kind != ScopeKind::Function {
        return;
    }
    let Some((access, Kind::Attribute)) = walk.ancestor_node(0) else { return };
    let Some(asked) = walk.field(access, Field::Attribute).map(|asked| walk.text(asked)) else {
        return;
    };
    let used = walk.text(node);
    if asked.starts_with("__") {
        return;
    }
    let called = walk.ancestor(1) == Kind::Call;
    if used == "other" && walk.scope().binding("other").is_some() {
        walk.repair_whole(RepairOrigin::Receiver, node, "self");
    }
    if used == "self" && walk.scope().binding("other").is_some() && of_self(walk, asked, called) {
        walk.repair_whole(RepairOrigin::Receiver, node, "other");
    }
    for other in others(walk, used) {
        if neighbour(walk, node, other.name, asked) == Some(used) {
            let origin = match is_unread(walk, other.name) {
                true => RepairOrigin::UnreadReceiver,
                false => RepairOrigin::Receiver,
            };
            walk.repair_whole(origin, node, other.name.to_owned());
        }
    }
}

fn restore_attribute<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let position = position(walk, node);
    if walk.scope().kind != ScopeKind::Function
        || matches!(position, Position::Callee | Position::Other)
    {
        return;
    }
    let Some((object, attribute)) = attributes::parts(walk, node) else { return };
    if GRAMMAR.kind(object) != Kind::Identifier {
        return;
    }
    let (receiver, used) = (walk.text(object), walk.text(attribute));
    let survey = walk.survey();
    let mut near: Vec<&'t str> = match (receiver, walk.class(&survey)) {
        ("self", Some(class)) => class.attributes.iter().map(|one| one.name).collect(),
        ("self", None) => Vec::new(),
        _ => {
            let members = survey.members(receiver, &walk.scope().range, node.start_byte());
            members.map(|member| member.name).collect()
        }
    };
    near.truncate(2 * MOST);
    let fits = |walk: &Walk<'t, '_>, other: &str| {
        other != used
            && !other.starts_with("__")
            && attributes::misuses(walk, &survey, receiver, other, node, position).contains(&used)
    };
    let mut seen = Vec::new();
    for other in near {
        if !seen.contains(&other) && fits(walk, other) {
            walk.repair_whole(RepairOrigin::Attribute, attribute, other.to_owned());
        }
        seen.push(other);
    }
    let Some(facts) = walk.facts().filter(|_| receiver != "self") else { return };
    let mut foreign: Vec<&str> = Vec::new();
    for (_, idioms) in facts.each() {
        foreign.extend(idioms.members.get(receiver).map(|m| m.top(12)).unwrap_or_default());
    }
    foreign.sort_unstable();
    foreign.dedup();
    for other in foreign.into_iter().take(2 * MOST) {
        if !seen.contains(&other) && fits(walk, other) {
            walk.repair_whole(RepairOrigin::ForeignAttribute, attribute, other.to_owned());
        }
    }
}

fn restore_callee<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let parts = (walk.field(node, Field::Function), walk.field(node, Field::Arguments));
    let (Some(function), Some(arguments)) = parts else { return };
    let survey = walk.survey();
    let statement = walk.parent_kind() == Kind::ExpressionStatement;
    let shape = Shape::of(walk.text, arguments);
    match GRAMMAR.kind(function) {
        Kind::Identifier => {
            let used = walk.text(function);
            for other in instead_of_function(walk, &survey, used, &shape, statement) {
                walk.repair_whole(RepairOrigin::Callee, function, other.to_owned());
            }
        }
        Kind::Attribute => restore_method(walk, function, &shape, &survey, statement),
        _ => {}
    }
}

fn instead_of_function<'t>(
    walk: &Walk<'t, '_>,
    survey: &Survey<'t>,
    used: &str,
    shape: &Shape<'t>,
    statement: bool,
) -> Vec<&'t str> {
    let near = survey.functions_near(used);
    let own = near.into_iter().filter(|other| {
        let chosen = similar(walk, other, &survey.functions_near(other.name), shape, statement);
        chosen == Some(used)
    });
    let own = own.map(|other| other.name);
    let together = survey.imported_with(used).iter().copied();
    let together = together.filter(|other| imported(survey, other, shape) == Some(used));
    own.chain(together).collect()
}

fn restore_method<'t>(
    walk: &mut Walk<'t, '_>,
    function: Node<'t>,
    shape: &Shape<'t>,
    survey: &Survey<'t>,
    statement: bool,
) {
    let Some((object, method)) = attributes::parts(walk, function) else { return };
    let (receiver, used) = (walk.text(object), walk.text(method));
    if GRAMMAR.kind(object) != Kind::Identifier || used.starts_with("__") {
        return;
    }
    if matches!(receiver, "self" | "cls") {
        let Some(class) = walk.class(survey) else { return };
        let fits = |other: &str| {
            class.method(other).is_some_and(|signature| {
                let near = class.methods_near(other);
                similar(walk, signature, &near, shape, statement) == Some(used)
            })
        };
        let near = class.methods_near(used);
        let others: Vec<_> = near.iter().map(|o| o.name).filter(|name| fits(name)).collect();
        for other in others {
            walk.repair_whole(RepairOrigin::Callee, method, other.to_owned());
        }
        return;
    }
    if walk.scope().binding(receiver).is_none() || !shape.keywords.is_empty() || shape.open {
        return;
    }
    let around: Vec<_> = survey
        .members(receiver, &walk.scope().range, function.start_byte())
        .filter(|member| member.place == AttributeUse::Called && member.name != used)
        .filter(|member| member.arity == shape.positional)
        .map(|member| member.name)
        .collect();
    // The one that is most like it is taken by mistake.
    let mistaken = |other: &str| {
        let alike = likeness(other, used);
        around.iter().filter(|one| **one != other).all(|one| likeness(other, one) <= alike)
    };
    let mut seen = Vec::new();
    for other in &around {
        if !seen.contains(other) && mistaken(other) {
            walk.repair_whole(RepairOrigin::Callee, method, (*other).to_owned());
        }
        seen.push(*other);
    }
    let Some(facts) = walk.facts() else { return };
    let mut foreign: Vec<&str> = Vec::new();
    for (_, idioms) in facts.each().filter(|(own, _)| *own) {
        for (name, calls) in &idioms.calls {
            let same = calls
                .iter()
                .any(|call| call.positional.len() == shape.positional && call.keywords.is_empty());
            let member = idioms.members.values().any(|members| members.of(name) > 0);
            if same && member && likeness(name, used) > 1 && mistaken(name) {
                foreign.push(name);
            }
        }
    }
    foreign.sort_unstable();
    for other in foreign.into_iter().filter(|other| *other != used && !seen.contains(other)) {
        walk.repair_whole(RepairOrigin::ForeignCallee, method, other.to_owned());
    }
}
