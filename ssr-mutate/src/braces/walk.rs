//! The walk over the syntax tree of a file, with ancestors and scopes, which runs the operators.

use std::borrow::Cow;
use std::ops::{Deref, Range};

use tree_sitter::{Node, Tree, TreeCursor};

use super::facts::Facts;
use super::grammar::{Field, Kind, children};
use super::scope::{Binding, Scopes, Value};
use super::view::View;
use super::{Parts, guards, values};
use crate::finds::{Find, Finds};

/// One walk over the syntax tree of a file, for all operators at once.
///
/// Each node is entered once, shown to the rules of its kind, and left once. The walk keeps the
/// ancestors and the visible names, so that a rule sees them without searching the tree.
///
/// The walk is a loop with a cursor and not a recursion: a file may nest as deep as
/// [`crate::syntax::is_shallow`] allows, and moving a cursor is cheaper than asking each node for
/// its parent.
pub struct Walk<'t, 'f> {
    view: View<'t>,
    parts: &'static Parts,
    enabled: &'f [bool],
    finds: &'f mut Finds,
    pub(super) facts: Facts<'t>,
    pub(super) scopes: Scopes<'t>,
    ancestors: Vec<(Node<'t>, Kind)>,
    /// The number of the rule that is running.
    rule: usize,
    /// The role of the last identifier in its parent.
    role: NameRole,
}

/// The role of an identifier in its parent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NameRole {
    /// A value that is read.
    Value,
    /// The object before the dot.
    Receiver,
    /// A target, a definition, a called function, a label.
    Other,
}

impl<'t> Deref for Walk<'t, '_> {
    type Target = View<'t>;

    fn deref(&self) -> &View<'t> {
        &self.view
    }
}

impl<'t, 'f> Walk<'t, 'f> {
    pub(super) fn new(
        view: View<'t>,
        parts: &'static Parts,
        enabled: &'f [bool],
        finds: &'f mut Finds,
    ) -> Self {
        Self {
            view,
            parts,
            enabled,
            finds,
            facts: Facts::default(),
            scopes: Scopes::default(),
            ancestors: Vec::new(),
            rule: 0,
            role: NameRole::Other,
        }
    }

