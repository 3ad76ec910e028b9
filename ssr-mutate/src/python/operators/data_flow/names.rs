//! Another variable.

use tree_sitter::Node;

use crate::python::Rule;
use crate::python::grammar::{Field, Kind};
use crate::python::names::NameRole;
use crate::python::scope::{Binding, ScopeKind, Value};
use crate::python::walk::Walk;
use crate::{Difficulty, Family, Operator};

/// The most other names that VMI proposes for one use.
const MISUSES: usize = 2;

pub(in crate::python::operators) static RULES: &[Rule] = &[Rule {
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
            ("def f(a):\n    b = g(a)\n    return b\n", "def f(a):\n    b = g(a)\n    return a\n"),
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
}];

fn misuse_variable<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.role() != NameRole::Value || walk.scope().kind != ScopeKind::Function {
        return;
    }
    let Some(used) = walk.scope().binding(walk.text(node)) else { return };
    let target = assigned_name(walk);
    for other in misuses(walk, used, target) {
        walk.replace(node, other.to_owned());
    }
}

/// The names that are used by mistake in place of `used`, in an assignment to `target` if any.
pub(in crate::python) fn misuses<'t>(
    walk: &Walk<'t, '_>,
    used: Binding<'t>,
    target: Option<&str>,
) -> Vec<&'t str> {
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
    // If some names surely have the same kind of value, the others would only give type errors.
    let alike = |other: &&Binding<'_>| other.value == used.value;
    let count = if others.iter().any(|other| alike(&other)) { MISUSES } else { 1 };
    let mut best: Vec<_> = others.iter().filter(alike).collect();
    if best.is_empty() {
        best = others.iter().collect();
    }
    best.into_iter().take(count).map(|other| other.name).collect()
}

/// The target of the assignment whose whole right side is the node being entered. Using that name
/// would make the assignment have no effect.
pub(in crate::python) fn assigned_name<'t>(walk: &Walk<'t, '_>) -> Option<&'t str> {
    let (parent, kind) = walk.ancestor_node(0)?;
    (kind == Kind::Assignment).then(|| walk.field(parent, Field::Left))?.map(|left| walk.text(left))
}
