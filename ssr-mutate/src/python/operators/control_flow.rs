//! Returns, conditional expressions and the order of statements.

use std::collections::HashSet;

use tree_sitter::Node;

use crate::python::effects::Effects;
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::scope::{Binding, ScopeKind, Value};
use crate::python::walk::Walk;
use crate::python::{Rule, values};
use crate::{Difficulty, Family, Operator};

pub(super) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "RTV",
            version: 2,
            family: Family::ControlFlow,
            difficulty: Difficulty::Easy,
            description: "Return nothing, an empty value of the same kind, or another local \
                          variable",
            examples: &[
                ("def f(x):\n    return x + 1\n", "def f(x):\n    return None\n"),
                ("def f(x):\n    return [x]\n", "def f(x):\n    return []\n"),
                ("def f(x):\n    return(x)\n", "def f(x):\n    return None\n"),
                ("def f(x):\n    return len(x)\n", "def f(x):\n    return 0\n"),
                ("def f(x):\n    return x == 1\n", "def f(x):\n    return True\n"),
                (
                    "def f(x):\n    y = g(x)\n    z = h(y)\n    return z.a(x)\n",
                    "def f(x):\n    y = g(x)\n    z = h(y)\n    return y\n",
                ),
            ],
            untouched: &[
                "def f():\n    return None\n",
                "def f():\n    return\n",
                "def f():\n    return NotImplemented\n",
                "def f():\n    return False\n",
                "class A:\n    def __repr__(self):\n        return name\n",
            ],
            structural: false,
        },
        kinds: &[Kind::ReturnStatement],
        find: return_nothing,
    },
    Rule {
        operator: Operator {
            id: "TER",
            version: 1,
            family: Family::ControlFlow,
            difficulty: Difficulty::Easy,
            description: "Swap the values of a conditional expression, or always take one of them",
            examples: &[
                ("x = a if ready else b\n", "x = b if ready else a\n"),
                ("x = a if ready else b\n", "x = b\n"),
            ],
            untouched: &["x = a if ready else a\n"],
            structural: false,
        },
        kinds: &[Kind::ConditionalExpression],
        find: decide_otherwise,
    },
    Rule {
        operator: Operator {
            id: "SSW",
            version: 1,
            family: Family::ControlFlow,
            difficulty: Difficulty::Hard,
            description: "Swap two neighbouring statements of which one reads what the other \
                          writes, where both names are bound before",
            examples: &[
                (
                    "def f(a, b):\n    a = g(b)  # g\n    b += 1\n    return a, b\n",
                    "def f(a, b):\n    b += 1  # g\n    a = g(b)\n    return a, b\n",
                ),
                (
                    "def f(self, x):\n    self.xs.append(x)\n    n = len(self.xs)\n    return n\n",
                    "def f(self, x):\n    n = len(self.xs)\n    self.xs.append(x)\n    return n\n",
                ),
                (
                    "def f(a):\n    b = 1\n    a = g(a,\n          b); b = a\n",
                    "def f(a):\n    b = 1\n    b = a; a = g(a,\n          b)\n",
                ),
            ],
            untouched: &[
                "def f(a, b):\n    a = 1\n    b = 2\n    return a, b\n",
                "def f(a):\n    b = g(a)\n    return h(b)\n",
                "def f(a):\n    b = g(a)\n    c = h(b)\n    return c\n",
                "def __init__(self, a):\n    self.a = a\n    self.b = self.a\n",
                "a = b\nb = c\n",
                "def f(a):\n    logger.debug(a)\n    a = 1\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Block],
        find: swap_statements,
    },
];

fn return_nothing<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(value) = node.named_child(0) else { return };
    let (kind, text) = (GRAMMAR.kind(value), walk.text(value));
    // Without its only `yield`, a generator would become a function.
    if matches!(kind, Kind::None | Kind::Comment)
        || text == "NotImplemented"
        || text.contains("yield")
    {
        return;
    }
    // `False` and `None` are the same to nearly every caller.
    if kind != Kind::False {
        walk.replace(value, "None");
    }
    if let Some(name) = other_local(walk, value) {
        walk.replace(value, name);
    }
    let empty = match kind {
        Kind::List | Kind::ListComprehension => "[]",
        Kind::Dictionary | Kind::DictionaryComprehension => "{}",
        Kind::Tuple | Kind::ExpressionList => "()",
        Kind::Set | Kind::SetComprehension => "set()",
        Kind::String | Kind::ConcatenatedString if text.starts_with(['"', '\'', 'f']) => "\"\"",
        _ if text == "True" => return,
        _ => match values::of(walk, value) {
            Value::Integer => "0",
            Value::Bool if kind != Kind::Identifier => "True",
            _ => return,
        },
    };
    if text != empty && text != "''" {
        walk.replace(value, empty);
    }
}

