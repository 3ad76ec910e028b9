//! Threads, locks and async code.

use tree_sitter::Node;

use crate::python::Rule;
use crate::python::calls;
use crate::python::grammar::{Field, GRAMMAR, Kind, children, only_child};
use crate::python::statements;
use crate::python::survey::is_lock;
use crate::python::walk::Walk;
use crate::{Difficulty, Family, Operator};

/// Words in the names of objects that code waits for.
const WORKERS: &[&str] = &[
    "thread", "proc", "worker", "queue", "pool", "task", "future", "fut", "job", "executor",
    "event", "child", "barrier", "server", "done", "ready",
];

pub(super) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "AWD",
            version: 1,
            family: Family::Concurrency,
            difficulty: Difficulty::Medium,
            description: "Drop an `await`",
            examples: &[
                (
                    "async def f(x):\n    return (await g(x)).y\n",
                    "async def f(x):\n    return (g(x)).y\n",
                ),
                ("async def f(x):\n    await g(x)\n", "async def f(x):\n    g(x)\n"),
            ],
            untouched: &["async def f():\n    await asyncio.sleep(0)\n"],
            structural: false,
        },
        kinds: &[Kind::Await],
        find: drop_await,
    },
    Rule {
        operator: Operator {
            id: "ASY",
            version: 1,
            family: Family::Concurrency,
            difficulty: Difficulty::Medium,
            description: "Drop an `async`: of `with` and `for`, and of `def` where nothing inside \
                          needs it",
            examples: &[
                (
                    "async def f(x):\n    async with x as y:\n        await g(y)\n",
                    "async def f(x):\n    with x as y:\n        await g(y)\n",
                ),
                (
                    "async def f(xs):\n    return [x async for x in xs]\n",
                    "async def f(xs):\n    return [x for x in xs]\n",
                ),
                ("async  def f(x):\n    return g(x)\n", "def f(x):\n    return g(x)\n"),
                (
                    "async def f(xs):\n    async for x in xs:\n        yield x\n",
                    "async def f(xs):\n    for x in xs:\n        yield x\n",
                ),
            ],
            untouched: &[
                "def f(x):\n    with x:\n        return [y for y in x]\n",
                "async def f(x):\n    return await x\n",
                "class A:\n    async def f(self, x):\n        def g():\n            return 1\n        return \
                 g() if x else await x\n",
            ],
            structural: true,
        },
        kinds: &[
            Kind::WithStatement,
            Kind::ForStatement,
            Kind::ForInClause,
            Kind::FunctionDefinition,
        ],
        find: drop_async,
    },
    Rule {
        operator: Operator {
            id: "LKD",
            version: 1,
            family: Family::Concurrency,
            difficulty: Difficulty::Hard,
            description: "Do without a lock",
            examples: &[
                (
                    "def f(self):\n    with self._lock:\n        # One at a time.\n        g()\n        \
                     h(\"\"\"a\n        b\"\"\")\n",
                    "def f(self):\n    # One at a time.\n    g()\n    h(\"\"\"a\n        b\"\"\")\n",
                ),
                ("with lock, open(x) as y:\n    g(y)\n", "with open(x) as y:\n    g(y)\n"),
                (
                    "def f(lock):\n    lock.acquire()\n    try:\n        g()\n    finally:\n        \
                     lock.release()\n    return 1\n",
                    "def f(lock):\n    g()\n    return 1\n",
                ),
            ],
            untouched: &[
                "with open(x):\n    g()\n",
                "with self.block:\n    g()\n",
                "with lock as held:\n    g(held)\n",
                "def f(lock):\n    lock.acquire()\n    try:\n        g()\n    except E:\n        h()\n    \
                 finally:\n        lock.release()\n",
            ],
            structural: true,
        },
        kinds: &[Kind::WithStatement, Kind::TryStatement],
        find: drop_lock,
    },
    Rule {
        operator: Operator {
            id: "LKN",
            version: 1,
            family: Family::Concurrency,
            difficulty: Difficulty::Hard,
            description: "Let go of a lock too early: move the last statement out",
            examples: &[
                (
                    "def f(self):\n    with self._lock:\n        n = g()\n        return n\n",
                    "def f(self):\n    with self._lock:\n        n = g()\n    return n\n",
                ),
                (
                    "with lock:\n    n = g()\n    if n:\n        h(n)\n\n        i()\nj()\n",
                    "with lock:\n    n = g()\nif n:\n    h(n)\n\n    i()\nj()\n",
                ),
            ],
            untouched: &[
                "with lock:\n    g()\n",
                "with x:\n    g()\n    h()\n",
                "with lock:\n    g(); h()\n",
                "with lock:\n    g()\n    x = \"\"\"a\n    b\"\"\"\n",
            ],
            structural: true,
        },
        kinds: &[Kind::WithStatement],
        find: narrow_lock,
    },
    Rule {
        operator: Operator {
            id: "LKO",
            version: 1,
            family: Family::Concurrency,
            difficulty: Difficulty::Hard,
            description: "Take two locks in the other order than another function does",
            examples: &[
                (
                    "def f():\n    with a_lock, b_lock:\n        g()\n\ndef h():\n    with a_lock, \
                     b_lock:\n        i()\n",
                    "def f():\n    with b_lock, a_lock:\n        g()\n\ndef h():\n    with a_lock, \
                     b_lock:\n        i()\n",
                ),
                (
                    "def f():\n    with a_lock:\n        with b_lock:\n            g()\n\ndef h():\n    with \
                     a_lock, b_lock:\n        i()\n",
                    "def f():\n    with b_lock:\n        with a_lock:\n            g()\n\ndef h():\n    with \
                     a_lock, b_lock:\n        i()\n",
                ),
            ],
            untouched: &[
                "def f():\n    with a_lock, b_lock:\n        g()\n",
                "def f():\n    with a, b:\n        g()\n\ndef h():\n    with a, b:\n        i()\n",
            ],
            structural: false,
        },
        kinds: &[Kind::WithStatement],
        find: invert_locks,
    },
    Rule {
        operator: Operator {
            id: "LKR",
            version: 1,
            family: Family::Concurrency,
            difficulty: Difficulty::Medium,
            description: "Use a lock that cannot be taken twice where it is: `RLock` → `Lock`",
            examples: &[(
                "class A:\n    def __init__(self):\n        self._lock = threading.RLock()\n\n    def \
                 f(self):\n        with self._lock:\n            return self.g()\n\n    def g(self):\n        \
                 with self._lock:\n            return 1\n",
                "class A:\n    def __init__(self):\n        self._lock = threading.Lock()\n\n    def \
                 f(self):\n        with self._lock:\n            return self.g()\n\n    def g(self):\n        \
                 with self._lock:\n            return 1\n",
            )],
            untouched: &[
                "class A:\n    def __init__(self):\n        self._lock = threading.RLock()\n\n    def \
                 f(self):\n        with self._lock:\n            return self.g()\n\n    def g(self):\n        \
                 return 1\n",
                "from threading import RLock\n\nlock = RLock()\n\ndef f():\n    with lock:\n        g()\n\n\
                 def g():\n    with lock:\n        pass\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Call],
        find: forbid_reentry,
    },
    Rule {
        operator: Operator {
            id: "CVN",
            version: 1,
            family: Family::Concurrency,
            difficulty: Difficulty::Hard,
            description: "Wait once instead of until it holds: `while not c: wait` → `if not c: \
                          wait`; wake one instead of all: `notify_all` → `notify`",
            examples: &[
                (
                    "def f(self):\n    with self.cond:\n        while not self.ready:\n            \
                     self.cond.wait()\n",
                    "def f(self):\n    with self.cond:\n        if not self.ready:\n            \
                     self.cond.wait()\n",
                ),
                ("cond.notify_all()\n", "cond.notify()\n"),
            ],
            untouched: &[
                "while True:\n    cond.wait()\n",
                "while not ready:\n    cond.wait()\n    g()\n",
                "while not ready:\n    cond.wait()\nelse:\n    g()\n",
            ],
            structural: false,
        },
        kinds: &[Kind::WhileStatement, Kind::Call],
        find: wait_once,
    },
    Rule {
        operator: Operator {
            id: "JND",
            version: 1,
            family: Family::Concurrency,
            difficulty: Difficulty::Hard,
            description: "Do not wait for a thread, a process or a task",
            examples: &[
                ("for t in threads:\n    t.join()\n", "for t in threads:\n    pass\n"),
                (
                    "async def f(xs):\n    ys = g(xs)\n    await asyncio.gather(*ys)\n    return ys\n",
                    "async def f(xs):\n    ys = g(xs)\n    return ys\n",
                ),
                (
                    "async def f(task):\n    await task\n    return task.x\n",
                    "async def f(task):\n    return task.x\n",
                ),
                ("def f(job):\n    job.result()\n    return 1\n", "def f(job):\n    return 1\n"),
            ],
            untouched: &[
                "text = sep.join(words)\n",
                "sep.join(words)\n",
                "cond.wait()\n",
                "async def f(x):\n    await x.close()\n",
            ],
            structural: true,
        },
        kinds: &[Kind::ExpressionStatement],
        find: drop_wait,
    },
];

fn drop_await<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(value) = only_child(node) else { return };
    let call = GRAMMAR.kind(value) == Kind::Call;
    if !(call && calls::name(walk, value) == Some("sleep")) {
        walk.replace(node, walk.text(value).to_owned());
    }
}

