//! What one module defines, imports and uses.

use std::collections::HashMap;
use std::ops::Range;

use tree_sitter::{Node, Tree};

use crate::python::grammar::{Field, GRAMMAR, Kind, children};

/// What a module defines, imports and uses.
#[derive(Default)]
pub(in crate::python) struct Facts<'a> {
    pub(in crate::python) functions: Vec<Function<'a>>,
    pub(in crate::python) classes: Vec<Class<'a>>,
    pub(in crate::python) imports: Vec<Import<'a>>,
    pub(in crate::python) references: Vec<Reference<'a>>,
    /// How often each name is bound outside of functions, by the enclosing class.
    bindings: HashMap<(Option<usize>, &'a str), usize>,
    /// The entries of `__all__` with the range of each string; `None` without an `__all__`.
    pub(in crate::python) all: Option<Vec<(&'a str, Range<usize>)>>,
}

/// A function outside of other functions.
pub(in crate::python) struct Function<'a> {
    pub(in crate::python) name: &'a str,
    /// The enclosing class, by its position in [`Facts::classes`].
    pub(in crate::python) class: Option<usize>,
    /// The statement, decorators included.
    pub(in crate::python) statement: Range<usize>,
    pub(in crate::python) definition: Range<usize>,
    pub(in crate::python) decorated: bool,
}

pub(in crate::python) struct Class<'a> {
    pub(in crate::python) name: &'a str,
    /// The name after those of the enclosing classes, joined by dots.
    pub(in crate::python) qualified: String,
    /// The last names of the bases and of the metaclass.
    pub(in crate::python) bases: Vec<&'a str>,
}

pub(in crate::python) struct Import<'a> {
    pub(in crate::python) statement: Range<usize>,
    /// Whether it is `from … import …`.
    pub(in crate::python) from: bool,
    /// The absolute name of the module imported from; empty for a plain `import`.
    pub(in crate::python) module: String,
    pub(in crate::python) star: bool,
    pub(in crate::python) names: Vec<ImportedName<'a>>,
    /// Whether it is inside of a function, so that importing the module does not run it.
    pub(in crate::python) deferred: bool,
    pub(in crate::python) function: Option<usize>,
    pub(in crate::python) class: Option<usize>,
}

pub(in crate::python) struct ImportedName<'a> {
    /// The name in the other module, or the dotted name of a plain import.
    pub(in crate::python) name: &'a str,
    /// The name in this module.
    pub(in crate::python) bound: &'a str,
    pub(in crate::python) aliased: bool,
}

/// A use of a name: a variable or an attribute.
pub(in crate::python) struct Reference<'a> {
    pub(in crate::python) name: &'a str,
    /// The text before the dot; `None` for a variable.
    pub(in crate::python) base: Option<&'a str>,
    /// The whole expression.
    pub(in crate::python) range: Range<usize>,
    /// Whether it is evaluated only when a function is called.
    pub(in crate::python) deferred: bool,
    /// The enclosing function; the outermost if there are several.
    pub(in crate::python) function: Option<usize>,
    pub(in crate::python) class: Option<usize>,
    /// Whether it is called, or decorates something.
    pub(in crate::python) called: bool,
    /// Whether it is assigned to.
    pub(in crate::python) assigned: bool,
}

/// The position of the walk.
#[derive(Clone, Copy, Default)]
struct Context {
    deferred: bool,
    function: Option<usize>,
    class: Option<usize>,
    /// Inside an annotation that is never evaluated.
    unevaluated: bool,
}

struct Collector<'a, 'n> {
    text: &'a str,
    module: &'n str,
    is_package: bool,
    lazy_annotations: bool,
    facts: Facts<'a>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(tree: &Tree, text: &'a str, module: &str, is_package: bool) -> Self {
        let mut collector = Collector {
            text,
            module,
            is_package,
            lazy_annotations: text.contains("from __future__ import annotations"),
            facts: Facts::default(),
        };
        collector.walk(tree);
        collector.facts
    }

    /// How often the name is bound in the module, or in the class, outside of functions.
    pub(in crate::python) fn bound(&self, class: Option<usize>, name: &str) -> usize {
        self.bindings.get(&(class, name)).copied().unwrap_or(0)
    }

    /// The names bound at the top of the module.
    pub(in crate::python) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.bindings.keys().filter(|(class, _)| class.is_none()).map(|(_, name)| *name)
    }

    /// The name of a function with its classes.
    pub(in crate::python) fn qualified(&self, function: &Function<'a>) -> String {
        match function.class {
            Some(class) => format!("{}.{}", self.classes[class].qualified, function.name),
            None => function.name.to_owned(),
        }
    }
}

