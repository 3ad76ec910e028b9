//! Shared and mutable state.

use tree_sitter::Node;

use crate::python::Rule;
use crate::python::calls;
use crate::python::expressions::{in_place_of, only_argument};
use crate::python::grammar::{Field, GRAMMAR, Kind, children, only_child};
use crate::python::scope::ScopeKind;
use crate::python::statements;
use crate::python::walk::Walk;
use crate::{Difficulty, Family, Operator};

/// New empty containers.
const EMPTY: &[&str] = &["[]", "{}", "list()", "dict()", "set()"];

/// More constructors of empty containers.
const EMPTY_WITH_NAME: &[&str] = &[
    "deque()",
    "collections.deque()",
    "defaultdict(list)",
    "collections.defaultdict(list)",
    "defaultdict(set)",
    "defaultdict(dict)",
    "defaultdict(int)",
    "Counter()",
    "OrderedDict()",
];

/// The most lines between the start of a constructor and an assignment that CLV moves out of it.
const HOIST_LINES: usize = 12;

pub(super) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "MDA",
            version: 1,
            family: Family::State,
            difficulty: Difficulty::Hard,
            description: "Share one default between all calls: `x=None` → `x=[]` where the function \
                          makes that of it and changes it, `x=()` → `x=[]` where it is extended",
            examples: &[
                (
                    "def f(x, xs=None):\n    if xs is None:\n        xs = []\n    xs.append(x)\n    \
                     return xs\n",
                    "def f(x, xs=[]):\n    if xs is None:\n        xs = []\n    xs.append(x)\n    \
                     return xs\n",
                ),
                (
                    "def f(xs: tuple = ()):\n    xs += g()\n    return xs\n",
                    "def f(xs: tuple = []):\n    xs += g()\n    return xs\n",
                ),
                (
                    "class A:\n    def __init__(self, d=None):\n        if d is None:\n            d = \
                     {}\n        self.d = d\n\n    def put(self, k):\n        self.d[k] = 1\n",
                    "class A:\n    def __init__(self, d={}):\n        if d is None:\n            d = \
                     {}\n        self.d = d\n\n    def put(self, k):\n        self.d[k] = 1\n",
                ),
            ],
            untouched: &[
                "def f(xs=None):\n    if xs is None:\n        xs = []\n    return g(xs)\n",
                "def f(xs=None):\n    xs.append(1)\n",
                "def f(xs=()):\n    return g(xs)\n",
                "f = lambda xs=(): xs\n",
            ],
            structural: false,
        },
        kinds: &[Kind::DefaultParameter, Kind::TypedDefaultParameter],
        find: share_default,
    },
    Rule {
        operator: Operator {
            id: "CPD",
            version: 1,
            family: Family::State,
            difficulty: Difficulty::Hard,
            description: "Use the original instead of a copy where one of them is changed later, or \
                          copy only its outside: `deepcopy` → `copy`",
            examples: &[
                (
                    "def f(xs):\n    ys = list(xs)\n    ys.append(1)\n    return ys\n",
                    "def f(xs):\n    ys = xs\n    ys.append(1)\n    return ys\n",
                ),
                (
                    "def f(d):\n    d = d.copy()\n    d[1] = 2\n    return d\n",
                    "def f(d):\n    d = d\n    d[1] = 2\n    return d\n",
                ),
                (
                    "def f(xs):\n    for x in xs[:]:\n        xs.remove(x)\n",
                    "def f(xs):\n    for x in xs:\n        xs.remove(x)\n",
                ),
                (
                    "def f(d):\n    for k, v in list(d.items()):\n        del d[k]\n",
                    "def f(d):\n    for k, v in d.items():\n        del d[k]\n",
                ),
                (
                    "import copy\n\ndef f(x):\n    y = copy.deepcopy(x)\n    y.rows.append(1)\n    y.n = \
                     2\n    return y\n",
                    "import copy\n\ndef f(x):\n    y = copy.copy(x)\n    y.rows.append(1)\n    y.n = 2\n    \
                     return y\n",
                ),
                (
                    "class A:\n    def __init__(self, xs):\n        self.xs = list(xs)\n\n    def \
                     put(self, x):\n        self.xs.append(x)\n",
                    "class A:\n    def __init__(self, xs):\n        self.xs = xs\n\n    def put(self, \
                     x):\n        self.xs.append(x)\n",
                ),
            ],
            untouched: &[
                "def f(xs):\n    ys = list(xs)\n    return ys\n",
                "def f(xs):\n    return xs.copy()\n",
                "def f(xs):\n    for x in list(xs):\n        g(x)\n",
                "def f(xs):\n    ys = list(g(xs))\n    ys.append(1)\n",
                "def f(xs):\n    ys = xs[1:]\n    ys.append(1)\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Call, Kind::Subscript],
        find: drop_copy,
    },
    Rule {
        operator: Operator {
            id: "SCD",
            version: 1,
            family: Family::State,
            difficulty: Difficulty::Medium,
            description: "Drop a name from `global` or `nonlocal`, so that what is assigned stays in \
                          the function",
            examples: &[
                ("def f():\n    global ready\n    ready = True\n", "def f():\n    ready = True\n"),
                (
                    "def f():\n    global a, b\n    b = 1\n    g(b, a)\n",
                    "def f():\n    global a\n    b = 1\n    g(b, a)\n",
                ),
            ],
            untouched: &[
                "def f():\n    global n\n    n += 1\n",
                "def f():\n    global n\n    if n is None:\n        n = 1\n    return n\n",
                "def f():\n    global n\n    n = n + 1\n",
                "def f():\n    global n\n    g()\n",
            ],
            structural: true,
        },
        kinds: &[Kind::GlobalStatement, Kind::NonlocalStatement],
        find: forget_outer,
    },
    Rule {
        operator: Operator {
            id: "SFD",
            version: 1,
            family: Family::State,
            difficulty: Difficulty::Medium,
            description: "Assign to a local variable instead of an attribute that has a value \
                          already: `self.x = v` → `x = v`",
            examples: &[
                (
                    "class A:\n    def __init__(self):\n        self.n = 0\n\n    def f(self):\n        \
                     self.n = g()\n",
                    "class A:\n    def __init__(self):\n        self.n = 0\n\n    def f(self):\n        n = \
                     g()\n",
                ),
                (
                    "class A:\n    n = 0\n\n    def __init__(self):\n        self.n = g()\n",
                    "class A:\n    n = 0\n\n    def __init__(self):\n        n = g()\n",
                ),
            ],
            untouched: &[
                "class A:\n    def __init__(self):\n        self.n = 0\n",
                "class A:\n    def f(self):\n        self.n = 0\n",
                "class A:\n    n = 0\n\n    def f(self):\n        self.n += 1\n",
                "class A:\n    n = 0\n\n    def f(self, n):\n        self.n = n\n",
                "class A:\n    n = 0\n\n    def f(self):\n        self.n = n(self)\n",
                "class A:\n    n = 0\n\n    def f(self):\n        x = self.n = 1\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Assignment],
        find: forget_self,
    },
    Rule {
        operator: Operator {
            id: "CLV",
            version: 1,
            family: Family::State,
            difficulty: Difficulty::Hard,
            description: "Share a container between all instances: move `self.xs = []` from the \
                          constructor to the class",
            examples: &[
                (
                    "class A:\n    def __init__(self, n):\n        self.n = n\n        self.xs = []\n\n    \
                     def put(self, x):\n        self.xs.append(x)\n",
                    "class A:\n    xs = []\n\n    def __init__(self, n):\n        self.n = n\n\n    def \
                     put(self, x):\n        self.xs.append(x)\n",
                ),
                (
                    "class A:\n    def __init__(self):\n        self.d = {}  # all\n\n    def put(self, \
                     k):\n        self.d[k] = 1\n",
                    "class A:\n    d = {}\n\n    def __init__(self):\n        pass\n\n    def put(self, k):\n        \
                     self.d[k] = 1\n",
                ),
            ],
            untouched: &[
                "class A:\n    def __init__(self):\n        self.xs = []\n",
                "class A:\n    def __init__(self, x):\n        self.xs = [x]\n        self.xs.append(x)\n",
                "class A:\n    __slots__ = (\"xs\",)\n\n    def __init__(self):\n        self.xs = []\n        \
                 self.xs.append(1)\n",
                "class A:\n    def __init__(self, x):\n        if x:\n            self.xs = []\n            \
                 self.xs.append(x)\n",
            ],
            structural: true,
        },
        kinds: &[Kind::ExpressionStatement],
        find: hoist_container,
    },
];

fn share_default<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (Some((_, Kind::Parameters)), Some((function, Kind::FunctionDefinition))) =
        (walk.ancestor_node(0), walk.ancestor_node(1))
    else {
        return;
    };
    let (name, value) = (walk.field(node, Field::Name), walk.field(node, Field::Value));
    let (Some(name), Some(value)) = (name.map(|name| walk.text(name)), value) else { return };
    let survey = walk.survey();
    let changed = survey.is_changed(name, function.byte_range());
    let kept = || {
        let attribute = walk.class(&survey).and_then(|class| class.attribute(name));
        attribute.is_some_and(|attribute| attribute.changed)
            && walk.text(function).contains(&format!("self.{name} = {name}"))
    };
    let shared = match walk.text(value) {
        "()" if changed => Some("[]"),
        "None" if changed || kept() => made_of_nothing(walk, function, name),
        _ => None,
    };
    if let Some(shared) = shared {
        walk.replace(value, shared);
    }
}

/// The empty container that the function begins with where the parameter is `None`.
fn made_of_nothing<'t>(
    walk: &Walk<'t, '_>,
    function: Node<'t>,
    name: &str,
) -> Option<&'static str> {
    const FIRST: usize = 12;
    let body = walk.field(function, Field::Body)?;
    let condition = format!("{name} is None");
    let guards = children(body).into_iter().take(FIRST).filter(|statement| {
        GRAMMAR.kind(*statement) == Kind::IfStatement
            && walk.field(*statement, Field::Condition).is_some_and(|c| walk.text(c) == condition)
    });
    let blocks = guards.filter_map(|guard| walk.field(guard, Field::Consequence));
    let assignments = blocks.flat_map(children).filter_map(|statement| statement.named_child(0));
    let made = assignments.filter_map(|assignment| {
        let left = walk.field(assignment, Field::Left)?;
        let right = walk.field(assignment, Field::Right)?;
        (walk.text(left) == name).then(|| walk.text(right))
    });
    made.filter_map(|made| EMPTY.iter().find(|empty| **empty == made).copied()).next()
}

