//! Swapped and missing arguments.

use tree_sitter::Node;

use crate::python::Rule;
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::scope::ScopeKind;
use crate::python::survey::{Signature, Survey};
use crate::python::walk::Walk;
use crate::python::{guards, values};
use crate::{Difficulty, Family, Operator};

/// Callees whose arguments commute.
const COMMUTATIVE: &[&str] = &[
    "min",
    "max",
    "gcd",
    "lcm",
    "hypot",
    "isclose",
    "add",
    "mul",
    "and_",
    "or_",
    "xor",
    "eq",
    "ne",
    "is_",
    "is_not",
    "union",
    "intersection",
    "symmetric_difference",
    "Add",
    "And",
    "Eq",
    "FiniteSet",
    "Intersection",
    "Max",
    "Min",
    "Mul",
    "Ne",
    "Or",
    "Union",
    "Xor",
    "igcd",
    "ilcm",
    "samefile",
    "compare_digest",
    "isdisjoint",
    "set",
    "frozenset",
];

/// Callees that refuse swapped arguments at once.
const OBVIOUS: &[&str] = &[
    "isinstance",
    "issubclass",
    "hasattr",
    "getattr",
    "setattr",
    "delattr",
    "super",
    "cast",
    "type",
    "property",
];

/// Well-known functions and methods with the number of arguments that they need, and the default
/// of the one after these.
pub(in crate::python) const OPTIONAL: &[(&str, usize, &str)] = &[
    ("endswith", 1, "0"),
    ("find", 1, "0"),
    ("get", 1, "None"),
    ("getattr", 2, ""),
    ("index", 1, "0"),
    ("int", 1, "10"),
    ("join", 2, ""),
    ("log", 1, ""),
    ("lstrip", 0, "None"),
    ("next", 1, ""),
    ("range", 2, "1"),
    ("replace", 2, "-1"),
    ("round", 1, "0"),
    ("rsplit", 1, "-1"),
    ("rstrip", 0, "None"),
    ("setdefault", 1, "None"),
    ("split", 1, "-1"),
    ("startswith", 1, "0"),
    ("strip", 0, "None"),
    ("sum", 1, "0"),
];

pub(in crate::python::operators) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "ARS",
            version: 2,
            family: Family::DataFlow,
            difficulty: Difficulty::Medium,
            description: "Swap two neighbouring positional arguments: `f(a, b)` → `f(b, a)`, unless \
                          the order does not matter or they surely hold different kinds of values",
            examples: &[
                ("x = f(a, b)\n", "x = f(b, a)\n"),
                ("x = f(a, b, c, key=d)\n", "x = f(a, c, b, key=d)\n"),
            ],
            untouched: &[
                "x = max(a, b)\n",
                "x = f(a, a)\n",
                "x = f(*a, **b)\n",
                "x = f(a, key=b)\n",
                "ok = isinstance(a, b)\n",
                "class A(B, C):\n    pass\n",
                "logger.info(a, b)\n",
                "x = f(1, \"a\")\n",
                "x = f([a], b=c)\n",
                "x = Union(a, b)\n",
            ],
            structural: false,
        },
        kinds: &[Kind::ArgumentList],
        find: swap_arguments,
    },
    Rule {
        operator: Operator {
            id: "ARD",
            version: 2,
            family: Family::DataFlow,
            difficulty: Difficulty::Medium,
            description: "Drop an argument that has a default: one with a keyword, or the last one \
                          where the function is in the same file or well known",
            examples: &[
                ("x = f(a, key=b)\n", "x = f(a)\n"),
                ("x = f(key=b,)\n", "x = f()\n"),
                ("x = f(key=b, other=c)\n", "x = f(other=c)\n"),
                (
                    "def f(a, b=1):\n    return a + b\n\nx = f(3, 4)\n",
                    "def f(a, b=1):\n    return a + b\n\nx = f(3)\n",
                ),
                (
                    "class A:\n    def __init__(self, a, b=1):\n        pass\n\nx = A(3, 4)\n",
                    "class A:\n    def __init__(self, a, b=1):\n        pass\n\nx = A(3)\n",
                ),
                ("x = d.get(key, 0)\n", "x = d.get(key)\n"),
                ("x = text.split(\",\", 1)\n", "x = text.split(\",\")\n"),
            ],
            untouched: &[
                "def f(a, b=1):\n    return a + b\n\nx = f(3, 1)\n",
                "def f(a, b=1):\n    return a + b\n\nx = f(3, b=1)\n",
                "def f(a, b):\n    return a + b\n\nx = f(3, b=4)\n",
                "def f(a, b, /):\n    return a + b\n\nx = f(3, 4)\n",
                "def f(a, *rest):\n    return a\n\nx = f(3, 4)\n",
                "x = d.get(key, None)\n",
                "x = f(a, b)\n",
                "x = f(a)\n",
                "class A(metaclass=B):\n    pass\n",
                "x = f(a, timeout=3)\n",
            ],
            structural: true,
        },
        kinds: &[Kind::ArgumentList],
        find: drop_argument,
    },
];

