//! Weaker claims than an equality, written as a condition or as a method of unittest.

use tree_sitter::Node;

use crate::python::grammar::{Field, GRAMMAR, Kind, children};

/// A claim of an assertion that can be written as an `assert` or as a method of unittest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    Equal(String, String),
    GreaterEqual(String, String),
    LessEqual(String, String),
    IsInstance(String, &'static str),
    True(String),
    IsNotNone(String),
}

impl Claim {
    pub(super) fn not_none(value: &str) -> Self {
        Self::IsNotNone(value.to_owned())
    }

    pub(super) fn instance(value: &str, class: &'static str) -> Self {
        Self::IsInstance(value.to_owned(), class)
    }

    /// The condition of an `assert`.
    pub(super) fn condition(&self) -> String {
        match self {
            Self::Equal(a, b) => format!("{a} == {b}"),
            Self::GreaterEqual(a, b) => format!("{a} >= {b}"),
            Self::LessEqual(a, b) => format!("{a} <= {b}"),
            Self::IsInstance(value, class) => format!("isinstance({value}, {class})"),
            Self::True(value) => value.clone(),
            Self::IsNotNone(value) => format!("{value} is not None"),
        }
    }

    /// The call of a method; `prefix` is its object with the dot.
    pub(super) fn method(&self, prefix: &str) -> String {
        match self {
            Self::Equal(a, b) => format!("{prefix}assertEqual({a}, {b})"),
            Self::GreaterEqual(a, b) => format!("{prefix}assertGreaterEqual({a}, {b})"),
            Self::LessEqual(a, b) => format!("{prefix}assertLessEqual({a}, {b})"),
            Self::IsInstance(value, class) => format!("{prefix}assertIsInstance({value}, {class})"),
            Self::True(value) => format!("{prefix}assertTrue({value})"),
            Self::IsNotNone(value) => format!("{prefix}assertIsNotNone({value})"),
        }
    }
}

/// Claims that are weaker than the equality of two values: their order, the size, the class, and
/// that the value is not `None`.
pub(super) fn equal(text: &str, left: Node<'_>, right: Node<'_>) -> Vec<Claim> {
    let of = |node: Node<'_>| &text[node.byte_range()];
    let (actual, expected) =
        if is_literal(left) && !is_literal(right) { (right, left) } else { (left, right) };
    let (value, wanted) = (of(actual), of(expected));
    let mut claims = match GRAMMAR.kind(expected) {
        Kind::None => return Vec::new(),
        kind @ (Kind::Integer | Kind::Float | Kind::UnaryOperator) => {
            let order = [Claim::GreaterEqual, Claim::LessEqual];
            let mut claims: Vec<_> =
                order.map(|claim| claim(value.to_owned(), wanted.to_owned())).into();
            if kind == Kind::Integer {
                claims.push(Claim::instance(value, "int"));
            }
            claims
        }
        Kind::True | Kind::False => vec![Claim::instance(value, "bool")],
        Kind::String if is_bytes(wanted) => vec![Claim::instance(value, "bytes")],
        Kind::String | Kind::ConcatenatedString => vec![Claim::instance(value, "str")],
        Kind::List => display(value, expected, "list"),
        Kind::Tuple => display(value, expected, "tuple"),
        Kind::Dictionary => display(value, expected, "dict"),
        Kind::Set => display(value, expected, "set"),
        Kind::Call => {
            let function = GRAMMAR.field(expected, Field::Function).map_or("", of);
            let sized = ["dict", "frozenset", "list", "set", "sorted", "tuple"].contains(&function);
            let sizes = || Claim::Equal(format!("len({value})"), format!("len({wanted})"));
            sized.then(sizes).into_iter().collect()
        }
        _ => Vec::new(),
    };
    claims.push(Claim::not_none(value));
    claims
}

/// Claims about a list, tuple, set or dictionary display: its size, if it can be counted, and its
/// class.
fn display(value: &str, expected: Node<'_>, class: &'static str) -> Vec<Claim> {
    let elements = children(expected);
    let spread = |element: &Node<'_>| {
        matches!(GRAMMAR.kind(*element), Kind::ListSplat | Kind::DictionarySplat)
    };
    // Elements of a set, and keys, may be equal to each other.
    let counted = matches!(class, "list" | "tuple") && !elements.iter().any(spread);
    let size = || Claim::Equal(format!("len({value})"), elements.len().to_string());
    let mut claims: Vec<_> = counted.then(size).into_iter().collect();
    claims.push(Claim::instance(value, class));
    claims
}

fn is_literal(node: Node<'_>) -> bool {
    matches!(
        GRAMMAR.kind(node),
        Kind::Integer
            | Kind::Float
            | Kind::True
            | Kind::False
            | Kind::None
            | Kind::String
            | Kind::ConcatenatedString
            | Kind::List
            | Kind::Tuple
            | Kind::Dictionary
            | Kind::Set
    )
}

fn is_bytes(literal: &str) -> bool {
    literal.split(['"', '\'']).next().is_some_and(|prefix| prefix.contains(['b', 'B']))
}
