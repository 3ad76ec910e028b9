//! Missing elements, assignments and initial values.

use tree_sitter::Node;

use crate::python::Rule;
use crate::python::grammar::{Field, GRAMMAR, Kind, children, only_child};
use crate::python::guards::{self, Reach};
use crate::python::scope::{ScopeKind, Value};
use crate::python::walk::Walk;
use crate::python::{names, statements, values};
use crate::{Difficulty, Family, Operator};

pub(in crate::python::operators) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "ELR",
            version: 1,
            family: Family::DataFlow,
            difficulty: Difficulty::Medium,
            description: "Drop the first, the middle or the last of several elements of a list, a \
                          set, a dictionary or a tuple of alternatives",
            examples: &[
                ("x = [a, b, c]\n", "x = [a, c]\n"),
                ("x = {\n    a: 1,\n    b: 2,  # two\n}\n", "x = {\n    a: 1,  # two\n}\n"),
                ("x = {a, b}\n", "x = {b}\n"),
                ("ok = x in (a, b)\n", "ok = x in (a,)\n"),
                ("ok = x.startswith((a, b, c))\n", "ok = x.startswith((b, c))\n"),
                ("for x in (a, b, c):\n    f(x)\n", "for x in (a, b):\n    f(x)\n"),
            ],
            untouched: &[
                "x = [a]\n",
                "x = ([a, b], [c, d])\n",
                "x, y = (a, b)\n",
                "def f():\n    return (a, b)\n",
                "x = text % (a, b)\n",
                "[x, y] = z\n",
                "del [x, y]\n",
                "__all__ = [\"a\", \"b\"]\n",
                "ok = isinstance(x, (a, b))\n",
            ],
            structural: true,
        },
        kinds: &[Kind::List, Kind::Set, Kind::Dictionary, Kind::Tuple],
        find: drop_element,
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
    Rule {
        operator: Operator {
            id: "ASN",
            version: 1,
            family: Family::DataFlow,
            difficulty: Difficulty::Easy,
            description: "Give a variable or an attribute nothing, or the empty value of the kind \
                          that it seems to hold",
            examples: &[
                (
                    "def f(x):\n    y = g(x)\n    return y\n",
                    "def f(x):\n    y = None\n    return y\n",
                ),
                (
                    "def f(x):\n    n = len(x)\n    return n\n",
                    "def f(x):\n    n = 0\n    return n\n",
                ),
                (
                    "class A:\n    def __init__(self, xs):\n        self.xs = list(xs)\n",
                    "class A:\n    def __init__(self, xs):\n        self.xs = []\n",
                ),
                ("class A:\n    names = (\"a\", \"b\")\n", "class A:\n    names = ()\n"),
                (
                    "def f(x):\n    y = x > 3\n    return y\n",
                    "def f(x):\n    y = False\n    return y\n",
                ),
            ],
            untouched: &[
                "def f(x):\n    y = g(x)\n    return x\n",
                "def f(x):\n    y = None\n    z = 0\n    return y, z, []\n",
                "def f(x):\n    y = yield x\n    return y\n",
                "def f(x):\n    y, z = x\n    return y, z\n",
                "def f(x):\n    y = (z := x)\n    return y, z\n",
                "x = f()\n",
                "__slots__ = (\"a\", \"b\")\n",
            ],
            structural: false,
        },
        kinds: &[Kind::ExpressionStatement],
        find: assign_nothing,
    },
];

fn delete_assignment<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.scope().kind != ScopeKind::Function {
        return;
    }
    let Some(assignment) = only_child(node) else { return };
    let kind = GRAMMAR.kind(assignment);
    if !matches!(kind, Kind::Assignment | Kind::AugmentedAssignment) {
        return;
    }
    let (left, right) = (walk.field(assignment, Field::Left), walk.field(assignment, Field::Right));
    let (Some(left), Some(right)) = (left, right) else { return };
    // In a chain `a = b = c` the deletion would remove the assignment to `b` as well.
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
        // A constructor assigns the first value: other methods and files may read it.
        Kind::Attribute if kind == Kind::AugmentedAssignment || !in_constructor(walk) => {
            walk.propose(node, range, replacement);
        }
        _ => {}
    }
}

fn in_constructor(walk: &Walk<'_, '_>) -> bool {
    names::is_constructor(walk.scope().name)
}