/// The last part of the name that is called with the argument list being entered; `None` for the
/// bases of a class.
pub(in crate::python) fn callee<'t>(walk: &Walk<'t, '_>) -> Option<&'t str> {
    let (call, kind) = walk.ancestor_node(0)?;
    let function = walk.field(call, Field::Function).filter(|_| kind == Kind::Call)?;
    let name = match GRAMMAR.kind(function) {
        Kind::Attribute => walk.field(function, Field::Attribute)?,
        _ => function,
    };
    Some(walk.text(name))
}

fn swap_arguments<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(name) = callee(walk) else { return };
    if COMMUTATIVE.contains(&name) || OBVIOUS.contains(&name) {
        return;
    }
    for pair in children(node).windows(2) {
        let [a, b] = pair else { continue };
        let between = &walk.text[a.end_byte()..b.start_byte()];
        let (first, second) = (walk.text(*a), walk.text(*b));
        if is_positional(a)
            && is_positional(b)
            && first != second
            && !between.contains('#')
            && values::of(walk, *a).can_replace(values::of(walk, *b))
        {
            let swapped = format!("{second}{between}{first}");
            walk.propose(*a, a.start_byte()..b.end_byte(), swapped);
        }
    }
}

fn is_positional(argument: &Node<'_>) -> bool {
    !matches!(
        GRAMMAR.kind(*argument),
        Kind::KeywordArgument | Kind::ListSplat | Kind::DictionarySplat
    )
}

fn drop_argument<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(name) = callee(walk) else { return };
    let arguments = children(node);
    let survey = walk.survey();
    let signature = signature(walk, &survey, name);
    for (index, argument) in arguments.iter().enumerate() {
        let droppable = match GRAMMAR.kind(*argument) {
            Kind::KeywordArgument => {
                !guards::is_quiet(walk, *argument) && is_felt(walk, *argument, signature)
            }
            _ => {
                let last = arguments.get(index + 1).is_none_or(|next| !is_positional(next));
                let positional = arguments[..=index].iter().all(is_positional);
                last && positional && has_default(walk, *argument, index, name, signature)
            }
        };
        if !droppable {
            continue;
        }
        let (range, replacement) = match (index.checked_sub(1), arguments.get(index + 1)) {
            (Some(before), _) => (arguments[before].end_byte()..argument.end_byte(), ""),
            (None, Some(next)) => (argument.start_byte()..next.start_byte(), ""),
            (None, None) => (node.byte_range(), "()"),
        };
        walk.propose(*argument, range, replacement);
    }
}

/// The signature of the function that is called, where this file surely defines it.
fn signature<'t, 'a>(
    walk: &Walk<'t, '_>,
    survey: &'a Survey<'t>,
    name: &str,
) -> Option<&'a Signature<'t>> {
    let function = walk.field(walk.parent()?, Field::Function)?;
    let found = match GRAMMAR.kind(function) {
        Kind::Identifier if walk.scope().binding(name).is_none() || is_module(walk) => {
            let class = || survey.method(survey.class(name)?, "__init__", true);
            survey.function(name).or_else(class)
        }
        Kind::Attribute => {
            let object = walk.text(walk.field(function, Field::Object)?);
            let class = walk.class(survey).filter(|_| matches!(object, "self" | "cls"))?;
            survey.method(class, name, true)
        }
        _ => None,
    };
    found.filter(|signature| !signature.decorated)
}

fn is_module(walk: &Walk<'_, '_>) -> bool {
    walk.scope().kind == ScopeKind::Module
}

/// Whether dropping the keyword argument changes what the function gets and not only whether it
/// is called at all.
fn is_felt<'t>(walk: &Walk<'t, '_>, argument: Node<'t>, signature: Option<&Signature<'t>>) -> bool {
    let Some(signature) = signature else { return true };
    let part = |field| walk.field(argument, field).map_or("", |part| walk.text(part));
    match signature.parameter(part(Field::Name)) {
        Some(parameter) => parameter.default.is_some_and(|default| default != part(Field::Value)),
        None => signature.stars,
    }
}

/// Whether the positional argument is one of another value than the default.
fn has_default<'t>(
    walk: &Walk<'t, '_>,
    argument: Node<'t>,
    index: usize,
    name: &str,
    signature: Option<&Signature<'t>>,
) -> bool {
    let value = walk.text(argument);
    match signature {
        Some(signature) => signature
            .positional(index)
            .and_then(|parameter| parameter.default)
            .is_some_and(|default| default != value),
        None => OPTIONAL.iter().any(|(callee, needed, default)| {
            (*callee, *needed) == (name, index) && *default != value
        }),
    }
}
