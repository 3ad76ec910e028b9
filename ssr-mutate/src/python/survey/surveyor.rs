//! The walk that collects the facts of a survey.

use std::collections::hash_map::Entry;
use std::num::NonZeroU16;

use tree_sitter::{Node, Tree};

use super::{Attribute, AttributeUse, Class, Import, Member, Shape, Signature, Survey, is_lock};
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::scope::Value;
use crate::python::{names, values};

/// Methods that mutate their receiver.
const CHANGING: &[&str] = &[
    "add",
    "append",
    "appendleft",
    "clear",
    "difference_update",
    "discard",
    "extend",
    "extendleft",
    "insert",
    "intersection_update",
    "pop",
    "popitem",
    "popleft",
    "push",
    "put",
    "remove",
    "reverse",
    "setdefault",
    "sort",
    "update",
];

/// The walk that fills a survey.
struct Surveyor<'t> {
    text: &'t str,
    survey: Survey<'t>,
    ancestors: Vec<(Node<'t>, Kind)>,
    /// The open classes and functions.
    open: Vec<Definition<'t>>,
    /// The locks that are held here, each with the depth at which it was acquired.
    held: Vec<(&'t str, usize)>,
}

/// An enclosing definition; `index` is its position in its list.
struct Definition<'t> {
    class: Option<usize>,
    function: Option<(Owner, usize)>,
    name: &'t str,
    start: usize,
}

#[derive(Clone, Copy)]
enum Owner {
    Module,
    Class(usize),
}

impl<'t> Survey<'t> {
    pub(crate) fn of(text: &'t str, tree: &'t Tree) -> Self {
        let mut surveyor = Surveyor {
            text,
            survey: Self::default(),
            ancestors: Vec::new(),
            open: Vec::new(),
            held: Vec::new(),
        };
        let mut cursor = tree.walk();
        loop {
            let node = cursor.node();
            if node.is_named() && surveyor.enter(node, cursor.field_id()) {
                if cursor.goto_first_child() {
                    continue;
                }
                surveyor.leave();
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return surveyor.survey;
                }
                surveyor.leave();
            }
        }
    }
}

