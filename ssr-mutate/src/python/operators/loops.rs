//! Loops.

use tree_sitter::Node;

use crate::python::Rule;
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::scope::Value;
use crate::python::walk::Walk;
use crate::python::{statements, values};
use crate::{Difficulty, Family, Operator};

/// Infinite iterators, which end only when the loop is left.
const ENDLESS: &[&str] = &["count(", "cycle(", "repeat(", "iter("];

pub(super) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "BCS",
            version: 2,
            family: Family::ControlFlow,
            difficulty: Difficulty::Medium,
            description: "Exchange `break` and `continue`, except where the loop would never end",
            examples: &[
                (
                    "for x in xs:\n    if x:\n        break\n",
                    "for x in xs:\n    if x:\n        continue\n",
                ),
                (
                    "while True:\n    if a():\n        continue\n    b()\n",
                    "while True:\n    if a():\n        break\n    b()\n",
                ),
            ],
            untouched: &[
                "while True:\n    if a():\n        break\n",
                "for i in itertools.count():\n    if a(i):\n        break\n",
            ],
            structural: false,
        },
        kinds: &[Kind::BreakStatement, Kind::ContinueStatement],
        find: exchange_jump,
    },
    Rule {
        operator: Operator {
            id: "ZIL",
            version: 1,
            family: Family::ControlFlow,
            difficulty: Difficulty::Easy,
            description: "Loop over nothing: `for x in xs` → `for x in []`",
            examples: &[
                ("for x in xs:\n    f(x)\n", "for x in []:\n    f(x)\n"),
                ("for x in a, b:\n    f(x)\n", "for x in []:\n    f(x)\n"),
                (
                    "ys = {y for x in xs() for y in(x)if y}\n",
                    "ys = {y for x in [] for y in(x)if y}\n",
                ),
                (
                    "ys = {y for x in xs() for y in(x)if y}\n",
                    "ys = {y for x in xs() for y in[]if y}\n",
                ),
            ],
            untouched: &[
                "for x in []:\n    f(x)\n",
                "async def f():\n    async for x in xs:\n        g(x)\n",
                "async def f():\n    return [x async for x in xs]\n",
            ],
            structural: false,
        },
        kinds: &[Kind::ForStatement, Kind::ForInClause],
        find: loop_over_nothing,
    },
    Rule {
        operator: Operator {
            id: "OIL",
            version: 1,
            family: Family::ControlFlow,
            difficulty: Difficulty::Medium,
            description: "Stop after the first round of a loop, or skip the first item of a \
                          sequence",
            examples: &[
                ("for x in xs():\n    f(x)\n", "for x in xs():\n    f(x)\n    break\n"),
                ("while a: f(); g()  # h\n", "while a: f(); g(); break  # h\n"),
                (
                    "while a:\r\n\tif b:\r\n\t\tc()  # d\r\nelse:\r\n\td()\r\n",
                    "while a:\r\n\tif b:\r\n\t\tc()  # d\r\n\tbreak\r\nelse:\r\n\td()\r\n",
                ),
                ("for x in sorted(xs):\n    f(x)\n", "for x in sorted(xs)[1:]:\n    f(x)\n"),
                ("for a in b():\n    c(a)", "for a in b():\n    c(a)\n    break"),
            ],
            untouched: &[
                "for x in xs():\n    f(x)\n    break\n",
                "for x in xs():\n    if x:\n        continue\n    return x\n",
                "while a:\n    raise B\n",
            ],
            structural: true,
        },
        kinds: &[Kind::ForStatement, Kind::WhileStatement],
        find: leave_out_rounds,
    },
];

fn exchange_jump<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let mut ancestors = (0..).map_while(|depth| walk.ancestor_node(depth));
    let innermost =
        ancestors.find(|(_, kind)| matches!(kind, Kind::WhileStatement | Kind::ForStatement));
    let Some((parent, _)) = innermost else { return };
    if GRAMMAR.kind(node) == Kind::ContinueStatement {
        return walk.replace(node, "break");
    }
    let always = |condition| matches!(walk.text(condition), "True" | "1");
    let goes_on = |items| ENDLESS.iter().any(|endless| walk.text(items).contains(endless));
    let endless = walk.field(parent, Field::Condition).is_some_and(always)
        || walk.field(parent, Field::Right).is_some_and(goes_on);
    if !endless {
        walk.replace(node, "continue");
    }
}

fn loop_over_nothing<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(items) = walk.field(node, Field::Right) else { return };
    let empty = matches!(walk.text(items), "()" | "{}" | "\"\"" | "''");
    if !empty && !walk.text(node).starts_with("async") {
        walk.replace(items, "[]");
    }
}

fn leave_out_rounds<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if let Some(items) = walk.field(node, Field::Right)
        && matches!(GRAMMAR.kind(items), Kind::Identifier | Kind::Call | Kind::List)
        && values::of(walk, items) == Value::Sequence
        && !walk.text(node).starts_with("async")
        && !walk.text(items).starts_with("it")
    {
        walk.replace(items, format!("{}[1:]", walk.text(items)));
    }
    let Some(body) = walk.field(node, Field::Body) else { return };
    let ends = |last: &Node<'t>| {
        matches!(
            GRAMMAR.kind(*last),
            Kind::BreakStatement
                | Kind::ContinueStatement
                | Kind::ReturnStatement
                | Kind::RaiseStatement
        )
    };
    if children(body).last().is_none_or(ends) {
        return;
    }
    if let Some((range, text)) = statements::addition(walk, body, "break") {
        walk.propose(node, range, text);
    }
}
