//! Removal of function bodies (`FBR`).

use std::ops::Range;

use ssr_core::Seed;
use tree_sitter::Node;

use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::package::{Function, Module};

/// The statements of a function after its docstring.
pub(super) struct Body<'p, 'a> {
    text: &'a str,
    statements: Vec<Node<'p>>,
    generator: bool,
    is_async: bool,
}

impl<'p, 'a> Body<'p, 'a> {
    /// `None` if there is nothing to remove: a stub, an abstract method, an overload.
    pub(super) fn of(module: &'p Module<'a>, function: &Function<'a>) -> Option<Self> {
        let definition = module.node(&function.definition)?;
        let head = module.slice(&(function.statement.start..function.definition.start));
        if ["abstract", "overload"].iter().any(|word| head.contains(word)) {
            return None;
        }
        let mut statements = children(GRAMMAR.field(definition, Field::Body)?);
        if statements.first().is_some_and(|first| is_docstring(*first)) {
            statements.remove(0);
        }
        let stub = match statements[..] {
            [] => true,
            [only] => match GRAMMAR.kind(only) {
                Kind::PassStatement | Kind::RaiseStatement => true,
                Kind::ReturnStatement => {
                    children(only).first().is_none_or(|value| is_plain(*value))
                }
                Kind::ExpressionStatement => module.slice(&only.byte_range()) == "...",
                _ => false,
            },
            _ => false,
        };
        let is_async = module.slice(&function.definition).starts_with("async");
        let generator = yields(&statements);
        (!stub).then_some(Self { text: module.text, statements, generator, is_async })
    }

    /// The edit that replaces the body by a stub, and the text of the stub.
    pub(super) fn hollow(&self, seed: Seed) -> Option<(Range<usize>, String)> {
        let (first, last) = (self.statements.first()?, self.statements.last()?);
        let stub = match seed.derive("body").below(4) {
            0 => "pass".to_owned(),
            1 => "raise NotImplementedError".to_owned(),
            _ => self.default(),
        };
        Some((first.start_byte()..last.end_byte(), stub))
    }

    /// The statement that returns the empty value of the kind that the body returns.
    fn default(&self) -> String {
        if self.generator {
            return if self.is_async {
                "return\nyield".to_owned()
            } else {
                "yield from ()".to_owned()
            };
        }
        let value = self.returned().and_then(|value| match GRAMMAR.kind(value) {
            Kind::List | Kind::ListComprehension => Some("[]"),
            Kind::Dictionary | Kind::DictionaryComprehension => Some("{}"),
            Kind::Set | Kind::SetComprehension => Some("set()"),
            Kind::Tuple | Kind::ExpressionList => Some("()"),
            Kind::GeneratorExpression => Some("iter(())"),
            Kind::String | Kind::ConcatenatedString => Some("\"\""),
            Kind::Integer | Kind::BinaryOperator => Some("0"),
            Kind::True => Some("False"),
            Kind::False => Some("True"),
            Kind::ComparisonOperator | Kind::NotOperator | Kind::BooleanOperator => Some("False"),
            _ => None,
        });
        match value {
            Some(value) => format!("return {value}"),
            None if self.returned().is_some() => "return None".to_owned(),
            None => "pass".to_owned(),
        }
    }

    /// The value of the last `return` that has one.
    fn returned(&self) -> Option<Node<'p>> {
        let returns = own_nodes(&self.statements, Kind::ReturnStatement);
        returns.into_iter().rev().find_map(|node| children(node).first().copied())
    }

    /// The number of removed lines.
    pub(super) fn lines(&self) -> usize {
        match (self.statements.first(), self.statements.last()) {
            (Some(first), Some(last)) => {
                self.text[first.start_byte()..last.end_byte()].lines().count()
            }
            _ => 0,
        }
    }
}

pub(super) fn is_docstring(statement: Node<'_>) -> bool {
    GRAMMAR.kind(statement) == Kind::ExpressionStatement
        && children(statement).first().is_some_and(|value| GRAMMAR.kind(*value) == Kind::String)
}

fn is_plain(value: Node<'_>) -> bool {
    matches!(
        GRAMMAR.kind(value),
        Kind::None | Kind::True | Kind::False | Kind::Integer | Kind::Float | Kind::String
    )
}

fn yields(statements: &[Node<'_>]) -> bool {
    !own_nodes(statements, Kind::Yield).is_empty()
}

/// The nodes of a kind in document order, without those inside of nested functions.
fn own_nodes<'p>(statements: &[Node<'p>], kind: Kind) -> Vec<Node<'p>> {
    let mut found = Vec::new();
    let mut open: Vec<_> = statements.iter().rev().copied().collect();
    while let Some(node) = open.pop() {
        match GRAMMAR.kind(node) {
            Kind::FunctionDefinition | Kind::ClassDefinition | Kind::Lambda => continue,
            own if own == kind => found.push(node),
            _ => {}
        }
        open.extend(children(node).into_iter().rev());
    }
    found
}
