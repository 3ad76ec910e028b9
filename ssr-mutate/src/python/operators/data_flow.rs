//! Names, arguments and assignments.

use tree_sitter::Node;

use crate::python::Rule;
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::guards;
use crate::python::names::Role;
use crate::python::scope::{Binding, ScopeKind, Value};
use crate::python::statements;
use crate::python::walk::Walk;
use crate::{Difficulty, Family, Operator};

/// How many other names VMI tries at one use.
const MISUSES: usize = 2;

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

pub(super) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "VMI",
            version: 1,
            family: Family::DataFlow,
            difficulty: Difficulty::Hard,
            description: "Use another variable: one that is surely assigned before, in the same \
                          function, and seems to hold the same kind of value",
            examples: &[
                (
                    "def f(left, right):\n    return g(left)\n",
                    "def f(left, right):\n    return g(right)\n",
                ),
                (
                    "def f(a):\n    b = g(a)\n    return b\n",
                    "def f(a):\n    b = g(a)\n    return a\n",
                ),
            ],
            untouched: &[
                "def f(a):\n    return g(a)\n",
                "def f(a):\n    b = a\n    return b\n",
                "def f(func, items):\n    return func(items)\n",
                "def f(a):\n    if a:\n        b = 1\n    return a\n",
                "def f(text):\n    n = 1\n    return text.strip(text=\"a\")\n",
                "a = 1\nb = 2\nprint(a)\nc = a\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Identifier],
        find: misuse_variable,
    },
    Rule {
        operator: Operator {
            id: "ARS",
            version: 1,
            family: Family::DataFlow,
            difficulty: Difficulty::Medium,
            description: "Swap two neighbouring positional arguments: `f(a, b)` → `f(b, a)`",
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
            ],
            structural: false,
        },
        kinds: &[Kind::ArgumentList],
        find: swap_arguments,
    },
    Rule {
        operator: Operator {
            id: "ARD",
            version: 1,
            family: Family::DataFlow,
            difficulty: Difficulty::Medium,
            description: "Drop a keyword argument, so that its default holds",
            examples: &[
                ("x = f(a, key=b)\n", "x = f(a)\n"),
                ("x = f(key=b,)\n", "x = f()\n"),
                ("x = f(key=b, other=c)\n", "x = f(other=c)\n"),
            ],
            untouched: &[
                "x = f(a)\n",
                "class A(metaclass=B):\n    pass\n",
                "x = f(a, timeout=3)\n",
            ],
            structural: true,
        },
        kinds: &[Kind::ArgumentList],
        find: drop_argument,
    },
    Rule {
        operator: Operator {
            id: "ASD",
            version: 1,
            family: Family::DataFlow,
            difficulty: Difficulty::Medium,
            description: "Delete an assignment to something that is assigned before and read \
                          later, an update, or a store into an object or container",
            examples: &[
                ("def f(x):\n    x = g(x)\n    return x\n", "def f(x):\n    return x\n"),
                (
                    "def f(xs):\n    n = 0\n    for x in xs:\n        n += x\n    return n\n",
                    "def f(xs):\n    n = 0\n    for x in xs:\n        pass\n    return n\n",
                ),
                ("def f(d, k):\n    d[k] = 1\n    return d\n", "def f(d, k):\n    return d\n"),
            ],
            untouched: &[
                "def f():\n    x = g()\n    return x\n",
                "def f(x):\n    y = x\n    x = g()\n    return y\n",
                "def f(x):\n    if x:\n        y = 1\n    y = 2\n    return y\n",
                "class A:\n    def __init__(self):\n        self.a = 1\n        self.b = 2\n",
                "x = 1\nx = 2\nuse(x)\n",
            ],
            structural: true,
        },
        kinds: &[Kind::ExpressionStatement],
        find: delete_assignment,
    },
];

