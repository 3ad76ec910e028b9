//! The functions of a file, those inside of functions included.

use tree_sitter::{Node, Tree};

use crate::python::grammar::{Field, GRAMMAR, Kind, children};

/// A function and where it stands.
pub(super) struct Function<'t> {
    /// The classes around it and its name, joined by `::`.
    pub(super) path: String,
    pub(super) name: &'t str,
    /// Whether it is inside of a function.
    pub(super) inner: bool,
    /// The definition with its decorators.
    pub(super) outer: Node<'t>,
    /// The node of the name.
    pub(super) name_node: Node<'t>,
    pub(super) body: Node<'t>,
}

impl<'t> Function<'t> {
    /// The text of each decorator, without the `@`.
    pub(super) fn decorators(&self, text: &'t str) -> Vec<&'t str> {
        let decorators = children(self.outer).into_iter();
        decorators
            .filter(|child| GRAMMAR.kind(*child) == Kind::Decorator)
            .map(|decorator| text[decorator.byte_range()].trim_start_matches('@').trim())
            .collect()
    }

    /// Whether a node of this kind is part of the function itself and not of one inside of it.
    pub(super) fn has(&self, wanted: Kind) -> bool {
        let mut open = vec![self.body];
        while let Some(node) = open.pop() {
            for child in children(node) {
                let kind = GRAMMAR.kind(child);
                if kind == wanted {
                    return true;
                }
                let scope =
                    matches!(kind, Kind::FunctionDefinition | Kind::ClassDefinition | Kind::Lambda);
                if !scope {
                    open.push(child);
                }
            }
        }
        false
    }
}

/// Every function of the file, in no particular order.
pub(super) fn functions<'t>(tree: &'t Tree, text: &'t str) -> Vec<Function<'t>> {
    let mut found = Vec::new();
    let mut open = vec![(tree.root_node(), String::new(), false)];
    while let Some((node, prefix, inner)) = open.pop() {
        for child in children(node) {
            let definition = match GRAMMAR.kind(child) {
                Kind::DecoratedDefinition => GRAMMAR.field(child, Field::Definition),
                _ => Some(child),
            };
            let Some(definition) = definition else { continue };
            let kind = GRAMMAR.kind(definition);
            let parts =
                (GRAMMAR.field(definition, Field::Name), GRAMMAR.field(definition, Field::Body));
            match (kind, parts) {
                (Kind::FunctionDefinition, (Some(name_node), Some(body))) => {
                    let name = &text[name_node.byte_range()];
                    let path = format!("{prefix}{name}");
                    found.push(Function { path, name, inner, outer: child, name_node, body });
                    open.push((body, prefix.clone(), true));
                }
                (Kind::ClassDefinition, (Some(name), Some(body))) => {
                    open.push((body, format!("{prefix}{}::", &text[name.byte_range()]), inner));
                }
                // Definitions may be in the branches of compound statements.
                _ if is_compound(kind) => open.push((child, prefix.clone(), inner)),
                _ => {}
            }
        }
    }
    found
}

/// Whether statements can stand below a node of this kind, in the same scope.
pub(super) fn is_compound(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::IfStatement
            | Kind::ElifClause
            | Kind::ElseClause
            | Kind::TryStatement
            | Kind::ExceptClause
            | Kind::FinallyClause
            | Kind::WithStatement
            | Kind::ForStatement
            | Kind::WhileStatement
            | Kind::Block
    )
}
