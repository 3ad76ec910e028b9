//! Exceptions: raising, catching and handling them.

use tree_sitter::Node;

use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::walk::Walk;
use crate::python::{Rule, statements};
use crate::{Difficulty, Family, Operator};

/// Exceptions with the ones that they include.
const INCLUDED: &[(&str, &[&str])] = &[
    ("Exception", &[]),
    ("BaseException", &[]),
    (
        "OSError",
        &[
            "IOError",
            "EnvironmentError",
            "FileNotFoundError",
            "PermissionError",
            "FileExistsError",
            "ConnectionError",
            "TimeoutError",
        ],
    ),
    ("IOError", &["OSError", "EnvironmentError"]),
    ("EnvironmentError", &["OSError", "IOError"]),
    ("LookupError", &["KeyError", "IndexError"]),
    ("ArithmeticError", &["ZeroDivisionError", "OverflowError"]),
    (
        "ValueError",
        &["UnicodeError", "UnicodeDecodeError", "UnicodeEncodeError", "JSONDecodeError"],
    ),
    ("ImportError", &["ModuleNotFoundError"]),
    ("RuntimeError", &["NotImplementedError", "RecursionError"]),
];

pub(super) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "EXW",
            version: 1,
            family: Family::Exceptions,
            difficulty: Difficulty::Hard,
            description: "Catch too much: `except KeyError` → `except Exception`",
            examples: &[
                (
                    "try:\n    a()\nexcept KeyError:\n    b()\n",
                    "try:\n    a()\nexcept Exception:\n    b()\n",
                ),
                (
                    "try:\n    a()\nexcept(KeyError, c.D)as e:\n    b()\n",
                    "try:\n    a()\nexcept Exception as e:\n    b()\n",
                ),
            ],
            untouched: &[
                "try:\n    a()\nexcept Exception:\n    b()\n",
                "try:\n    a()\nexcept:\n    b()\n",
                "try:\n    a()\nexcept KeyError:\n    raise\n",
                "try:\n    import a\nexcept ImportError:\n    a = None\n",
            ],
            structural: false,
        },
        kinds: &[Kind::TryStatement],
        find: widen_handlers,
    },
    Rule {
        operator: Operator {
            id: "EXN",
            version: 1,
            family: Family::Exceptions,
            difficulty: Difficulty::Medium,
            description: "Forget one of the exceptions that are caught: `except (A, B)` → \
                          `except A`",
            examples: &[
                (
                    "try:\n    a()\nexcept (KeyError, c.D):\n    b()\n",
                    "try:\n    a()\nexcept c.D:\n    b()\n",
                ),
                (
                    "try:\n    a()\nexcept(A, B, C)as e:\n    b()\n",
                    "try:\n    a()\nexcept(A, C)as e:\n    b()\n",
                ),
            ],
            untouched: &[
                "try:\n    a()\nexcept A:\n    b()\n",
                "try:\n    a()\nexcept (*A, *B):\n    b()\n",
                "try:\n    import a\nexcept (A, B):\n    a = None\n",
            ],
            structural: false,
        },
        kinds: &[Kind::TryStatement],
        find: narrow_handlers,
    },
    Rule {
        operator: Operator {
            id: "EXS",
            version: 1,
            family: Family::Exceptions,
            difficulty: Difficulty::Medium,
            description: "Catch an exception and do nothing about it",
            examples: &[
                (
                    "try:\n    a()\nexcept B as b:\n    # why\n    c(b)\n    raise D from b\nelse:\n    e()\n",
                    "try:\n    a()\nexcept B as b:\n    # why\n    pass\nelse:\n    e()\n",
                ),
                ("try: a()\nexcept B: c(); d()\n", "try: a()\nexcept B: pass\n"),
            ],
            untouched: &[
                "try:\n    a()\nexcept B:\n    pass\n",
                "try:\n    a()\nexcept B:\n    logger.debug(\"b\")\n",
                "try:\n    import a\nexcept ImportError:\n    a = None\n",
            ],
            structural: true,
        },
        kinds: &[Kind::TryStatement],
        find: silence_handlers,
    },
    Rule {
        operator: Operator {
            id: "TRU",
            version: 1,
            family: Family::Exceptions,
            difficulty: Difficulty::Medium,
            description: "Do not catch: the bodies of `try`, `else` and `finally` one after the \
                          other",
            examples: &[
                (
                    "def f():\n    try:\n        a()  # a\n    except B:\n        c()\n    d()\n",
                    "def f():\n    a()  # a\n    d()\n",
                ),
                (
                    "try:\n\ta(\"\"\"\n\t\"\"\")\n\tb()\nexcept C: pass\nelse:\n\td()\nfinally: e()\n",
                    "a(\"\"\"\n\t\"\"\")\nb()\nd()\ne()\n",
                ),
            ],
            untouched: &[
                "try:\n    a()\nfinally:\n    b()\n",
                "try:\n    import a\nexcept ImportError:\n    a = None\n",
            ],
            structural: true,
        },
        kinds: &[Kind::TryStatement],
        find: unwrap_try,
    },
    Rule {
        operator: Operator {
            id: "RSD",
            version: 1,
            family: Family::Exceptions,
            difficulty: Difficulty::Medium,
            description: "Do not raise",
            examples: &[
                (
                    "def f(x):\n    if x < 0:\n        raise ValueError(\n            \"x\")\n    return x\n",
                    "def f(x):\n    if x < 0:\n        pass\n    return x\n",
                ),
                (
                    "try:\n    a()\nexcept B:\n    c()\n    raise\n",
                    "try:\n    a()\nexcept B:\n    c()\n",
                ),
                ("if a: raise B\n", "if a: pass\n"),
            ],
            untouched: &[
                "def f(self):\n    raise NotImplementedError(\"f\")\n",
                "def f(self):\n    raise AssertionError\n",
            ],
            structural: true,
        },
        kinds: &[Kind::RaiseStatement],
        find: delete_raise,
    },
];