fn misuse_variable<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.role() != Role::Value || walk.scope().kind != ScopeKind::Function {
        return;
    }
    let Some(used) = walk.scope().binding(walk.text(node)) else { return };
    let target = assigned_name(walk);
    let fits = |other: &Binding<'_>| {
        other.name != used.name
            && !other.name.starts_with('_')
            && other.alias != Some(used.name)
            && used.alias != Some(other.name)
            && target != Some(other.name)
            && other.value.can_replace(used.value)
            && other.value != Value::Nothing
    };
    let others: Vec<_> = walk.scope().latest_bindings().filter(fits).collect();
    // Where some surely hold the same kind of value, the others would only be type errors.
    let alike = |other: &&Binding<'_>| other.value == used.value;
    let count = if others.iter().any(|other| alike(&other)) { MISUSES } else { 1 };
    let mut best: Vec<_> = others.iter().filter(alike).collect();
    if best.is_empty() {
        best = others.iter().collect();
    }
    for other in best.into_iter().take(count) {
        walk.replace(node, other.name.to_owned());
    }
}

/// The name on the left if the node being entered is the whole right side of an assignment: with
/// it in place, the assignment would do nothing.
fn assigned_name<'t>(walk: &Walk<'t, '_>) -> Option<&'t str> {
    let (parent, kind) = walk.ancestor_node(0)?;
    (kind == Kind::Assignment).then(|| walk.field(parent, Field::Left))?.map(|left| walk.text(left))
}

/// The last part of the name that is called with the argument list being entered; `None` for the
/// bases of a class.
fn callee<'t>(walk: &Walk<'t, '_>) -> Option<&'t str> {
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
    let positional = |argument: &Node<'t>| {
        !matches!(
            GRAMMAR.kind(*argument),
            Kind::KeywordArgument | Kind::ListSplat | Kind::DictionarySplat
        )
    };
    for pair in children(node).windows(2) {
        let [a, b] = pair else { continue };
        let between = &walk.text[a.end_byte()..b.start_byte()];
        let (first, second) = (walk.text(*a), walk.text(*b));
        if positional(a) && positional(b) && first != second && !between.contains('#') {
            let swapped = format!("{second}{between}{first}");
            walk.propose(*a, a.start_byte()..b.end_byte(), swapped);
        }
    }
}

fn drop_argument<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if callee(walk).is_none() {
        return;
    }
    let arguments = children(node);
    for (index, argument) in arguments.iter().enumerate() {
        let keyword = GRAMMAR.kind(*argument) == Kind::KeywordArgument;
        if !keyword || guards::is_quiet(walk, *argument) {
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

fn delete_assignment<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.scope().kind != ScopeKind::Function {
        return;
    }
    let [assignment] = children(node)[..] else { return };
    let kind = GRAMMAR.kind(assignment);
    if !matches!(kind, Kind::Assignment | Kind::AugmentedAssignment) {
        return;
    }
    let (left, right) = (walk.field(assignment, Field::Left), walk.field(assignment, Field::Right));
    let (Some(left), Some(right)) = (left, right) else { return };
    // In a chain `a = b = c` the deletion would take `b` along.
    if GRAMMAR.kind(right) == Kind::Assignment || walk.text(right).contains("yield") {
        return;
    }
    let (range, replacement) = statements::deletion(walk, node);
    match GRAMMAR.kind(left) {
        Kind::Identifier => {
            let name = walk.text(left);
            if kind == Kind::AugmentedAssignment || walk.scope().binding(name).is_some() {
                walk.propose_if_read(name, node, range, replacement);
            }
        }
        Kind::Subscript => walk.propose(node, range, replacement),
        // A constructor gives the attribute its first value, whoever reads it.
        Kind::Attribute if kind == Kind::AugmentedAssignment || !in_constructor(walk) => {
            walk.propose(node, range, replacement);
        }
        _ => {}
    }
}

fn in_constructor(walk: &Walk<'_, '_>) -> bool {
    let name = &*walk.scope().qualified;
    let method = name.rsplit('.').next().unwrap_or(name);
    matches!(method, "__init__" | "__new__" | "__post_init__" | "__setstate__" | "setUp")
}
