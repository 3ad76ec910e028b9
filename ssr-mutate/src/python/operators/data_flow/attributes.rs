//! Another attribute, or one too few.

use tree_sitter::Node;

use crate::python::Rule;
use crate::python::expressions::likeness;
use crate::python::grammar::{Field, GRAMMAR, Kind};
use crate::python::names::{self, Position};
use crate::python::scope::{ScopeKind, Value};
use crate::python::survey::{Attribute, AttributeUse, Class, Shape, Survey};
use crate::python::values;
use crate::python::walk::Walk;
use crate::{Difficulty, Family, Operator};

pub(in crate::python::operators) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "AAU",
            version: 1,
            family: Family::DataFlow,
            difficulty: Difficulty::Hard,
            description: "Use another attribute of the same object: one that its class surely \
                          gives it, or that is read from it nearby, and that seems to hold the \
                          same kind of value",
            examples: &[
                (
                    "class A:\n    def __init__(self, low, high):\n        self.low = low\n        \
                     self.high = high\n\n    def bottom(self):\n        return self.low\n",
                    "class A:\n    def __init__(self, low, high):\n        self.low = low\n        \
                     self.high = high\n\n    def bottom(self):\n        return self.high\n",
                ),
                (
                    "def f(node):\n    return g(node.left, node.right)\n",
                    "def f(node):\n    return g(node.right, node.right)\n",
                ),
                (
                    "class A:\n    def __init__(self):\n        self.seen = []\n        self.todo = \
                     []\n\n    def push(self, x):\n        self.todo.append(x)\n",
                    "class A:\n    def __init__(self):\n        self.seen = []\n        self.todo = \
                     []\n\n    def push(self, x):\n        self.seen.append(x)\n",
                ),
                (
                    "class A:\n    def __init__(self):\n        self.row = 0\n        self.column = \
                     0\n\n    def home(self, at):\n        self.column = at\n",
                    "class A:\n    def __init__(self):\n        self.row = 0\n        self.column = \
                     0\n\n    def home(self, at):\n        self.row = at\n",
                ),
            ],
            untouched: &[
                // The other attribute has no value yet.
                "class A:\n    def __init__(self, a):\n        self.a = a\n        use(self.a)\n        \
                 self.b = a\n",
                "class A:\n    def f(self):\n        return self.a\n\n    def b(self):\n        pass\n",
                "class A:\n    def __init__(self):\n        self.name = \"\"\n        self.rows = \
                 []\n\n    def f(self):\n        return self.rows\n",
                // The edit would have no effect.
                "class A:\n    b = 1\n\n    def f(self):\n        self.b = self.a\n",
                "def f(node):\n    return node.left, node.go(1)\n",
                "import m\n\ndef f():\n    return m.left + m.right\n",
                "def f(x):\n    return x.a.one, x.b.two\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Attribute],
        find: misuse_attribute,
    },
    Rule {
        operator: Operator {
            id: "AAD",
            version: 1,
            family: Family::DataFlow,
            difficulty: Difficulty::Medium,
            description: "Drop an attribute access: `x.y` → `x` where any object will do at first, \
                          and `x.y.z` → `x.z` where `x` has a `z` of its own",
            examples: &[
                (
                    "def f(user, seen):\n    return user.id in seen\n",
                    "def f(user, seen):\n    return user in seen\n",
                ),
                (
                    "def f(a):\n    if a.ready and a.size:\n        return g(a)\n",
                    "def f(a):\n    if a and a.size:\n        return g(a)\n",
                ),
                (
                    "class A:\n    def f(self):\n        return self.query.model\n\n    def g(self):\n        \
                     self.model = None\n",
                    "class A:\n    def f(self):\n        return self.model\n\n    def g(self):\n        \
                     self.model = None\n",
                ),
                (
                    "def f(x):\n    return g(x.parent.name, x.name)\n",
                    "def f(x):\n    return g(x.name, x.name)\n",
                ),
            ],
            untouched: &[
                "def f(x):\n    return x.size + 1\n",
                "def f(x):\n    return x.size < 3\n",
                "def f(x):\n    x.size = 3\n    del x.size\n    return x.size()\n",
                "class A:\n    def f(self):\n        return self.x\n",
                "import m\n\ndef f():\n    return m.x\n",
                "def f(node):\n    node = node.next\n",
                "def f(node):\n    while node.next:\n        g()\n",
                // The method would call itself endlessly.
                "class A:\n    def f(self):\n        return self.inner.f()\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Attribute],
        find: drop_attribute,
    },
];

/// The object and the name of an attribute access.
pub(in crate::python) fn parts<'t>(
    walk: &Walk<'t, '_>,
    node: Node<'t>,
) -> Option<(Node<'t>, Node<'t>)> {
    Some((walk.field(node, Field::Object)?, walk.field(node, Field::Attribute)?))
}

