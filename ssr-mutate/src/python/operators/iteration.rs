//! Iteration and comprehensions.

use tree_sitter::Node;

use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::walk::Walk;
use crate::python::{Rule, calls};
use crate::{Difficulty, Family, Operator};

/// Names of objects with a method `get` that are not mappings.
const CLIENTS: &[&str] =
    &["session", "client", "requests", "http", "api", "queue", "q", "objects", "router", "app"];

pub(super) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "CFD",
            version: 1,
            family: Family::Iteration,
            difficulty: Difficulty::Medium,
            description: "Drop or negate the filter of a comprehension. A negation that ROR, MNR \
                          or NOD makes is left to them",
            examples: &[
                ("ys = [f(x) for x in xs if g(x)]\n", "ys = [f(x) for x in xs]\n"),
                ("ys = {x for x in xs if g(x)}\n", "ys = {x for x in xs if not g(x)}\n"),
                (
                    "ys = f(x for x in xs  # a\n       if x if x or y)\n",
                    "ys = f(x for x in xs  # a\n       if x)\n",
                ),
                (
                    "ys = {x: y for x in xs if x or y}\n",
                    "ys = {x: y for x in xs if not (x or y)}\n",
                ),
            ],
            untouched: &[
                "ys = [x for x in xs]\n",
                "ys = [y for x in xs if (y := f(x))]\n",
                "match x:\n    case y if z:\n        f()\n",
                "x = a if b else c\n",
            ],
            structural: false,
        },
        kinds: &[Kind::IfClause],
        find: change_filter,
    },
    Rule {
        operator: Operator {
            id: "GDI",
            version: 1,
            family: Family::Iteration,
            difficulty: Difficulty::Medium,
            description: "Read a mapping or count in another way: `d.get(k, v)` → `d[k]`, keys ↔ \
                          values, items → keys, `enumerate(xs)` ↔ `enumerate(xs, 1)`",
            examples: &[
                ("x = d.get(k, 0)\n", "x = d[k]\n"),
                ("x = self.d.get(k)\n", "x = self.d[k]\n"),
                ("x = d.pop((a, b), None)\n", "x = d.pop((a, b))\n"),
                ("for x in d.keys():\n    f(x)\n", "for x in d.values():\n    f(x)\n"),
                ("xs = sorted(d.items())\n", "xs = sorted(d.keys())\n"),
                (
                    "for i, x in enumerate(xs):\n    f(i)\n",
                    "for i, x in enumerate(xs, 1):\n    f(i)\n",
                ),
                ("xs = enumerate(xs, 1)\n", "xs = enumerate(xs)\n"),
            ],
            untouched: &[
                "x = session.get(url)\n",
                "x = model.objects.get(pk=1)\n",
                "x = d.get(*k)\n",
                "x = queue.get(True, 1)\n",
                "for k, v in d.items():\n    f(k, v)\n",
                "xs = [k for k, v in d.items()]\n",
                "x = a.keys\n",
                "x = a.pop()\n",
            ],
            structural: true,
        },
        kinds: &[Kind::Call],
        find: read_otherwise,
    },
    Rule {
        operator: Operator {
            id: "FNS",
            version: 1,
            family: Family::Iteration,
            difficulty: Difficulty::Medium,
            description: "Call the opposite function: min ↔ max, any ↔ all, ceil ↔ floor, `sorted` \
                          → `list`",
            examples: &[
                ("x = min(a, b)\n", "x = max(a, b)\n"),
                ("ok = all(x for x in xs)\n", "ok = any(x for x in xs)\n"),
                ("n = math.ceil(x)\n", "n = math.floor(x)\n"),
                ("xs = sorted(f(ys), key=g)\n", "xs = list(f(ys))\n"),
                ("xs = sorted(x for x in xs)\n", "xs = list(x for x in xs)\n"),
                ("x = np.any(a)\n", "x = np.all(a)\n"),
            ],
            untouched: &[
                "n = ceil(x)\n",
                "xs = model.objects.all()\n",
                "f = min\n",
                "xs = sorted(*ys)\n",
                "x = self.min(a)\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Call],
        find: call_opposite,
    },
];

fn change_filter<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let comprehension = matches!(
        walk.parent_kind(),
        Kind::ListComprehension
            | Kind::SetComprehension
            | Kind::DictionaryComprehension
            | Kind::GeneratorExpression
    );
    let Some(parent) = walk.parent().filter(|_| comprehension) else { return };
    let Some(condition) = node.named_child(0) else { return };
    let text = walk.text(condition);
    // The comprehension may use a name that the filter binds.
    if text.contains(":=") {
        return;
    }
    let before = children(parent).into_iter().take_while(|clause| *clause != node).last();
    if let Some(before) = before {
        // Without the blanks before it; a comment there stays on its line.
        let gap = &walk.text[before.end_byte()..node.start_byte()];
        let blanks = gap.len() - gap.trim_end().len();
        let kept = if gap.contains('#') { 0 } else { blanks };
        walk.propose(node, node.start_byte() - kept..node.end_byte(), "");
    }
    match GRAMMAR.kind(condition) {
        Kind::NotOperator => {}
        Kind::ComparisonOperator if children(condition).len() == 2 => {}
        Kind::Identifier
        | Kind::Attribute
        | Kind::Call
        | Kind::Subscript
        | Kind::ParenthesizedExpression => walk.replace(condition, format!("not {text}")),
        _ => walk.replace(condition, format!("not ({text})")),
    }
}

