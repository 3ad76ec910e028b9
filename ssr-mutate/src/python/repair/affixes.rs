//! Restores what surrounds a value: a call, a conversion, an attribute, `await`, `not`, a sign.

use tree_sitter::Node;

use super::idioms::{Affix, last_name};
use super::{Inverse, RepairOrigin};
use crate::python::grammar::{Field, GRAMMAR, Kind};
use crate::python::names::NameRole;
use crate::python::operators::data_flow::attributes::takes_anything;
use crate::python::operators::data_flow::wrappers::shapes;
use crate::python::scope::ScopeKind;
use crate::python::walk::Walk;

pub(super) static INVERSES: &[Inverse] = &[
    Inverse {
        kinds: &[
            Kind::Identifier,
            Kind::Attribute,
            Kind::Call,
            Kind::Subscript,
            Kind::ParenthesizedExpression,
            Kind::BinaryOperator,
            Kind::BooleanOperator,
            Kind::ConditionalExpression,
            Kind::GeneratorExpression,
            Kind::ListComprehension,
        ],
        find: restore_call,
    },
    Inverse { kinds: &[Kind::Call], find: restore_await },
    Inverse {
        kinds: &[
            Kind::Identifier,
            Kind::Attribute,
            Kind::Call,
            Kind::Subscript,
            Kind::ParenthesizedExpression,
        ],
        find: restore_negation,
    },
    Inverse { kinds: &[Kind::Integer, Kind::Identifier, Kind::Attribute], find: restore_sign },
];

/// Whether the node is a value that is read, with its parent and the kind of that.
fn is_read<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    let Some((parent, kind)) = walk.ancestor_node(0) else { return false };
    if GRAMMAR.kind(node) == Kind::Identifier
        && !matches!(walk.role(), NameRole::Value | NameRole::Receiver)
    {
        return false;
    }
    let field = |field| walk.field(parent, field) == Some(node);
    match kind {
        Kind::ExpressionStatement | Kind::Decorator | Kind::Await | Kind::DeleteStatement => false,
        Kind::Call => !field(Field::Function),
        Kind::Assignment | Kind::ForStatement | Kind::ForInClause | Kind::AugmentedAssignment => {
            !field(Field::Left) && !field(Field::Type)
        }
        Kind::PatternList
        | Kind::TuplePattern
        | Kind::ListPattern
        | Kind::AsPatternTarget
        | Kind::Parameters
        | Kind::TypedParameter
        | Kind::GlobalStatement
        | Kind::DottedName => false,
        Kind::KeywordArgument | Kind::DefaultParameter | Kind::TypedDefaultParameter => {
            field(Field::Value)
        }
        _ => true,
    }
}

/// The text of the value without the parentheses around it.
fn bare<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> &'t str {
    let text = walk.text(node);
    match GRAMMAR.kind(node) {
        Kind::ParenthesizedExpression => node.named_child(0).map_or(text, |inner| walk.text(inner)),
        _ => text,
    }
}

fn restore_call<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(facts) = walk.facts() else { return };
    if !is_read(walk, node) {
        return;
    }
    let (text, inner) = (walk.text(node), bare(walk, node));
    let mut seen: Vec<&Affix> = Vec::new();
    let receiver = matches!(walk.parent_kind(), Kind::Attribute);
    let fits = |affix: &Affix| !receiver || affix.after.ends_with(')') || affix.before.is_empty();
    for (own, idioms) in facts.each() {
        let around = idioms.around.get(inner).map_or(&[][..], Vec::as_slice);
        for affix in around.iter().filter(|affix| fits(affix)) {
            if seen.contains(&affix) {
                continue;
            }
            seen.push(affix);
            let attribute = affix.before.is_empty() && !affix.after.contains(['(', '[']);
            if attribute && !(GRAMMAR.kind(node) == Kind::Identifier && takes_here(walk, node)) {
                continue;
            }
            let origin = match (attribute, own) {
                (true, true) => RepairOrigin::SameMember,
                (true, false) => continue,
                (false, true) => RepairOrigin::SameCall,
                (false, false) => RepairOrigin::FarSameCall,
            };
            surround(walk, node, origin, affix, text, inner);
        }
    }
    if walk.scope().kind != ScopeKind::Function || inner.len() > 60 || receiver {
        return;
    }
    for name in unused(walk) {
        let affix = Affix { before: format!("{name}(").into(), after: ")".into() };
        surround(walk, node, RepairOrigin::UnusedCall, &affix, text, inner);
    }
    let whole = matches!(
        walk.parent_kind(),
        Kind::Assignment
            | Kind::ReturnStatement
            | Kind::ForStatement
            | Kind::ForInClause
            | Kind::Yield
    );
    let argument = matches!(walk.parent_kind(), Kind::ArgumentList | Kind::KeywordArgument);
    for (rank, (affix, own, _)) in facts.affixes.iter().enumerate() {
        if !seen.contains(&affix) {
            let origin = match (*own > 0, whole, argument) {
                (true, true, _) if rank < 5 => RepairOrigin::FrequentCallOfWhole,
                (true, _, true) if rank < 5 => RepairOrigin::FrequentCallOfArgument,
                (true, true, _) => RepairOrigin::RareCallOfWhole,
                (true, ..) => RepairOrigin::FrequentCall,
                (false, true, _) => RepairOrigin::FarCallOfWhole,
                (false, ..) => RepairOrigin::FarFrequentCall,
            };
            surround(walk, node, origin, affix, text, inner);
        }
    }
}