fn misuse_attribute<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let position = names::position(walk, node);
    if walk.scope().kind != ScopeKind::Function
        || matches!(position, Position::Callee | Position::Other)
    {
        return;
    }
    let Some((object, attribute)) = parts(walk, node) else { return };
    if GRAMMAR.kind(object) != Kind::Identifier || walk.text(attribute).starts_with("__") {
        return;
    }
    let survey = walk.survey();
    let (receiver, name) = (walk.text(object), walk.text(attribute));
    for other in misuses(walk, &survey, receiver, name, node, position) {
        walk.replace(attribute, other.to_owned());
    }
}

/// The attributes of the receiver that are used by mistake in place of `name`, at the node.
pub(in crate::python) fn misuses<'t>(
    walk: &Walk<'t, '_>,
    survey: &Survey<'t>,
    receiver: &str,
    name: &str,
    node: Node<'t>,
    position: Position,
) -> Vec<&'t str> {
    match receiver {
        "self" => match walk.class(survey) {
            Some(class) => of_self(walk, survey, class, name, node, position),
            None => Vec::new(),
        },
        _ if walk.scope().binding(receiver).is_some() => {
            of_local(walk, survey, receiver, name, node, position)
        }
        _ => Vec::new(),
    }
}

/// The attributes of `self` that could be meant.
fn of_self<'t>(
    walk: &Walk<'t, '_>,
    survey: &Survey<'t>,
    class: &Class<'t>,
    name: &str,
    node: Node<'t>,
    position: Position,
) -> Vec<&'t str> {
    const WINDOW: usize = 64;
    // The method itself as a value.
    if class.method(name).is_some_and(|method| !method.property) {
        return Vec::new();
    }
    let constructing = walk.method().is_some_and(|method| names::is_constructor(method.name));
    let used = class.attribute(name);
    let value = value_of(name, used);
    let other_side = other_side(walk, position).map(|side| walk.text(side));
    let asked = asked_of(walk, position);
    let exists = |other: &Attribute<'t>| match (position, constructing) {
        (Position::Target, true) => false,
        (Position::Target, false) => {
            other.constructed.is_some() && used.is_some_and(|used| used.constructed.is_some())
        }
        (_, true) => other.shared || other.constructed.is_some_and(|at| at < node.start_byte()),
        (_, false) => other.shared || other.assigned,
    };
    let fits = |other: &Attribute<'t>| {
        let alike = value_of(other.name, Some(other));
        match position {
            Position::Receiver => {
                let path = format!("self.{}", other.name);
                let has = |member: &&'t str| {
                    survey
                        .members(&path, &(0..usize::MAX), node.start_byte())
                        .any(|m| m.name == *member)
                };
                (alike == value && holds_methods(value)) || asked.as_ref().is_some_and(has)
            }
            Position::Container => alike == value,
            // If only one of the kinds is known, require similar names.
            _ => alike == value || (alike.can_replace(value) && likeness(name, other.name) > 3),
        }
    };
    let mut others: Vec<_> = class
        .attributes
        .iter()
        .take(WINDOW)
        .filter(|other| other.name != name && !other.name.starts_with("__"))
        .filter(|other| class.method(other.name).is_none() && exists(other) && fits(other))
        .filter(|other| other_side.and_then(|side| side.strip_prefix("self.")) != Some(other.name))
        .map(|other| {
            let known = value != Value::Unknown && value_of(other.name, Some(other)) == value;
            (known, likeness(name, other.name), other.name)
        })
        .collect();
    others.sort_by_key(|(known, alike, _)| std::cmp::Reverse((*known, *alike)));
    let count = if others.iter().filter(|(known, ..)| *known).count() > 1 { 2 } else { 1 };
    others.into_iter().take(count).map(|(.., other)| other).collect()
}

/// The attribute of a local variable that could be meant.
fn of_local<'t>(
    walk: &Walk<'t, '_>,
    survey: &Survey<'t>,
    receiver: &str,
    name: &str,
    node: Node<'t>,
    position: Position,
) -> Vec<&'t str> {
    if position == Position::Target {
        return Vec::new();
    }
    let strict = matches!(position, Position::Receiver | Position::Container);
    let value = values::of_name(name);
    let other_side = other_side(walk, position).map(|side| walk.text(side));
    let other = survey
        .members(receiver, &walk.scope().range, node.start_byte())
        .filter(|member| member.place == AttributeUse::Read && member.name != name)
        .filter(|member| !member.name.starts_with("__"))
        .filter(|member| {
            let alike = values::of_name(member.name);
            let speaks = !strict && likeness(name, member.name) > 3;
            (alike == value && !(strict && value == Value::Unknown))
                || (speaks && alike.can_replace(value))
        })
        .filter(|member| {
            let side = other_side.and_then(|side| side.strip_prefix(receiver));
            side.and_then(|side| side.strip_prefix('.')) != Some(member.name)
        })
        .max_by_key(|member| {
            let distance = member.at.abs_diff(node.start_byte());
            (likeness(name, member.name), std::cmp::Reverse(distance))
        });
    other.map(|member| member.name).into_iter().collect()
}

