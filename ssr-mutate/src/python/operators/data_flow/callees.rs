//! Another function, or the right one of another object.

use tree_sitter::Node;

use crate::python::Rule;
use crate::python::expressions::likeness;
use crate::python::grammar::{Field, GRAMMAR, Kind};
use crate::python::names::NameRole;
use crate::python::scope::{ScopeKind, Value};
use crate::python::survey::{AttributeUse, Shape, Signature, Survey};
use crate::python::walk::Walk;
use crate::{Difficulty, Family, Operator};

pub(in crate::python::operators) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "WFN",
            version: 1,
            family: Family::DataFlow,
            difficulty: Difficulty::Hard,
            description: "Call another function: a neighbour in the same class or module that \
                          takes the same arguments and gives the same kind of result, one imported \
                          with it, or one called on the same object nearby",
            examples: &[
                (
                    "def first(xs):\n    return xs[0]\n\ndef last(xs):\n    return xs[-1]\n\ndef \
                     f(xs):\n    return first(xs)\n",
                    "def first(xs):\n    return xs[0]\n\ndef last(xs):\n    return xs[-1]\n\ndef \
                     f(xs):\n    return last(xs)\n",
                ),
                (
                    "class A:\n    def lock(self):\n        pass\n\n    def unlock(self):\n        \
                     pass\n\n    def f(self):\n        self.lock()\n",
                    "class A:\n    def lock(self):\n        pass\n\n    def unlock(self):\n        \
                     pass\n\n    def f(self):\n        self.unlock()\n",
                ),
                (
                    "from math import ceil, floor\n\ndef f(x):\n    return ceil(x) - floor(x)\n",
                    "from math import ceil, floor\n\ndef f(x):\n    return floor(x) - floor(x)\n",
                ),
                (
                    "def f(stack, x):\n    stack.push(x)\n    stack.drop(x)\n",
                    "def f(stack, x):\n    stack.drop(x)\n    stack.drop(x)\n",
                ),
            ],
            untouched: &[
                "def one(a):\n    return a\n\ndef two(a, b):\n    return b\n\ndef f(a):\n    return \
                 one(a)\n",
                "def one(a):\n    return a\n\ndef two(a):\n    pass\n\ndef f(a):\n    return one(a)\n",
                // The function would call itself endlessly.
                "def one(a):\n    return a\n\ndef two(a):\n    return one(a)\n",
                "from m import one, Two\n\ndef f(x):\n    return one(x), Two(x)\n",
                "from m import one, two\n\ndef f(x):\n    return one(x), two()\n",
                "def one(a):\n    return a\n\ndef two(a):\n    return a\n\ndef f(one, a):\n    return \
                 one(a)\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Call],
        find: misuse_function,
    },
    Rule {
        operator: Operator {
            id: "WCR",
            version: 1,
            family: Family::DataFlow,
            difficulty: Difficulty::Medium,
            description: "Ask another object: `a.f()` → `b.f()` and `a.x` → `b.x`, where `b` is \
                          asked the same nearby, seems to hold the same kind of value, or is the \
                          other operand of the method",
            examples: &[
                (
                    "def f(left, right):\n    return left.size() + right.size()\n",
                    "def f(left, right):\n    return right.size() + right.size()\n",
                ),
                (
                    "def f(prefix, name):\n    return prefix.lower() in name\n",
                    "def f(prefix, name):\n    return name.lower() in name\n",
                ),
                (
                    "class A:\n    def covers(self, other):\n        return self.low <= other.low\n",
                    "class A:\n    def covers(self, other):\n        return other.low <= other.low\n",
                ),
                (
                    "class A:\n    def key(self):\n        return 1\n\n    def f(self, other):\n        \
                     return g(other.key())\n",
                    "class A:\n    def key(self):\n        return 1\n\n    def f(self, other):\n        \
                     return g(self.key())\n",
                ),
            ],
            untouched: &[
                "def f(left, right):\n    return left.size() + right\n",
                "def f(left):\n    right = left\n    return left.size() + right.size()\n",
                "def f(left, right):\n    left.size = 1\n    right.size = 2\n",
                "class A:\n    def f(self, x):\n        return self.size + x\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Identifier],
        find: misuse_receiver,
    },
];

fn misuse_function<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let parts = (walk.field(node, Field::Function), walk.field(node, Field::Arguments));
    let (Some(function), Some(arguments)) = parts else { return };
    let survey = walk.survey();
    let statement = walk.parent_kind() == Kind::ExpressionStatement;
    match GRAMMAR.kind(function) {
        Kind::Identifier => {
            let name = walk.text(function);
            if walk.scope().binding(name).is_some() && walk.scope().kind == ScopeKind::Function {
                return;
            }
            let shape = Shape::of(walk.text, arguments);
            let other = match survey.function(name) {
                Some(used) => similar(walk, used, &survey.functions_near(name), &shape, statement),
                None => imported(&survey, name, &shape),
            };
            if let Some(other) = other {
                walk.replace(function, other.to_owned());
            }
        }
        Kind::Attribute => misuse_method(walk, function, arguments, &survey, statement),
        _ => {}
    }
}

