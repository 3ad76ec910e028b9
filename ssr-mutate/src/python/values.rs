//! Guesses the kind of value of an expression. A wrong guess costs a mutant of little use, never an
//! invalid one.

use std::cell::RefCell;
use std::collections::HashMap;

use tree_sitter::Node;

use super::grammar::{Field, GRAMMAR, Kind, children};
use super::scope::{Scope, Value};
use super::walk::Walk;

/// The kind of value that the expression seems to have.
pub(super) fn of<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Value {
    of_in(Some(walk.scope()), walk.text, walk.known_values(), node)
}

/// The same without the names in scope.
pub(super) fn of_plain<'t>(text: &'t str, node: Node<'t>) -> Value {
    of_in(None, text, &Known::default(), node)
}

/// A cache of the kinds of operations, by node: in a long sum the inner operations are looked up
/// repeatedly.
pub(super) type Known = RefCell<HashMap<usize, Value>>;

fn of_in<'t>(scope: Option<&Scope<'t>>, text: &'t str, known: &Known, node: Node<'t>) -> Value {
    match GRAMMAR.kind(node) {
        Kind::Integer => Value::Integer,
        Kind::Float => Value::Float,
        Kind::String | Kind::ConcatenatedString => Value::Text,
        Kind::True | Kind::False | Kind::ComparisonOperator | Kind::NotOperator => Value::Bool,
        Kind::None => Value::Nothing,
        Kind::List | Kind::Tuple | Kind::ListComprehension | Kind::ExpressionList => {
            Value::Sequence
        }
        Kind::Set | Kind::SetComprehension => Value::Unknown,
        Kind::Dictionary | Kind::DictionaryComprehension => Value::Mapping,
        Kind::Lambda => Value::Function,
        Kind::Identifier => {
            let name = &text[node.byte_range()];
            let binding = scope.and_then(|scope| scope.binding(name));
            binding.map_or_else(|| of_name(name), |binding| binding.value)
        }
        Kind::UnaryOperator | Kind::ParenthesizedExpression => {
            let inner = children(node).first().copied();
            inner.map_or(Value::Unknown, |inner| of_in(scope, text, known, inner))
        }
        Kind::BinaryOperator => of_arithmetic(scope, text, known, node),
        Kind::Call => of_call(text, node),
        _ => Value::Unknown,
    }
}

/// The left sides of a long sum nest, so they are taken from the innermost, without recursion.
fn of_arithmetic<'t>(
    scope: Option<&Scope<'t>>,
    text: &'t str,
    known: &Known,
    node: Node<'t>,
) -> Value {
    let mut open = Vec::new();
    let mut next = Some(node);
    let mut value = Value::Unknown;
    while let Some(node) = next.take() {
        let before = known.borrow().get(&node.id()).copied();
        if let Some(before) = before {
            value = before;
        } else if GRAMMAR.kind(node) == Kind::BinaryOperator {
            open.push(node);
            next = GRAMMAR.field(node, Field::Left);
        } else {
            value = of_in(scope, text, known, node);
        }
    }
    for node in open.into_iter().rev() {
        let part = |field| GRAMMAR.field(node, field);
        let operator = part(Field::Operator).map_or("", |token| &text[token.byte_range()]);
        let right = part(Field::Right);
        let right = right.map_or(Value::Unknown, |right| of_in(scope, text, known, right));
        value = of_operation(value, operator, right);
        known.borrow_mut().insert(node.id(), value);
    }
    value
}

fn of_operation(left: Value, operator: &str, right: Value) -> Value {
    match (left, operator, right) {
        (Value::Text, "%", _) => Value::Text,
        (Value::Float, _, _) | (_, _, Value::Float) => Value::Float,
        (Value::Integer, "/", _) => Value::Float,
        (Value::Text | Value::Sequence, _, _) | (_, _, Value::Text | Value::Sequence) => {
            Value::Sequence
        }
        (Value::Integer, _, _) | (_, "+" | "-" | "//" | "%", Value::Integer) => Value::Integer,
        _ => Value::Unknown,
    }
}

