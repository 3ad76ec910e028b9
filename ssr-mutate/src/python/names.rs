//! The roles of identifiers, and the names that statements bind.

use std::num::NonZeroU16;

use tree_sitter::Node;

use super::grammar::{Field, GRAMMAR, Kind, children};
use super::scope::{Binding, Value};
use super::values;
use super::walk::Walk;

/// The role of an identifier in its parent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NameRole {
    /// A value that is read.
    Value,
    /// The function of a call.
    Callee,
    /// The object before the dot.
    Receiver,
    /// The target of `+=` and the like: read and written.
    Updated,
    /// A target, a definition, a keyword, an attribute.
    Other,
}

impl NameRole {
    pub(super) fn reads(self) -> bool {
        self != Self::Other
    }
}

/// The role of the identifier that is being entered; `field` is its field in the parent.
pub(super) fn role(walk: &Walk<'_, '_>, field: Option<NonZeroU16>) -> NameRole {
    let is = |name| GRAMMAR.is_field(field, name);
    let value_if = |condition| if condition { NameRole::Value } else { NameRole::Other };
    match walk.parent_kind() {
        Kind::Attribute if is(Field::Object) => NameRole::Receiver,
        Kind::Call if is(Field::Function) => NameRole::Callee,
        Kind::KeywordArgument | Kind::DefaultParameter | Kind::TypedDefaultParameter => {
            value_if(is(Field::Value))
        }
        Kind::Assignment | Kind::ForStatement | Kind::ForInClause => value_if(!is(Field::Left)),
        Kind::AugmentedAssignment if is(Field::Left) => NameRole::Updated,
        Kind::NamedExpression => value_if(!is(Field::Name)),
        Kind::ExceptClause => value_if(!is(Field::Alias)),
        Kind::ExpressionList | Kind::Tuple => value_if(walk.ancestor(1) != Kind::DeleteStatement),
        Kind::Attribute
        | Kind::FunctionDefinition
        | Kind::ClassDefinition
        | Kind::Parameters
        | Kind::LambdaParameters
        | Kind::TypedParameter
        | Kind::ListSplatPattern
        | Kind::DictionarySplatPattern
        | Kind::PatternList
        | Kind::TuplePattern
        | Kind::ListPattern
        | Kind::AsPatternTarget
        | Kind::DeleteStatement
        | Kind::GlobalStatement
        | Kind::NonlocalStatement
        | Kind::DottedName
        | Kind::AliasedImport => NameRole::Other,
        _ => NameRole::Value,
    }
}

/// Binds the names that have a value from the start of the block that was just entered: parameters,
/// the target of the loop, the caught exception.
pub(super) fn bind_for_block<'t>(walk: &mut Walk<'t, '_>) {
    let (Some((block, _)), Some((parent, kind))) = (walk.ancestor_node(0), walk.ancestor_node(1))
    else {
        return;
    };
    match kind {
        Kind::FunctionDefinition => {
            let parameters = walk.field(parent, Field::Parameters);
            for parameter in parameters.map(children).unwrap_or_default() {
                bind_parameter(walk, parameter);
            }
        }
        Kind::ForStatement if walk.field(parent, Field::Body) == Some(block) => {
            let (left, right) = (walk.field(parent, Field::Left), walk.field(parent, Field::Right));
            if let (Some(left), Some(right)) = (left, right) {
                bind_items(walk, left, right);
            }
        }
        Kind::ExceptClause => {
            if let Some(alias) = walk.field(parent, Field::Alias) {
                bind(walk, alias, Value::Unknown, None);
            }
        }
        _ => {}
    }
}

/// Binds the names that have a value after the node.
pub(super) fn bind_after<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>, kind: Kind) {
    match kind {
        Kind::Assignment => {
            let (left, right) = (walk.field(node, Field::Left), walk.field(node, Field::Right));
            if let (Some(left), Some(right)) = (left, right) {
                bind_assigned(walk, left, right);
            }
        }
        Kind::AsPatternTarget => {
            if let Some(name) = node.named_child(0) {
                bind(walk, name, Value::Unknown, None);
            }
        }
        Kind::GlobalStatement | Kind::NonlocalStatement => unbind_all(walk, node, true),
        Kind::DeleteStatement => {
            for target in children(node) {
                match GRAMMAR.kind(target) {
                    Kind::Identifier => unbind_all(walk, node, false),
                    _ => unbind_all(walk, target, false),
                }
            }
        }
        _ => {}
    }
}

/// Binds the name of a function or class in the enclosing scope.
pub(super) fn bind_definition<'t>(walk: &mut Walk<'t, '_>, name: Node<'t>) {
    bind(walk, name, Value::Function, None);
}

fn unbind_all<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>, outer: bool) {
    for child in children(node) {
        if GRAMMAR.kind(child) == Kind::Identifier {
            let name = walk.text(child);
            walk.scope_mut().unbind(name, outer);
        }
    }
}