/// The local variable that was assigned last among those that the returned value has no part of. A
/// returned name is left to VMI.
fn other_local<'t>(walk: &Walk<'t, '_>, value: Node<'t>) -> Option<String> {
    if GRAMMAR.kind(value) == Kind::Identifier || walk.scope().kind != ScopeKind::Function {
        return None;
    }
    let (text, holds) = (walk.text(value), values::of(walk, value));
    let fits = |other: &Binding<'_>| {
        !other.name.starts_with('_')
            && other.value != Value::Nothing
            && other.value.can_replace(holds)
            && !text.contains(other.name)
    };
    walk.scope().latest_bindings().find(fits).map(|other| other.name.to_owned())
}

fn decide_otherwise<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let [yes, condition, no] = children(node)[..] else { return };
    if walk.text(yes) == walk.text(no) || walk.text(node).contains('#') {
        return;
    }
    let operand = |value| match GRAMMAR.kind(value) {
        Kind::ConditionalExpression | Kind::Lambda => format!("({})", walk.text(value)),
        _ => walk.text(value).to_owned(),
    };
    let (yes, no) = (operand(yes), operand(no));
    walk.replace(node, format!("{no} if {} else {yes}", walk.text(condition)));
    walk.replace(node, yes);
    walk.replace(node, no);
}

fn swap_statements<'t>(walk: &mut Walk<'t, '_>, block: Node<'t>) {
    let scope = walk.scope();
    if scope.kind != ScopeKind::Function {
        return;
    }
    let constructor = scope.qualified.ends_with("__init__");
    let function = walk.parent().filter(|_| walk.parent_kind() == Kind::FunctionDefinition);
    let parameters = function.and_then(|function| walk.field(function, Field::Parameters));
    let parameters = parameters.map_or("", |parameters| walk.text(parameters));
    let mut known: HashSet<_> =
        parameters.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let statements = children(block);
    let mut effects = statements.iter().map(|statement| {
        let simple = GRAMMAR.kind(*statement) == Kind::ExpressionStatement;
        simple.then(|| Effects::of(walk, *statement)).flatten()
    });
    let mut swaps = Vec::new();
    let mut first = effects.next().flatten();
    for (pair, second) in statements.windows(2).zip(effects) {
        if let (Some(one), Some(two)) = (&first, &second) {
            let bound = |name: &&str| {
                let path = name.contains('.');
                (path && !constructor)
                    || known.contains(*name)
                    || scope.binding(name).is_some()
                    || !two.reads.contains(name)
            };
            if one.depend(two) && one.writes.iter().all(bound) {
                swaps.push([pair[0], pair[1]]);
            }
        }
        known.extend(first.iter().flat_map(|effects| effects.reads.iter().chain(&effects.writes)));
        first = second;
    }
    for [one, two] in swaps {
        let (first, second) = (walk.text(one), walk.text(two));
        let between = &walk.text[one.end_byte()..two.start_byte()];
        let swapped = format!("{second}{between}{first}");
        walk.propose(one, one.start_byte()..two.end_byte(), swapped);
    }
}
