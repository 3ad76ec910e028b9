//! Facts of a whole file that are collected before the walk: uses of names, functions, fields.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use tree_sitter::{Node, Tree};

use super::grammar::{Field, Kind, children};
use super::view::View;

/// Facts about the whole file. Operators need them before the walk reaches the code they depend on:
/// whether a name is read later, or which functions are defined below.
#[derive(Default)]
pub(super) struct Facts<'t> {
    /// The uses of each name as a variable, in the order of the text.
    uses: HashMap<&'t str, Vec<(usize, Use)>>,
    /// The same uses in the order of the text, for all names.
    places: Vec<(usize, &'t str)>,
    pub(super) functions: Vec<Signature<'t>>,
    /// The types of fields by class and name.
    pub(super) fields: HashMap<(&'t str, &'t str), &'t str>,
    /// The fields that are used of an object, by the start of the function or class and by the text
    /// of the object.
    members: HashMap<(usize, &'t str), Vec<&'t str>>,
    imports: HashSet<&'t str>,
    /// The base class of each class.
    pub(super) bases: HashMap<&'t str, &'t str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Write,
    Declare,
}

/// A function that the file defines.
pub(super) struct Signature<'t> {
    pub(super) class: &'t str,
    pub(super) name: &'t str,
    pub(super) parameters: Vec<Option<&'t str>>,
    /// Whether it is variadic or has default values.
    pub(super) flexible: bool,
    pub(super) result: Option<&'t str>,
    /// Whether it is a static method.
    pub(super) is_static: bool,
    /// The position of its start.
    pub(super) start: usize,
}

impl<'t> Facts<'t> {
    pub(super) fn of(view: View<'t>, tree: &'t Tree) -> Self {
        let mut facts = Self::default();
        // The open classes and functions, with the kinds of all ancestors.
        let mut path: Vec<(Node<'t>, Kind)> = Vec::new();
        let mut cursor = tree.walk();
        loop {
            let node = cursor.node();
            let kind = view.kind(node);
            if node.is_named() && !node.is_extra() {
                facts.see(view, node, kind, &path, cursor.field_id());
                path.push((node, kind));
                if cursor.goto_first_child() {
                    continue;
                }
                path.pop();
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return facts;
                }
                path.pop();
            }
        }
    }

