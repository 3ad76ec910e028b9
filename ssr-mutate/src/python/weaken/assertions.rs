//! Finds the assertions of a test function, and deletes or loosens them.

use std::ops::Range;

use tree_sitter::Node;

use super::lines::Lines;
use super::loosen;
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::statements::whole_lines;
use crate::weaken::{Level, Plan};

/// The assertions of a test function, in the order of the text.
pub(super) struct Assertions<'t> {
    statements: Vec<Node<'t>>,
    /// Whether the function contains other statements.
    acts: bool,
}

impl<'t> Assertions<'t> {
    pub(super) fn of(text: &str, function: Node<'t>) -> Self {
        let mut found = Self { statements: Vec::new(), acts: false };
        let definition = match GRAMMAR.kind(function) {
            Kind::DecoratedDefinition => GRAMMAR.field(function, Field::Definition),
            _ => Some(function),
        };
        let body = definition.and_then(|definition| GRAMMAR.field(definition, Field::Body));
        let mut open: Vec<_> = body.into_iter().collect();
        while let Some(block) = open.pop() {
            for statement in children(block) {
                match GRAMMAR.kind(statement) {
                    _ if is_assertion(text, statement) => found.statements.push(statement),
                    Kind::PassStatement => {}
                    Kind::ExpressionStatement if is_text(statement) => {}
                    // The assertions of a nested function run where it is called, not here.
                    Kind::FunctionDefinition
                    | Kind::ClassDefinition
                    | Kind::DecoratedDefinition => {}
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
                    _ if GRAMMAR.kind(block) == Kind::Block => found.acts = true,
                    // Parts of compound statements: conditions, targets, context managers.
                    _ => {}
                }
            }
        }
        found.statements.sort_by_key(Node::start_byte);
        found
    }

    /// The number of looser forms of each assertion.
    pub(super) fn forms(&self, text: &str) -> Vec<usize> {
        self.statements.iter().map(|statement| loosen::forms(text, *statement).len()).collect()
    }

    /// Marks the assertions that the plan deletes in `lines`, and returns the edits that loosen
    /// others. Returns `None` and marks nothing if the plan deletes the function, would leave no
    /// statement in it, or is not possible.
    pub(super) fn weaken(
        &self,
        text: &str,
        plan: &Plan,
        lines: &mut Lines<'t>,
    ) -> Option<Vec<(Range<usize>, String)>> {
        let (mut deleted, mut loosened, mut kept) = (Vec::new(), Vec::new(), self.acts);
        for (index, statement) in self.statements.iter().enumerate() {
            let alone = whole_lines(text, statement.byte_range()).is_some();
            let mut forms = loosen::forms(text, *statement);
            match plan.level(index)? {
                Level::Kept => kept = true,
                Level::Deleted if alone => deleted.push(*statement),
                Level::Loosened(_) if forms.is_empty() && alone => deleted.push(*statement),
                level => {
                    let last = forms.len().checked_sub(1)?;
                    let form =
                        if let Level::Loosened(form) = level { form.min(last) } else { last };
                    loosened.push(forms.swap_remove(form));
                    kept = true;
                }
            }
        }
        if !kept || self.statements.is_empty() {
            return None;
        }
        deleted.into_iter().for_each(|statement| lines.delete(statement));
        Some(loosened)
    }
}

fn is_assertion(text: &str, statement: Node<'_>) -> bool {
    match GRAMMAR.kind(statement) {
        Kind::AssertStatement => true,
        Kind::ExpressionStatement => {
            statement.named_child(0).is_some_and(|value| is_asserting_call(text, value))
        }
        // `with pytest.raises(E):` is one assertion with its whole body.
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

/// Whether the statement is a string, such as a docstring.
fn is_text(statement: Node<'_>) -> bool {
    let kind = statement.named_child(0).map(|value| GRAMMAR.kind(value));
    matches!(kind, Some(Kind::String | Kind::ConcatenatedString))
}