impl<'a> Collector<'a, '_> {
    fn walk(&mut self, tree: &Tree) {
        let mut cursor = tree.walk();
        // The open nodes, each with the context of its children.
        let mut open: Vec<(Node<'_>, Context)> = Vec::new();
        loop {
            let (node, field) = (cursor.node(), cursor.field_id());
            let (parent, outer) = open.last().copied().unzip();
            let is = |name| GRAMMAR.is_field(field, name);
            let enter = || self.enter(node, parent, outer.unwrap_or_default(), &is);
            let inner = node.is_named().then(enter).flatten();
            if let Some(inner) = inner
                && cursor.goto_first_child()
            {
                open.push((node, inner));
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return;
                }
                open.pop();
            }
        }
    }

    fn slice(&self, node: Node<'_>) -> &'a str {
        &self.text[node.byte_range()]
    }

    /// The context of the children, or `None` to leave them out.
    fn enter(
        &mut self,
        node: Node<'_>,
        parent: Option<Node<'_>>,
        mut context: Context,
        is: &dyn Fn(Field) -> bool,
    ) -> Option<Context> {
        let above = parent.map_or(Kind::Other, |parent| GRAMMAR.kind(parent));
        match GRAMMAR.kind(node) {
            Kind::Comment | Kind::GlobalStatement | Kind::NonlocalStatement => return None,
            Kind::FunctionDefinition => self.define_function(node, above, context),
            Kind::ClassDefinition => {
                let name = self.name_of(node);
                self.bind(context, name);
                self.define_class(node, name, context);
            }
            Kind::ImportStatement | Kind::ImportFromStatement | Kind::FutureImportStatement => {
                self.import(node, context);
                return None;
            }
            Kind::Type => context.unevaluated |= self.lazy_annotations,
            Kind::Block if above == Kind::FunctionDefinition => {
                context.deferred = true;
                let definition = parent?;
                context.function = context.function.or_else(|| self.last_function(definition));
            }
            Kind::Block if above == Kind::ClassDefinition && !context.deferred => {
                context.class = self.last_class(parent?).or(context.class);
            }
            // The body of a lambda runs when the lambda is called.
            _ if above == Kind::Lambda && is(Field::Body) => context.deferred = true,
            Kind::Assignment => self.note_all(node, context),
            Kind::AugmentedAssignment => self.note_all(node, context),
            _ => {}
        }
        if context.unevaluated {
            return Some(context);
        }
        match GRAMMAR.kind(node) {
            Kind::Identifier => self.identifier(node, above, context, is),
            Kind::Attribute => {
                let (object, attribute) =
                    (GRAMMAR.field(node, Field::Object), GRAMMAR.field(node, Field::Attribute));
                if let (Some(object), Some(attribute)) = (object, attribute) {
                    let called = above == Kind::Call && is(Field::Function);
                    let called = called || above == Kind::Decorator;
                    let assigned = above == Kind::Assignment && is(Field::Left);
                    let base = Some(self.slice(object));
                    self.refer(self.slice(attribute), base, node, context, (called, assigned));
                }
            }
            _ => {}
        }
        Some(context)
    }

    fn identifier(
        &mut self,
        node: Node<'_>,
        above: Kind,
        context: Context,
        is: &dyn Fn(Field) -> bool,
    ) {
        let name = self.slice(node);
        match above {
            Kind::FunctionDefinition | Kind::ClassDefinition if is(Field::Name) => {}
            Kind::Attribute if is(Field::Attribute) => {}
            Kind::KeywordArgument if is(Field::Name) => {}
            Kind::DefaultParameter | Kind::TypedDefaultParameter if is(Field::Name) => {}
            Kind::Parameters
            | Kind::LambdaParameters
            | Kind::TypedParameter
            | Kind::ListSplatPattern
            | Kind::DictionarySplatPattern => {}
            Kind::Assignment | Kind::ForStatement | Kind::ForInClause if is(Field::Left) => {
                self.bind(context, name);
            }
            Kind::NamedExpression if is(Field::Name) => self.bind(context, name),
            Kind::PatternList | Kind::TuplePattern | Kind::ListPattern | Kind::AsPatternTarget => {
                self.bind(context, name);
            }
            _ => {
                let called = above == Kind::Call && is(Field::Function) || above == Kind::Decorator;
                self.refer(name, None, node, context, (called, false));
            }
        }
    }

    fn refer(
        &mut self,
        name: &'a str,
        base: Option<&'a str>,
        node: Node<'_>,
        context: Context,
        (called, assigned): (bool, bool),
    ) {
        self.facts.references.push(Reference {
            name,
            base,
            range: node.byte_range(),
            deferred: context.deferred,
            function: context.function,
            class: context.class,
            called,
            assigned,
        });
    }

    fn bind(&mut self, context: Context, name: &'a str) {
        if !context.deferred {
            *self.facts.bindings.entry((context.class, name)).or_default() += 1;
        }
    }

    fn name_of(&self, definition: Node<'_>) -> &'a str {
        GRAMMAR.field(definition, Field::Name).map_or("", |name| self.slice(name))
    }

    fn define_function(&mut self, node: Node<'_>, above: Kind, context: Context) {
        let name = self.name_of(node);
        self.bind(context, name);
        if context.deferred {
            return;
        }
        let decorated = above == Kind::DecoratedDefinition;
        let statement = match node.parent() {
            Some(parent) if decorated => parent.byte_range(),
            _ => node.byte_range(),
        };
        let definition = node.byte_range();
        let class = context.class;
        self.facts.functions.push(Function { name, class, statement, definition, decorated });
    }

    fn define_class(&mut self, node: Node<'_>, name: &'a str, context: Context) {
        if context.deferred {
            return;
        }
        let qualified = match context.class {
            Some(outer) => format!("{}.{name}", self.facts.classes[outer].qualified),
            None => name.to_owned(),
        };
        let bases = GRAMMAR.field(node, Field::Superclasses).map(children).unwrap_or_default();
        let last = |base: Node<'_>| {
            let base = GRAMMAR.field(base, Field::Value).unwrap_or(base);
            self.slice(base).rsplit('.').next().unwrap_or("")
        };
        let bases = bases.into_iter().map(last).collect();
        self.facts.classes.push(Class { name, qualified, bases });
    }

    /// The function whose definition is this node.
    fn last_function(&self, definition: Node<'_>) -> Option<usize> {
        let range = definition.byte_range();
        self.facts.functions.iter().rposition(|function| function.definition == range)
    }

    /// The class whose definition is this node: the last one that was entered.
    fn last_class(&self, definition: Node<'_>) -> Option<usize> {
        let name = self.name_of(definition);
        self.facts.classes.iter().rposition(|class| class.name == name)
    }

    fn import(&mut self, node: Node<'_>, context: Context) {
        let from = GRAMMAR.kind(node) == Kind::ImportFromStatement;
        let source = GRAMMAR.field(node, Field::ModuleName).filter(|_| from);
        let module = source.map_or(String::new(), |source| {
            absolute(self.slice(source), self.module, self.is_package)
        });
        let mut names = Vec::new();
        let mut cursor = node.walk();
        for part in imported_names(node, &mut cursor) {
            let aliased = GRAMMAR.kind(part) == Kind::AliasedImport;
            let name = GRAMMAR.field(part, Field::Name).filter(|_| aliased).unwrap_or(part);
            let name = self.slice(name);
            let bound = match GRAMMAR.field(part, Field::Alias) {
                Some(alias) => self.slice(alias),
                None => name.split('.').next().unwrap_or(name),
            };
            self.bind(context, bound);
            names.push(ImportedName { name, bound, aliased });
        }
        let star = from && names.is_empty();
        self.facts.imports.push(Import {
            statement: node.byte_range(),
            from,
            module,
            star,
            names,
            deferred: context.deferred,
            function: context.function,
            class: context.class,
        });
    }

    /// Records the strings of `__all__ = […]` and `__all__ += […]`.
    fn note_all(&mut self, node: Node<'_>, context: Context) {
        let left = GRAMMAR.field(node, Field::Left).map(|left| self.slice(left));
        if context.deferred || context.class.is_some() || left != Some("__all__") {
            return;
        }
        let Some(right) = GRAMMAR.field(node, Field::Right) else { return };
        let mut entries = Vec::new();
        let mut open = vec![right];
        while let Some(node) = open.pop() {
            match GRAMMAR.kind(node) {
                Kind::String => {
                    let name = self.slice(node).trim_matches(['"', '\'']);
                    entries.push((name, node.byte_range()));
                }
                _ => open.extend(children(node)),
            }
        }
        self.facts.all.get_or_insert_default().extend(entries);
    }
}

/// The imported names of an import statement as nodes.
pub(in crate::python) fn imported_names<'t>(
    import: Node<'t>,
    cursor: &mut tree_sitter::TreeCursor<'t>,
) -> Vec<Node<'t>> {
    import.children_by_field_name("name", cursor).collect()
}

/// The absolute name of the module that `from name import …` means in `module`.
fn absolute(name: &str, module: &str, is_package: bool) -> String {
    let rest = name.trim_start_matches('.');
    let level = name.len() - rest.len();
    let rest = rest.trim();
    if level == 0 {
        return rest.to_owned();
    }
    let mut parts: Vec<_> = module.split('.').collect();
    let up = level - usize::from(is_package);
    parts.truncate(parts.len().saturating_sub(up));
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_names_start_at_the_package() {
        assert_eq!(absolute(".b", "p.q.a", false), "p.q.b");
        assert_eq!(absolute(".", "p.q", true), "p.q");
        assert_eq!(absolute("..b.c", "p.q", true), "p.b.c");
        assert_eq!(absolute("...", "p", true), "");
        assert_eq!(absolute("x.y", "p.q", true), "x.y");
    }
}