    fn see(
        &mut self,
        view: View<'t>,
        node: Node<'t>,
        kind: Kind,
        path: &[(Node<'t>, Kind)],
        field: Option<std::num::NonZeroU16>,
    ) {
        match kind {
            Kind::Identifier => {
                let (name, at) = (view.text(node), node.start_byte());
                if let Some(role) = role(view, node, path, field) {
                    self.uses.entry(name).or_default().push((at, role));
                    self.places.push((at, name));
                }
            }
            Kind::FieldName if !view.rules().no_unused => {
                let at = (node.start_byte(), Use::Read);
                self.uses.entry(view.text(node)).or_default().push(at);
            }
            Kind::Function => self.functions.push(signature(view, node, path)),
            Kind::FieldDeclaration => self.declare_fields(view, node, path),
            Kind::Class => {
                let extends = children(node).into_iter().find(|child| {
                    view.kind(*child) == Kind::Arid && view.text(*child).starts_with("extends")
                });
                let base = extends.and_then(|clause| view.text(clause).split_whitespace().nth(1));
                if let Some(base) = base {
                    self.bases.insert(view.definition_name(node), base);
                }
            }
            Kind::Member => {
                let called = path.last().is_some_and(|(parent, kind)| {
                    *kind == Kind::Call && view.field(*parent, Field::Function) == Some(node)
                });
                if let (false, Some((object, name))) = (called, view.member(node)) {
                    let object = view.text(object);
                    let names = self.members.entry((home(view, path, object), object)).or_default();
                    if !names.contains(&view.text(name)) {
                        names.push(view.text(name));
                    }
                }
            }
            Kind::Arid if node.kind() == "import_spec" => {
                let text = view.text(node);
                let alias = view.field(node, Field::Name).map(|name| view.text(name));
                let last = text.trim_matches(['"', '`']).rsplit('/').next().unwrap_or(text);
                self.imports.insert(alias.unwrap_or(last));
            }
            _ => {}
        }
    }

    fn declare_fields(&mut self, view: View<'t>, node: Node<'t>, path: &[(Node<'t>, Kind)]) {
        let class = class_of(view, path);
        let Some(ty) = view.field(node, Field::Type) else { return };
        for child in children(node) {
            let name = match child.kind() {
                "field_identifier" | "property_identifier" => child,
                "pointer_declarator" => view.innermost(child),
                "variable_declarator" => match view.field(child, Field::Name) {
                    Some(name) => name,
                    None => continue,
                },
                _ => continue,
            };
            let ty = if child.kind() == "pointer_declarator" {
                view.text[ty.start_byte()..name.start_byte()].trim()
            } else {
                view.type_text(ty)
            };
            self.fields.insert((class, view.text(name)), ty);
        }
    }

    /// Whether the name is read in `within` outside of `except`.
    pub(super) fn is_read(&self, name: &str, within: Range<usize>, except: &Range<usize>) -> bool {
        self.is_used(name, within, except, |role| role == Use::Read)
    }

    fn is_used(
        &self,
        name: &str,
        within: Range<usize>,
        except: &Range<usize>,
        wanted: impl Fn(Use) -> bool,
    ) -> bool {
        let Some(uses) = self.uses.get(name) else { return false };
        let first = uses.partition_point(|(at, _)| *at < within.start);
        uses[first..]
            .iter()
            .take_while(|(at, _)| *at < within.end)
            .any(|(at, role)| wanted(*role) && !except.contains(at))
    }

    /// The names of the variables that are used in the range.
    fn names_in(&self, range: &Range<usize>) -> impl Iterator<Item = &'t str> {
        let first = self.places.partition_point(|(at, _)| *at < range.start);
        let last = self.places.partition_point(|(at, _)| *at < range.end);
        self.places[first..last.max(first)].iter().map(|(_, name)| *name)
    }

    /// Whether replacing the range removes the last use of a local name or of an import.
    pub(super) fn leaves_unused(
        &self,
        range: &Range<usize>,
        replacement: &str,
        function: Range<usize>,
    ) -> bool {
        self.names_in(range).any(|name| {
            let declared = |within: Range<usize>, except: &Range<usize>| {
                self.is_used(name, within, except, |role| role == Use::Declare)
            };
            let nowhere = 0..0;
            let local = declared(function.clone(), range);
            let import = self.imports.contains(name);
            let reach = if local { self.reach(name, &function, range) } else { 0..usize::MAX };
            (local || import)
                && !mentions(replacement, name)
                && !self.is_read(name, reach, range)
                && (import || !declared(range.clone(), &nowhere))
        })
    }

    /// The range in which a read can refer to the declaration of the name that is valid in `range`:
    /// up to the next declaration of that name, which may be another variable.
    fn reach(&self, name: &str, function: &Range<usize>, range: &Range<usize>) -> Range<usize> {
        let uses = self.uses.get(name).map_or(&[][..], Vec::as_slice);
        let declared = || uses.iter().filter(|(_, role)| *role == Use::Declare).map(|(at, _)| *at);
        let start = declared().rfind(|at| *at < range.start).unwrap_or(0).max(function.start);
        let end = declared().find(|at| *at >= range.end).unwrap_or(usize::MAX).min(function.end);
        start..end
    }

    /// The names that are assigned in the range and not declared there.
    pub(super) fn written_in(&self, range: &Range<usize>) -> impl Iterator<Item = &'t str> {
        let role = |name: &str, role| self.is_used(name, range.clone(), &(0..0), |r| r == role);
        self.names_in(range).filter(move |name| role(name, Use::Write) && !role(name, Use::Declare))
    }

    /// The names that are declared in the range.
    pub(super) fn declared_in(&self, range: &Range<usize>) -> impl Iterator<Item = &'t str> {
        self.names_in(range)
            .filter(|name| self.is_used(name, range.clone(), &(0..0), |role| role == Use::Declare))
    }

    /// The fields that the same function (or class, for `this`) uses of the object.
    pub(super) fn members(&self, home: usize, object: &'t str) -> &[&'t str] {
        self.members.get(&(home, object)).map_or(&[], Vec::as_slice)
    }

    /// The function of that name; `None` if there are several.
    pub(super) fn function(&self, name: &str) -> Option<&Signature<'t>> {
        let mut named = self.functions.iter().filter(|function| function.name == name);
        let first = named.next()?;
        named.next().is_none().then_some(first)
    }
}