fn bind_parameter<'t>(walk: &mut Walk<'t, '_>, parameter: Node<'t>) {
    let kind = GRAMMAR.kind(parameter);
    let name = match kind {
        Kind::Identifier => Some(parameter),
        Kind::DefaultParameter | Kind::TypedDefaultParameter => walk.field(parameter, Field::Name),
        _ => parameter.named_child(0),
    };
    let Some(name) = name else { return };
    let value = match kind {
        Kind::ListSplatPattern => Value::Sequence,
        Kind::DictionarySplatPattern => Value::Mapping,
        _ => {
            let annotated =
                walk.field(parameter, Field::Type).map(|t| values::of_type(walk.text(t)));
            let default = walk.field(parameter, Field::Value).map(|v| values::of(walk, v));
            // A default of `None` does not tell the kind of the values that are passed.
            let default = default.filter(|value| *value != Value::Nothing);
            annotated.or(default).unwrap_or(Value::Unknown)
        }
    };
    if !matches!(walk.text(name), "self" | "cls" | "mcs") {
        bind(walk, name, value, None);
    }
}

/// Binds the targets of `for left in right`.
fn bind_items<'t>(walk: &mut Walk<'t, '_>, left: Node<'t>, right: Node<'t>) {
    let value = values::of_items(walk, right);
    if GRAMMAR.kind(left) == Kind::Identifier {
        bind(walk, left, if value.pairs { Value::Unknown } else { value.first }, None);
        return;
    }
    for (index, target) in children(left).into_iter().enumerate() {
        let value = if value.pairs && index == 0 { value.first } else { Value::Unknown };
        bind_assigned_to(walk, target, value);
    }
}

fn bind_assigned<'t>(walk: &mut Walk<'t, '_>, left: Node<'t>, right: Node<'t>) {
    let kind = GRAMMAR.kind(left);
    if kind == Kind::Identifier {
        let alias = (GRAMMAR.kind(right) == Kind::Identifier).then(|| walk.text(right));
        let value = match alias.and_then(|name| walk.scope().binding(name)) {
            Some(other) => other.value,
            None => values::of(walk, right),
        };
        return bind(walk, left, value, alias);
    }
    if !matches!(kind, Kind::PatternList | Kind::TuplePattern | Kind::ListPattern) {
        return;
    }
    let targets = children(left);
    let parts = match GRAMMAR.kind(right) {
        Kind::ExpressionList | Kind::Tuple | Kind::List => children(right),
        _ => Vec::new(),
    };
    for (index, target) in targets.iter().enumerate() {
        let value = match parts.get(index) {
            Some(part) if parts.len() == targets.len() => values::of(walk, *part),
            _ => Value::Unknown,
        };
        bind_assigned_to(walk, *target, value);
    }
}

fn bind_assigned_to<'t>(walk: &mut Walk<'t, '_>, target: Node<'t>, value: Value) {
    match GRAMMAR.kind(target) {
        Kind::Identifier => bind(walk, target, value, None),
        Kind::PatternList | Kind::TuplePattern | Kind::ListPattern => {
            for part in children(target) {
                bind_assigned_to(walk, part, Value::Unknown);
            }
        }
        Kind::ListSplatPattern => {
            if let Some(name) = target.named_child(0) {
                bind(walk, name, Value::Sequence, None);
            }
        }
        _ => {}
    }
}

fn bind<'t>(walk: &mut Walk<'t, '_>, name: Node<'t>, value: Value, alias: Option<&'t str>) {
    if GRAMMAR.kind(name) != Kind::Identifier {
        return;
    }
    let name = walk.text(name);
    let value = match value {
        Value::Unknown => values::of_name(name),
        known => known,
    };
    walk.scope_mut().bind(Binding { name, value, alias });
}

/// Whether a method of that name initialises the attributes of an object.
pub(super) fn is_constructor(method: &str) -> bool {
    matches!(method, "__init__" | "__new__" | "__post_init__" | "__setstate__" | "setUp")
}

/// The role of an attribute or a subscript in its parent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// A value that is read.
    Value,
    /// The function of a call.
    Callee,
    /// The object before the dot.
    Receiver,
    /// The object before the brackets.
    Container,
    /// The target of an assignment or a loop.
    Target,
    /// The target of `+=` and the like, of `del`, or part of a decorator.
    Other,
}

/// The position of the attribute or subscript that is being entered.
pub(super) fn position<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Position {
    let Some((parent, kind)) = walk.ancestor_node(0) else { return Position::Other };
    let first = parent.start_byte() == node.start_byte();
    match kind {
        Kind::Call => Position::Callee,
        Kind::Attribute => Position::Receiver,
        Kind::Subscript if first => Position::Container,
        Kind::Assignment if first => Position::Target,
        Kind::AugmentedAssignment if first => Position::Other,
        Kind::ForStatement | Kind::ForInClause => match walk.field(parent, Field::Left) {
            Some(left) if left == node => Position::Target,
            _ => Position::Value,
        },
        Kind::PatternList | Kind::TuplePattern | Kind::ListPattern | Kind::AsPatternTarget => {
            Position::Target
        }
        Kind::ListSplatPattern | Kind::DeleteStatement | Kind::Decorator => Position::Other,
        Kind::ExpressionList | Kind::Tuple if walk.ancestor(1) == Kind::DeleteStatement => {
            Position::Other
        }
        _ => Position::Value,
    }
}
