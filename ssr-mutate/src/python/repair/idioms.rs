//! What the code of a file habitually does: the calls, wrappers and clauses that a repair may
//! restore elsewhere.

use std::collections::HashMap;

use tree_sitter::{Node, Tree};

use super::lines::CodeLines;

use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::operators::data_flow::wrappers::shapes;

/// The habits of one file, without references to its text, so that they outlive it.
#[derive(Default)]
pub struct Idioms {
    /// The calls of each callee, by the last part of its name, in the order of the text.
    pub(super) calls: HashMap<Box<str>, Vec<CallIdiom>>,
    /// The values that each keyword is given, in any call.
    pub(super) keywords: HashMap<Box<str>, Counts>,
    /// The parameters of each function, method, and class by its constructor.
    pub(super) parameters: HashMap<Box<str>, Vec<ParameterIdiom>>,
    /// What surrounds values.
    pub(super) affixes: HashMap<Affix, u32>,
    /// What surrounds a value with that text.
    pub(super) around: HashMap<Box<str>, Vec<Affix>>,
    /// The attributes of each receiver, by the last part of its name.
    pub(super) members: HashMap<Box<str>, Counts>,
    /// The operands of `and` and `or`.
    pub(super) clauses: Counts,
    /// The exceptions that are caught.
    pub(super) caught: Counts,
    pub(super) decorators: Counts,
    /// Short statements that are often forgotten: `raise`, calls without a result.
    pub(super) statements: Counts,
    /// The types that `isinstance` asks for.
    pub(super) types: Counts,
    /// The bounds of slices.
    pub(super) bounds: Counts,
    /// The plain strings.
    pub(super) strings: Counts,
    /// The elements of lists, sets, dictionaries and tuples with more than one.
    pub(super) displays: Vec<Vec<Box<str>>>,
    /// The values that each target is assigned.
    pub(super) assigned: HashMap<Box<str>, Counts>,
    /// The values that are returned.
    pub(super) returned: Counts,
    pub(super) lines: CodeLines,
    /// The right operands, with their operators, by left operand.
    pub(super) operations: HashMap<Box<str>, Counts>,
}

/// How often each text occurs.
#[derive(Default)]
pub(super) struct Counts(HashMap<Box<str>, u32>);

/// The arguments of one call.
pub(super) struct CallIdiom {
    pub(super) positional: Vec<Box<str>>,
    pub(super) keywords: Vec<(Box<str>, Box<str>)>,
}

pub(super) struct ParameterIdiom {
    pub(super) name: Box<str>,
    pub(super) default: Option<Box<str>>,
    pub(super) keyword_only: bool,
}

/// The text before and after a value: a call, a conversion, an attribute.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Affix {
    pub(super) before: Box<str>,
    pub(super) after: Box<str>,
}

/// The most calls of one callee, uses of one text or displays that are kept of a file.
const MOST: usize = 64;
/// Longer texts are not repeated elsewhere.
const MAX_BYTES: usize = 80;

/// Conversions and copies, which are dropped like other calls around values.
const CONVERSIONS: &[&str] = &[
    "bool",
    "bytes",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "set",
    "str",
    "tuple",
    "copy",
    "deepcopy",
    "clone",
    "_clone",
    "enumerate",
    "len",
    "iter",
    "repr",
    "next",
];

impl Counts {
    fn add(&mut self, text: &str) {
        if text.len() <= MAX_BYTES && !text.contains('\n') {
            *self.0.entry(text.into()).or_default() += 1;
        }
    }

    /// How often the text occurs.
    pub(super) fn of(&self, text: &str) -> u32 {
        self.0.get(text).copied().unwrap_or(0)
    }

    /// The texts, the most frequent first.
    pub(super) fn top(&self, most: usize) -> Vec<&str> {
        let mut all: Vec<_> = self.0.iter().map(|(text, count)| (*count, &**text)).collect();
        all.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        all.into_iter().take(most).map(|(_, text)| text).collect()
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|text| &**text)
    }
}