fn drop_async<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let text = walk.text(node);
    let Some(rest) = text.strip_prefix("async").filter(|rest| rest.starts_with([' ', '\t'])) else {
        return;
    };
    if GRAMMAR.kind(node) == Kind::FunctionDefinition
        && ["await", "async"].iter().any(|word| rest.contains(word))
    {
        return;
    }
    let (start, length) = (node.start_byte(), text.len() - rest.trim_start().len());
    walk.propose(node, start..start + length, "");
}

/// The items of a `with` statement.
fn items<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let clause = children(node).into_iter().find(|part| GRAMMAR.kind(*part) == Kind::WithClause);
    clause.map(children).unwrap_or_default()
}

/// The lock that the item acquires without binding it to a name.
fn lock_of<'t>(walk: &Walk<'t, '_>, item: Node<'t>) -> Option<Node<'t>> {
    let value = walk.field(item, Field::Value)?;
    let plain = matches!(GRAMMAR.kind(value), Kind::Identifier | Kind::Attribute | Kind::Call);
    (plain && is_lock(walk.text(value))).then_some(value)
}

fn drop_lock<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if GRAMMAR.kind(node) == Kind::TryStatement {
        return drop_acquired(walk, node);
    }
    let Some(body) = walk.field(node, Field::Body) else { return };
    let items = items(node);
    if let [only] = items[..] {
        if lock_of(walk, only).is_some()
            && let Some((range, replacement)) = statements::unwrapping(walk, node, &[body])
        {
            walk.propose(node, range, replacement);
        }
        return;
    }
    for (index, item) in items.iter().enumerate() {
        if lock_of(walk, *item).is_none() {
            continue;
        }
        let range = match index.checked_sub(1) {
            Some(before) => items[before].end_byte()..item.end_byte(),
            None => item.start_byte()..items[1].start_byte(),
        };
        walk.propose(*item, range, "");
    }
}