/// Functions of the file, and imported ones, that shape a value and that nothing calls any more.
fn unused<'t>(walk: &Walk<'t, '_>) -> Vec<String> {
    let Some(facts) = walk.facts() else { return Vec::new() };
    let survey = walk.survey();
    let alone = |name: &str| shapes(name) && facts.uses(name, &(0..usize::MAX)) == 1;
    let own = survey.functions.iter().map(|one| one.name);
    let mut names: Vec<String> = own
        .chain(survey.imports.keys().copied())
        .filter(|name| alone(name))
        .map(str::to_owned)
        .collect();
    if let Some(class) = walk.class(&survey) {
        let members = facts.own().and_then(|own| own.members.get("self"));
        let called = |name: &str| members.is_some_and(|members| members.of(name) > 0);
        let methods = class.methods.iter().filter(|one| one.parameters.len() == 1);
        let methods = methods.filter(|one| shapes(one.name) && !called(one.name));
        names.extend(methods.map(|one| format!("self.{}", one.name)));
    }
    names.sort_unstable();
    names
}

/// Whether an attribute of the variable could stand here as well as the variable.
fn takes_here<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    takes_anything(walk, node, node) && walk.scope().binding(walk.text(node)).is_some()
}

fn surround<'t>(
    walk: &mut Walk<'t, '_>,
    node: Node<'t>,
    origin: RepairOrigin,
    affix: &Affix,
    text: &str,
    inner: &str,
) {
    // A method needs parentheses around an operation, a function does not.
    let value = if affix.before.ends_with('(') { inner } else { text };
    let simple = matches!(
        GRAMMAR.kind(node),
        Kind::Identifier
            | Kind::Attribute
            | Kind::Call
            | Kind::Subscript
            | Kind::ParenthesizedExpression
    );
    if !simple && !affix.before.ends_with('(') {
        return;
    }
    // The same call twice, or a variable instead of the function's own result.
    let callee = affix.before.trim_end_matches('(');
    if !callee.is_empty() && last_name(text.split('(').next().unwrap_or(text)) == last_name(callee)
    {
        return;
    }
    walk.repair_whole(origin, node, format!("{}{value}{}", affix.before, affix.after));
}

fn restore_await<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let text = walk.text;
    let range = &walk.scope().range;
    let is_async = text.get(range.start..).is_some_and(|text| text.starts_with("async"));
    if is_async && walk.parent_kind() != Kind::Await {
        let call = walk.text(node);
        let receiver = matches!(walk.parent_kind(), Kind::Attribute | Kind::Subscript);
        let new = if receiver { format!("(await {call})") } else { format!("await {call}") };
        walk.repair_whole(RepairOrigin::Await, node, new);
    }
}

/// Conditions and clauses get back their `not`. CNI makes the same edit in an `if` or a `while`.
fn restore_negation<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some((parent, kind)) = walk.ancestor_node(0) else { return };
    let tested = match kind {
        Kind::IfStatement | Kind::ElifClause | Kind::WhileStatement => {
            walk.field(parent, Field::Condition) == Some(node)
        }
        Kind::BooleanOperator | Kind::IfClause | Kind::AssertStatement | Kind::ReturnStatement => {
            true
        }
        Kind::ConditionalExpression => parent.named_child(1) == Some(node),
        Kind::Assignment => walk.field(parent, Field::Right) == Some(node),
        Kind::ParenthesizedExpression => true,
        _ => false,
    };
    if tested && is_read(walk, node) {
        let new = format!("not {}", walk.text(node));
        walk.repair_whole(RepairOrigin::Negation, node, new);
    }
}

fn restore_sign<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let kind = walk.parent_kind();
    if kind == Kind::UnaryOperator || !is_read(walk, node) || kind == Kind::Attribute {
        return;
    }
    let number = GRAMMAR.kind(node) == Kind::Integer;
    let indexed = matches!(kind, Kind::Subscript | Kind::Slice);
    if number && walk.text(node) != "0" || (indexed && kind == Kind::Slice) {
        let new = format!("-{}", walk.text(node));
        walk.repair_whole(RepairOrigin::Sign, node, new);
    }
}