fn misuse_method<'t>(
    walk: &mut Walk<'t, '_>,
    function: Node<'t>,
    arguments: Node<'t>,
    survey: &Survey<'t>,
    statement: bool,
) {
    let parts = (walk.field(function, Field::Object), walk.field(function, Field::Attribute));
    let (Some(object), Some(method)) = parts else { return };
    let (receiver, name) = (walk.text(object), walk.text(method));
    if GRAMMAR.kind(object) != Kind::Identifier || name.starts_with("__") {
        return;
    }
    let shape = Shape::of(walk.text, arguments);
    let other = if matches!(receiver, "self" | "cls") {
        walk.class(survey).and_then(|class| {
            similar(walk, class.method(name)?, &class.methods_near(name), &shape, statement)
        })
    } else if walk.scope().binding(receiver).is_some() && shape.keywords.is_empty() && !shape.open {
        let around = survey.members(receiver, &walk.scope().range, function.start_byte());
        around
            .filter(|member| member.place == AttributeUse::Called && member.name != name)
            .filter(|member| member.arity == shape.positional)
            .max_by_key(|member| likeness(name, member.name))
            .map(|member| member.name)
    } else {
        None
    };
    if let Some(other) = other {
        walk.replace(method, other.to_owned());
    }
}

/// The nearest function that can be called in place of `used`, the more alike in name the better.
pub(in crate::python) fn similar<'t>(
    walk: &Walk<'t, '_>,
    used: &Signature<'t>,
    others: &[&Signature<'t>],
    shape: &Shape<'t>,
    statement: bool,
) -> Option<&'t str> {
    let current = walk.method().map_or(walk.scope().name, |method| method.name);
    let special = |name: &str| name.starts_with("__");
    let fits = |other: &&&Signature<'t>| {
        let same_result = used.is_like(other) || (statement && !other.generator);
        other.name != used.name
            && other.name != current
            && other.name != walk.scope().name
            && !special(other.name)
            && !other.property
            && !other.is_abstract
            && other.is_async == used.is_async
            && same_result
            && other.accepts(shape)
    };
    if special(used.name) || used.property {
        return None;
    }
    // `max_by_key` returns the last of equal elements: reverse, so that the nearest comes last.
    let nearest = others.iter().rev().filter(fits);
    nearest.max_by_key(|other| likeness(used.name, other.name)).map(|other| other.name)
}

/// A name imported by the same statement that is called in the same way somewhere.
pub(in crate::python) fn imported<'t>(
    survey: &Survey<'t>,
    name: &str,
    shape: &Shape<'t>,
) -> Option<&'t str> {
    if shape.open || !shape.keywords.is_empty() {
        return None;
    }
    let upper = |name: &str| name.starts_with(|first: char| first.is_ascii_uppercase());
    let others = survey.imported_with(name).iter().rev();
    others
        .filter(|other| **other != name && upper(other) == upper(name))
        .filter(|other| survey.is_called_with(other, shape.positional))
        .max_by_key(|other| likeness(name, other))
        .copied()
}

fn misuse_receiver<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.role() != NameRole::Receiver || walk.scope().kind != ScopeKind::Function {
        return;
    }
    let Some((access, Kind::Attribute)) = walk.ancestor_node(0) else { return };
    let Some(asked) = walk.field(access, Field::Attribute).map(|asked| walk.text(asked)) else {
        return;
    };
    let (receiver, outer) = (walk.text(node), walk.ancestor(1));
    let called = outer == Kind::Call;
    let stored = walk.ancestor_node(1).is_some_and(|(parent, kind)| {
        parent.start_byte() == node.start_byte()
            && matches!(kind, Kind::Assignment | Kind::AugmentedAssignment)
    });
    if asked.starts_with("__") || stored || outer == Kind::DeleteStatement {
        return;
    }
    let other = match receiver {
        "self" => walk.scope().binding("other").map(|binding| binding.name),
        "other" => of_self(walk, asked, called).then_some("self"),
        _ => neighbour(walk, node, receiver, asked),
    };
    if let Some(other) = other {
        walk.replace(node, other.to_owned());
    }
}

/// Whether the class around has the method or the attribute.
pub(in crate::python) fn of_self<'t>(walk: &Walk<'t, '_>, asked: &str, called: bool) -> bool {
    let survey = walk.survey();
    walk.class(&survey).is_some_and(|class| match called {
        true => class.method(asked).is_some(),
        false => class.attribute(asked).is_some_and(|a| a.assigned || a.shared),
    })
}

/// A variable whose same attribute is used nearby, or that has the same kind of value.
pub(in crate::python) fn neighbour<'t>(
    walk: &Walk<'t, '_>,
    node: Node<'t>,
    receiver: &str,
    asked: &str,
) -> Option<&'t str> {
    let used = walk.scope().binding(receiver)?;
    let survey = walk.survey();
    let range = &walk.scope().range;
    let asked_too = |other: &str| {
        survey
            .members(other, range, node.start_byte())
            .any(|member| member.name == asked && member.place != AttributeUse::Assigned)
    };
    let others = walk.scope().latest_bindings().take(12);
    let mut fitting = others.filter(|other| {
        other.name != used.name
            && other.alias != Some(used.name)
            && used.alias != Some(other.name)
            && other.value.can_replace(used.value)
            && (asked_too(other.name) || is_builtin(other.value) && other.value == used.value)
    });
    fitting.next().map(|other| other.name)
}

/// Whether values of this kind have a built-in type, so that all of them have the same methods.
fn is_builtin(value: Value) -> bool {
    matches!(value, Value::Text | Value::Sequence | Value::Mapping)
}