fn drop_copy<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some((original, deep)) = copied(walk, node) else { return };
    if !is_felt(walk, node, original) {
        return;
    }
    if let Some(name) = deep {
        let function = walk.field(node, Field::Function);
        let plain = function.is_some_and(|function| GRAMMAR.kind(function) == Kind::Identifier);
        if !plain || walk.survey().imports.contains_key("copy") {
            walk.replace(name, "copy");
        }
    }
    walk.replace(node, in_place_of(walk, node, original));
}

/// The expression that is copied, and the name `deepcopy` if that copies it.
fn copied<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Option<(Node<'t>, Option<Node<'t>>)> {
    if GRAMMAR.kind(node) == Kind::Subscript {
        let slice = walk.field(node, Field::Subscript)?;
        let all = GRAMMAR.kind(slice) == Kind::Slice && walk.text(slice) == ":";
        return walk.field(node, Field::Value).filter(|_| all).map(|value| (value, None));
    }
    let name = calls::name_node(walk, node)?;
    match (walk.text(name), calls::receiver(walk, node)) {
        ("copy" | "_clone" | "clone", Some(object)) if calls::arguments(walk, node).is_empty() => {
            Some((object, None))
        }
        ("deepcopy", _) => only_argument(walk, node).map(|original| (original, Some(name))),
        ("copy", _) => only_argument(walk, node).map(|original| (original, None)),
        ("list" | "dict", None) => {
            let original = only_argument(walk, node)?;
            let view = matches!(calls::name(walk, original), Some("items" | "keys" | "values"))
                && matches!(walk.parent_kind(), Kind::ForStatement);
            let stored = matches!(GRAMMAR.kind(original), Kind::Identifier | Kind::Attribute);
            (stored || view).then_some((original, None))
        }
        _ => None,
    }
}