fn of_call<'t>(text: &'t str, node: Node<'t>) -> Value {
    let Some(function) = GRAMMAR.field(node, Field::Function) else { return Value::Unknown };
    let own = |node: Node<'t>| &text[node.byte_range()];
    let name = match GRAMMAR.kind(function) {
        Kind::Identifier => own(function),
        Kind::Attribute => match GRAMMAR.field(function, Field::Attribute).map(own) {
            Some("count" | "index" | "find" | "rfind" | "bit_length") => "int",
            Some("join" | "strip" | "lower" | "upper" | "replace" | "format") => "str",
            Some("split" | "splitlines") => "list",
            _ => "",
        },
        _ => "",
    };
    match name {
        "len" | "int" | "ord" | "hash" | "id" => Value::Integer,
        "float" => Value::Float,
        "str" | "repr" | "chr" => Value::Text,
        "list" | "tuple" | "sorted" => Value::Sequence,
        "dict" | "defaultdict" | "OrderedDict" | "Counter" => Value::Mapping,
        "bool" | "isinstance" | "all" | "any" | "callable" | "hasattr" => Value::Bool,
        "partial" => Value::Function,
        _ => Value::Unknown,
    }
}

/// The items of an iteration over an expression.
pub(super) struct Items {
    /// The kind of the items, or of the first element if they are pairs.
    pub(super) first: Value,
    /// Whether each item is a pair.
    pub(super) pairs: bool,
}

pub(super) fn of_items<'t>(walk: &Walk<'t, '_>, iterable: Node<'t>) -> Items {
    let function = walk.field(iterable, Field::Function).map_or("", |f| walk.text(f));
    match function {
        "range" => Items { first: Value::Integer, pairs: false },
        "enumerate" => Items { first: Value::Integer, pairs: true },
        _ => Items { first: Value::Unknown, pairs: false },
    }
}

/// The kind of value of an annotation.
pub(super) fn of_type(annotation: &str) -> Value {
    let head = annotation.split(['[', '|', ' ']).next().unwrap_or("");
    match head.rsplit('.').next().unwrap_or(head) {
        "int" => Value::Integer,
        "float" => Value::Float,
        "bool" => Value::Bool,
        "str" | "bytes" => Value::Text,
        "list" | "List" | "tuple" | "Tuple" | "Sequence" => Value::Sequence,
        "dict" | "Dict" | "Mapping" | "MutableMapping" => Value::Mapping,
        "Callable" => Value::Function,
        _ => Value::Unknown,
    }
}

/// The kind of value that names like this mostly have.
pub(super) fn of_name(name: &str) -> Value {
    match name {
        "func" | "fn" | "f" | "g" | "function" | "callback" | "predicate" | "pred" | "binop"
        | "op" | "key" | "factory" => Value::Function,
        "i" | "j" | "k" | "n" | "m" | "idx" | "index" | "pos" | "position" | "start" | "stop"
        | "end" | "step" | "size" | "count" | "length" | "depth" | "offset" | "width"
        | "height" | "lo" | "hi" | "low" | "high" | "total" | "limit" | "r" | "flags" | "bits" => {
            Value::Integer
        }
        "text" | "name" | "line" | "prefix" | "suffix" | "word" | "char" | "path" => Value::Text,
        "seq" | "sequence" | "iterable" | "it" | "iterator" | "lst" => Value::Sequence,
        "d" | "mapping" | "kwargs" => Value::Mapping,
        _ if is_numbered(name) => Value::Integer,
        _ if is_plural(name) => Value::Sequence,
        _ => Value::Unknown,
    }
}

fn is_plural(name: &str) -> bool {
    let singular = ["ss", "us", "is", "as", "os"].iter().any(|ending| name.ends_with(ending));
    name.len() > 3 && name.ends_with('s') && !singular
}

fn is_numbered(name: &str) -> bool {
    const SUFFIXES: &[&str] =
        &["_index", "_idx", "_count", "_len", "_length", "_size", "_pos", "_depth"];
    name.starts_with("n_") || name.starts_with("num_") || SUFFIXES.iter().any(|s| name.ends_with(s))
}

/// Whether the name is that of a position, not of a key of a dictionary.
pub(super) fn is_position(name: &str) -> bool {
    matches!(name, "i" | "j" | "idx" | "index" | "pos" | "position" | "start" | "offset")
        || ["_index", "_idx", "_pos"].iter().any(|suffix| name.ends_with(suffix))
}