/// The `except` clauses with their bodies. None where an import is tried: there the handlers run
/// only where the import fails.
pub(in crate::python) fn handlers<'t>(
    walk: &Walk<'t, '_>,
    statement: Node<'t>,
) -> Vec<(Node<'t>, Node<'t>)> {
    let import = |kind| matches!(kind, Kind::ImportStatement | Kind::ImportFromStatement);
    let body = walk.field(statement, Field::Body).map(children).unwrap_or_default();
    if body.iter().any(|tried| import(GRAMMAR.kind(*tried))) {
        return Vec::new();
    }
    let handler = |clause: Node<'t>| {
        let body = *children(clause).last()?;
        let whole = GRAMMAR.kind(clause) == Kind::ExceptClause;
        (whole && GRAMMAR.kind(body) == Kind::Block).then_some((clause, body))
    };
    children(statement).into_iter().filter_map(handler).collect()
}

/// The exception, or the tuple of them, that the clause catches.
pub(in crate::python) fn caught<'t>(walk: &Walk<'t, '_>, clause: Node<'t>) -> Option<Node<'t>> {
    let value = walk.field(clause, Field::Value)?;
    match GRAMMAR.kind(value) {
        Kind::AsPattern => value.named_child(0),
        _ => Some(value),
    }
}

fn widen_handlers<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    for (clause, body) in handlers(walk, node) {
        let Some(value) = caught(walk, clause) else { continue };
        // A handler that only raises again has no effect.
        let wide = walk.text(value).contains("Exception");
        if !wide && walk.text(body).trim() != "raise" {
            walk.replace(value, "Exception");
        }
    }
}

fn narrow_handlers<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    for (clause, _) in handlers(walk, node) {
        let Some(value) = caught(walk, clause) else { continue };
        let types = children(value);
        let named = |kind| matches!(GRAMMAR.kind(kind), Kind::Identifier | Kind::Attribute);
        if GRAMMAR.kind(value) != Kind::Tuple || types.len() < 2 || !types.iter().all(|t| named(*t))
        {
            continue;
        }
        let types: Vec<_> = types.into_iter().map(|kind| walk.text(kind)).collect();
        for (index, dropped) in types.iter().enumerate() {
            let mut left = types.clone();
            left.remove(index);
            if left.iter().any(|base| includes(base, dropped)) {
                continue;
            }
            match left[..] {
                [only] => walk.replace(value, only.to_owned()),
                _ => walk.replace(value, format!("({})", left.join(", "))),
            }
        }
    }
}

fn includes(base: &str, exception: &str) -> bool {
    let exceptions = INCLUDED.iter().find(|(name, _)| *name == base);
    let any = matches!(base, "Exception" | "BaseException");
    any || base == exception || exceptions.is_some_and(|(_, parts)| parts.contains(&exception))
}

fn silence_handlers<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    for (_, body) in handlers(walk, node) {
        let statements = children(body);
        let (Some(first), Some(last)) = (statements.first(), statements.last()) else { continue };
        let idle = |statement: &Node<'t>| statements::is_idle(walk, *statement);
        if !statements.iter().all(idle) {
            walk.propose(*first, first.start_byte()..last.end_byte(), "pass");
        }
    }
}

fn unwrap_try<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(&(_, handler)) = handlers(walk, node).first() else { return };
    let block = |clause: Node<'t>| match GRAMMAR.kind(clause) {
        Kind::Block => Some(clause),
        Kind::ElseClause | Kind::FinallyClause => children(clause).last().copied(),
        _ => None,
    };
    let blocks: Vec<_> = children(node).into_iter().filter_map(block).collect();
    if let Some((range, text)) = statements::unwrapping(walk, node, &blocks) {
        walk.propose(statements::first(handler), range, text);
    }
}

fn delete_raise<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    // They mark code that is never reached, so no test reaches it.
    let raised = node.named_child(0).map_or("", |raised| walk.text(raised));
    if !raised.starts_with("NotImplementedError") && !raised.starts_with("AssertionError") {
        let (range, replacement) = statements::deletion(walk, node);
        walk.propose(node, range, replacement);
    }
}