impl<'t> Surveyor<'t> {
    fn text(&self, node: Node<'t>) -> &'t str {
        &self.text[node.byte_range()]
    }

    /// Records a node. Returns whether to visit its children; [`Surveyor::leave`] follows then.
    fn enter(&mut self, node: Node<'t>, field: Option<NonZeroU16>) -> bool {
        let kind = GRAMMAR.kind(node);
        match kind {
            Kind::Comment | Kind::String | Kind::Type | Kind::Identifier => return false,
            Kind::ImportStatement | Kind::ImportFromStatement => {
                self.import(node, kind);
                return false;
            }
            Kind::ClassDefinition => self.open_class(node),
            Kind::FunctionDefinition => self.open_function(node),
            Kind::Attribute => self.note_member(node, field),
            Kind::Assignment => self.note_assignment(node),
            Kind::AugmentedAssignment => {
                if let Some(left) = GRAMMAR.field(node, Field::Left) {
                    self.note_change(left, node.start_byte());
                }
            }
            Kind::Subscript if self.is_target(node, field) => {
                if let Some(value) = GRAMMAR.field(node, Field::Value) {
                    self.note_change(value, node.start_byte());
                }
            }
            Kind::Call => self.note_call(node),
            Kind::ReturnStatement if node.named_child_count() > 0 => {
                self.with_function(|function| function.returns = true);
            }
            Kind::Yield => self.with_function(|function| function.generator = true),
            Kind::RaiseStatement if self.text(node).contains("NotImplementedError") => {
                self.with_function(|function| function.is_abstract = true);
            }
            Kind::WithStatement => self.take_locks(node),
            _ => {}
        }
        self.ancestors.push((node, kind));
        true
    }

    fn leave(&mut self) {
        let Some((_, kind)) = self.ancestors.pop() else { return };
        match kind {
            Kind::ClassDefinition | Kind::FunctionDefinition => {
                self.open.pop();
            }
            Kind::WithStatement => {
                let depth = self.ancestors.len();
                self.held.retain(|(_, below)| *below < depth);
            }
            _ => {}
        }
    }

    fn parent(&self) -> Option<(Node<'t>, Kind)> {
        self.ancestors.last().copied()
    }

    /// Whether the node is assigned to or deleted.
    fn is_target(&self, node: Node<'t>, field: Option<NonZeroU16>) -> bool {
        match self.parent() {
            Some((_, Kind::Assignment | Kind::AugmentedAssignment | Kind::ForStatement)) => {
                GRAMMAR.is_field(field, Field::Left)
            }
            Some((parent, Kind::ExpressionList)) => {
                self.ancestors.iter().rev().nth(1).is_some_and(|(_, kind)| {
                    *kind == Kind::DeleteStatement && parent.start_byte() <= node.start_byte()
                })
            }
            Some((
                _,
                Kind::PatternList
                | Kind::TuplePattern
                | Kind::ListPattern
                | Kind::DeleteStatement
                | Kind::AsPatternTarget,
            )) => true,
            _ => false,
        }
    }

    fn import(&mut self, node: Node<'t>, kind: Kind) {
        let (statement, from) = (node.start_byte(), kind == Kind::ImportFromStatement);
        let parts = children(node).into_iter().skip(usize::from(from));
        for part in parts {
            let name = match GRAMMAR.kind(part) {
                Kind::AliasedImport => GRAMMAR.field(part, Field::Alias),
                _ => part.named_child(0),
            };
            let Some(name) = name.map(|name| self.text(name)) else { continue };
            self.survey.imports.insert(name, Import { statement, from });
            if from {
                self.survey.together.entry(statement).or_default().push(name);
            }
        }
    }

    fn decorators(&self) -> Vec<&'t str> {
        let Some((decorated, Kind::DecoratedDefinition)) = self.parent() else { return Vec::new() };
        let name = |decorator: Node<'t>| {
            let text = self.text(decorator).trim_start_matches('@').trim();
            text.split(['(', ' ', '#', '\n']).next().unwrap_or(text)
        };
        let parts = children(decorated).into_iter();
        parts.filter(|part| GRAMMAR.kind(*part) == Kind::Decorator).map(name).collect()
    }

    fn open_class(&mut self, node: Node<'t>) {
        let name = GRAMMAR.field(node, Field::Name).map_or("", |name| self.text(name));
        let superclasses = GRAMMAR.field(node, Field::Superclasses).map(children);
        let bases = superclasses.unwrap_or_default().into_iter();
        let bases = bases.filter(|base| GRAMMAR.kind(*base) != Kind::KeywordArgument);
        let class =
            Class { bases: bases.map(|base| self.text(base)).collect(), ..Class::default() };
        let (index, start) = (self.survey.classes.len(), node.start_byte());
        self.survey.classes.push(class);
        self.survey.class_by_name.insert(name, index);
        self.survey.class_by_start.insert(start, index);
        self.open.push(Definition { class: Some(index), function: None, name, start });
    }

    fn open_function(&mut self, node: Node<'t>) {
        let owner = match self.open.last() {
            None => Some(Owner::Module),
            Some(Definition { class: Some(index), .. }) => Some(Owner::Class(*index)),
            Some(_) => None,
        };
        let method = matches!(owner, Some(Owner::Class(_)));
        let decorators = self.decorators();
        let signature = Signature::of(self.text, node, &decorators, method);
        let name = signature.name;
        let function = owner.map(|owner| {
            let (list, by_name) = match owner {
                Owner::Module => (&mut self.survey.functions, &mut self.survey.by_name),
                Owner::Class(index) => {
                    let class = &mut self.survey.classes[index];
                    (&mut class.methods, &mut class.by_name)
                }
            };
            list.push(signature);
            by_name.insert(name, list.len() - 1);
            (owner, list.len() - 1)
        });
        self.open.push(Definition { class: None, function, name, start: node.start_byte() });
    }

    fn with_function(&mut self, change: impl FnOnce(&mut Signature<'t>)) {
        match self.open.last().and_then(|definition| definition.function) {
            Some((Owner::Module, index)) => change(&mut self.survey.functions[index]),
            Some((Owner::Class(class), index)) => {
                change(&mut self.survey.classes[class].methods[index]);
            }
            None => {}
        }
    }

    /// The innermost open class and the method of it that is open, if any.
    fn method(&self) -> Option<(usize, Option<&'t str>)> {
        let at = self.open.iter().rposition(|definition| definition.class.is_some())?;
        let method = self.open.get(at + 1).map(|definition| definition.name);
        Some((self.open[at].class?, method))
    }

    fn note_member(&mut self, node: Node<'t>, field: Option<NonZeroU16>) {
        let part = |field| GRAMMAR.field(node, field);
        let (Some(object), Some(name)) = (part(Field::Object), part(Field::Attribute)) else {
            return;
        };
        let receiver = self.text(object);
        let plain = match GRAMMAR.kind(object) {
            Kind::Identifier => true,
            Kind::Attribute => receiver.starts_with("self."),
            _ => false,
        };
        if !plain {
            return;
        }
        let (name, at) = (self.text(name), node.start_byte());
        let parent = self.parent();
        let arguments = match parent {
            Some((call, Kind::Call)) => GRAMMAR.field(call, Field::Arguments),
            _ => None,
        };
        let place = match arguments {
            Some(_) => AttributeUse::Called,
            None if self.is_target(node, field) => AttributeUse::Assigned,
            None => AttributeUse::Read,
        };
        let arity = arguments.map_or(0, |list| Shape::of(self.text, list).positional);
        self.survey.members.entry(receiver).or_default().push(Member { name, at, place, arity });
        if place == AttributeUse::Assigned {
            self.note_change(object, at);
        }
        if receiver != "self" {
            return;
        }
        let Some((class, Some(method))) = self.method() else { return };
        let constructor = names::is_constructor(method);
        let value = match parent {
            Some((assignment, Kind::Assignment)) if place == AttributeUse::Assigned => {
                GRAMMAR.field(assignment, Field::Right)
            }
            _ => None,
        };
        let value = value.map_or(Value::Unknown, |value| values::of_plain(self.text, value));
        let attribute = self.survey.classes[class].note(name);
        match place {
            AttributeUse::Assigned => {
                attribute.assigned = true;
                if constructor && attribute.constructed.is_none() {
                    attribute.constructed = Some(at);
                }
                attribute.learn(value);
            }
            AttributeUse::Read => attribute.read = true,
            AttributeUse::Called => {}
        }
    }

    fn note_assignment(&mut self, node: Node<'t>) {
        let Some(Definition { class: Some(class), .. }) = self.open.last() else { return };
        let Some(left) = GRAMMAR.field(node, Field::Left) else { return };
        if GRAMMAR.kind(left) == Kind::Identifier {
            let right = GRAMMAR.field(node, Field::Right);
            let value = right.map_or(Value::Unknown, |right| values::of_plain(self.text, right));
            let name = self.text(left);
            let class = &mut self.survey.classes[*class];
            let attribute = class.note(name);
            attribute.shared = true;
            attribute.learn(value);
            if let Some(right) = right {
                mention(self.text, right, &mut class.mentioned);
            }
        }
    }

    fn note_change(&mut self, target: Node<'t>, at: usize) {
        if !matches!(GRAMMAR.kind(target), Kind::Identifier | Kind::Attribute) {
            return;
        }
        let text = self.text(target);
        self.survey.changes.entry(text).or_default().push(at);
        if let (Some(name), Some((class, Some(_)))) = (text.strip_prefix("self."), self.method())
            && !name.contains('.')
        {
            self.survey.classes[class].note(name).changed = true;
        }
    }

    fn note_call(&mut self, node: Node<'t>) {
        let part = |field| GRAMMAR.field(node, field);
        let (Some(function), Some(arguments)) = (part(Field::Function), part(Field::Arguments))
        else {
            return;
        };
        match GRAMMAR.kind(function) {
            Kind::Identifier => {
                let name = self.text(function);
                let shape = Shape::of(self.text, arguments);
                if !shape.open && shape.keywords.is_empty() && shape.positional < 32 {
                    *self.survey.arities.entry(name).or_default() |= 1 << shape.positional;
                }
                self.note_under_lock(name, 0);
            }
            Kind::Attribute => {
                let object = GRAMMAR.field(function, Field::Object);
                let name = GRAMMAR.field(function, Field::Attribute);
                let (Some(object), Some(name)) = (object, name.map(|name| self.text(name))) else {
                    return;
                };
                if CHANGING.contains(&name) {
                    self.note_change(object, node.start_byte());
                }
                if self.text(object) == "self" {
                    let class = self.method().map_or(0, |(class, _)| class + 1);
                    self.note_under_lock(name, class);
                }
            }
            _ => {}
        }
    }

    fn note_under_lock(&mut self, callee: &'t str, class: usize) {
        for (lock, _) in &self.held {
            self.survey.locks.under.push((lock, class, callee));
        }
    }

    fn take_locks(&mut self, node: Node<'t>) {
        let depth = self.ancestors.len();
        let clause = children(node).into_iter().find(|c| GRAMMAR.kind(*c) == Kind::WithClause);
        for item in clause.map(children).unwrap_or_default() {
            let Some(value) = GRAMMAR.field(item, Field::Value) else { continue };
            let lock = self.text(value);
            if !matches!(GRAMMAR.kind(value), Kind::Identifier | Kind::Attribute) || !is_lock(lock)
            {
                continue;
            }
            if let Some(function) = self.open.last() {
                let class = match function.function {
                    Some((Owner::Class(class), _)) => class + 1,
                    _ => 0,
                };
                let locks = &mut self.survey.locks;
                locks.taken.push((lock, class, function.name));
                for (outer, _) in &self.held {
                    let functions = locks.nested.entry((outer, lock)).or_default();
                    if functions.last() != Some(&function.start) {
                        functions.push(function.start);
                    }
                }
            }
            self.held.push((lock, depth));
        }
    }
}

/// Collects the names in the expression.
fn mention<'t>(text: &'t str, node: Node<'t>, names: &mut Vec<&'t str>) {
    match GRAMMAR.kind(node) {
        Kind::Identifier => names.push(&text[node.byte_range()]),
        Kind::String => {}
        _ => children(node).into_iter().for_each(|child| mention(text, child, names)),
    }
}

impl<'t> Class<'t> {
    fn note(&mut self, name: &'t str) -> &mut Attribute<'t> {
        let index = match self.attribute_by_name.entry(name) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                self.attributes.push(Attribute {
                    name,
                    value: Value::Unknown,
                    constructed: None,
                    shared: false,
                    assigned: false,
                    read: false,
                    changed: false,
                });
                *entry.insert(self.attributes.len() - 1)
            }
        };
        &mut self.attributes[index]
    }
}

impl Attribute<'_> {
    /// Records a value that is assigned to the attribute.
    fn learn(&mut self, value: Value) {
        if matches!(self.value, Value::Unknown | Value::Nothing) {
            self.value = value;
        }
    }
}