fn read_otherwise<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(name) = calls::name_node(walk, node) else { return };
    let Some(arguments) = calls::positional(walk, node) else { return };
    let receiver = calls::receiver(walk, node);
    match (walk.text(name), receiver, &arguments[..]) {
        ("get", Some(object), [key] | [key, _]) => {
            let client = CLIENTS.contains(&calls::receiver_name(walk, node));
            if !client && walk.parent_kind() != Kind::Await {
                walk.replace(node, format!("{}[{}]", walk.text(object), walk.text(*key)));
            }
        }
        ("pop", Some(_), [key, default]) | ("enumerate", None, [key, default]) => {
            walk.propose(node, key.end_byte()..default.end_byte(), "");
        }
        ("enumerate", None, [items]) => {
            walk.propose(node, items.end_byte()..items.end_byte(), ", 1");
        }
        ("keys", Some(_), []) => walk.replace(name, "values"),
        ("values", Some(_), []) => walk.replace(name, "keys"),
        ("items", Some(_), []) if !is_taken_apart(walk) => walk.replace(name, "keys"),
        _ => {}
    }
}

/// Whether the call being entered gives pairs to a loop.
fn is_taken_apart(walk: &Walk<'_, '_>) -> bool {
    let Some((parent, kind)) = walk.ancestor_node(0) else { return false };
    let name = |left| GRAMMAR.kind(left) == Kind::Identifier;
    matches!(kind, Kind::ForStatement | Kind::ForInClause)
        && !walk.field(parent, Field::Left).is_some_and(name)
}

fn call_opposite<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(name) = calls::name_node(walk, node) else { return };
    let module = calls::receiver(walk, node).map(|receiver| walk.text(receiver));
    let numeric = matches!(module, Some("np" | "numpy"));
    let opposite = match walk.text(name) {
        "min" if module.is_none() || numeric => "max",
        "max" if module.is_none() || numeric => "min",
        "any" if module.is_none() || numeric => "all",
        "all" if module.is_none() || numeric => "any",
        "ceil" if numeric || module == Some("math") => "floor",
        "floor" if numeric || module == Some("math") => "ceil",
        "sorted" if module.is_none() => return unsorted(walk, node),
        _ => return,
    };
    walk.replace(name, opposite);
}

/// `sorted(xs, key=f)` → `list(xs)`.
fn unsorted<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(list) = walk.field(node, Field::Arguments) else { return };
    if GRAMMAR.kind(list) == Kind::GeneratorExpression {
        return walk.replace(node, format!("list{}", walk.text(list)));
    }
    let first = calls::arguments(walk, node).first().copied();
    let plain =
        |kind| !matches!(kind, Kind::KeywordArgument | Kind::ListSplat | Kind::DictionarySplat);
    if let Some(items) = first.filter(|items| plain(GRAMMAR.kind(*items))) {
        walk.replace(node, format!("list({})", walk.text(items)));
    }
}