fn drop_element<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (kind, parent) = (GRAMMAR.kind(node), walk.parent_kind());
    let row =
        matches!(kind, Kind::List | Kind::Tuple) && matches!(parent, Kind::List | Kind::Tuple);
    if row || parent == Kind::DeleteStatement || (kind == Kind::Tuple && !is_choice(walk, node)) {
        return;
    }
    let elements = children(node);
    let count = elements.len();
    let mut chosen = vec![0, count / 2, count.wrapping_sub(1)];
    chosen.dedup();
    for index in chosen.into_iter().filter(|_| count > 1) {
        let element = elements[index];
        if kind == Kind::Tuple && count == 2 {
            let left = walk.text(elements[1 - index]);
            walk.replace(node, format!("({left},)"));
            continue;
        }
        let range = match index.checked_sub(1) {
            Some(before) => elements[before].end_byte()..element.end_byte(),
            None => element.start_byte()..elements[1].start_byte(),
        };
        walk.propose(element, range, "");
    }
}

/// Whether the tuple is one to choose from, not a record whose length matters.
fn is_choice<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    let Some((parent, kind)) = walk.ancestor_node(0) else { return false };
    match kind {
        Kind::ComparisonOperator => {
            let before = walk.text[parent.start_byte()..node.start_byte()].trim_end();
            before.ends_with(" in")
        }
        Kind::ForStatement | Kind::ForInClause => {
            walk.field(parent, Field::Right).is_some_and(|right| right == node)
        }
        Kind::ArgumentList => {
            let call =
                walk.ancestor_node(1).and_then(|(call, _)| walk.field(call, Field::Function));
            let callee = call.map_or("", |function| walk.text(function));
            callee.ends_with(".startswith") || callee.ends_with(".endswith")
        }
        Kind::Assignment => {
            let left = walk.field(parent, Field::Left);
            walk.scope().kind != ScopeKind::Function
                && node.named_child_count() > 2
                && left.is_some_and(|left| GRAMMAR.kind(left) == Kind::Identifier)
        }
        _ => false,
    }
}

fn assign_nothing<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(assignment) = only_child(node) else { return };
    let kind = GRAMMAR.kind(assignment);
    if kind != Kind::Assignment || guards::reach(walk, assignment, kind) == Reach::Nothing {
        return;
    }
    let (left, right) = (walk.field(assignment, Field::Left), walk.field(assignment, Field::Right));
    let (Some(left), Some(right)) = (left, right) else { return };
    let text = walk.text(right);
    let binds = GRAMMAR.kind(right) == Kind::Assignment || text.contains(":=");
    if binds || text.contains("yield") {
        return;
    }
    let Some(nothing) = nothing_like(walk, right).filter(|nothing| *nothing != text) else {
        return;
    };
    match (walk.scope().kind, GRAMMAR.kind(left)) {
        (ScopeKind::Function, Kind::Identifier) => {
            walk.propose_if_read(walk.text(left), right, right.byte_range(), nothing);
        }
        (ScopeKind::Function, Kind::Attribute) => walk.replace(right, nothing),
        // Elsewhere `None` would only make the import of the module fail.
        (_, Kind::Identifier) if nothing != "None" => walk.replace(right, nothing),
        _ => {}
    }
}

/// The empty value that replaces the expression, unless another operator makes the same edit.
fn nothing_like<'t>(walk: &Walk<'t, '_>, right: Node<'t>) -> Option<&'static str> {
    let (kind, text) = (GRAMMAR.kind(right), walk.text(right));
    let tuple = matches!(kind, Kind::Tuple | Kind::ExpressionList) || text.starts_with("tuple(");
    let list = matches!(kind, Kind::List | Kind::ListComprehension | Kind::Call);
    match values::of(walk, right) {
        Value::Nothing => None,
        // CRP and BLR make these.
        Value::Integer if kind == Kind::Integer && matches!(text, "0" | "1" | "-1") => None,
        Value::Bool if matches!(kind, Kind::True | Kind::False) => None,
        Value::Integer => Some("0"),
        Value::Float if text == "0." => None,
        Value::Float => Some("0.0"),
        Value::Bool => Some("False"),
        Value::Text if matches!(text, "''" | "b''" | "b\"\"") => None,
        Value::Text if text.starts_with(['b', 'B']) && kind == Kind::String => Some("b\"\""),
        Value::Text => Some("\"\""),
        Value::Sequence if tuple => Some("()"),
        Value::Sequence if list => Some("[]"),
        Value::Mapping if kind == Kind::Dictionary || kind == Kind::DictionaryComprehension => {
            Some("{}")
        }
        Value::Sequence | Value::Mapping | Value::Unknown | Value::Function => Some("None"),
    }
}