/// Whether the text contains the name as a whole word.
pub(super) fn mentions(text: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(word) && !text[at + name.len()..].starts_with(word))
}

fn signature<'t>(view: View<'t>, node: Node<'t>, path: &[(Node<'t>, Kind)]) -> Signature<'t> {
    let parameters = view.parameters(node);
    let body = view.field(node, Field::Body).map_or(node.end_byte(), |body| body.start_byte());
    let head = &view.text[node.start_byte()..body];
    let class = match node.child_by_field_name("receiver") {
        Some(receiver) => receiver_type(view.text(receiver)),
        None => class_of(view, path),
    };
    Signature {
        class,
        name: view.definition_name(node),
        parameters: parameters.iter().map(|(_, ty)| *ty).collect(),
        flexible: ["...", "=", "?:"].iter().any(|mark| head.contains(mark)),
        result: view.result(node),
        is_static: head.contains("static "),
        start: node.start_byte(),
    }
}

/// The type of a Go receiver: `A` of `(a *A)`.
fn receiver_type(receiver: &str) -> &str {
    let inner = receiver.trim_matches(['(', ')']);
    inner.rsplit([' ', '*']).next().unwrap_or(inner)
}

/// The name of the innermost class.
fn class_of<'t>(view: View<'t>, path: &[(Node<'t>, Kind)]) -> &'t str {
    let class = path.iter().rev().find(|(_, kind)| *kind == Kind::Class);
    class.map_or("", |(node, _)| view.definition_name(*node))
}

/// The start of the enclosing function; for `this` and `self`, which are the same object in the
/// whole class, the start of the class.
fn home<'t>(view: View<'t>, path: &[(Node<'t>, Kind)], object: &str) -> usize {
    let class = matches!(object, "this" | "self");
    let mut around = path.iter().enumerate().rev().filter(|(index, (_, kind))| {
        let parent = index.checked_sub(1).map_or(Kind::Other, |outer| path[outer].1);
        let function = *kind == Kind::Function || view.is_named_closure(*kind, parent);
        if class { *kind == Kind::Class } else { function }
    });
    around.next().map_or(0, |(_, (node, _))| node.start_byte())
}

/// How the identifier is used; `None` if it names no variable.
fn role<'t>(
    view: View<'t>,
    node: Node<'t>,
    path: &[(Node<'t>, Kind)],
    field: Option<std::num::NonZeroU16>,
) -> Option<Use> {
    let is = |wanted| view.grammar.is_field(field, wanted);
    let (parent, kind) = *path.last()?;
    // In lists and patterns, the node around them decides.
    let outer = path.iter().rev().find(|(_, kind)| {
        !matches!(kind, Kind::Tuple | Kind::Pattern | Kind::Other | Kind::List | Kind::Spread)
    });
    let on_left = |(around, _): &(Node<'t>, Kind), side| {
        view.field(*around, side).is_some_and(|left| left.byte_range().contains(&node.start_byte()))
    };
    match kind {
        Kind::Function | Kind::Class if is(Field::Name) => return None,
        Kind::Member if view.member(parent).is_some_and(|(_, name)| name == node) => return None,
        Kind::Call if is(Field::Name) => return None,
        _ => {}
    }
    match outer {
        Some((_, Kind::Arid)) => None,
        // Unused parameters are no error in any language: not a declaration that needs a use.
        Some((_, Kind::Parameters | Kind::Parameter)) => Some(Use::Write),
        Some(around @ (_, Kind::Let | Kind::Declarator | Kind::ForEach | Kind::RangeClause)) => {
            let sides = [Field::Name, Field::Pattern, Field::Left, Field::Declarator];
            let declares = sides.into_iter().any(|side| on_left(around, side));
            Some(if declares { Use::Declare } else { Use::Read })
        }
        Some((_, Kind::LetCondition | Kind::Arm)) if kind == Kind::Pattern => Some(Use::Declare),
        Some(around @ (assignment, Kind::Assignment)) if on_left(around, Field::Left) => {
            let plain = matches!(view.operator_text(*assignment), "=" | ":=");
            Some(if plain { Use::Write } else { Use::Read })
        }
        _ => Some(Use::Read),
    }
}
