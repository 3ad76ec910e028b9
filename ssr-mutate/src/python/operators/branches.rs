//! The branches of `if`, `match`, `try` and loops.

use tree_sitter::Node;

use crate::python::Rule;
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::statements;
use crate::python::walk::Walk;
use crate::{Difficulty, Family, Operator};

pub(super) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "IFD",
            version: 1,
            family: Family::ControlFlow,
            difficulty: Difficulty::Medium,
            description: "Delete an `if` that has no `elif` or `else`",
            examples: &[
                (
                    "def f(x):\n    if x is None:\n        x = 1\n    return x\n",
                    "def f(x):\n    return x\n",
                ),
                ("def f(x):\n    if x:\n        g()\n", "def f(x):\n    pass\n"),
            ],
            untouched: &["if a:\n    b()\nelse:\n    c()\n", "if TYPE_CHECKING:\n    import a\n"],
            structural: true,
        },
        kinds: &[Kind::IfStatement],
        find: delete_if,
    },
    Rule {
        operator: Operator {
            id: "GRD",
            version: 1,
            family: Family::ControlFlow,
            difficulty: Difficulty::Medium,
            description: "Do what a guard guards in any case: `if c: b` → `b`",
            examples: &[
                (
                    "def f(x):\n    if x is None:\n        x = 1\n        g(x)\n    return x\n",
                    "def f(x):\n    x = 1\n    g(x)\n    return x\n",
                ),
                ("if a: b(); c()\n", "b(); c()\n"),
                (
                    "while a:\n\tif b:  # why\n\t\t# what\n\t\tc = \"\"\"\n\t\tc\"\"\"\n\n\t\tf(c,\n\t\t  d)\n\te()\n",
                    "while a:\n\t# what\n\tc = \"\"\"\n\t\tc\"\"\"\n\n\tf(c,\n\t  d)\n\te()\n",
                ),
                (
                    "if a:\r\n    if b:\r\n        c()\r\n        d()\r\n",
                    "if a:\r\n    c()\r\n    d()\r\n",
                ),
            ],
            untouched: &[
                "if a:\n    b()\nelse:\n    c()\n",
                "if True:\n    b()\n",
                "if TYPE_CHECKING:\n    import a\n",
            ],
            structural: true,
        },
        kinds: &[Kind::IfStatement],
        find: unwrap_guard,
    },
    Rule {
        operator: Operator {
            id: "IFS",
            version: 1,
            family: Family::ControlFlow,
            difficulty: Difficulty::Easy,
            description: "Exchange the `else` branch and the branch before it",
            examples: &[
                (
                    "if a:\n    b()\n    c()\nelse:\n    # d\n    d()\n",
                    "if a:\n    # d\n    d()\nelse:\n    b()\n    c()\n",
                ),
                (
                    "if a:\n    b()\nelif c:\n  d()\nelse:  # e\n      e()  # f\n",
                    "if a:\n    b()\nelif c:\n  e()  # f\nelse:  # e\n      d()\n",
                ),
                ("if a: b(); c()\nelse: d()\n", "if a: d()\nelse: b(); c()\n"),
            ],
            untouched: &[
                "if a:\n    b()\n",
                "if a:\n    b()\nelse:\n    b()\n",
                "if a: b()\nelse:\n    c()\n",
                "for a in b:\n    c()\nelse:\n    d()\n",
            ],
            structural: true,
        },
        kinds: &[Kind::IfStatement],
        find: exchange_branches,
    },
    Rule {
        operator: Operator {
            id: "ELD",
            version: 1,
            family: Family::ControlFlow,
            difficulty: Difficulty::Medium,
            description: "Delete one `elif`, `else` or `case`",
            examples: &[
                ("if a:\n    b()\nelse:\n    c()\nd()\n", "if a:\n    b()\nd()\n"),
                (
                    "if a:\n    b()\nelif c: d()  # e\nelse:\n    e()\n",
                    "if a:\n    b()\nelse:\n    e()\n",
                ),
                (
                    "for a in b:\n    c(a)\nelse:\n    d = \"\"\"\nd\"\"\"\n",
                    "for a in b:\n    c(a)\n",
                ),
                (
                    "match a:\n    case 1:\n        b()\n    case _:\n        c()\n",
                    "match a:\n    case 1:\n        b()\n",
                ),
                (
                    "match a:\n    case 1:\n        b()\n    case _:\n        c()\n",
                    "match a:\n    case _:\n        c()\n",
                ),
            ],
            untouched: &[
                "if a:\n    b()\n",
                "if a:\n    b()\nelse:\n    pass\n",
                "match a:\n    case 1:\n        b()\n",
                "x = a if b else c\n",
            ],
            structural: true,
        },
        kinds: &[Kind::ElifClause, Kind::ElseClause, Kind::CaseClause],
        find: delete_branch,
    },
];

fn delete_if<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let body = walk.field(node, Field::Consequence);
    if let (Some(body), None) = (body, walk.field(node, Field::Alternative)) {
        let (range, replacement) = statements::deletion(walk, node);
        walk.propose(statements::first(body), range, replacement);
    }
}

fn unwrap_guard<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let always = |condition| matches!(walk.text(condition), "True" | "1");
    if walk.field(node, Field::Alternative).is_some()
        || walk.field(node, Field::Condition).is_none_or(always)
    {
        return;
    }
    let Some(body) = walk.field(node, Field::Consequence) else { return };
    if let Some((range, text)) = statements::unwrapping(walk, node, &[body]) {
        walk.propose(node, range, text);
    }
}

fn exchange_branches<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let branches = children(node);
    let [.., before, last] = branches[..] else { return };
    if GRAMMAR.kind(last) != Kind::ElseClause {
        return;
    }
    let before = match GRAMMAR.kind(before) {
        Kind::ElifClause => walk.field(before, Field::Consequence),
        _ => walk.field(node, Field::Consequence),
    };
    let (Some(before), Some(last)) = (before, walk.field(last, Field::Body)) else { return };
    if walk.text(before) == walk.text(last) {
        return;
    }
    if let Some((range, text)) = statements::exchange(walk, [before, last]) {
        walk.propose(before, range, text);
    }
}

fn delete_branch<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let body = walk.field(node, Field::Body).or_else(|| walk.field(node, Field::Consequence));
    let idle = |body: &Node<'t>| matches!(walk.text(*body).trim(), "pass" | "...");
    let Some(body) = body.filter(|body| !idle(body)) else { return };
    // A `match` needs a `case`.
    if GRAMMAR.kind(node) == Kind::CaseClause && walk.siblings() < 2 {
        return;
    }
    if let Some(lines) = statements::clause_deletion(walk, node) {
        walk.propose(statements::first(body), lines, "");
    }
}