fn value_of(name: &str, attribute: Option<&Attribute<'_>>) -> Value {
    match attribute.map_or(Value::Unknown, |attribute| attribute.value) {
        Value::Unknown | Value::Nothing => values::of_name(name),
        known => known,
    }
}

fn holds_methods(value: Value) -> bool {
    matches!(value, Value::Text | Value::Sequence | Value::Mapping)
}

/// The other side of the `=`.
fn other_side<'t>(walk: &Walk<'t, '_>, position: Position) -> Option<Node<'t>> {
    let (assignment, kind) = walk.ancestor_node(0)?;
    let field = match position {
        Position::Target => Field::Right,
        _ => Field::Left,
    };
    (kind == Kind::Assignment).then(|| walk.field(assignment, field))?
}

/// The attribute that is accessed on the attribute being entered.
fn asked_of<'t>(walk: &Walk<'t, '_>, position: Position) -> Option<&'t str> {
    let parent = walk.parent().filter(|_| position == Position::Receiver)?;
    Some(walk.text(walk.field(parent, Field::Attribute)?))
}

fn drop_attribute<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.scope().kind != ScopeKind::Function {
        return;
    }
    let position = names::position(walk, node);
    let Some((object, attribute)) = parts(walk, node) else { return };
    if matches!(position, Position::Target | Position::Other) {
        return;
    }
    let local = |object: Node<'t>| {
        let bound = || walk.scope().binding(walk.text(object));
        GRAMMAR.kind(object) == Kind::Identifier
            && bound().is_some_and(|binding| binding.value != Value::Function)
    };
    let inner = (GRAMMAR.kind(object) == Kind::Attribute).then(|| parts(walk, object)).flatten();
    let of_self = inner.is_some_and(|(root, _)| walk.text(root) == "self");
    let droppable = local(object) || of_self;
    let mut shorter = Vec::new();
    if position == Position::Value && droppable && takes_anything(walk, node, object) {
        shorter.push(walk.text(object).to_owned());
    }
    if let Some((root, _)) = inner
        && (of_self || local(root))
        && has_its_own(walk, root, attribute, position)
    {
        shorter.push(format!("{}.{}", walk.text(root), walk.text(attribute)));
    }
    for replacement in shorter {
        walk.replace(node, replacement);
    }
}

/// Whether the object itself is valid in the place of its attribute.
pub(in crate::python) fn takes_anything<'t>(
    walk: &Walk<'t, '_>,
    node: Node<'t>,
    object: Node<'t>,
) -> bool {
    let Some((parent, kind)) = walk.ancestor_node(0) else { return false };
    match kind {
        Kind::ArgumentList | Kind::KeywordArgument => true,
        Kind::ReturnStatement | Kind::List | Kind::Set | Kind::Pair | Kind::Subscript => true,
        Kind::IfStatement | Kind::ElifClause | Kind::NotOperator | Kind::BooleanOperator => true,
        Kind::ComparisonOperator => !walk.text(parent).contains(['<', '>']),
        Kind::Assignment => {
            let left = walk.field(parent, Field::Left);
            left.is_some_and(|left| left != node && walk.text(left) != walk.text(object))
        }
        _ => false,
    }
}

/// Whether the root has an attribute of that name too, which can stand where the longer path does.
fn has_its_own<'t>(
    walk: &Walk<'t, '_>,
    root: Node<'t>,
    attribute: Node<'t>,
    position: Position,
) -> bool {
    let (receiver, name) = (walk.text(root), walk.text(attribute));
    let survey = walk.survey();
    if receiver == "self" {
        let Some(class) = walk.class(&survey) else { return false };
        if walk.method().is_some_and(|method| method.name == name) {
            return false;
        }
        let shape = walk
            .parent()
            .filter(|_| position == Position::Callee)
            .and_then(|call| walk.field(call, Field::Arguments))
            .map(|arguments| Shape::of(walk.text, arguments));
        return match (shape, class.method(name)) {
            (Some(shape), method) => method.is_some_and(|m| !m.property && m.accepts(&shape)),
            (None, Some(method)) => method.property,
            (None, None) => {
                class.attribute(name).is_some_and(|other| other.assigned || other.shared)
            }
        };
    }
    let place =
        if position == Position::Callee { AttributeUse::Called } else { AttributeUse::Read };
    survey
        .members(receiver, &walk.scope().range, root.start_byte())
        .any(|member| member.name == name && member.place == place)
}
