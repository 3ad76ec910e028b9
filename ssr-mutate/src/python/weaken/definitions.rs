//! Finds the definition of a test by its classes and name, inherited ones included.

use std::collections::{HashMap, HashSet};

use tree_sitter::{Node, Tree};

use crate::NotFound;
use crate::python::grammar::{Field, GRAMMAR, Kind, children};

/// The functions of a file by their classes and names, without those inside of functions.
pub(super) struct Definitions<'t> {
    /// By the classes and the name, joined by `::`. The nodes include the decorators.
    functions: HashMap<String, Vec<Node<'t>>>,
    /// By the names of the enclosing classes and of the class, joined by `::`.
    classes: HashMap<String, Class<'t>>,
}

struct Class<'t> {
    body: Node<'t>,
    /// The names of the bases without `object`.
    bases: Vec<&'t str>,
}

/// Where a test is defined.
pub(super) enum Origin<'a, 't> {
    /// All definitions of the function; never an empty list.
    Defined(&'a [Node<'t>]),
    /// The class with this body inherits it. `from` names the defining class if that is in the
    /// file.
    Inherited { body: Node<'t>, from: Option<String> },
}

impl<'t> Definitions<'t> {
    pub(super) fn of(tree: &'t Tree, text: &'t str) -> Self {
        let mut found = Self { functions: HashMap::new(), classes: HashMap::new() };
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
                        let Some(body) = GRAMMAR.field(definition, Field::Body) else { continue };
                        let bases = bases(definition, text);
                        found.classes.insert(name(), Class { body, bases });
                        open.push((body, format!("{}::", name())));
                    }
                    // Definitions may be in the branches of compound statements.
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

    /// Where the function in these classes is defined.
    pub(super) fn find(&self, classes: &[&str], name: &str) -> Result<Origin<'_, 't>, NotFound> {
        let path = classes.join("::");
        let full = if path.is_empty() { name.to_owned() } else { format!("{path}::{name}") };
        if let Some(found) = self.functions.get(&full) {
            return Ok(Origin::Defined(found));
        }
        if path.is_empty() {
            return Err(NotFound::Function);
        }
        let class = self.classes.get(&path).ok_or(NotFound::Class)?;
        let one_line = class.body.parent().is_none_or(|definition| {
            definition.start_position().row == class.body.start_position().row
        });
        if class.bases.is_empty() || one_line {
            return Err(NotFound::Method);
        }
        Ok(Origin::Inherited { body: class.body, from: self.definer(class, name) })
    }

    /// The class in this file that defines the method which a class inherits.
    fn definer(&self, class: &Class<'t>, method: &str) -> Option<String> {
        let (mut open, mut seen) = (class.bases.clone(), HashSet::new());
        while let Some(base) = open.pop() {
            if self.functions.contains_key(&format!("{base}::{method}")) {
                return Some(base.to_owned());
            }
            if let (true, Some(class)) = (seen.insert(base), self.classes.get(base)) {
                open.extend(&class.bases);
            }
        }
        None
    }
}

fn bases<'t>(class: Node<'t>, text: &'t str) -> Vec<&'t str> {
    let bases = GRAMMAR.field(class, Field::Superclasses).map(children).unwrap_or_default();
    let named = bases.into_iter().filter(|base| GRAMMAR.kind(*base) != Kind::KeywordArgument);
    named.map(|base| &text[base.byte_range()]).filter(|base| *base != "object").collect()
}