    pub(super) fn run(mut self, tree: &'t Tree) {
        self.facts = Facts::of(self.view, tree);
        let damaged = tree.root_node().has_error();
        let mut cursor = tree.walk();
        loop {
            let node = cursor.node();
            if node.is_named() && self.enter(node, &cursor, damaged) {
                if cursor.goto_first_child() {
                    continue;
                }
                self.leave();
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return;
                }
                self.leave();
            }
        }
    }

    /// Runs the rules on a node. Returns whether to visit its children; [`Walk::leave`] follows
    /// then.
    fn enter(&mut self, node: Node<'t>, cursor: &TreeCursor<'t>, damaged: bool) -> bool {
        let kind = self.kind(node);
        if node.is_error() || node.is_extra() || guards::is_arid(self, node, kind) {
            return false;
        }
        if kind == Kind::Identifier {
            self.role = self.role_of(node, cursor);
        }
        // In a file with syntax errors, mutate only nodes that parsed without error.
        if !(damaged && node.has_error()) {
            for (number, rule) in &self.parts.dispatch[kind as usize] {
                if self.enabled[*number] {
                    self.rule = *number;
                    (rule.find)(self, node);
                }
            }
        }
        // The children of a sealed node are skipped, but the names that it declares are visible in
        // what follows.
        if guards::is_sealed(self, node, kind) {
            self.bind_after(node, kind);
            return false;
        }
        self.ancestors.push((node, kind));
        self.open(node, kind);
        true
    }

    /// Opens the scope, loop or definition that the node begins, and binds the names that are
    /// visible inside of it.
    fn open(&mut self, node: Node<'t>, kind: Kind) {
        if kind.is_scope() {
            self.scopes.open();
        }
        if kind.is_loop() {
            self.scopes.loops.push(node.start_byte());
        }
        match kind {
            Kind::Function | Kind::Class => {
                let name = self.definition_name(node);
                let name = if kind == Kind::Class { head(name) } else { name };
                let result = self.result(node);
                self.scopes.define(name, kind == Kind::Class, node.byte_range(), result);
                if kind == Kind::Function {
                    self.bind_parameters(node);
                }
            }
            Kind::Closure => {
                if let Some((parent, outer)) = self.ancestor(1)
                    && self.is_named_closure(kind, outer)
                {
                    let sides = [Field::Name, Field::Left];
                    let name = sides.into_iter().find_map(|side| self.field(parent, side));
                    let name = name.or(parent.named_child(0)).map_or("", |name| self.text(name));
                    let name = name.rsplit('.').next().unwrap_or(name);
                    self.scopes.define(name, false, node.byte_range(), self.result(node));
                }
                self.bind_parameters(node);
            }
            Kind::ForEach | Kind::RangeClause => self.bind_items(node),
            _ => {}
        }
    }

    /// Closes what [`Walk::open`] opened.
    fn leave(&mut self) {
        let Some((node, kind)) = self.ancestors.pop() else { return };
        if matches!(kind, Kind::Function | Kind::Class)
            || self.is_named_closure(kind, self.parent_kind())
        {
            self.scopes.end_definition();
        }
        if kind.is_loop() {
            self.scopes.loops.pop();
        }
        if kind.is_scope() {
            self.scopes.close();
        }
        self.bind_after(node, kind);
    }

    /// Binds the names that are visible after the node. A declaration is bound when it is left, so
    /// that its own initialiser does not see it.
    fn bind_after(&mut self, node: Node<'t>, kind: Kind) {
        match kind {
            Kind::Let | Kind::Declarator => self.bind_declared(node),
            Kind::Assignment => {
                if let Some([left, _]) = self.assignment(node) {
                    let name = self.text(left);
                    self.scopes.assign(name);
                }
            }
            _ => {}
        }
    }

    fn bind_parameters(&mut self, function: Node<'t>) {
        for (name, ty) in self.parameters(function) {
            self.bind(name, ty, None, true, !self.rules().moves);
        }
        if let Some(receiver) = function.child_by_field_name("receiver") {
            for parameter in children(receiver) {
                let ty = self.field(parameter, Field::Type).map(|ty| self.type_text(ty));
                if let Some(name) = self.field(parameter, Field::Name) {
                    self.bind(name, ty, None, true, true);
                }
            }
        }
    }

    /// Binds the name of a `for` loop over items.
    fn bind_items(&mut self, node: Node<'t>) {
        let ty = self.field(node, Field::Type).map(|ty| self.type_text(ty));
        let sides = [Field::Name, Field::Pattern, Field::Left];
        let Some(name) = sides.into_iter().find_map(|side| self.field(node, side)) else { return };
        self.bind(name, ty, None, true, true);
    }

    fn bind_declared(&mut self, node: Node<'t>) {
        let Some(declared) = self.declared(node) else { return };
        for (index, name) in declared.names.iter().enumerate() {
            let one_each = declared.names.len() == declared.values.len();
            let value = declared.values.get(index).filter(|_| one_each).copied();
            let ready = !declared.values.is_empty() || self.rules().no_unused;
            self.bind(*name, declared.ty, value, ready, declared.mutable);
        }
    }

    /// Binds a name, or all names of a pattern without a type.
    fn bind(
        &mut self,
        name: Node<'t>,
        ty: Option<&'t str>,
        value: Option<Node<'t>>,
        ready: bool,
        mutable: bool,
    ) {
        if self.kind(name) != Kind::Identifier {
            for part in children(name) {
                self.bind(part, None, None, ready, false);
            }
            return;
        }
        let text = self.text(name);
        let ty = ty.or_else(|| value.and_then(|value| values::type_of(self, value)));
        let value_of = |value: Node<'t>| values::of(self, value);
        let value_kind = match ty {
            Some(ty) => values::of_type(self.syntax, ty),
            None => value.map_or(Value::Unknown, value_of),
        };
        let value_kind = match value_kind {
            Value::Unknown if !self.rules().typed => values::of_name(text),
            known => known,
        };
        let alias = value.filter(|value| self.kind(*value) == Kind::Identifier);
        let alias = alias.map(|other| self.text(other));
        self.scopes.bind(Binding { name: text, ty, value: value_kind, alias, ready, mutable });
    }

    fn role_of(&self, node: Node<'t>, cursor: &TreeCursor<'t>) -> NameRole {
        let Some((parent, kind)) = self.ancestor(0) else { return NameRole::Other };
        let is = |field| self.grammar.is_field(cursor.field_id(), field);
        let value_if = |condition| if condition { NameRole::Value } else { NameRole::Other };
        match kind {
            Kind::Member => match self.member(parent) {
                Some((object, _)) if object == node => NameRole::Receiver,
                _ => NameRole::Other,
            },
            Kind::Call if is(Field::Object) => NameRole::Receiver,
            Kind::Call | Kind::New => NameRole::Other,
            Kind::Assignment => value_if(!is(Field::Left)),
            Kind::Let | Kind::Declarator | Kind::ForEach | Kind::RangeClause => {
                value_if(is(Field::Value) || is(Field::Right))
            }
            Kind::Tuple => value_if(match self.ancestor(1) {
                Some((outer, Kind::Assignment | Kind::Let | Kind::RangeClause)) => {
                    self.field(outer, Field::Right) == Some(parent)
                }
                Some((_, kind)) => matches!(kind, Kind::Return | Kind::Declarator | Kind::Tuple),
                None => false,
            }),
            Kind::Function
            | Kind::Class
            | Kind::Closure
            | Kind::Parameter
            | Kind::Parameters
            | Kind::Pattern
            | Kind::Catch
            | Kind::Update
            | Kind::Goto
            | Kind::Break
            | Kind::Continue
            | Kind::Macro
            | Kind::LetCondition
            | Kind::Decorator
            | Kind::FieldDeclaration => NameRole::Other,
            Kind::Other => value_if(is(Field::Value)),
            _ => NameRole::Value,
        }
    }

    /// The role of the identifier that is being entered.
    pub(super) fn role(&self) -> NameRole {
        self.role
    }

    /// The parent of the node being entered (0), its parent (1) and so on.
    pub(super) fn ancestor(&self, depth: usize) -> Option<(Node<'t>, Kind)> {
        self.ancestors.iter().rev().nth(depth).copied()
    }

    /// The kind of the parent of the node being entered.
    pub(super) fn parent_kind(&self) -> Kind {
        self.ancestor(0).map_or(Kind::Other, |(_, kind)| kind)
    }

    /// The innermost ancestor of a wanted kind.
    pub(super) fn around(&self, wanted: impl Fn(Kind) -> bool) -> Option<(Node<'t>, Kind)> {
        self.ancestors.iter().rev().find(|(_, kind)| wanted(*kind)).copied()
    }

    /// The byte range of the outermost enclosing function; the whole file outside of functions.
    pub(super) fn function_span(&self) -> Range<usize> {
        let function = self.scopes.definitions.iter().find(|definition| !definition.is_class);
        function.map_or(0..usize::MAX, |definition| definition.start..definition.end)
    }

    /// Whether the name is read after the node, or anywhere in the enclosing loop, whose next
    /// iteration comes after the node.
    pub(super) fn is_read_later(&self, name: &str, node: Node<'t>) -> bool {
        let span = self.function_span();
        let from = self.scopes.loops.first().copied().unwrap_or(node.end_byte());
        self.facts.is_read(name, from..span.end, &node.byte_range())
    }

    /// Proposes to replace the whole node.
    pub(super) fn replace(&mut self, node: Node<'t>, replacement: impl Into<Cow<'static, str>>) {
        let (mut replacement, range) = (replacement.into(), node.byte_range());
        // Add a blank where two tokens would merge: `return(x)` must not become `returnnull`, nor
        // `- -x` become `--x`.
        let clash = |a: Option<&u8>, b: Option<&u8>| match (a, b) {
            (Some(a), Some(b)) => {
                (is_word(*a) && is_word(*b)) || (a == b && b"+-&|<>=".contains(a))
            }
            _ => false,
        };
        let (text, new) = (self.text.as_bytes(), replacement.as_bytes());
        let before = clash(text[..range.start].last(), new.first());
        let after = clash(new.last(), text.get(range.end));
        if before {
            replacement = format!(" {replacement}").into();
        }
        if after {
            replacement.to_mut().push(' ');
        }
        self.propose(node, range, replacement);
    }

    /// Proposes to replace `range`, which belongs to the node, unless that leaves a name unused in
    /// a language that refuses unused names.
    pub(super) fn propose(
        &mut self,
        node: Node<'t>,
        range: Range<usize>,
        replacement: impl Into<Cow<'static, str>>,
    ) {
        let replacement = replacement.into();
        if self.rules().no_unused
            && self.facts.leaves_unused(&range, &replacement, self.function_span())
        {
            return;
        }
        self.finds.push(Find {
            operator: self.rule,
            range,
            replacement,
            line: node.start_position().row as u32 + 1,
            function: self.scopes.function(),
        });
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The name of a class without type parameters: `List` of `List<T>`.
fn head(name: &str) -> &str {
    name.split(['<', '(']).next().unwrap_or(name).trim()
}
