//! The assertions of a test: those whose expected value can be changed, and those that can be
//! negated.

use std::ops::Range;

use tree_sitter::Node;

use super::functions::is_compound;
use crate::python::grammar::{Field, GRAMMAR, Kind, children};

type TextEdit = (Range<usize>, String);

/// One assertion of a test.
pub(super) struct Check<'t> {
    /// Whether it stands where the test comes by in any case.
    pub(super) top: bool,
    /// The two sides of an equality.
    pub(super) sides: Option<[Node<'t>; 2]>,
    form: Form<'t>,
}

enum Form<'t> {
    /// The condition of an `assert`.
    Condition(Node<'t>),
    /// The name of the method in a call.
    Method(Range<usize>),
}

/// Methods of unittest and those that hold where they do not.
const OPPOSITES: [[&str; 2]; 9] = [
    ["assertEqual", "assertNotEqual"],
    ["assertTrue", "assertFalse"],
    ["assertIn", "assertNotIn"],
    ["assertIs", "assertIsNot"],
    ["assertIsNone", "assertIsNotNone"],
    ["assertIsInstance", "assertNotIsInstance"],
    ["assertAlmostEqual", "assertNotAlmostEqual"],
    ["assertRegex", "assertNotRegex"],
    ["assertGreater", "assertLessEqual"],
];

/// What compares its first two arguments by `==`.
const EQUALITIES: [&str; 9] = [
    "assertEqual",
    "assertEquals",
    "assertListEqual",
    "assertTupleEqual",
    "assertDictEqual",
    "assertSequenceEqual",
    "assertMultiLineEqual",
    "assert_equal",
    "eq_",
];

/// The assertions below `body` that end the test when they fail, in the order of the text: none
/// where an exception is expected or handled, and none of a function inside of the test.
pub(super) fn checks<'t>(text: &'t str, body: Node<'t>) -> Vec<Check<'t>> {
    let mut found = Vec::new();
    let mut open = vec![(body, true)];
    while let Some((block, top)) = open.pop() {
        for statement in children(block) {
            match GRAMMAR.kind(statement) {
                Kind::AssertStatement => {
                    let condition = statement.named_child(0);
                    found.extend(
                        condition.map(|node| (node.start_byte(), asserted(text, node, top))),
                    );
                }
                Kind::ExpressionStatement => {
                    let check = statement.named_child(0).and_then(|call| called(text, call, top));
                    found.extend(check.map(|check| (statement.start_byte(), check)));
                }
                Kind::TryStatement => {}
                Kind::WithStatement if expects(text, statement) => {}
                Kind::Block => open.push((statement, top)),
                kind if is_compound(kind) => open.push((statement, false)),
                _ => {}
            }
        }
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, check)| check).collect()
}

/// Whether the `with` waits for an exception or swallows one.
fn expects(text: &str, statement: Node<'_>) -> bool {
    let end = GRAMMAR.field(statement, Field::Body).map(|body| body.start_byte());
    let head = &text[statement.start_byte()..end.unwrap_or(statement.end_byte())];
    ["aises", "assert", "suppress", "arns", "fails"].iter().any(|word| head.contains(word))
}

fn asserted<'t>(text: &'t str, condition: Node<'t>, top: bool) -> Check<'t> {
    let mut inner = condition;
    while GRAMMAR.kind(inner) == Kind::ParenthesizedExpression {
        match children(inner)[..] {
            [only] => inner = only,
            _ => break,
        }
    }
    let sides = match (GRAMMAR.kind(inner), &children(inner)[..]) {
        (Kind::ComparisonOperator, [left, right])
            if text[left.end_byte()..right.start_byte()].trim() == "==" =>
        {
            Some([*left, *right])
        }
        _ => None,
    };
    Check { top, sides, form: Form::Condition(condition) }
}

fn called<'t>(text: &'t str, call: Node<'t>, top: bool) -> Option<Check<'t>> {
    if GRAMMAR.kind(call) != Kind::Call {
        return None;
    }
    let function = GRAMMAR.field(call, Field::Function)?.byte_range();
    let arguments = children(GRAMMAR.field(call, Field::Arguments)?);
    let name = text[function.clone()].rsplit('.').next()?;
    let unusual = arguments
        .iter()
        .any(|argument| matches!(GRAMMAR.kind(*argument), Kind::ListSplat | Kind::DictionarySplat));
    let values: Vec<_> = arguments
        .into_iter()
        .filter(|argument| GRAMMAR.kind(*argument) != Kind::KeywordArgument)
        .collect();
    let sides = match values[..] {
        [left, right, ..] if EQUALITIES.contains(&name) && !unusual => Some([left, right]),
        _ => None,
    };
    let named = function.end - name.len()..function.end;
    let method = text[function].contains('.') && opposite(name).is_some();
    (sides.is_some() || method).then_some(Check { top, sides, form: Form::Method(named) })
}

fn opposite(name: &str) -> Option<&'static str> {
    OPPOSITES.iter().find_map(|[one, other]| match name {
        name if name == *one => Some(*other),
        name if name == *other => Some(*one),
        _ => None,
    })
}

impl<'t> Check<'t> {
    /// The side of the equality that says what is expected: a literal, or the right one.
    pub(super) fn expected(&self) -> Option<Node<'t>> {
        let [left, right] = self.sides?;
        let left_only = super::values::is_literal(left) && !super::values::is_literal(right);
        Some(if left_only { left } else { right })
    }

    /// The edit after which the assertion holds where it did not.
    pub(super) fn negated(&self, text: &str) -> Option<TextEdit> {
        match &self.form {
            Form::Method(name) => {
                let other = opposite(&text[name.clone()])?;
                Some((name.clone(), other.to_owned()))
            }
            Form::Condition(condition) => {
                if let Some([left, right]) = self.sides {
                    // Its blanks and line breaks stay.
                    let between = left.end_byte()..right.start_byte();
                    let new = text[between.clone()].replacen("==", "!=", 1);
                    return Some((between, new));
                }
                let range = condition.byte_range();
                Some((range.clone(), format!("not ({})", &text[range])))
            }
        }
    }
}