/// Whether the copy or its original is changed while both are in use.
fn is_felt<'t>(walk: &Walk<'t, '_>, node: Node<'t>, original: Node<'t>) -> bool {
    let Some((parent, kind)) = walk.ancestor_node(0) else { return false };
    let survey = walk.survey();
    if walk.scope().kind != ScopeKind::Function {
        return false;
    }
    match kind {
        Kind::Assignment => {
            let Some(left) = walk.field(parent, Field::Left) else { return false };
            let target = walk.text(left);
            let after = node.end_byte()..walk.scope().range.end;
            let attribute = || {
                let class = walk.class(&survey)?;
                class.attribute(target.strip_prefix("self.")?)
            };
            match GRAMMAR.kind(left) {
                Kind::Identifier => survey.is_changed(target, after),
                Kind::Attribute => attribute().is_some_and(|attribute| attribute.changed),
                _ => false,
            }
        }
        Kind::ForStatement => {
            let object = match GRAMMAR.kind(original) {
                Kind::Call => calls::receiver(walk, original),
                _ => Some(original),
            };
            object.is_some_and(|object| survey.is_changed(walk.text(object), parent.byte_range()))
        }
        _ => false,
    }
}

fn forget_outer<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let mut ancestors = (0..).map_while(|depth| walk.ancestor_node(depth));
    let Some((function, _)) = ancestors.find(|(_, kind)| *kind == Kind::FunctionDefinition) else {
        return;
    };
    let Some(body) = walk.field(function, Field::Body) else { return };
    let names = children(node);
    for (index, name) in names.iter().enumerate() {
        let first = first_use(walk, body, walk.text(*name), node.end_byte());
        if first != Some(Use::Written) {
            continue;
        }
        let (range, replacement) = match (index.checked_sub(1), names.get(index + 1)) {
            (Some(before), _) => (names[before].end_byte()..name.end_byte(), ""),
            (None, Some(next)) => (name.start_byte()..next.start_byte(), ""),
            (None, None) => statements::deletion(walk, node),
        };
        walk.propose(node, range, replacement);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Read,
    Written,
}

