//! Moves expressions to other places without changing their meaning.

use tree_sitter::Node;

use super::grammar::{Field, GRAMMAR, Kind};
use super::walk::Walk;

/// The text of `part` as a replacement of `whole`, in parentheses where precedence requires them.
pub(super) fn in_place_of<'t>(walk: &Walk<'t, '_>, whole: Node<'t>, part: Node<'t>) -> String {
    let text = walk.text(part);
    let holds = match GRAMMAR.kind(part) {
        // `1.real` is a syntax error.
        Kind::Integer | Kind::Float => !walk.text[whole.end_byte()..].starts_with('.'),
        Kind::Identifier
        | Kind::String
        | Kind::List
        | Kind::Tuple
        | Kind::Dictionary
        | Kind::Set
        | Kind::ListComprehension
        | Kind::SetComprehension
        | Kind::DictionaryComprehension
        | Kind::ParenthesizedExpression
        | Kind::True
        | Kind::False
        | Kind::None => true,
        Kind::Attribute | Kind::Call | Kind::Subscript => !text.contains('\n'),
        Kind::BinaryOperator
        | Kind::BooleanOperator
        | Kind::ComparisonOperator
        | Kind::ConditionalExpression
        | Kind::NotOperator
        | Kind::UnaryOperator
        | Kind::Await => is_alone_in_brackets(walk.text, whole),
        _ => false,
    };
    if holds { text.to_owned() } else { format!("({text})") }
}

/// Whether the node is surrounded by brackets and commas alone, with a bracket on at least one
/// side.
fn is_alone_in_brackets(text: &str, node: Node<'_>) -> bool {
    let before = text[..node.start_byte()].trim_end().chars().next_back();
    let after = text[node.end_byte()..].trim_start().chars().next();
    matches!(
        (before, after),
        (Some('(' | '['), Some(')' | ']' | ',')) | (Some(','), Some(')' | ']'))
    )
}

/// Whether the node is a literal: in some places CPython warns about one.
pub(super) fn is_literal(node: Node<'_>) -> bool {
    matches!(
        GRAMMAR.kind(node),
        Kind::Integer
            | Kind::Float
            | Kind::String
            | Kind::ConcatenatedString
            | Kind::True
            | Kind::False
            | Kind::None
    )
}

/// The only argument of a call, unless it has a name or a star.
pub(super) fn only_argument<'t>(walk: &Walk<'t, '_>, call: Node<'t>) -> Option<Node<'t>> {
    let arguments = walk.field(call, Field::Arguments)?;
    let mut cursor = arguments.walk();
    let mut plain = arguments.named_children(&mut cursor).filter(|child| !child.is_extra());
    let (first, second) = (plain.next()?, plain.next());
    let splat = matches!(
        GRAMMAR.kind(first),
        Kind::KeywordArgument | Kind::ListSplat | Kind::DictionarySplat
    );
    let list = GRAMMAR.kind(arguments) == Kind::ArgumentList;
    (list && !splat && second.is_none()).then_some(first)
}

/// The similarity of two names: the number of letters that they share at their ends.
pub(super) fn likeness(a: &str, b: &str) -> usize {
    let shared =
        |pairs: &mut dyn Iterator<Item = (u8, u8)>| pairs.take_while(|(a, b)| a == b).count();
    let start = shared(&mut a.bytes().zip(b.bytes()));
    let end = shared(&mut a.bytes().rev().zip(b.bytes().rev()));
    (start + end).min(a.len()).min(b.len())
}