/// `lock.acquire()` with `try: … finally: lock.release()` below it.
fn drop_acquired<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let [body, last] = children(node)[..] else { return };
    if GRAMMAR.kind(last) != Kind::FinallyClause {
        return;
    }
    let Some(block) = children(last).into_iter().next() else { return };
    let [release] = children(block)[..] else { return };
    let Some(lock) = walk.text(release).strip_suffix(".release()").filter(|lock| is_lock(lock))
    else {
        return;
    };
    let Some(acquire) = node.prev_named_sibling() else { return };
    if walk.text(acquire) != format!("{lock}.acquire()") {
        return;
    }
    let indent = statements::indent(walk.text, acquire);
    let unwrapped = statements::unwrapping(walk, node, &[body]);
    if let (Some(indent), Some((range, replacement))) = (indent, unwrapped) {
        walk.propose(node, acquire.start_byte() - indent.len()..range.end, replacement);
    }
}

fn narrow_lock<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let [item] = items(node)[..] else { return };
    let Some(body) = walk.field(node, Field::Body).filter(|_| lock_of(walk, item).is_some()) else {
        return;
    };
    let [.., before, last] = children(body)[..] else { return };
    let text = walk.text(last).trim_end();
    let long_string = text.contains("\"\"\"") || text.contains("'''");
    let alone = statements::whole_lines(walk.text, before.byte_range()).is_some();
    let indents = (statements::indent(walk.text, node), statements::indent(walk.text, last));
    let (Some(outer), Some(inner)) = indents else { return };
    if long_string || !alone || GRAMMAR.kind(last) == Kind::PassStatement || text.contains('\\') {
        return;
    }
    let start = last.start_byte() - inner.len();
    let end = last.start_byte() + text.len();
    let mut moved = String::with_capacity(end - start);
    for line in walk.text[start..end].split_inclusive('\n') {
        match line.strip_prefix(inner) {
            Some(rest) => moved.extend([outer, rest]),
            None => moved.push_str(line),
        }
    }
    walk.propose(last, start..end, moved);
}