/// The first use of the name after that position.
fn first_use<'t>(walk: &Walk<'t, '_>, node: Node<'t>, name: &str, after: usize) -> Option<Use> {
    if node.end_byte() <= after {
        return None;
    }
    match GRAMMAR.kind(node) {
        Kind::Identifier => (walk.text(node) == name).then_some(Use::Read),
        Kind::Assignment => {
            let (left, right) = (walk.field(node, Field::Left)?, walk.field(node, Field::Right));
            let read = right.and_then(|right| first_use(walk, right, name, after));
            let written = || match GRAMMAR.kind(left) {
                Kind::Identifier => (walk.text(left) == name).then_some(Use::Written),
                _ => first_use(walk, left, name, after),
            };
            read.or_else(written)
        }
        _ => children(node).into_iter().find_map(|child| first_use(walk, child, name, after)),
    }
}

fn forget_self<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (left, right) = (walk.field(node, Field::Left), walk.field(node, Field::Right));
    let (Some(left), Some(right)) = (left, right) else { return };
    if walk.parent_kind() != Kind::ExpressionStatement || GRAMMAR.kind(left) != Kind::Attribute {
        return;
    }
    let (object, name) = (walk.field(left, Field::Object), walk.field(left, Field::Attribute));
    let (Some(object), Some(name)) = (object, name) else { return };
    let survey = walk.survey();
    let Some(class) = walk.class(&survey).filter(|_| walk.text(object) == "self") else { return };
    let here = walk.method().map_or(0..0, |method| method.range.clone());
    let local = walk.text(name);
    let has_value = class.attribute(local).is_some_and(|attribute| {
        attribute.shared || attribute.constructed.is_some_and(|at| !here.contains(&at))
    });
    // The right side would read the local variable before it has a value.
    let unbound = walk.text(right).contains(local) && walk.scope().binding(local).is_none();
    if has_value && !unbound && walk.text(right) != local {
        walk.propose(left, left.start_byte()..name.start_byte(), "");
    }
}

fn hoist_container<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (
        Some((_, Kind::Block)),
        Some((function, Kind::FunctionDefinition)),
        Some((_, Kind::Block)),
    ) = (walk.ancestor_node(0), walk.ancestor_node(1), walk.ancestor_node(2))
    else {
        return;
    };
    let Some(assignment) = only_child(node) else { return };
    let (left, right) = (walk.field(assignment, Field::Left), walk.field(assignment, Field::Right));
    let (Some(left), Some(right)) = (left, right) else { return };
    let (target, container) = (walk.text(left), walk.text(right));
    let Some(name) = target.strip_prefix("self.").filter(|name| !name.contains(['.', '['])) else {
        return;
    };
    let survey = walk.survey();
    let Some(class) = walk.class(&survey).filter(|_| walk.scope().name == "__init__") else {
        return;
    };
    let private = class.attribute(name).is_some_and(|a| a.changed && !a.shared);
    let empty = EMPTY.contains(&container) || EMPTY_WITH_NAME.contains(&container);
    let methods = class.method(name).is_some() || class.attribute("__slots__").is_some();
    if !private || !empty || methods || GRAMMAR.kind(assignment) != Kind::Assignment {
        return;
    }
    let lines = node.start_position().row - function.start_position().row;
    let (Some(indent), Some(line)) = (
        statements::indent(walk.text, function),
        statements::whole_lines(walk.text, node.byte_range()),
    ) else {
        return;
    };
    if lines > HOIST_LINES {
        return;
    }
    let (start, end) = (function.start_byte() - indent.len(), statements::line_ending(walk.text));
    let before = &walk.text[start..line.start];
    let rest = match walk.siblings() {
        1 => format!("{}pass{end}", &walk.text[line.start..node.start_byte()]),
        _ => String::new(),
    };
    let hoisted = format!("{indent}{name} = {container}{end}{end}{before}{rest}");
    walk.propose(node, start..line.end, hoisted);
}
