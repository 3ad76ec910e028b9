//! Questions about syntax nodes, answered in the same way for all languages with braces.

use std::ops::Range;

use tree_sitter::Node;

use super::grammar::{Field, Kind, SyntaxGrammar, children};
use super::syntax::{CompilerRules, Syntax};

/// A file with the grammar and the description of its language.
#[derive(Clone, Copy)]
pub struct View<'t> {
    pub(super) text: &'t str,
    pub(super) grammar: &'static SyntaxGrammar,
    pub(super) syntax: &'static Syntax,
}

/// A call of a function or method, or of a constructor.
#[derive(Clone, Copy)]
pub(super) struct Call<'t> {
    pub(super) receiver: Option<Node<'t>>,
    pub(super) name: Node<'t>,
    pub(super) arguments: Node<'t>,
}

/// The names that one declaration introduces.
pub(super) struct Declared<'t> {
    pub(super) names: Vec<Node<'t>>,
    pub(super) ty: Option<&'t str>,
    /// One value for each name, one value for all names, or none.
    pub(super) values: Vec<Node<'t>>,
    pub(super) mutable: bool,
}

impl<'t> View<'t> {
    pub(super) fn kind(&self, node: Node<'_>) -> Kind {
        self.grammar.kind(node)
    }

    pub(super) fn field(&self, node: Node<'t>, field: Field) -> Option<Node<'t>> {
        self.grammar.field(node, field)
    }

    pub(super) fn text(&self, node: Node<'_>) -> &'t str {
        &self.text[node.byte_range()]
    }

    pub(super) fn rules(&self) -> CompilerRules {
        self.syntax.rules
    }

    pub(super) fn is_null(&self, node: Node<'_>) -> bool {
        self.kind(node) == Kind::Null || self.syntax.nulls.contains(&self.text(node))
    }

    /// The operator of a binary operation, an assignment or a unary operation.
    pub(super) fn operator(&self, node: Node<'t>) -> Option<Node<'t>> {
        let mut cursor = node.walk();
        node.children(&mut cursor).find(|child| {
            !child.is_named() && !matches!(self.text(*child), "(" | ")" | ";" | "," | "")
        })
    }

    pub(super) fn operator_text(&self, node: Node<'t>) -> &'t str {
        self.operator(node).map_or("", |token| self.text(token))
    }

    /// The two operands of a binary operation or an assignment.
    pub(super) fn sides(&self, node: Node<'t>) -> Option<[Node<'t>; 2]> {
        Some([self.field(node, Field::Left)?, self.field(node, Field::Right)?])
    }

    /// The target and the value of an assignment of one value.
    pub(super) fn assignment(&self, node: Node<'t>) -> Option<[Node<'t>; 2]> {
        let single = |side: Node<'t>| match (self.kind(side), &children(side)[..]) {
            (Kind::Tuple, [only]) => Some(*only),
            (Kind::Tuple, _) => None,
            _ => Some(side),
        };
        let [left, right] = self.sides(node)?;
        Some([single(left)?, single(right)?])
    }

    /// The node without the parentheses around it.
    pub(super) fn bare(&self, node: Node<'t>) -> Node<'t> {
        match (self.kind(node), &children(node)[..]) {
            (Kind::Parenthesized, [inner]) => self.bare(*inner),
            _ => node,
        }
    }

    pub(super) fn call(&self, node: Node<'t>) -> Option<Call<'t>> {
        if !matches!(self.kind(node), Kind::Call | Kind::New) {
            return None;
        }
        let arguments = self.field(node, Field::Arguments)?;
        if let Some(function) = self.field(node, Field::Function) {
            let (receiver, name) = self.member(function).unzip();
            return Some(Call { receiver, name: name.unwrap_or(function), arguments });
        }
        let name = self.field(node, Field::Name).or_else(|| self.field(node, Field::Type))?;
        Some(Call { receiver: self.field(node, Field::Object), name, arguments })
    }

    /// The name of the called function, without its receiver and path.
    pub(super) fn callee(&self, node: Node<'t>) -> &'t str {
        let name = self.call(node).map_or("", |call| self.text(call.name));
        name.rsplit(['.', ':']).next().unwrap_or(name)
    }

    /// The object and the name of `object.name`.
    pub(super) fn member(&self, node: Node<'t>) -> Option<(Node<'t>, Node<'t>)> {
        if self.kind(node) != Kind::Member {
            return None;
        }
        let parts = children(node);
        Some((*parts.first()?, *parts.last().filter(|_| parts.len() > 1)?))
    }

    /// The statements of a body: of a block, an arm, a file, or the body itself.
    pub(super) fn statements(&self, body: Node<'t>) -> Vec<Node<'t>> {
        let inner = children(body);
        match (self.kind(body), &inner[..]) {
            (Kind::Block, [only]) if self.kind(*only) == Kind::Statements => children(*only),
            (Kind::Block | Kind::Statements | Kind::File, _) => inner,
            (Kind::Arm | Kind::TypeArm, _) => inner,
            _ => vec![body],
        }
    }

    /// The expression of a statement, without its semicolon.
    pub(super) fn expression(&self, statement: Node<'t>) -> Node<'t> {
        match (self.kind(statement), &children(statement)[..]) {
            (Kind::ExpressionStatement, [inner]) => *inner,
            _ => statement,
        }
    }

    /// Whether control never reaches the statement after this one.
    pub(super) fn jumps(&self, statement: Node<'t>) -> bool {
        let inner = self.expression(statement);
        match self.kind(inner) {
            Kind::Return | Kind::Throw | Kind::Break | Kind::Continue | Kind::Goto => true,
            Kind::Block => self.statements(inner).last().is_some_and(|last| self.jumps(*last)),
            Kind::If => {
                let ends = |field| {
                    self.field(inner, field).is_some_and(|branch| {
                        let branch = match (self.kind(branch), &children(branch)[..]) {
                            (Kind::Else, [inner]) => *inner,
                            _ => branch,
                        };
                        self.jumps(branch)
                    })
                };
                ends(Field::Consequence) && ends(Field::Alternative)
            }
            Kind::Call => {
                matches!(self.callee(inner), "panic" | "abort" | "exit" | "Exit" | "Fatal")
            }
            Kind::Macro => ["panic!", "unreachable!", "todo!", "bail!", "unimplemented!"]
                .iter()
                .any(|name| self.text(inner).starts_with(name)),
            _ => false,
        }
    }

    /// The names that the node declares, if it is a declaration of local names.
    pub(super) fn declared(&self, node: Node<'t>) -> Option<Declared<'t>> {
        let kind = self.kind(node);
        if !matches!(kind, Kind::Let | Kind::Declarator) {
            return None;
        }
        let list = |field| match self.field(node, field) {
            Some(side) if self.kind(side) == Kind::Tuple => children(side),
            side => side.into_iter().collect(),
        };
        let mutable = self.text(node).starts_with("let mut ") || !self.rules().moves;
        let own_type = self.field(node, Field::Type).map(|ty| self.type_text(ty));
        if kind == Kind::Let {
            let mut names = list(Field::Pattern);
            names.extend(list(Field::Left));
            if !names.is_empty() {
                let mut values = list(Field::Value);
                values.extend(list(Field::Right));
                return Some(Declared { names, ty: own_type, values, mutable });
            }
            let ready = |child: &Node<'t>| self.kind(*child) != Kind::Declarator;
            let mut cursor = node.walk();
            let plain: Vec<_> = node
                .children_by_field_name("declarator", &mut cursor)
                .filter(ready)
                .map(|declarator| self.innermost(declarator))
                .collect();
            let ty = plain.first().and_then(|name| self.type_before(node, *name));
            return Some(Declared { names: plain, ty, values: Vec::new(), mutable });
        }
        let mut cursor = node.walk();
        let mut names: Vec<_> = node.children_by_field_name("name", &mut cursor).collect();
        if let Some(declarator) = self.field(node, Field::Declarator) {
            names.push(self.innermost(declarator));
        }
        let around = || self.type_before(node.parent()?, *names.first()?);
        let ty = own_type.or_else(around);
        Some(Declared { ty, values: list(Field::Value), names, mutable })
    }

    /// The name in a C declarator.
    pub(super) fn innermost(&self, declarator: Node<'t>) -> Node<'t> {
        match self.field(declarator, Field::Declarator) {
            Some(inner) => self.innermost(inner),
            None => declarator,
        }
    }

    /// The type of the first name of a C declaration: the text before the name, with its `*`.
    fn type_before(&self, declaration: Node<'t>, name: Node<'t>) -> Option<&'t str> {
        let ty = self.field(declaration, Field::Type)?;
        if name.start_byte() < ty.end_byte() {
            return None;
        }
        let between = &self.text[ty.end_byte()..name.start_byte()];
        if between.contains([',', '=', '(']) {
            // A later name of the same declaration.
            return name
                .parent()
                .filter(|parent| parent.kind() == "init_declarator")
                .map(|_| self.text(ty));
        }
        // `int a[3]` is no `int`.
        if self.text[name.end_byte()..].trim_start().starts_with('[') {
            return None;
        }
        Some(self.text[ty.start_byte()..name.start_byte()].trim())
    }

    /// The type without the colon that TypeScript puts before it.
    pub(super) fn type_text(&self, ty: Node<'_>) -> &'t str {
        self.text(ty).trim_start_matches(':').trim_start()
    }

    /// The parameters of a function, each with its name and its type.
    pub(super) fn parameters(&self, function: Node<'t>) -> Vec<(Node<'t>, Option<&'t str>)> {
        let list = self.field(function, Field::Parameters).or_else(|| {
            let declarator = self.field(function, Field::Declarator)?;
            self.function_declarator(declarator)
        });
        let mut parameters = Vec::new();
        for parameter in list.map(children).unwrap_or_default() {
            let kind = self.kind(parameter);
            if kind == Kind::Identifier {
                parameters.push((parameter, None));
                continue;
            }
            let ty = self.field(parameter, Field::Type).map(|ty| self.type_text(ty));
            let mut cursor = parameter.walk();
            let names: Vec<_> = parameter.children_by_field_name("name", &mut cursor).collect();
            let first = |field| self.field(parameter, field);
            if !names.is_empty() {
                parameters.extend(names.into_iter().map(|name| (name, ty)));
            } else if let Some(declarator) = first(Field::Declarator) {
                let name = self.innermost(declarator);
                parameters.push((name, self.type_before(parameter, name)));
            } else if let Some(name) = first(Field::Pattern).or_else(|| first(Field::Left)) {
                parameters.push((name, ty));
            }
        }
        parameters
    }

    fn function_declarator(&self, declarator: Node<'t>) -> Option<Node<'t>> {
        self.field(declarator, Field::Parameters).or_else(|| {
            let inner = self.field(declarator, Field::Declarator)?;
            self.function_declarator(inner)
        })
    }

    /// Whether an anonymous function gets its name from the variable or field that it is assigned
    /// to.
    pub(super) fn is_named_closure(&self, kind: Kind, parent: Kind) -> bool {
        kind == Kind::Closure
            && self.syntax.name == "javascript"
            && matches!(parent, Kind::Declarator | Kind::Assignment | Kind::FieldDeclaration)
    }

    /// The name of a function or class.
    pub(super) fn definition_name(&self, node: Node<'t>) -> &'t str {
        let name = self.field(node, Field::Name).or_else(|| {
            let declarator = self.field(node, Field::Declarator);
            declarator.map(|d| self.innermost(d)).or_else(|| self.field(node, Field::Type))
        });
        name.map_or("", |name| self.text(name))
    }

    /// The return type of a function; `None` if none is written.
    pub(super) fn result(&self, function: Node<'t>) -> Option<&'t str> {
        if let Some(result) = self.field(function, Field::Result) {
            return Some(self.type_text(result));
        }
        let ty = self.field(function, Field::Type)?;
        let Some(declarator) = self.field(function, Field::Declarator) else {
            return Some(self.text(ty));
        };
        let name = self.innermost(declarator);
        (ty.end_byte() <= name.start_byte())
            .then(|| self.text[ty.start_byte()..name.start_byte()].trim())
    }

    /// The range extended to whole lines, with the line ending. `None` if other code than a comment
    /// is on these lines.
    pub(super) fn whole_lines(&self, range: Range<usize>) -> Option<Range<usize>> {
        let text = self.text;
        let start = text[..range.start].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[range.end..].find('\n').map_or(text.len(), |at| range.end + at + 1);
        let after = text[range.end..end].trim();
        let alone = text[start..range.start].trim().is_empty()
            && (after.is_empty() || after.starts_with("//"));
        alone.then_some(start..end)
    }

    /// The indentation of the line at this position.
    pub(super) fn indent(&self, at: usize) -> &'t str {
        let start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let line = &self.text[start..at];
        &line[..line.len() - line.trim_start().len()]
    }
}
