use std::collections::{HashMap, HashSet};

use tree_sitter::{Node, Tree};

use crate::NotFound;
use crate::python::grammar::{Field, GRAMMAR, Kind, children};

/// The functions of a file by their classes and names, those inside functions left out.
pub(super) struct Definitions<'t> {
    /// With the classes and the name joined by `::`; the decorators belong to the node.
    functions: HashMap<String, Vec<Node<'t>>>,
    classes: HashSet<String>,
}

impl<'t> Definitions<'t> {
    pub(super) fn of(tree: &'t Tree, text: &str) -> Self {
        let mut found = Self { functions: HashMap::new(), classes: HashSet::new() };
        let mut open = vec![(tree.root_node(), String::new())];
        while let Some((node, prefix)) = open.pop() {
            for child in children(node) {
                let definition = match GRAMMAR.kind(child) {
                    Kind::DecoratedDefinition => GRAMMAR.field(child, Field::Definition),
                    _ => Some(child),
                };
                let Some(definition) = definition else { continue };
                let name = || {
                    let name = GRAMMAR.field(definition, Field::Name);
                    format!("{prefix}{}", name.map_or("", |name| &text[name.byte_range()]))
                };
                match GRAMMAR.kind(definition) {
                    Kind::FunctionDefinition => {
                        found.functions.entry(name()).or_default().push(child);
                    }
                    Kind::ClassDefinition => {
                        let prefix = format!("{}::", name());
                        found.classes.insert(name());
                        open.extend(GRAMMAR.field(definition, Field::Body).map(|b| (b, prefix)));
                    }
                    // Definitions may hide in the branches of compound statements.
                    Kind::IfStatement
                    | Kind::ElifClause
                    | Kind::ElseClause
                    | Kind::TryStatement
                    | Kind::ExceptClause
                    | Kind::FinallyClause
                    | Kind::WithStatement
                    | Kind::ForStatement
                    | Kind::WhileStatement
                    | Kind::Block => open.push((child, prefix.clone())),
                    _ => {}
                }
            }
        }
        found
    }

    /// Every definition of the function; never an empty list.
    pub(super) fn find(&self, classes: &[&str], name: &str) -> Result<&[Node<'t>], NotFound> {
        let class = classes.join("::");
        let full = if class.is_empty() { name.to_owned() } else { format!("{class}::{name}") };
        match self.functions.get(&full) {
            Some(found) => Ok(found),
            None if class.is_empty() => Err(NotFound::Function),
            None if self.classes.contains(&class) => Err(NotFound::Inherited),
            None => Err(NotFound::Class),
        }
    }
}
