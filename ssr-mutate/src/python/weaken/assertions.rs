use tree_sitter::Node;

use super::lines::Lines;
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::statements::whole_lines;

/// Marks the assertions of a test function for deletion. `false`, and nothing marked, if it has
/// none, would do nothing without them, or has one that shares a line with other code.
pub(super) fn delete<'t>(text: &str, function: Node<'t>, lines: &mut Lines<'t>) -> bool {
    let definition = match GRAMMAR.kind(function) {
        Kind::DecoratedDefinition => GRAMMAR.field(function, Field::Definition),
        _ => Some(function),
    };
    let Some(body) = definition.and_then(|d| GRAMMAR.field(d, Field::Body)) else { return false };
    let (mut assertions, mut acts) = (Vec::new(), false);
    let mut open = vec![body];
    while let Some(block) = open.pop() {
        for statement in children(block) {
            match GRAMMAR.kind(statement) {
                _ if is_assertion(text, statement) => assertions.push(statement),
                Kind::PassStatement => {}
                Kind::ExpressionStatement if is_text(statement) => {}
                // A function inside the test asserts when it is called, wherever that is.
                Kind::FunctionDefinition | Kind::ClassDefinition | Kind::DecoratedDefinition => {}
                Kind::IfStatement
                | Kind::ElifClause
                | Kind::ElseClause
                | Kind::ForStatement
                | Kind::WhileStatement
                | Kind::WithStatement
                | Kind::TryStatement
                | Kind::ExceptClause
                | Kind::FinallyClause
                | Kind::Block => open.push(statement),
                _ if GRAMMAR.kind(block) == Kind::Block => acts = true,
                // Conditions, targets and context managers of compound statements.
                _ => {}
            }
        }
    }
    let alone = |statement: &Node<'_>| whole_lines(text, statement.byte_range()).is_some();
    let possible = acts && !assertions.is_empty() && assertions.iter().all(alone);
    if possible {
        assertions.into_iter().for_each(|assertion| lines.delete(assertion));
    }
    possible
}

fn is_assertion(text: &str, statement: Node<'_>) -> bool {
    match GRAMMAR.kind(statement) {
        Kind::AssertStatement => true,
        Kind::ExpressionStatement => {
            statement.named_child(0).is_some_and(|value| is_asserting_call(text, value))
        }
        // `with pytest.raises(E):` asserts what its whole body does.
        Kind::WithStatement => {
            let head_end = GRAMMAR.field(statement, Field::Body).map(|body| body.start_byte());
            let head = &text[statement.start_byte()..head_end.unwrap_or(statement.end_byte())];
            ["raises(", "warns(", "assertRaises", "assertWarns", "assert_raises"]
                .iter()
                .any(|name| head.contains(name))
        }
        _ => false,
    }
}

/// `self.assertEqual(…)`, `assert_almost_equal(…)`, `pytest.fail(…)`, `raises(E, f)`.
fn is_asserting_call(text: &str, value: Node<'_>) -> bool {
    let function = match GRAMMAR.kind(value) {
        Kind::Call => GRAMMAR.field(value, Field::Function),
        _ => None,
    };
    function.is_some_and(|function| {
        let name = text[function.byte_range()].rsplit('.').next().unwrap_or("");
        name.starts_with("assert") || matches!(name, "fail" | "raises" | "eq_" | "ok_")
    })
}

fn is_text(statement: Node<'_>) -> bool {
    let kind = statement.named_child(0).map(|value| GRAMMAR.kind(value));
    matches!(kind, Some(Kind::String | Kind::ConcatenatedString))
}