impl Idioms {
    pub(super) fn of(text: &str, tree: &Tree) -> Self {
        let mut idioms = Self { lines: CodeLines::of(text), ..Self::default() };
        let mut cursor = tree.walk();
        loop {
            let node = cursor.node();
            if node.is_named() {
                let called = GRAMMAR.is_field(cursor.field_id(), Field::Function);
                idioms.note(text, node, called);
            }
            if cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return idioms;
                }
            }
        }
    }

    fn note(&mut self, text: &str, node: Node<'_>, called: bool) {
        let own = |node: Node<'_>| &text[node.byte_range()];
        match GRAMMAR.kind(node) {
            Kind::Call => self.note_call(text, node),
            Kind::Attribute => {
                let parts =
                    (GRAMMAR.field(node, Field::Object), GRAMMAR.field(node, Field::Attribute));
                if let (Some(object), Some(attribute)) = parts {
                    let receiver = last_name(own(object));
                    self.members.entry(receiver.into()).or_default().add(own(attribute));
                    if !called {
                        self.surround(text, node, object);
                    }
                }
            }
            Kind::FunctionDefinition => self.note_function(text, node),
            Kind::BooleanOperator => {
                for side in [Field::Left, Field::Right] {
                    if let Some(side) = GRAMMAR.field(node, side) {
                        self.clauses.add(own(side));
                    }
                }
            }
            Kind::BinaryOperator => {
                let part = |field| GRAMMAR.field(node, field);
                if let (Some(left), Some(sign), Some(right)) =
                    (part(Field::Left), part(Field::Operator), part(Field::Right))
                {
                    let rest = format!("{} {}", own(sign), own(right));
                    self.operations.entry(own(left).into()).or_default().add(&rest);
                }
            }
            Kind::Await | Kind::UnaryOperator | Kind::NotOperator => {
                if let [inner] = children(node)[..] {
                    self.surround(text, node, inner);
                }
            }
            Kind::Subscript => {
                if let (Some(value), Some(index)) =
                    (GRAMMAR.field(node, Field::Value), GRAMMAR.field(node, Field::Subscript))
                    && GRAMMAR.kind(index) == Kind::Slice
                {
                    children(index).into_iter().for_each(|bound| self.bounds.add(own(bound)));
                    self.surround(text, node, value);
                }
            }
            Kind::ExceptClause => {
                if let Some(value) = GRAMMAR.field(node, Field::Value) {
                    let value = match GRAMMAR.kind(value) {
                        Kind::AsPattern => value.named_child(0).unwrap_or(value),
                        _ => value,
                    };
                    self.caught.add(own(value));
                    if GRAMMAR.kind(value) == Kind::Tuple {
                        children(value).into_iter().for_each(|one| self.caught.add(own(one)));
                    }
                }
            }
            Kind::Assignment => {
                let part = |field| GRAMMAR.field(node, field);
                if let (Some(left), Some(right)) = (part(Field::Left), part(Field::Right)) {
                    self.assigned.entry(own(left).into()).or_default().add(own(right));
                }
            }
            Kind::ReturnStatement => {
                if let [value] = children(node)[..] {
                    self.returned.add(own(value));
                }
            }
            Kind::ComparisonOperator => self.clauses.add(own(node)),
            Kind::IfStatement | Kind::ElifClause | Kind::WhileStatement => {
                if let Some(condition) = GRAMMAR.field(node, Field::Condition) {
                    self.clauses.add(own(condition));
                }
            }
            Kind::IfClause => {
                if let [condition] = children(node)[..] {
                    self.clauses.add(own(condition));
                }
            }
            Kind::Decorator => self.decorators.add(own(node).trim_end()),
            Kind::RaiseStatement => self.statements.add(own(node)),
            Kind::ExpressionStatement
                if node.named_child(0).is_some_and(|one| GRAMMAR.kind(one) != Kind::String) =>
            {
                self.statements.add(own(node));
            }
            Kind::String => self.strings.add(own(node)),
            Kind::List | Kind::Set | Kind::Tuple | Kind::Dictionary => {
                let elements = children(node);
                if (2..24).contains(&elements.len()) && self.displays.len() < 8 * MOST {
                    self.displays.push(elements.iter().map(|one| own(*one).into()).collect());
                }
            }
            _ => {}
        }
    }

    fn note_call(&mut self, text: &str, call: Node<'_>) {
        let own = |node: Node<'_>| &text[node.byte_range()];
        let part = |field| GRAMMAR.field(call, field);
        let (Some(function), Some(list)) = (part(Field::Function), part(Field::Arguments)) else {
            return;
        };
        let name = last_name(own(function));
        let object = match GRAMMAR.kind(function) {
            Kind::Attribute => GRAMMAR.field(function, Field::Object),
            _ => None,
        };
        let shaping = shapes(name) || CONVERSIONS.contains(&name);
        if GRAMMAR.kind(list) != Kind::ArgumentList {
            return;
        }
        let mut idiom = CallIdiom { positional: Vec::new(), keywords: Vec::new() };
        let arguments = children(list);
        let mut plain = Vec::new();
        for argument in &arguments {
            match GRAMMAR.kind(*argument) {
                Kind::KeywordArgument => {
                    let part = |field| GRAMMAR.field(*argument, field).map_or("", own);
                    let (key, value) = (part(Field::Name), part(Field::Value));
                    idiom.keywords.push((key.into(), value.into()));
                    self.keywords.entry(key.into()).or_default().add(value);
                    if name == "isinstance" {
                        continue;
                    }
                }
                Kind::ListSplat | Kind::DictionarySplat => {}
                _ => {
                    idiom.positional.push(own(*argument).into());
                    plain.push(*argument);
                }
            }
        }
        if shaping && let Some(object) = object {
            self.surround(text, call, object);
        }
        if shaping && let [value] = plain[..] {
            self.surround(text, call, value);
        }
        if let ("isinstance" | "issubclass", [_, kinds]) = (name, &plain[..]) {
            match GRAMMAR.kind(*kinds) {
                Kind::Tuple => {
                    children(*kinds).into_iter().for_each(|one| self.types.add(own(one)))
                }
                _ => self.types.add(own(*kinds)),
            }
        }
        let calls = self.calls.entry(name.into()).or_default();
        if calls.len() < MOST {
            calls.push(idiom);
        }
    }

    /// Notes what is around the value in the whole expression.
    fn surround(&mut self, text: &str, whole: Node<'_>, value: Node<'_>) {
        let before = &text[whole.start_byte()..value.start_byte()];
        let after = &text[value.end_byte()..whole.end_byte()];
        if before.len() + after.len() > MAX_BYTES || before.contains('\n') || after.contains('\n') {
            return;
        }
        let affix = Affix { before: before.into(), after: after.into() };
        let value = &text[value.byte_range()];
        if value.len() <= MAX_BYTES {
            let around = self.around.entry(value.into()).or_default();
            if around.len() < MOST && !around.contains(&affix) {
                around.push(affix.clone());
            }
        }
        *self.affixes.entry(affix).or_default() += 1;
    }

    fn note_function(&mut self, text: &str, function: Node<'_>) {
        let own = |node: Node<'_>| &text[node.byte_range()];
        let name = GRAMMAR.field(function, Field::Name).map_or("", own);
        let mut keyword_only = false;
        let mut parameters = Vec::new();
        let all = GRAMMAR.field(function, Field::Parameters).map(children).unwrap_or_default();
        for parameter in all {
            let part = |field| GRAMMAR.field(parameter, field);
            let (name, default) = match GRAMMAR.kind(parameter) {
                Kind::Identifier => (Some(parameter), None),
                Kind::DefaultParameter | Kind::TypedDefaultParameter => {
                    (part(Field::Name), part(Field::Value))
                }
                Kind::TypedParameter => (parameter.named_child(0), None),
                Kind::ListSplatPattern | Kind::KeywordSeparator => {
                    keyword_only = true;
                    continue;
                }
                _ => {
                    keyword_only |= own(parameter) == "*";
                    continue;
                }
            };
            let name = name.map_or("", own);
            if !matches!(name, "self" | "cls") && !name.starts_with('*') {
                let default = default.map(|default| own(default).into());
                parameters.push(ParameterIdiom { name: name.into(), default, keyword_only });
            }
        }
        let class = || {
            let class = function.parent()?.parent()?;
            let named = GRAMMAR.kind(class) == Kind::ClassDefinition;
            GRAMMAR.field(class, Field::Name).filter(|_| named).map(own)
        };
        let name = if name == "__init__" { class().unwrap_or(name) } else { name };
        self.parameters.entry(name.into()).or_insert(parameters);
    }
}

/// The last part of a dotted name: `c` of `a.b.c`.
pub(super) fn last_name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}
