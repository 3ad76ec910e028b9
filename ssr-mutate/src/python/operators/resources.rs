//! Resources: `finally` clauses and the release of resources.

use tree_sitter::Node;

use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::walk::Walk;
use crate::python::{Rule, calls, statements};
use crate::{Difficulty, Family, Operator};

/// Methods that release a resource.
const RELEASES: &[&str] = &[
    "release",
    "close",
    "cleanup",
    "commit",
    "rollback",
    "shutdown",
    "disconnect",
    "terminate",
    "unlock",
    "flush",
    "rmtree",
];

/// Names of files: the interpreter closes a file when the last reference to it is dropped.
const FILES: &[&str] = &["f", "fp", "fd", "fh", "file", "infile", "outfile", "super()"];

/// Context managers that return themselves: without the `with` they work and stay open.
const OPENERS: &[&str] = &[
    "fdopen",
    "NamedTemporaryFile",
    "TemporaryFile",
    "SpooledTemporaryFile",
    "ZipFile",
    "TarFile",
    "socket",
    "create_connection",
    "connect",
    "Pool",
    "ThreadPoolExecutor",
    "ProcessPoolExecutor",
];

pub(super) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "FND",
            version: 1,
            family: Family::Exceptions,
            difficulty: Difficulty::Hard,
            description: "Forget what has to be done finally",
            examples: &[
                (
                    "try:\n    a()\nexcept B:\n    c()\nfinally:\n    d()\ne()\n",
                    "try:\n    a()\nexcept B:\n    c()\ne()\n",
                ),
                (
                    "with a:\n    try:\n        b()\n        # c\n        c()\n    finally:\n        d()\n",
                    "with a:\n    b()\n    # c\n    c()\n",
                ),
            ],
            untouched: &[
                "try:\n    a()\nexcept B:\n    c()\n",
                "try:\n    a()\nfinally:\n    pass\n",
            ],
            structural: true,
        },
        kinds: &[Kind::TryStatement],
        find: delete_finally,
    },
    Rule {
        operator: Operator {
            id: "RLK",
            version: 1,
            family: Family::Exceptions,
            difficulty: Difficulty::Hard,
            description: "Do not give back a lock, a connection, a transaction or a temporary file",
            examples: &[
                (
                    "def f(self):\n    self.lock.acquire()\n    g()\n    self.lock.release()\n",
                    "def f(self):\n    self.lock.acquire()\n    g()\n",
                ),
                (
                    "def f():\n    with a.connect(b) as c:\n        d(c)\n        return c\n",
                    "def f():\n    c = a.connect(b)\n    d(c)\n    return c\n",
                ),
                (
                    "with open(a, \"w\") as b: b.write(c); d()\n",
                    "b = open(a, \"w\")\nb.write(c); d()\n",
                ),
            ],
            untouched: &[
                "f.close()\n",
                "super().close()\n",
                "x = connection.close()\n",
                "with open(a) as b:\n    c(b)\n",
                "with lock:\n    a()\n",
                "with connect(a) as b, c:\n    d()\n",
                "async def f():\n    async with connect(a) as b:\n        d()\n",
            ],
            structural: true,
        },
        kinds: &[Kind::ExpressionStatement, Kind::WithStatement],
        find: keep_resource,
    },
];

fn delete_finally<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let clauses = children(node);
    let Some(last) = clauses.last().filter(|c| GRAMMAR.kind(**c) == Kind::FinallyClause) else {
        return;
    };
    let body = children(*last).last().map(|body| children(*body)).unwrap_or_default();
    let felt = body.iter().find(|statement| !statements::is_idle(walk, **statement));
    let Some(felt) = felt.copied() else { return };
    if clauses.iter().any(|clause| GRAMMAR.kind(*clause) == Kind::ExceptClause) {
        if let Some(lines) = statements::clause_deletion(walk, *last) {
            walk.propose(felt, lines, "");
        }
    } else if let Some(body) = walk.field(node, Field::Body)
        && let Some((range, text)) = statements::unwrapping(walk, node, &[body])
    {
        walk.propose(felt, range, text);
    }
}

fn keep_resource<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if GRAMMAR.kind(node) == Kind::WithStatement {
        return keep_open(walk, node);
    }
    let Some(call) = node.named_child(0).filter(|call| GRAMMAR.kind(*call) == Kind::Call) else {
        return;
    };
    let releases = calls::name(walk, call).is_some_and(|name| RELEASES.contains(&name));
    let receiver = calls::receiver_name(walk, call);
    if releases && !receiver.is_empty() && !FILES.contains(&receiver) {
        let (range, replacement) = statements::deletion(walk, node);
        walk.propose(node, range, replacement);
    }
}

/// `with connect(a) as b: c` → `b = connect(a); c`.
fn keep_open<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some((manager, target)) = only_item(walk, node) else { return };
    let opens = match calls::name(walk, manager) {
        Some("open") => opens_to_write(walk, manager),
        Some(name) => OPENERS.contains(&name),
        None => false,
    };
    let (Some(body), Some(indent)) =
        (walk.field(node, Field::Body), statements::indent(walk.text, node))
    else {
        return;
    };
    if !opens {
        return;
    }
    if let Some((range, text)) = statements::unwrapping(walk, node, &[body]) {
        let (manager, target) = (walk.text(manager), walk.text(target));
        let ending = statements::line_ending(walk.text);
        walk.propose(node, range, format!("{indent}{target} = {manager}{ending}{text}"));
    }
}

/// The call and the target of `with call as target`.
fn only_item<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Option<(Node<'t>, Node<'t>)> {
    let clause = *children(node).first()?;
    let [item] = children(clause)[..] else { return None };
    let value = walk.field(item, Field::Value)?;
    let [manager, target] = children(value)[..] else { return None };
    let call = GRAMMAR.kind(value) == Kind::AsPattern && GRAMMAR.kind(manager) == Kind::Call;
    (call && walk.text(node).starts_with("with")).then_some((manager, target))
}

/// Whether the mode of the call of `open` is one to write.
fn opens_to_write<'t>(walk: &Walk<'t, '_>, call: Node<'t>) -> bool {
    let is_mode = |argument: &Node<'t>| match GRAMMAR.kind(*argument) {
        Kind::String => true,
        Kind::KeywordArgument => walk.text(*argument).starts_with("mode"),
        _ => false,
    };
    let mut arguments = calls::arguments(walk, call).into_iter().skip(1);
    let mode = arguments.find(is_mode).map_or("", |mode| walk.text(mode));
    mode.contains(['w', 'a', 'x', '+'])
}