fn invert_locks<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let mut items = items(node);
    // The lock of a nested `with` that is the only statement of this one.
    let inner = walk.field(node, Field::Body).map(children).unwrap_or_default();
    if let [only] = inner[..]
        && GRAMMAR.kind(only) == Kind::WithStatement
    {
        items.extend(self::items(only).first());
    }
    let survey = walk.survey();
    for pair in items.windows(2) {
        let (Some(a), Some(b)) = (lock_of(walk, pair[0]), lock_of(walk, pair[1])) else { continue };
        let (first, second) = (walk.text(a), walk.text(b));
        let taken = survey.locks.nested.get(&(first, second)).map_or(0, Vec::len);
        if taken > 1 && first != second {
            let between = &walk.text[a.end_byte()..b.start_byte()];
            let inverted = format!("{second}{between}{first}");
            walk.propose(node, a.start_byte()..b.end_byte(), inverted);
        }
    }
}

fn forbid_reentry<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(name) = calls::name_node(walk, node).filter(|name| walk.text(*name) == "RLock") else {
        return;
    };
    let Some((assignment, Kind::Assignment)) = walk.ancestor_node(0) else { return };
    let Some(target) = walk.field(assignment, Field::Left).map(|left| walk.text(left)) else {
        return;
    };
    let survey = walk.survey();
    let known = calls::receiver(walk, node).is_some() || survey.imports.contains_key("Lock");
    if known && survey.locks.is_reentered(target) {
        walk.replace(name, "Lock");
    }
}

fn wait_once<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if GRAMMAR.kind(node) == Kind::Call {
        if let Some(name) = calls::name_node(walk, node)
            && walk.text(name) == "notify_all"
        {
            walk.replace(name, "notify");
        }
        return;
    }
    let Some(body) = walk.field(node, Field::Body) else { return };
    let Some(condition) = walk.field(node, Field::Condition) else { return };
    let [statement] = children(body)[..] else { return };
    let endless = matches!(GRAMMAR.kind(condition), Kind::True | Kind::Integer);
    if endless || walk.field(node, Field::Alternative).is_some() {
        return;
    }
    let waits = awaited(statement).is_some_and(|call| {
        GRAMMAR.kind(call) == Kind::Call
            && calls::name(walk, call) == Some("wait")
            && calls::receiver(walk, call).is_some()
    });
    if waits {
        let start = node.start_byte();
        walk.propose(node, start..start + "while".len(), "if");
    }
}

/// The expression of the statement, without the `await`.
fn awaited<'t>(statement: Node<'t>) -> Option<Node<'t>> {
    let value = only_child(statement)?;
    if GRAMMAR.kind(statement) != Kind::ExpressionStatement {
        return None;
    }
    match GRAMMAR.kind(value) {
        Kind::Await => value.named_child(0),
        _ => Some(value),
    }
}

fn drop_wait<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(value) = awaited(node) else { return };
    let waits = match GRAMMAR.kind(value) {
        Kind::Identifier => walk.text(node).starts_with("await") && is_worker(walk.text(value)),
        Kind::Call => is_wait(walk, value),
        _ => false,
    };
    if waits {
        let (range, replacement) = statements::deletion(walk, node);
        walk.propose(node, range, replacement);
    }
}

fn is_wait<'t>(walk: &Walk<'t, '_>, call: Node<'t>) -> bool {
    let receiver = calls::receiver_name(walk, call);
    let arguments = calls::arguments(walk, call);
    let named = |argument: &Node<'t>| GRAMMAR.kind(*argument) == Kind::KeywordArgument;
    match calls::name(walk, call) {
        // Text is joined with an argument.
        Some("join") => !receiver.is_empty() && arguments.iter().all(named),
        Some("gather") => true,
        Some("wait") => matches!(receiver, "asyncio" | "futures") || is_worker(receiver),
        Some("shutdown" | "result" | "wait_closed" | "communicate") => is_worker(receiver),
        _ => false,
    }
}

fn is_worker(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "t" || WORKERS.iter().any(|worker| name.contains(worker))
}
